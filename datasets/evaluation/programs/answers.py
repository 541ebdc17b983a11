"""Let a model answer lab 8's questions, by the log-probability of each choice.

    python answers.py OUT [--types F16 Q4_0] [--prompts zero-shot examples chat letters] [--seeds 2026] [--every N]

OUT gets the table answers.csv. The model is SmolLM2-135M-Instruct in 16 bits, quantized from there to each other type.
The log-probability of a choice is that of all its tokens after the prompt. With --texts the model also writes a few
tokens of its own. `--smoke` is the course's own small model, one prompt and every 40th question: seconds.
"""

import argparse
import csv
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bank import Item, items

from course import models
from course.llama import choices, quantize
from course.llama.choices import Question
from course.llama.generate import complete

LETTERS = "ABCD"
RULE = "Answer with one word or one number."
EXAMPLES = [
    ("What is 3 + 1?", "4"),
    ("Tom has a gray coat. Sue has a purple coat. What color is the coat of Sue?", "purple"),
    ("Which of these is a vegetable: chair, carrot, river, cloud?", "carrot"),
]
WRITTEN_TOKENS = {"letters": 3, "examples": 6, "chat": 6}


def _turn(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def _chat(item: Item) -> str:
    return _turn("user", item.question) + "<|im_start|>assistant\n"


def _plain(item: Item) -> str:
    return f"Question: {item.question}\nAnswer:"


def _lettered(item: Item) -> str:
    shown = "".join(f"\n{letter}) {choice}" for letter, choice in zip(LETTERS, item.choices, strict=False))
    return _turn("user", item.question + shown) + "<|im_start|>assistant\n"


SHOWN = "".join(f"Question: {question}\nAnswer: {answer}\n\n" for question, answer in EXAMPLES)
TURNS = "".join(_turn("user", question) + _turn("assistant", answer) for question, answer in EXAMPLES)
PROMPTS = {  # what comes before every question, the question, and what stands between it and the choice
    "zero-shot": ("", _plain, " "),
    "examples": (SHOWN, _plain, " "),
    "chat": (_turn("system", RULE) + TURNS, _chat, ""),
    "letters": (_turn("system", "Answer with one letter: A, B, C or D."), _lettered, ""),
}


def question(item: Item, prompt: str) -> Question:
    """The item under a prompt; of lettered choices always four, also where it has two."""
    _, ask, space = PROMPTS[prompt]
    offered = LETTERS if prompt == "letters" else item.choices
    return Question(ask(item), tuple(space + choice for choice in offered))


def answers(model: Path, asked: Sequence[tuple[str, Item]], prompt: str) -> Iterator[list]:
    """Item, prompt, the four log-probabilities and the four numbers of tokens, empty where there is no choice."""
    before = PROMPTS[prompt][0]
    scored = choices.score(model, [question(item, prompt) for _, item in asked], before=before, n_threads=1)
    for (key, _), found in zip(asked, scored, strict=True):
        none = [""] * (4 - len(found))
        yield [key, prompt, *(f"{sum(each):.3f}" for each in found), *none, *map(len, found), *none]


def write(out: Path, files: dict[str, Path], prompts: Sequence[str], asked: Sequence[tuple[str, Item]], *, texts: bool):
    heading = [
        "item",
        "type",
        "prompt",
        *(f"logprob_{i}" for i in range(4)),
        *(f"n_tokens_{i}" for i in range(4)),
        "text",
    ]
    part = out / "answers.part"
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heading)
        for kind, model in files.items():
            for prompt in prompts:
                for (key, _, *numbers), (_, item) in zip(answers(model, asked, prompt), asked, strict=True):
                    before, ask, _ = PROMPTS[prompt]
                    n_written = WRITTEN_TOKENS.get(prompt, 0) if texts else 0
                    text = complete(before + ask(item), model=model, max_tokens=n_written).text if n_written else ""
                    writer.writerow([key, kind, prompt, *numbers, text])
                print(f"{kind}, {prompt}: {len(asked)} items", flush=True)
    part.replace(out / "answers.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the table")
    parser.add_argument("--types", nargs="+", default=["F16", "Q8_0", "Q4_K_M", "Q4_0", "Q2_K"])
    parser.add_argument("--prompts", nargs="+", default=list(PROMPTS)[:3], choices=list(PROMPTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[2026])
    parser.add_argument("--every", type=int, default=1, help="only every N-th question")
    parser.add_argument("--texts", action="store_true", help="also what the model writes by itself")
    parser.add_argument("--smoke", action="store_true", help="the small model, one prompt, few questions")
    args = parser.parse_args()
    if args.every < 1:
        parser.error(f"--every is at least 1, got {args.every}")
    if unknown := [kind for kind in args.types if kind not in quantize.TYPES]:
        parser.error(f"there is no type {unknown[0]!r}; there are: {', '.join(quantize.TYPES)}")
    if args.smoke:
        args.types, args.prompts, args.every = ["F16"], ["zero-shot"], 40
    asked = [(f"{seed}-{number:03}", item) for seed in args.seeds for number, item in enumerate(items(seed))]
    source = models.path("two-bills-code" if args.smoke else models.SMOLLM2_F16.name)
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = {
            kind: source if kind == "F16" else quantize.quantize(source, Path(folder) / f"{kind}.gguf", to=kind)
            for kind in args.types
        }
        write(args.out, files, args.prompts, asked[:: args.every], texts=args.texts)


if __name__ == "__main__":
    main()
