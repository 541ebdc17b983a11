"""Figures that the labs' texts and the cards quote, in every place where they stand, against the one source of each."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from course import build, data, models
from course.finetuning.facts import CAPITAL, FACTS
from course.finetuning.recipe import Recipe
from course.measure import tiny_runs
from tests.labs import prose

NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
WORDS = {word: n for n, word in enumerate(NUMBERS.split(), 1)} | {"twenty": 20, "thirty": 30}
N = r"(\d[\d,]*(?:\.\d+)?(?:e\d+)?|[A-Za-z]+)"  # a figure as it is printed, or as a word


@dataclass(frozen=True)
class Figure:
    """A figure, and the contexts in which it is quoted; {} stands for it. Each context has to be found somewhere."""

    name: str
    value: Callable[[], float]
    contexts: tuple[str, ...]


def shape(column: str) -> Callable[[], float]:
    return lambda: float(data.row("model_shapes/smollm2-135m")[column])


@cache
def bill() -> dict[str, Any]:
    return json.loads((models.folder_of("two-bills-code") / "training_bill.json").read_text(encoding="utf-8"))


def smollm2_bytes() -> float:
    """Matrices in 16 bits, norms in 32, as the file has them."""
    s = data.row("model_shapes/smollm2-135m")
    n_norms = (2 * s.n_layers + 1) * s.d_model
    return float(2 * s.n_params + 2 * n_norms)


def kv_bytes() -> float:
    s = data.row("model_shapes/smollm2-135m")
    return float(2 * s.n_layers * s.n_kv_heads * s.head_dim * 2)


def assigned(key: str, name: str) -> ast.expr:
    """What a lab's code first gives a name to."""
    source = build.find(prose.CHECKOUT, key).source.read_text(encoding="utf-8")
    source = re.sub(r"### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS", "", source, flags=re.DOTALL)
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign))
    return next(node.value for node in found if ast.unparse(node.targets[0]) == name)


def constant(key: str, name: str) -> Any:
    return ast.literal_eval(assigned(key, name))


def of_recipe(field: str) -> Callable[[], float]:
    """A number of lab 9's recipe."""
    call = assigned("lab09", "RECIPE")
    assert isinstance(call, ast.Call)
    given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    return lambda: float(getattr(Recipe(**given), field))


def leak(quantity: str, column: str) -> Callable[[], float]:
    claims = data.load("gpt4_claims")
    return lambda: float(claims[(claims["who"] == "SemiAnalysis") & (claims["quantity"] == quantity)][column].iloc[0])


def claim(name: str, column: str, per: float = 1) -> Callable[[], float]:
    return lambda: float(data.row(f"claims/{name}")[column] / per)


def sweep(condition: str) -> Callable[[], float]:
    return lambda: float(len(data.load("isoflop").query(condition)))


def tiny(which: Callable[..., int]) -> Callable[[], float]:
    return lambda: float(which(run.n_params for run in tiny_runs.planned()))


