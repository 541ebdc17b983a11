"""No page that nbgrader or nbconvert makes of an executed notebook runs anything of the student's."""

import html.parser
import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from typer.testing import CliRunner

from course import build, nbgrader_api
from course.build import Lab
from course.cli import app
from course.grading.run import active_content
from course.notebook.cells import by_name
from tests import tiny
from tests.grading.test_grade import hand_in
from tests.labs import notebooks
from tests.tiny import RIGHT

EVIL = "alert(4711)"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{EVIL}"><script>{EVIL}</script></svg>'
TEXTS = {
    "script": f"<script>{EVIL}</script>",
    "script in upper case, open": f"<SCRIPT\n>{EVIL}",
    "handler": f'<img src=x onerror="{EVIL}">',
    "handler without quotes": f"<img src=x onerror={EVIL}>",
    "handler after a slash": f"<img/src=x/onerror={EVIL}//",
    "handler in an allowed tag": f'<details open ontoggle="{EVIL}">x</details>',
    "link": f"[x](javascript:{EVIL})",
    "link in pieces": f"[x](java&#115;cript:{EVIL})",
    "link with a tab": f'<a href="java\tscript:{EVIL}">x</a>',
    "link by reference": f"[x]\n\n[x]: javascript:{EVIL}",
    "link in angles": f"<javascript:{EVIL}>",
    "link to data": f"[x](data:text/html,<script>{EVIL}</script>)",
    "picture": f"![x](javascript:{EVIL})",
    "picture that is not there": "![x](attachment:gone.png)",
    "svg": SVG,
    "frame": f'<iframe srcdoc="<script>{EVIL}</script>"></iframe>',
    "form": f'<form action="javascript:{EVIL}"><button>x</button></form>',
    "comment": f"<!--><script>{EVIL}</script>-->",
    "after fences": f"~~~~\n```\n~~~~\n<script>{EVIL}</script>\n~~~~~",
    "in a table": f"| a |\n|---|\n| <img src=x onerror={EVIL}> |",
    "math": f"$x</script><script>{EVIL}</script>$",
    "base": '<base href="https://evil.example/">',
    "refresh": f'<meta http-equiv="refresh" content="0;url=javascript:{EVIL}">',
}
HONEST = {
    "plain": "It is 3 < 4, and a & b; `List<int>` **bold**.",
    "code": "```html\n<script>alert(1)</script>\n```\nand `<img onerror=x>`",
    "math": "$a<b$ and $$\\sum_{i<n} x_i$$",
    "fold": "<details><summary>Hint</summary>\n\nA text.\n</details>",
    "table": "| a | b |\n|---|--:|\n| 1 | 2 |",
    "links": '[a](https://example.org "title"), <https://example.org>, [b](#there), [c](data/x.csv), me@example.org',
    "list": "1. one\n2. two\n\n- [ ] open\n\n# Title\n\n> quoted<br>line",
    "picture": "![plot](attachment:p.png)",
}


