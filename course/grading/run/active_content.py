"""What a browser would run, taken out of an executed notebook before a person looks at it in a page.

nbgrader's pages (formgrader, feedback) show texts, outputs and metadata as they are, scripts among them. What stays is
what cannot run: pictures, plain text, tables. A text with something active in it is shown as it was written.
"""

import html
import re
from typing import Any

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from course import checking
from course.measure import record

NOTE = "*There is something in this text that a browser would run. It is shown as it was written.*"
LEFT_OUT = "[an output that a browser would run is left out]"

_PASSIVE = ("text/plain", "text/latex", "image/png", "image/jpeg", "application/json", checking.MIME, record.MIME)
_LONG = 20_000  # characters of Markdown, after which it is not worth rendering twice
_HTML = 1 << 20  # characters of HTML in a notebook that are looked through

_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "details", "div", "dl"),
    *("dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li"),
    *("mark", "ol", "p", "pre", "s", "samp", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody"),
    *("td", "tfoot", "th", "thead", "tr", "u", "ul", "var"),
}
_ATTRIBUTES = {
    *("align", "alt", "border", "class", "colspan", "height", "href", "id", "open", "rowspan", "scope", "src", "start"),
    *("style", "title", "width"),
}
_SCHEMES = ("http", "https", "mailto")
_COULD_BE_ACTIVE = re.compile(r"<[a-zA-Z/!?]|\]\s*[(:\[]")  # a tag, a link in angles, any other link
_VALUE = r"""(?:="[^"<>]*"|='[^'<>]*'|=[\w#%.,-]+)?"""
_TAG = re.compile(rf"</?([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+{_VALUE})*)\s*/?>")
_ATTRIBUTE = re.compile(rf"([a-zA-Z-]+)({_VALUE})")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*(?=:)")
_STYLE = re.compile(r"url|position|expression|import|behaviou?r|\\|/\*")
_STYLES = 10  # sheets in one output
_BOX = re.compile(r'<input class="task-list-item-checkbox" type="checkbox" disabled(?: checked)?/>')
_FENCE = re.compile(r"~{3,}")


def without(notebook: NotebookNode, release: NotebookNode) -> NotebookNode:
    """The executed notebook with nothing active in it; the release's own texts and metadata are as they were."""
    known = {cell.source for cell in release.cells if cell.cell_type == "markdown"}
    looked_at = _Outputs()
    cells = []
    for cell in notebook.cells:
        made = NotebookNode(cell)
        if cell.cell_type == "code":
            made.outputs = [looked_at.passive(output) for output in cell.outputs]
        elif cell.cell_type == "markdown" and not (
            cell.source in known or is_passive(cell.source, cell.get("attachments", {}))
        ):
            made.source = as_written(cell.source)
            made.pop("attachments", None)
        cells.append(made)
    return NotebookNode({**notebook, "cells": cells, "metadata": release.metadata})


def is_passive(source: str, attachments: dict[str, Any] | None = None) -> bool:
    """Whether a text in Markdown becomes a page in which nothing runs. One that cannot be rendered does not."""
    if not _COULD_BE_ACTIVE.search(source):
        return True
    if len(source) > _LONG:
        return False
    try:
        renderer = IPythonRenderer(escape=False, attachments=attachments or {})
        rendered: str = MarkdownWithMath(renderer=renderer).render(source)
    except Exception:  # as it does for a picture that is not there, and would in every page
        return False
    return _is_harmless(_BOX.sub("☐", rendered))


def as_written(source: str) -> str:
    """Markdown that shows a text as it is."""
    fence = "~" * (1 + max((len(run) for run in _FENCE.findall(source)), default=2))
    return f"{NOTE}\n\n{fence}\n{source}\n{fence}"


def _is_harmless(page: str) -> bool:
    """Whether all that begins like a tag is a tag of text, table or picture, written so that no reading differs."""
    tags = list(_TAG.finditer(page))
    return len(tags) == page.count("<") and all(_is_harmless_tag(tag[1].lower(), tag[2]) for tag in tags)


def _is_harmless_tag(tag: str, attributes: str) -> bool:
    named = [
        (name.lower(), html.unescape(value.lstrip("=").strip("\"'"))) for name, value in _ATTRIBUTE.findall(attributes)
    ]
    return tag in _TAGS and all(name in _ATTRIBUTES and _is_harmless_value(tag, name, value) for name, value in named)


def _is_harmless_value(tag: str, name: str, value: str) -> bool:
    plain = "".join(character for character in value if character > " ").lower()  # as a browser reads it
    if name == "style":
        return not _STYLE.search(plain)
    scheme = _SCHEME.match(plain) if name in ("href", "src") else None
    return not scheme or scheme[0] in _SCHEMES or (tag == "img" and plain.startswith("data:image/"))


class _Outputs:
    """Looks through outputs, as long as there are not too many."""

    def __init__(self) -> None:
        self._room = _HTML

    def passive(self, output: NotebookNode) -> NotebookNode:
        """The output without what is active; with a line about it, if nothing is left."""
        if "data" not in output:
            return output
        data = {mime: value for mime, value in output.data.items() if mime in _PASSIVE}
        for mime, made in (("text/html", _html), ("text/markdown", _markdown)):
            text = output.data.get(mime, "")
            if len(text) <= self._room and (kept := made(text)):
                self._room -= len(text)
                data[mime] = kept
        sizes = {mime: size for mime in ("image/png", "image/jpeg") if (size := _size(output.metadata.get(mime)))}
        return NotebookNode({**output, "data": NotebookNode(data or {"text/plain": LEFT_OUT}), "metadata": sizes})


def _html(text: str) -> str:
    """The page without its style sheets; empty if something in it is active."""
    first, *others = text.split("<style", _STYLES)
    plain = "".join([first, *(other.partition("</style>")[2] for other in others)])
    return plain if _is_harmless(plain) else ""


def _markdown(text: str) -> str:
    return text if is_passive(text) else as_written(text)


def _size(metadata: Any) -> dict[str, int]:
    """Of a picture's metadata, which a page writes into its tag, the numbers."""
    given = metadata if isinstance(metadata, dict) else {}
    return {name: given[name] for name in ("width", "height") if type(given.get(name)) is int}