FIGURES = [
    Figure(
        "SmolLM2's parameters, millions",
        lambda: shape("n_params")() / 1e6,
        (
            r"SmolLM2, (?:a language model of )?{} million parameters",
            r"{} million parameters know",
            r"from {} million to 8 billion",
        ),
    ),
    Figure("SmolLM2's layers", shape("n_layers"), (r"SmolLM2 has {} layers",)),
    Figure("SmolLM2's width", shape("d_model"), (r"layers, width {} and", r"SmolLM2 is {} wide", r"a w of {} × 576")),
    Figure("SmolLM2's vocabulary", shape("vocab_size"), (r"vocabulary of {}\.",)),
    Figure(
        "SmolLM2's megabytes in 16 bits",
        lambda: smollm2_bytes() / 1e6,
        (r"weights take {} MB in 16 bits", r"Its {} MB fit", r"beside {} MB of weights", r"has 97 MB for {},"),
    ),
    Figure(
        "SmolLM2's megabytes in Q4_1",
        lambda: constant("lab05", "SMOLLM2_BYTES")["Q4_1"] / 1e6,
        (r"SmolLM2 has {} MB for",),
    ),
    Figure(
        "SmolLM2's megabytes in Q4_0",
        lambda: constant("lab05", "SMOLLM2_BYTES")["Q4_0"] / 1e6,
        (r"and a Q4_0 one {}:",),
    ),
    Figure("SmolLM2's kB of keys and values", lambda: kv_bytes() / 1e3, (r"{} kB a token",)),
    Figure("… of 4,096 tokens, MB", lambda: 4096 * kv_bytes() / 1e6, (r"a token, {} MB at 4,096",)),
    Figure(
        "two-bills-code's parameters, millions",
        lambda: bill()["n_params"] / 1e6,
        (r"[Oo]urs has {} million weights", r"The model has {} million parameters", r"expect of {} million parameters"),
    ),
    Figure("two-bills-code's layers", lambda: bill()["n_layers"], (r"on Python: {} layers", r"of 64 has {} layers")),
    Figure("two-bills-code's width", lambda: bill()["d_model"], (r"layers of width {},", r"has rows of {} and 768")),
    Figure("two-bills-code's context", lambda: bill()["context"], (r"the model was trained on {};",)),
    Figure(
        "threads that trained it",
        lambda: int(re.sub(r"\D", "", bill()["device"])),
        (r"for Python code, on {} threads", r"on Python, too, on {} threads", r"was trained on {} threads"),
    ),
    Figure(
        "A100s of the leak",
        leak("devices", "value"),
        (r"took {} A100s a hundred", r"about {} A100s for", r"over {} × 95 d", r"those {} × 95 d"),
    ),
    Figure("days of the leak, least", leak("days", "low"), (r"A100s for {} to 100 days",)),
    Figure("days of the leak, most", leak("days", "high"), (r"A100s for 90 to {} days",)),
    Figure(
        "days of the leak, middle", lambda: (leak("days", "low")() + leak("days", "high")()) / 2, (r"25,000 × {} d",)
    ),
    Figure(
        "C2's dollars, millions", claim("C2", "low", 1e6), (r"cost over \${} million", r"Over {} million dollars\?")
    ),
    Figure("C4's lower end, USD per 1,000", claim("C4", "low", 1000), (r"costs {} to 0.06 USD per 1,000 tokens",)),
    Figure("C4's upper end, USD per 1,000", claim("C4", "high", 1000), (r"costs 0.01 to {} USD per 1,000 tokens",)),
    Figure(
        "C4's lower end, cents",
        claim("C4", "low", 10),
        (r"costs {} to 6 cents per 1,000", r"tokens cost {} to six cents"),
    ),
    Figure(
        "C4's upper end, cents",
        claim("C4", "high", 10),
        (r"costs 1 to {} cents per 1,000", r"tokens cost one to {} cents"),
    ),
    Figure("C4's lower end, USD a million", claim("C4", "low"), (r"lies in {} to 60, ends included",)),
    Figure("C4's upper end, USD a million", claim("C4", "high"), (r"lies in 10 to {}, ends included",)),
    Figure(
        "an A100's peak", lambda: data.row("accelerators/a100-40gb")["dense_flop_per_s"], (r"The peak is {} FLOP/s",)
    ),
    Figure(
        "1.8's worked example, millions",
        lambda: 2e25 / (312e12 * 0.34) / 3600 * 10**0.5 / 1e6,
        (r"the median is about \${} million",),
    ),
    Figure("runs on the H100", sweep("steps > 0"), (r"in {} runs that were made", r"of the {} H100 runs")),
    Figure("… in the sweep", sweep("in_sweep == 'yes'"), (r"the H100's {} runs",)),
    Figure("… with a larger batch", sweep("in_sweep == 'no'"), (r"{} of the thirty H100 runs",)),
    Figure("… that repeat their text", sweep("in_sweep == 'yes' and epochs > 1"), (r"{} runs of our sweep read",)),
    Figure(
        "tiny runs",
        lambda: float(len(tiny_runs.planned())),
        (r"You train {} tiny models", r"three budgets: {} runs", r"lowest loss of the {}:"),
    ),
    Figure("the smallest tiny model", tiny(min), (r"of characters: {} to",)),
    Figure("the largest tiny model", tiny(max), (r"of characters: 4,608 to {} parameters",)),
    Figure(
        "models timed on the H100", lambda: data.load("h100_decode")["model"].nunique(), (r"was timed with {} models",)
    ),
    Figure(
        "years of price lists", lambda: data.load("api_prices")["year"].nunique(), (r"holds list prices of {} years",)
    ),
    Figure(
        "items of the evaluation",
        lambda: len(data.load("evaluation_items").query("seed == 2026")),
        (r"course has {} items", r"answers {} questions in three", r"cell asks {} items"),
    ),
    Figure(
        "templates",
        lambda: data.load("evaluation_items")["template"].nunique(),
        (r"each of {} templates", r"the same {} templates", r"templates like these {},", r"questions of {} templates"),
    ),
    Figure(
        "facts",
        lambda: len(FACTS),
        (r"[Tt]each a model {} facts", r"of the {} facts", r"{} facts also fit", r"puts {} facts into"),
    ),
    Figure("countries", lambda: sum(fact.kind == CAPITAL for fact in FACTS), (r"{} countries that are not",)),
    Figure("steps of lab 9's run", of_recipe("steps"), (r"seven linear layers, {} steps of",)),
    Figure(
        "examples of a step",
        of_recipe("batch"),
        (r"steps of {} examples", r"{} × 64 tokens take", r"all {} examples at a time"),
    ),
    Figure("examples at a time", of_recipe("micro"), (r"of which {} are computed", r"most memory with {} examples")),
    Figure("tokens of an example", of_recipe("length"), (r"8 × {} tokens take", r"padded to {} tokens")),
    Figure(
        "windows of the ladder",
        lambda: constant("lab06", "N_WINDOWS"),
        (r"each read {} windows", r"median of the {}\)"),
    ),
    Figure("types of the ladder", lambda: len(constant("lab06", "TYPES")), (r"our model in {} ways",)),
    Figure("windows of help texts", lambda: constant("lab06", "N_HELP_WINDOWS"), (r"on {} windows of Python's",)),
    Figure(
        "assumptions",
        lambda: len(data.load("case_keys")),
        (r"plan rests on {} numbers", r"table's {} keys", r"with all {} keys", r"draws of all {} assumptions"),
    ),
    Figure("claims", lambda: len(data.load("claims")), (r"{} claims run through",)),
    Figure(
        "users in Algeria, millions",
        lambda: data.load("case_algeria").set_index("key").value["users"] / 1e6,
        (r"with {} million users",),
    ),
]