class Active(html.parser.HTMLParser):
    """What a browser would run of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        if tag in ("iframe", "object", "embed", "form", "base", "svg"):
            self.found.append(tag)
        for name, value in attrs:
            plain = re.sub(r"\s", "", value or "").lower()
            if name.startswith("on") or plain.startswith(("javascript:", "data:text", "vbscript:")):
                self.found.append(f"{tag} {name}={value}")
            if tag == "meta" and "4711" in plain:
                self.found.append("meta")

    def handle_data(self, data: str) -> None:
        if self._within in ("script", "style") and "4711" in data:
            self.found.append(f"{self._within} {data[:80]}")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""


def active(page: str) -> list[str]:
    parser = Active()
    parser.feed(page)
    return parser.found


@cache
def exporter() -> HTMLExporter:
    return HTMLExporter(template_name="classic")


def page_of(notebook: NotebookNode) -> str:
    return exporter().from_notebook_node(notebook)[0]


def cleaned(*cells: NotebookNode, **metadata: Any) -> NotebookNode:
    notebook = new_notebook(cells=list(cells), metadata=metadata)
    return active_content.without(notebook, new_notebook())


def shown(**data: Any) -> NotebookNode:
    return new_output(
        "display_data", {mime.replace("__", "/").replace("_", "-"): value for mime, value in data.items()}
    )


def of_outputs(*outputs: NotebookNode) -> NotebookNode:
    return cleaned(new_code_cell("", outputs=list(outputs)))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_runs_nothing_and_is_shown_as_written(text: str) -> None:
    (cell,) = cleaned(new_markdown_cell(text)).cells
    assert active(page_of(new_notebook(cells=[cell]))) == []
    assert text in cell.source


@pytest.mark.parametrize("text", HONEST.values(), ids=HONEST)
def test_an_honest_text_stays_as_it_is(text: str) -> None:
    cell = new_markdown_cell(text, attachments={"p.png": {"image/png": "aGVsbG8="}})
    assert cleaned(cell).cells == [cell]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("mime", ["text/html", "text/markdown"])
def test_an_output_runs_nothing(mime: str, text: str) -> None:
    notebook = of_outputs(new_output("display_data", {mime: text}))
    assert active(page_of(notebook)) == []


@pytest.mark.parametrize(
    "output",
    [
        new_output("display_data", {"image/svg+xml": SVG}),
        new_output("display_data", {"application/javascript": EVIL}),
        new_output("display_data", {"text/vnd.mermaid": f"x</pre><script>{EVIL}</script>"}),
        new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": f"</script>{EVIL}"}}),
        new_output("display_data", {"image/png": f'"><script>{EVIL}</script>'}),
        new_output("display_data", {"image/png": "aaa"}, metadata={"image/png": {"width": f"1 onerror={EVIL}"}}),
        new_output("display_data", {"image/png": "aaa"}, metadata={"filenames": {"image/png": f"javascript:{EVIL}"}}),
        new_output("display_data", {"text/html": "<b>x</b>"}, metadata={"text/html": {"isolated": True}}),
        new_output("display_data", {"text/latex": f"<script>{EVIL}</script>"}),
        new_output("display_data", {"text/plain": f"<script>{EVIL}</script>"}),
        new_output("stream", text=f"\x1b[31m<script>{EVIL}</script>"),
        new_output("error", ename="E", evalue="v", traceback=[f"<script>{EVIL}</script>"]),
    ],
    ids=lambda output: " ".join(output.get("data", {"": ""})) or output.output_type,
)
def test_no_kind_of_output_runs_anything(output: NotebookNode) -> None:
    notebook = of_outputs(output)
    assert active(page_of(notebook)) == []
    nbformat.validate(notebook)


def test_what_only_runs_is_said_to_be_left_out_and_pictures_and_tables_stay() -> None:
    import pandas as pd

    table = pd.DataFrame({"a<b": [1, 2]})
    picture = new_output("display_data", {"image/png": "aaa"}, metadata={"image/png": {"width": 3, "height": 4}})
    rich = new_output("execute_result", {"text/html": table.to_html(), "text/plain": "a"}, execution_count=1)
    styled = new_output("display_data", {"text/html": pd.DataFrame([[1, 2]]).style.to_html()})
    gone, kept, told, plain = of_outputs(shown(application__javascript=EVIL), picture, rich, styled).cells[0].outputs
    assert gone.data == {"text/plain": active_content.LEFT_OUT}
    assert (kept.data, kept.metadata["image/png"]) == (picture.data, {"width": 3, "height": 4})
    assert '<table border="1" class="dataframe">' in told.data["text/html"] and "a&lt;b" in told.data["text/html"]
    assert "<table" in plain.data["text/html"] and "<style" not in plain.data["text/html"]


@pytest.mark.parametrize("style", ["position:fixed", "background:url(//evil.example)", "p\\6fsition:fixed"])
def test_a_style_covers_nothing_and_loads_nothing(style: str) -> None:
    (output,) = of_outputs(new_output("display_data", {"text/html": f'<b style="{style}">x</b>'})).cells[0].outputs
    assert output.data == {"text/plain": active_content.LEFT_OUT}


def test_metadata_is_the_releases() -> None:
    widgets = {"application/vnd.jupyter.widget-state+json": {"x": 1}}
    assert cleaned(title=f"</title><script>{EVIL}</script>", widgets=widgets).metadata == {}


def test_the_releases_texts_are_left_alone() -> None:
    given = new_markdown_cell('<div onclick="x">ours</div>')
    notebook = new_notebook(cells=[given])
    assert active_content.without(notebook, notebook).cells == [given]


def test_endless_html_is_not_looked_through() -> None:
    outputs = [new_output("display_data", {"text/html": "<i>" * 200_000, "text/plain": "x"}) for _ in range(3)]
    assert ["text/html" in output.data for output in of_outputs(*outputs).cells[0].outputs] == [True, False, False]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Graded by `course grade` and, a twin of hers, by `nbgrader autograde`."""
    lab = tiny.course(tmp_path_factory.mktemp("active") / "course")
    build.build(lab)
    for student in ("eve", "twin"):
        path = hand_in(lab, student, {**RIGHT, "1.2": _SHOWS_ALL + RIGHT["1.2"]})
        notebook = nbformat.read(path, as_version=4)
        notebook.cells += [new_markdown_cell(text) for text in TEXTS.values()]
        notebook.metadata.widgets = {
            "application/vnd.jupyter.widget-state+json": {}
        }  # as Colab saves it, without state
        notebook.metadata.title = f"</title><script>{EVIL}</script>"
        notebooks.save(notebook, path.parent, lab.name)
    api = nbgrader_api.open_course(lab.course, like=lab.course)
    nbgrader_api.generate(api, lab.name)
    nbgrader_api.autograde(api, lab.name, "twin")
    (lab.course / "submitted" / "twin").rename(lab.course / "twin")
    ran = CliRunner().invoke(app, ["grade", "lab01", "--course", str(lab.course)])
    assert ran.exit_code == 0, ran.output
    (lab.course / "twin").rename(lab.course / "submitted" / "twin")
    return lab


_SHOWS_ALL = f"""from IPython.display import HTML, SVG, Javascript, Markdown, display
display(HTML({TEXTS["script"]!r}), SVG({SVG!r}), Javascript({EVIL!r}), Markdown({TEXTS["handler"]!r}))
size = {{"width": "1 onerror={EVIL}"}}
display({{"image/png": '"><script>{EVIL}</script>'}}, metadata={{"image/png": size}}, raw=True)
"""


@pytest.mark.parametrize("student", ["eve", "twin"])
def test_nbgraders_feedback_runs_nothing_of_the_students(lab: Lab, student: str) -> None:
    api = nbgrader_api.open_course(lab.course, like=lab.course)
    made: dict[str, Any] = api.generate_feedback(lab.name, student)
    assert made["success"], made
    page = Path(lab.course, "feedback", student, lab.name, f"{lab.name}.html").read_text()
    assert active(page) == []
    assert "4711" in page  # it is there to be read


@pytest.mark.parametrize("student", ["eve", "twin"])
def test_the_releases_cells_keep_their_look(lab: Lab, student: str) -> None:
    graded = nbformat.read(lab.course / "autograded" / student / lab.name / f"{lab.name}.ipynb", as_version=4)
    found = by_name(graded)
    for name, cell in by_name(nbformat.read(lab.release, as_version=4)).items():
        if cell.cell_type == "markdown":
            assert found[name].source == cell.source
