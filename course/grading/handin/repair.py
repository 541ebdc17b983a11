"""Put back what a student deleted, doubled, moved, retyped or edited of the cells that grading needs.

    release:     task 1.1   answer 1.1   try   check 1.1   task 1.2   answer 1.2   check 1.2
    submission:  task 1.1   check 1.1    own   answer 1.1  task 1.2   answer 1.2   answer 1.2
    repaired:    task 1.1   own   answer 1.1   check 1.1   task 1.2   (answer 1.2)   answer 1.2   check 1.2

Of the named cells the longest run that is in the release's order stays where it is; each of the others is put back
after what it follows in the release. No text of an answer is lost: an edited copy that does not count stays, as an
ordinary cell before the one that does.
"""

from bisect import bisect_left
from collections.abc import Sequence
from copy import deepcopy
from itertools import count

from nbformat import NotebookNode

from course.notebook import names
from course.notebook.cells import ANSWER, CHECK, MEMO, by_name, name_of

ELSEWHERE = "# answered in another cell"  # the source of an answer whose own cell holds none
_Cells = list[tuple[str | None, NotebookNode]]  # with the names of those that are the release's
_ROLE = ("grade", "locked", "solution")


def repair(submission: NotebookNode, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """(notebook, repairs): the submission with every named cell of the release once, in order, and as it was released.

    An answer keeps the student's source, and every cell its outputs. The student's own cells keep their order. The
    repairs are for the student to read, a line each: none for an undamaged notebook. Neither argument is changed.
    """
    notebook = deepcopy(submission)
    given = by_name(release)
    copies: dict[str, list[NotebookNode]] = {name: [] for name in given}
    for cell in notebook.cells:
        if (name := name_of(cell)) in copies:
            copies[name].append(cell)
    counted = {name: _counted(given[name], found) for name, found in copies.items() if found}
    superseded = {name: _superseded(given[name], copies[name], cell) for name, cell in counted.items()}
    strays = [cell for cell in notebook.cells if cell.metadata.get("nbgrader") and name_of(cell) not in given]
    stray_names = [name_of(cell) or "one without a name" for cell in strays]

    elsewhere = _answered_elsewhere(notebook, release, counted)
    cells, moved = _in_order(_labelled(notebook, counted, superseded), list(given))
    restored = {name: _restored(cell, counted.get(name)) for name, cell in given.items()}
    for name in elsewhere:
        restored[name].source = ELSEWHERE
    _put_back(cells, release, restored)
    for name, others in superseded.items():
        _put_before(cells, name, others)
    _give_ids(cells)
    notebook.cells = [cell for _, cell in cells]
    notebook.nbformat_minor = max(5, notebook.nbformat_minor)  # the first with ids

    repairs = [
        line
        for name in given
        for line in _repairs(name, given[name], copies[name], moved=name in moved, elsewhere=name in elsewhere)
    ]
    return notebook, repairs + _strays(stray_names)


def _is_edited(cell: NotebookNode, given: NotebookNode) -> bool:
    """Whether it has a text of its own: neither the release's nor none."""
    return cell.source.strip() not in ("", given.source.strip())


def _counted(given: NotebookNode, copies: Sequence[NotebookNode]) -> NotebookNode:
    """The copy that counts: of an answer the last that was edited; of a locked cell the first that was not."""
    if given.metadata.nbgrader.solution:
        return next((cell for cell in reversed(copies) if _is_edited(cell, given)), copies[0])
    return next((cell for cell in copies if not _is_edited(cell, given)), copies[0])


def _superseded(given: NotebookNode, copies: Sequence[NotebookNode], counted: NotebookNode) -> list[NotebookNode]:
    """The other copies whose text nothing else holds."""
    known = {counted.source.strip()} if given.metadata.nbgrader.solution else set()
    return [
        cell for cell in copies if cell is not counted and _is_edited(cell, given) and cell.source.strip() not in known
    ]


def _labelled(
    notebook: NotebookNode, counted: dict[str, NotebookNode], superseded: dict[str, list[NotebookNode]]
) -> _Cells:
    """The notebook's cells without needless copies; what is not the release's loses its grading data."""
    names = {id(cell): name for name, cell in counted.items()}
    kept = {id(cell) for others in superseded.values() for cell in others}
    cells: _Cells = []
    for cell in notebook.cells:
        if id(cell) in names:
            cells.append((names[id(cell)], cell))
        elif name_of(cell) not in counted or id(cell) in kept:
            cell.metadata.pop("nbgrader", None)
            cells.append((None, cell))
    return cells


def _in_order(cells: _Cells, order: Sequence[str]) -> tuple[_Cells, set[str]]:
    """(cells, moved): the cells without the fewest named ones that keep the others from being in order; their names."""
    rank = {name: position for position, name in enumerate(order)}
    ranks = [rank[name] for name, _ in cells if name is not None]
    stay = {order[position] for position in _longest_run(ranks)}
    moved = {order[position] for position in ranks} - stay
    return [(name, cell) for name, cell in cells if name not in moved], moved


def _longest_run(numbers: Sequence[int]) -> list[int]:
    """The longest increasing subsequence of distinct numbers."""
    ends: list[int] = []  # the smallest number that ends a run of each length
    before: dict[int, int | None] = {}
    for number in numbers:
        length = bisect_left(ends, number)
        before[number] = ends[length - 1] if length else None
        ends[length : length + 1] = [number]
    run: list[int] = []
    last = ends[-1] if ends else None
    while last is not None:
        run.append(last)
        last = before[last]
    return run[::-1]


def _put_back(cells: _Cells, release: NotebookNode, restored: dict[str, NotebookNode]) -> None:
    """Put every restored cell in its place; a missing one goes after what precedes it in the release."""
    places = {name: cell for name, cell in cells if name is not None}
    here = 0  # behind the named cell before
    between: set[str] = set()  # ids of the release's ordinary cells since then
    for given in release.cells:
        name = name_of(given)
        if name is None:
            between.add(given.id)
            continue
        following = next((i for i in range(here, len(cells)) if cells[i][0] is not None), len(cells))
        if name in places:
            cells[following] = name, restored[name]
            here = following + 1
        else:
            here = max((i + 1 for i in range(here, following) if cells[i][1].get("id") in between), default=here)
            cells.insert(here, (name, restored[name]))
            here += 1
        between = set()


def _put_before(cells: _Cells, name: str, others: Sequence[NotebookNode]) -> None:
    """Move those of the other copies that come after the named cell in front of it: what counts is executed last."""
    place = next(i for i, (label, _) in enumerate(cells) if label == name)
    wanted = {id(other) for other in others}
    late = [i for i in range(place, len(cells)) if id(cells[i][1]) in wanted]
    moving = [cells.pop(i) for i in reversed(late)]
    cells[place:place] = reversed(moving)


def _restored(given: NotebookNode, counted: NotebookNode | None) -> NotebookNode:
    """The release's cell with what is the student's in it."""
    cell = deepcopy(given)
    if counted is None:
        return cell
    if given.metadata.nbgrader.solution:
        cell.source = counted.source
    if cell.cell_type == counted.cell_type:
        theirs = ("outputs", "execution_count", *(["attachments"] if given.metadata.nbgrader.solution else []))
        cell.update({key: counted[key] for key in theirs if key in counted})
    return cell


def _give_ids(cells: _Cells) -> None:
    """Make the ids unique: the release's cells have theirs, an ordinary cell gets another if its own is taken."""
    taken = {cell.id for name, cell in cells if name is not None}
    numbered = (f"cell-{number}" for number in count(1))
    for name, cell in cells:
        if name is None:
            if "id" not in cell or cell.id in taken:
                cell.id = next(free for free in numbered if free not in taken)
            taken.add(cell.id)


def _answered_elsewhere(notebook: NotebookNode, release: NotebookNode, counted: dict[str, NotebookNode]) -> set[str]:
    """The answers whose own cell is missing or as released, while another cell of the student's defines all they ask.

    The released cell would only undo what is defined there, if it were run.
    """
    known = {cell.source.strip() for cell in release.cells}
    theirs = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip() not in known]
    found = set()
    for name, given in by_name(release).items():
        own = counted.get(name)
        if not given.metadata.nbgrader.solution or (own is not None and _is_edited(own, given)):
            continue
        asked = names.functions(given.source)
        if asked and asked <= {defined for cell in theirs for defined in names.functions(cell.source)}:
            found.add(name)
    return found


