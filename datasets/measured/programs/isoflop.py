"""Train small Llamas at fixed budgets of FLOP and record their loss: an IsoFLOP sweep.

    python isoflop.py OUT --device "H100 SXM" --workers 3
    python isoflop.py OUT --smoke                   # two tiny runs on a processor, about a minute

The text is the Python source of this interpreter's packages and library (see corpus.py). A run of N parameters in
matrix products takes D = C/(6·N) tokens of a budget C. OUT keeps the corpus and a file for each finished run: started
again, the program goes on with what is missing. At the end OUT has the tables runs.csv, curves.csv and corpus.csv.
"""

import argparse
import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from queue import Empty
from typing import Any

import corpus
import torch
import torch.multiprocessing as mp
from llama import Llama, Shape
from table import figure, write
from training import Run, train

SIZES = [(2, 128), (3, 192), (4, 256), (5, 320), (6, 384), (8, 448), (8, 512), (10, 640)]  # layers, width
SEQUENCES = {3e14: 16, 1e15: 32, 3e15: 64, 1e16: 128, 3e16: 128}  # per step, by budget: the sweep
LARGER_BATCH = {3e14: 64, 1e15: 64}  # what hides in an IsoFLOP: the smaller budgets again, with too few steps
LEARNING_RATE = 4e-3  # up to a width of 256, then falling with it
LEAST_TOKENS_PER_PARAMETER, MOST_EPOCHS = {"sweep": 0.9, "larger batch": 1.5}, 4.2
SMOKE_BUDGET, SMOKE_FILES = 2e11, 300


def shape(n_layers: int, d_model: int) -> Shape:
    """Heads of 64, a feed-forward part of 8/3 of the width, rounded to 64."""
    heads = d_model // 64
    return Shape(n_layers, d_model, heads, heads, 64 * round(8 * d_model / 3 / 64), corpus.VOCAB_SIZE)


def planned(n_train_tokens: int) -> list[Run]:
    """The sweep and its repetitions with a larger batch, the most expensive first."""
    runs = []
    for n_layers, d_model in SIZES:
        n = shape(n_layers, d_model).n_matmul_params()
        rate = LEARNING_RATE * min(1.0, 256 / d_model)
        for part, plan in (("sweep", SEQUENCES), ("larger batch", LARGER_BATCH)):
            for budget, sequences in plan.items():
                if LEAST_TOKENS_PER_PARAMETER[part] * n <= budget / (6 * n) <= MOST_EPOCHS * n_train_tokens:
                    runs.append(Run(n_layers, d_model, budget, sequences, rate, in_sweep=part == "sweep"))
    return sorted(runs, key=lambda run: -run.budget_flop)


def made(run: Run, out: Path, device: str) -> dict[str, Any]:
    """The run's result, from its file if it is finished; the file is written when it is."""
    file = out / f"{run.name}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    torch.manual_seed(0)
    model = Llama(shape(run.n_layers, run.d_model)).to(device).initialise()
    result = train(model, run, corpus.load(out, device), device)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(result), encoding="utf-8")
    part.replace(file)
    print(f"{run.name}: {result['loss_nats']:.4f} nats, {result['seconds']:.0f} s", flush=True)
    return result


def work(queue: Any, out: Path) -> None:
    """One process of several on the same GPU: takes runs from the queue until it is empty."""
    torch.set_float32_matmul_precision("high")
    while True:
        try:
            run = queue.get(timeout=1)
        except Empty:
            return
        made(run, out, "cuda")
        torch.compiler.reset()
        torch.cuda.empty_cache()


def train_all(runs: Sequence[Run], out: Path, workers: int) -> None:
    context = mp.get_context("spawn")
    queue = context.Queue()
    for run in runs:
        queue.put(run)
    processes = [context.Process(target=work, args=(queue, out)) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def write_tables(runs: Sequence[Run], out: Path, device: str) -> None:
    rows, curves = [], []
    for run in sorted(runs, key=lambda run: (run.budget_flop, run.d_model, run.batch_tokens)):
        if not (out / f"{run.name}.json").exists():
            continue
        result = made(run, out, "cpu")
        s = shape(run.n_layers, run.d_model)
        rows.append(
            {
                "id": run.name, "n_layers": s.n_layers, "d_model": s.d_model, "vocab_size": s.vocab_size,
                "n_params": s.n_matmul_params(), "n_embedding": s.n_embedding, "n_tokens": result["n_tokens"],
                "budget_flop": figure(run.budget_flop), "flop": 6 * s.n_matmul_params() * result["n_tokens"],
                "epochs": f"{result['epochs']:.3f}", "batch_tokens": run.batch_tokens,
                "learning_rate": figure(run.learning_rate), "steps": result["steps"],
                "loss_nats": f"{result['loss_nats']:.5f}", "in_sweep": "yes" if run.in_sweep else "no",
                "device": device, "date": date.today().strftime("%Y-%m"),
            }
        )  # fmt: skip
        curves += [{"run": run.name, "n_tokens": tokens, "loss_nats": loss} for tokens, loss in result["curve"]]
    write(out / "runs.csv", rows)
    write(out / "curves.csv", curves)
    write(out / "corpus.csv", corpus.sizes(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the corpus, the runs and the tables")
    parser.add_argument("--device", default="H100 SXM", help="the GPU's name in `accelerators`, for the tables")
    parser.add_argument("--workers", type=int, default=3, help="processes that share the GPU")
    parser.add_argument("--smoke", action="store_true", help="two tiny runs on the processor")
    args = parser.parse_args()
    if args.workers < 1:
        parser.error(f"--workers is at least 1, got {args.workers}")
    if not args.smoke and not torch.cuda.is_available():
        parser.error("there is no GPU that PyTorch can use; --smoke runs on the processor")
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    corpus.build(args.out, SMOKE_FILES if args.smoke else None)
    if args.smoke:
        runs = [Run(*size, SMOKE_BUDGET, 4, LEARNING_RATE, in_sweep=True) for size in SIZES[:2]]
        for run in runs:
            made(run, args.out, "cpu")
    else:
        runs = planned(corpus.sizes(args.out)[0]["n_tokens"])
        train_all(runs, args.out, args.workers)
    write_tables(runs, args.out, "CPU" if args.smoke else args.device)
    print(f"{len(runs)} runs in {time.perf_counter() - started:.0f} s, tables in {args.out}")


if __name__ == "__main__":
    main()
