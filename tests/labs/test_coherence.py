"""The ten labs as one text: their words and units, what is said of them, and where they point to each other."""

import re
from collections.abc import Iterator

import pytest

from course import build, data
from course.build import Lab
from tests.labs import prose

LABS = build.labs(prose.CHECKOUT)
COLUMNS = {  # of the labs' tables of words
    "symbol": "word",
    "on paper": "word",
    "word": "word",
    "in code": "name",
    "word or name": "either",
    "word or symbol": "either",
    "what it is": "meaning",
    "unit": "unit",
}
WITHOUT_TABLE = ["lab10"]  # its 41 words are the table case_keys, which it shows
CAPSTONE = 10  # takes up all claims again


def number(lab: Lab) -> int:
    return int(lab.key.removeprefix("lab"))


def words(lab: Lab) -> Iterator[dict[str, str]]:
    """The rows of the lab's table of words: word, name, meaning and unit, as far as it has them."""
    table = next((text for text in prose.cells(lab) if re.match(r"\|.*\| what it is \|", text)), "")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    for cells in rows[2:]:
        row = {COLUMNS[heading]: cell for heading, cell in zip(rows[0], cells, strict=True)}
        names = re.findall(r"`([^`]+)`", row.get("name", row.get("either", "")))
        word = row["word"] if "word" in row else re.sub(r"`[^`]+`,?", "", row.get("either", ""))
        told = {"word": word.strip(" ,*"), "meaning": row["meaning"].replace("`", "")}
        told |= {"unit": row["unit"]} if "unit" in row else {}
        for name in names or [""]:
            yield told | {"name": name}


def known(row: dict[str, str]) -> list[dict[str, str]]:
    """The rows of `symbols` that have the word and the name of a lab's row: it may leave one of them out."""
    table = data.load("symbols").to_dict("records")
    if row["word"] and not row["name"]:
        return [one for one in table if one["word"] == row["word"]]
    found = [one for one in table if one["name"] == row["name"]]
    exact = [one for one in found if one["word"] == row["word"]]
    return exact or (found if not row["word"] else [])


def test_each_lab_has_a_table_of_its_words(lab: Lab) -> None:
    assert bool(list(words(lab))) == (lab.key not in WITHOUT_TABLE)


def test_a_word_means_the_same_in_every_lab_as_in_the_one_table(lab: Lab) -> None:
    for row in words(lab):
        [one] = known(row)
        meaning, _, mentioned = re.fullmatch(r"(.*?)( \(lab (\d+)\))?", row["meaning"]).groups()  # type: ignore[union-attr]
        assert meaning == one["meaning"], row
        assert row.get("unit", one["unit"]) == one["unit"], row
        assert int(mentioned or one["first_lab"]) == one["first_lab"] <= number(lab), row


def test_the_one_table_holds_what_the_labs_say_and_no_more() -> None:
    first: dict[str, int] = {}
    for lab in LABS:
        for row in words(lab):
            [one] = known(row)
            first.setdefault(one["id"], number(lab))
    table = data.load("symbols")
    assert first == dict(zip(table["id"], table["first_lab"], strict=True))
    assert not table.duplicated(["word", "name"]).any()
    assert (table["word"] + table["name"] != "").all()


def test_lab_10s_assumptions_have_the_units_of_the_labs() -> None:
    units = data.load("case_keys").set_index("key")["unit"].replace({"1": "between 0 and 1"})
    table = data.load("symbols").set_index("name")["unit"]
    shared = sorted({*units.index} & {*table.index})
    assert shared == ["mfu", "n_params", "peak_flop_per_s"]
    assert units[shared].tolist() == table[shared].tolist()


def test_the_readme_says_of_a_lab_what_its_head_says(lab: Lab) -> None:
    head = prose.of(lab)
    title = re.match(r"# (.+?[.?])(?: |$)", head)
    needs = re.search(r"\*\*(\d+) minutes, (\d+ GB) of memory, no network\.\*\*", head)
    readme = (prose.CHECKOUT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {number(lab)} \| (.+) \| (\d+) \| (\d+ GB) \| yes \|$", readme, re.MULTILINE)
    assert title and needs and row
    assert row[1].startswith(title[1])
    assert row.group(2, 3) == needs.groups()


def test_exercises_are_numbered_without_gaps_and_those_that_are_mentioned_exist(lab: Lab) -> None:
    there = prose.exercises(lab)
    assert sorted(there, key=lambda one: int(one.split(".")[1])) == [
        f"{number(lab)}.{n + 1}" for n in range(len(there))
    ]
    in_order = there == tuple(sorted(there, key=lambda one: int(one.split(".")[1])))
    assert ("their numbers do not" in prose.of(lab)) == (not in_order)
    mentioned = re.findall(r"(?:[Ee]xercise|as in|[Yy]our|own|than|see) (\d+\.\d+)\b", prose.of(lab))
    assert {one for one in mentioned if one.startswith(f"{number(lab)}.")} <= {*there}
    assert set(re.findall(r"[Ee]xercise (\d+\.\d+)", prose.of(lab))) <= {*there}


def test_sections_are_numbered_and_those_that_are_mentioned_exist(lab: Lab) -> None:
    sections = [int(n) for text in prose.cells(lab) for n in re.findall(r"^## (\d+) · ", text, re.MULTILINE)]
    assert sections == list(range(1, len(sections) + 1))
    assert not re.search(r"\b[Pp]arts? \d", prose.of(lab)), "a lab has sections, no parts"
    for mentioned in re.findall(r"\b[Ss]ections? (\d+)(?: and (\d+))?", prose.of(lab)):
        assert {int(n) for n in mentioned if n} <= {*sections}


def test_a_lab_names_labs_that_exist_and_hands_over_to_the_next(lab: Lab) -> None:
    mentioned = re.findall(r"\b[Ll]abs? (\d+)(?:(?:, \d+)* (?:and|to) (\d+))?", prose.of(lab))
    assert {int(n) for pair in mentioned for n in pair if n} <= {number(one) for one in LABS}
    last = prose.unwrapped(prose.cells(lab)[-1])
    following = f"Then lab {number(lab) + 1}:" if number(lab) < len(LABS) else "This was the last lab:"
    assert "Now press *Validate*." in last and following in last


@pytest.mark.parametrize("claim", ["C1", "C3", "C5", "C6", "C7", "C8"])
def test_a_claim_is_quoted_in_the_words_of_the_table(claim: str) -> None:
    said = data.row(f"claims/{claim}")["claim"].rstrip(".").casefold()
    pattern = rf'\*\*{claim}\.?\*\*(?:: "?| ")([^".?]+)'
    quoted = [one.strip().casefold() for lab in LABS for one in re.findall(pattern, prose.of(lab))]
    assert quoted
    assert [one for one in quoted if one not in said] == []


@pytest.mark.parametrize("claim", [f"C{n}" for n in range(1, 9)])
def test_a_claim_gets_its_verdicts_in_the_labs_that_the_table_names(claim: str) -> None:
    told = re.sub(
        r"(\d+) to (\d+)",
        lambda ends: ", ".join(map(str, range(int(ends[1]), int(ends[2]) + 1))),
        data.row(f"claims/{claim}")["labs"],
    )
    asking = [number(lab) for lab in LABS if f'lab.verdict("{claim}"' in lab.source.read_text(encoding="utf-8")]
    assert [*asking, CAPSTONE] == [int(n) for n in re.findall(r"\d+", told)]
