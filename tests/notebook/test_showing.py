"""Which cells no mark needs: those that leave nothing but names, and whose names nothing that runs reads."""

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course.notebook import showing

SHOWS = [
    "height(2, 3)  # try it",
    "fig, ax = plt.subplots()\nax.plot(x, y)\nax.set(xlabel='n')\nplots.show(fig, alt='a plot')",
    "rows = []\nfor run in RUNS:\n    rows.append(run.rate)\nprint(rows)",
    "claims = data.load('claims')\nclaims['year'] = claims.date.str[:4]\nprint(claims)",
    "record = lab.record('matmul')\nprint(record['median'], lab.is_own('matmul'))",
    "lab.reveal('palm', 3, '%', 'a paper')",
    "lab.measure('matmul', matmul.rates, unit='FLOP/s')",
    "lab.verdict('C1', '...', sure=70)",
    "with open(path, 'rb') as file:\n    print(file.read(4))",
    "def span(years):\n    return f'{years:.0f} years'",
    "import json\nprint(json.dumps(found))",
    "print(np.random.default_rng(3).normal())",
    "n = 0\nfor one in found:\n    n += one\nprint(n)",
]
LASTS = [
    "lab.start('lab01', cohort='2026')",
    "lab.predict('matmul', 1, 2, 'GFLOP/s')",
    "claims['year'] = 3",
    "for run in RUNS:\n    run.trace['x'] = 1",
    "alias = claims\nalias['year'] = 3",
    "def grow(rows):\n    rows.append(1)",
    "HISTORY.append(3)",
    "claims.sort_values('x', inplace=True)",
    "total += 1",
    "del total",
    "np.random.seed(1)",
    "np.random.normal()",
    "import random\nrandom.random()",
    "import torch\ntorch.set_num_threads(1)",
    "plt.rcParams['figure.figsize'] = 3, 4",
    "from math import *",
    "next(lines)",
    "open('notes.txt', 'w')",
    "Path('a.csv').write_text('x')",
    "fig.savefig('a.png')",
    "%matplotlib inline",
    "def broken(:",
    "# nothing but words",
]


@pytest.mark.parametrize("source", SHOWS)
def test_a_cell_that_leaves_nothing_but_names_only_shows(source: str) -> None:
    assert showing.only_shows(source)


@pytest.mark.parametrize("source", LASTS)
def test_a_cell_that_changes_what_is_there_does_not(source: str) -> None:
    assert not showing.only_shows(source)


def notebook(*sources: str) -> NotebookNode:
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def idle(*sources: str, shown: tuple[str, ...]) -> set[int]:
    return showing.idle(notebook(*sources), shown)


def test_what_nothing_reads_is_idle_and_so_is_what_only_that_reads() -> None:
    cells = "low = 3", "span = low * 2", "print(span)", "answer = 1"
    assert idle(*cells, shown=cells[:3]) == {0, 1, 2}
    assert idle(*cells[:3], "answer = span", shown=cells[:3]) == {2}
    assert idle(*cells[:3], "def later():\n    return low", shown=cells[:3]) == {1, 2}
    assert idle("def f():\n    return low", *cells[:2], shown=cells[:2]) == {2}
    assert idle("low = 3", "rows.query('x > @low')", shown=("low = 3",)) == set()


@pytest.mark.parametrize(
    ("reader", "left"),
    [
        ("low = 4\nprint(low)", {0}),
        ("if later:\n    low = 4\nprint(low)", set()),
        ("low += 4", set()),
        ("low['x'] = 4", set()),
        ("del low", set()),
        ("[low for low in rows]", {0}),
        ("print([low for low in rows], low)", set()),
        ("for low in rows:\n    print(low)", {0}),
        ("for low in low:\n    pass", set()),
        ("with open(x) as low:\n    print(low)", {0}),
        ("try:\n    print(low)\nexcept NameError:\n    pass", set()),
        ("def f(low):\n    return low", {0}),
        ("def f(x=low):\n    return x", set()),
        ("@low\ndef f():\n    pass", set()),
        ("class A(low):\n    pass", set()),
        ("print(f'{low}')", set()),
        ("low: int = 4", {0}),
    ],
)
def test_what_a_cell_binds_before_it_reads_it_awaits_of_no_other(reader: str, left: set[int]) -> None:
    assert idle("low = 3", reader, shown=("low = 3",)) == left


def test_a_cell_with_another_source_than_the_release_runs() -> None:
    assert idle("low = 4", "print(low)", shown=("low = 3", "print(low)")) == {1}


@pytest.mark.parametrize(
    "source",
    [
        "globals()['low']",
        "pd.eval('low')",
        "eval('low')",
        "import __main__\n__main__.low",
        "Out[1]",
        "_",
        "_12",
        "%who",
        "get_ipython()",
    ],
)
def test_where_a_name_can_be_read_by_any_way_all_cells_run(source: str) -> None:
    assert idle("low = 3", source, shown=("low = 3",)) == set()


def test_an_answer_and_a_check_are_never_idle() -> None:
    cells = notebook("low = 3", "low = 3")
    cells.cells[0].metadata["nbgrader"] = {"solution": True, "grade": False}
    cells.cells[1].metadata["nbgrader"] = {"solution": False, "grade": True}
    assert showing.idle(cells, ("low = 3",)) == set()
