"""Lab 8's questions are made anew, and the recorded answers say what the lab says of them."""

import csv
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from course import data, paths

PROGRAMS = paths.datasets() / "evaluation" / "programs"
RIGHT = {
    ("zero-shot", 2026): {"F16": 0.525, "Q8_0": 0.530, "Q4_K_M": 0.480, "Q4_0": 0.445, "Q2_K": 0.465},
    ("examples", 2026): {"F16": 0.595, "Q8_0": 0.575, "Q4_K_M": 0.575, "Q4_0": 0.515, "Q2_K": 0.510},
    ("chat", 2026): {"F16": 0.495, "Q8_0": 0.495, "Q4_0": 0.465, "Q2_K": 0.480},
    ("letters", 2026): {"F16": 0.295},
    ("examples", 2027): {"F16": 0.620, "Q4_0": 0.555},
}


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAMS))
    for name in ("bank", "dice", "words"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__("bank")


def answered() -> pd.DataFrame:
    """Every recorded answer with its question, and whether the likeliest choice was right."""
    rows = data.load("evaluation_answers").merge(data.load("evaluation_items"), left_on="item", right_on="id")
    likeliest = rows[[f"logprob_{i}" for i in range(4)]].to_numpy()
    rows["right"] = np.nanargmax(likeliest, axis=1) == rows["label"]
    return rows


def test_the_items_are_made_anew_from_their_seeds(bank):
    shipped = data.load("evaluation_items")
    assert len(shipped) == 400
    for seed, rows in shipped.groupby("seed"):
        made = bank.items(int(seed))
        assert len(made) == len(rows) == 200
        for item, row in zip(made, rows.itertuples(), strict=True):
            choices = tuple(choice for choice in (row.choice_0, row.choice_1, row.choice_2, row.choice_3) if choice)
            assert (item.template, item.question, item.choices, item.label) == (
                row.template,
                row.question,
                choices,
                row.label,
            )


def test_the_program_writes_the_table_that_is_here(tmp_path):
    command = [sys.executable, str(PROGRAMS / "bank.py"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert (tmp_path / "items.csv").read_bytes() == (paths.datasets() / "evaluation" / "items.csv").read_bytes()


def test_every_item_can_be_answered(bank):
    for seed in (1, 2028):
        for item in bank.items(seed, per_template=5):
            assert len(set(item.choices)) == len(item.choices) in (2, 4)
            assert 0 <= item.label < len(item.choices)
            assert item.question.strip() == item.question and all(choice for choice in item.choices)
    rows = data.load("evaluation_items")
    choices = rows[[f"choice_{i}" for i in range(4)]].ne("").sum(axis=1)
    assert (1 / choices).mean() == pytest.approx(0.2625)
    assert rows["label"].lt(choices).all()
    assert rows[rows["seed"] == 2026]["question"].is_unique
    both = [set(some["question"]) for _, some in rows.groupby("seed")]
    assert len(both[0] & both[1]) == 42


def arithmetic(question: str) -> int:
    left, sign, right = question.removeprefix("What is ").removesuffix("?").replace("times", "*").split()
    return int(left) + int(right) if sign == "+" else int(left) * int(right)


def test_the_right_answer_is_right():
    rows = data.load("evaluation_items")
    rows["answer"] = [row[f"choice_{row['label']}"] for _, row in rows.iterrows()]
    sums = rows[rows["template"].isin(["addition", "addition_of_tens", "product"])]
    assert len(sums) == 60
    assert [str(arithmetic(question)) for question in sums["question"]] == sums["answer"].tolist()
    code = rows[rows["template"].isin(["code_print", "code_min", "code_index"])]
    for row in code.itertuples():
        printed: list[str] = []
        exec(row.question.split("print? ")[1], {"print": lambda value, printed=printed: printed.append(str(value))})
        assert printed == [row.answer]


@pytest.mark.parametrize(
    ("seed", "per_template", "message"),
    [(-1, 10, "got -1 and 10"), (1, 0, "got 1 and 0"), (1, 20, "day_after has no 20 different questions")],
)
def test_a_bank_that_cannot_be_made_is_refused(bank, seed, per_template, message):
    with pytest.raises(ValueError, match=message):
        bank.items(seed, per_template=per_template)


def test_the_answers_are_as_right_as_the_lab_says():
    rows = answered()
    shares = rows.groupby(["prompt", "seed", "type"])["right"].agg(["mean", "size"])
    assert (shares["size"] == 200).all()
    expected = {(prompt, seed, kind): share for (prompt, seed), of in RIGHT.items() for kind, share in of.items()}
    assert shares["mean"].to_dict() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prompt", "seed", "only_f16", "only_q4_0"),
    [("zero-shot", 2026, 23, 7), ("examples", 2026, 27, 11), ("chat", 2026, 16, 10), ("examples", 2027, 28, 15)],
)
def test_where_two_types_differ(prompt, seed, only_f16, only_q4_0):
    rows = answered()
    rows = rows[(rows["prompt"] == prompt) & (rows["seed"] == seed)]
    by_type = rows.pivot(index="item", columns="type", values="right")
    first, second = by_type["F16"], by_type["Q4_0"]
    assert ((first & ~second).sum(), (~first & second).sum()) == (only_f16, only_q4_0)


def test_templates_range_from_hopeless_to_certain():
    rows = answered()
    rows = rows[(rows["type"] == "F16") & (rows["prompt"] == "examples") & (rows["seed"] == 2026)]
    by_template = rows.groupby("template")["right"].agg(["mean", "size"])
    assert (by_template["size"] == 10).all() and len(by_template) == 20
    assert by_template["mean"].min() <= 0.1 and by_template["mean"].max() == 1


def test_each_choice_has_a_log_probability_and_its_tokens():
    rows = answered()
    for i in range(4):
        there = (rows[f"choice_{i}"] != "") | (rows["prompt"] == "letters")
        for column in (f"logprob_{i}", f"n_tokens_{i}"):
            assert (rows[column].notna() == there).all(), column
    written = rows.loc[rows["text"] != "", ["type", "prompt"]].drop_duplicates()
    assert set(written["type"]) == {"F16"} and set(written["prompt"]) == {"examples", "chat", "letters"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--every", "0"], "--every is at least 1, got 0"), (["--types", "Q3"], "there is no type 'Q3'; there are: ")],
)
def test_the_answering_program_refuses_nonsense(arguments, message, tmp_path):
    refused = run(tmp_path / "out", *arguments)
    assert refused.returncode == 2 and message in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_the_answering_program_writes_the_table_that_is_here(tmp_path):
    made = run(tmp_path, "--smoke")
    assert made.returncode == 0, made.stderr
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(data.load("evaluation_answers").columns)
    assert [row["item"] for row in rows] == [f"2026-{number:03}" for number in range(0, 200, 40)]
    assert all(float(row["logprob_0"]) < 0 and int(row["n_tokens_0"]) >= 1 for row in rows)


def run(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAMS / "answers.py"), str(out), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=paths.PACKAGE.parent)