def _repairs(
    name: str, given: NotebookNode, copies: Sequence[NotebookNode], *, moved: bool, elsewhere: bool
) -> list[str]:
    """What was put right of one cell."""
    title = _title(name)
    is_answer = given.metadata.nbgrader.solution
    if elsewhere:
        return [f"{title} is answered in another cell: what is defined there counts"]
    if not copies:
        return [f"{title} was missing: it {'counts as not answered' if is_answer else 'is put back'}"]
    repairs = []
    if len(copies) > 1:
        times = "twice" if len(copies) == 2 else f"{len(copies)} times"
        n_edited = sum(_is_edited(cell, given) for cell in copies) if is_answer else 0
        which = {0: "one", 1: "the one that you changed"}.get(n_edited, "the last one that you changed")
        repairs.append(f"{title} was there {times}; {which} counts")
    counted = _counted(given, copies)
    if counted.cell_type != given.cell_type:
        repairs.append(f"{title} was a {counted.cell_type} cell: it is a {given.cell_type} cell again")
    if moved:
        repairs.append(f"{title} was moved: it is back in its place")
    if any(bool(counted.metadata.nbgrader.get(key)) != given.metadata.nbgrader[key] for key in _ROLE):
        repairs.append(f"the grading data of {title} was changed: it is as released again")
    return repairs


def _strays(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(repr(name[:40]) for name in names[:5]) + (", …" if len(names) > 5 else "")
    return [f"graded cells that are not this lab's: {shown}; they count as your own"]


def _title(name: str) -> str:
    """The cell in a student's words."""
    kind, _, rest = name.partition("-")
    number = rest.removesuffix("-task").replace("-", ".")
    if CHECK.match(name):
        return f"the check of {number}"
    if MEMO.match(name):
        return f"the memo {number}"
    if ANSWER.match(name):
        return f"exercise {number}" if kind == "ex" else f"the prediction {rest}"
    return f"the task of {number}" if rest.endswith("-task") else f"the cell {name}"
