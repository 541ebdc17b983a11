"""Choices scored by `course.llama.choices` against plain loops of llama-cpp-python's `create_completion`.

    python -m benchmarks.evaluation [--quick] [--rounds N] [--threads N]

Prints a table, and writes results/evaluation.json and ../RESULTS.md. Items are lab 8's, after three worked examples;
each run opens the model and answers all of its items, ours and the peer's in turn. One peer lets the model write up to
six tokens; the other asks for the log-probabilities of a text with each choice.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llama_cpp import Llama

from benchmarks import command, results
from benchmarks.cost import Failed
from course import data, models
from course.llama import choices, quantize
from course.llama.choices import Question

TYPES = ("F16", "Q4_0")
EXAMPLES = (
    ("What is 3 + 1?", "4"),
    ("Tom has a gray coat. Sue has a purple coat. What color is the coat of Sue?", "purple"),
    ("Which of these is a vegetable: chair, carrot, river, cloud?", "carrot"),
)
ASKED = "Question: {}\nAnswer:"
BEFORE = "".join(f"{ASKED.format(question)} {answer}\n\n" for question, answer in EXAMPLES)
CONTEXT = 512
WRITTEN = 6  # tokens


def scored(file: Path, questions: Sequence[Question], n_threads: int) -> int:
    """Ours: how many items have a choice with the largest sum."""
    sums = choices.score(file, questions, before=BEFORE, n_threads=n_threads)
    return len([max(map(sum, of_item)) for of_item in sums])


def written(file: Path, questions: Sequence[Question], n_threads: int) -> int:
    """A call an item: the model writes, and the answer is to be read from its text."""
    model = _opened(file, n_threads, logits_all=False)
    asked = {"max_tokens": WRITTEN, "temperature": 0, "stop": ["\n"]}
    found = [model.create_completion(BEFORE + question.text, **asked) for question in questions]
    return sum("text" in answer["choices"][0] for answer in found)


def echoed(file: Path, questions: Sequence[Question], n_threads: int) -> int:
    """A call a choice: `echo` and `logprobs` tell the log-probability of every token of the text."""
    model = _opened(file, n_threads, logits_all=True)
    asked = {"max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
    n = 0
    for question in questions:
        texts = [BEFORE + question.text + choice for choice in question.choices]
        found = [model.create_completion(text, **asked)["choices"][0]["logprobs"] for text in texts]
        n += all(each["token_logprobs"] for each in found)
    return n


PEERS = {
    f"create_completion, a call an item, up to {WRITTEN} tokens": written,
    "create_completion, a call a choice, echo and logprobs": echoed,
}


def _opened(file: Path, n_threads: int, *, logits_all: bool) -> Llama:
    asked = {"n_threads": n_threads, "n_threads_batch": n_threads, "logits_all": logits_all}
    return Llama(str(file), n_ctx=CONTEXT, verbose=False, **asked)


@dataclass
class Contest:
    """The same items answered by ours and by a peer: wall and CPU milliseconds an item, by round."""

    what: str
    peer_name: str
    file: Path
    questions: Sequence[Question]
    wall: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "peer": []})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "peer": []})

    def round(self, number: int, n_threads: int) -> None:
        """Run both, in an order that turns. Raises Failed unless every item is answered."""
        ways = {"ours": scored, "peer": PEERS[self.peer_name]}
        for who in ("ours", "peer") if number % 2 == 0 else ("peer", "ours"):
            self._run(who, ways[who], n_threads)

    def _run(self, who: str, way: Callable[[Path, Sequence[Question], int], int], n_threads: int) -> None:
        began, used = time.perf_counter(), time.process_time()
        n = way(self.file, self.questions, n_threads)
        if n != len(self.questions):
            raise Failed(f"{self.what}: {n} of {len(self.questions)} items are answered by {way.__name__}")
        self.wall[who].append(1000 * (time.perf_counter() - began) / n)
        self.cpu[who].append(1000 * (time.process_time() - used) / n)

    def rows(self) -> Iterator[dict[str, Any]]:
        for group, found in (("Wall time of an item", self.wall), ("CPU time of an item", self.cpu)):
            yield results.compared(group, self.what, found["ours"], self.peer_name, found["peer"], unit="ms")


def main() -> None:
    """Measure, print, write."""
    command.run("evaluation", __doc__ or "", measure, rounds=3)


def measure(*, rounds: int, n_threads: int, quick: bool = False) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises Failed where an item has no answer."""
    loads = [os.getloadavg()[0]]
    questions = _questions()
    of_peer = dict(zip(PEERS, (questions[:2] if quick else questions[::5], questions[:1]), strict=True))
    smol = models.path("smollm2-f16")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        contests = []
        for kind in TYPES:
            file = smol if kind == "F16" else quantize.quantize(smol, Path(folder) / f"{kind}.gguf", to=kind)
            for name, these in of_peer.items():
                if kind == TYPES[0] or PEERS[name] is not echoed:  # which takes a minute an item, of any type
                    what = f"SmolLM2 {kind}, {len(these)} item{'s' * (len(these) > 1)}"
                    contests.append(Contest(what, name, file, these))
        for number in range(rounds):
            for contest in contests:
                contest.round(number, n_threads)
                loads.append(os.getloadavg()[0])
                print(f"round {number + 1}: {contest.what}, {contest.peer_name}: {contest.wall}", flush=True)
    rows = sorted((row for contest in contests for row in contest.rows()), key=lambda row: row["group"])
    return results.report(
        rows,
        packages=(),
        versions={},
        machine={"load": {"least": min(loads), "most": max(loads)}},
        notes=[
            f"{rounds} interleaved rounds, {n_threads} thread{'s' * (n_threads > 1)}; medians, with the least and the "
            "most; each run opens the model",
            "ours gives every choice the log-probability of each of its tokens; the worked examples before all items, "
            "and an item before its choices, stay in the KV cache, as both peers keep them",
            f"a model that writes up to {WRITTEN} tokens has answered something else: its text has to be read",
            "echo and logprobs sort the whole vocabulary in Python for every token of the text; llama-cpp-python "
            "0.3.36 gives each token the figure of the place after it, so the sums are not compared",
        ],
    )


def _questions() -> list[Question]:
    items = data.load("evaluation_items")
    found = []
    for item in items[items.seed == 2026].itertuples():
        offered = (item.choice_0, item.choice_1, item.choice_2, item.choice_3)
        found.append(Question(ASKED.format(item.question), tuple(f" {choice}" for choice in offered if choice)))
    return found


if __name__ == "__main__":
    main()
