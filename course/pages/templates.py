"""Pages from templates: everything is escaped, and a name that is not given is an error."""

from functools import cache
from typing import Any

import jinja2


def render(template: str, **told: Any) -> str:
    """A template of this folder, filled in."""
    return _environment().get_template(template).render(**told)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("course", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