def agrees(printed: str, value: float) -> bool:
    """Whether the value, rounded as it is printed, is what is printed."""
    plain = printed.replace(",", "")
    if plain.lower() in WORDS:
        return WORDS[plain.lower()] == value
    if "e" in plain:
        return float(plain) == value
    return f"{value:.{len(plain.partition('.')[2])}f}" == plain


def quotes(context: str) -> Iterator[tuple[str, str]]:
    """Where a figure is quoted so, and as what."""
    pattern = context.replace("{}", N)
    for where, text in prose.everywhere().items():
        for found in re.finditer(pattern, text):
            yield where, found[1]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_is_the_same_wherever_it_is_quoted(figure: Figure) -> None:
    value = figure.value()
    for context in figure.contexts:
        found = list(quotes(context))
        assert found, f"no lab says {context!r} any more: drop it here, or follow the new words"
        assert [(where, printed) for where, printed in found if not agrees(printed, value)] == [], (context, value)


def test_lab_5_reckons_with_the_bytes_of_the_model() -> None:
    assert constant("lab05", "SMOLLM2_BYTES")["F16"] == smollm2_bytes()


def test_the_model_card_has_the_time_of_the_bill() -> None:
    assert "in two and a quarter hours" in prose.everywhere()["datasets/models/two-bills-code/README.md"]
    assert bill()["seconds"] / 3600 == pytest.approx(2.25, abs=0.05)


def test_no_two_labs_rent_the_h100_at_different_prices() -> None:
    sources = {lab.key: lab.source.read_text(encoding="utf-8") for lab in build.labs(prose.CHECKOUT)}
    rented = {key: set(re.findall(r'"gpu_hour_prices/([^"]+)"', source)) for key, source in sources.items()}
    renting = [key for key, rows in rented.items() if rows]
    assert renting == ["lab04", "lab07", "lab09"]
    [row] = set.union(*rented.values())
    price = data.row(f"gpu_hour_prices/{row}")["usd_per_gpu_hour"]
    case = data.load("case_algeria").set_index("key").loc["usd_per_device_hour"]
    assert case["value"] == price and f"gpu_hour_prices/{row}" in case["rows"].split()
