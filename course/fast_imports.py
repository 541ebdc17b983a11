"""Leaves out an import that takes a second, or four, and is not used. Commands and grading import this first.

jsonschema, which nbformat uses, imports rfc3987_syntax where it is installed, and that compiles 38 grammars for formats
("iri") that no notebook has. Where it is missing, jsonschema does without.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
