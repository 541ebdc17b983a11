"""Train a small code model on this machine's processor, and write its bill.

    python train.py OUT --layers 4 --sequences 16 --threads 2 --bf16 --compile --seconds 8000

is the run of the bill beside this folder. OUT becomes a folder that transformers loads (config.json, tokenizer.json,
model.safetensors), with training_bill.json and held_out.jsonl, the standard library's held-out files. It is written
once a minute: a killed run leaves its last state, and a bill that says `"finished": false`. With --steps in place of
--seconds the same command gives the same weights again.
"""

import argparse
import json
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import corpus
import numpy as np
import torch
from folder import write
from network import Network, Shape
from training import Recipe, held_out_loss, train

from course.measure import record


def main() -> None:
    parser = _parser()
    args = parser.parse_args()
    started, clock = datetime.now(UTC), time.perf_counter()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high")
    try:
        shape, recipe = _planned(args)
    except ValueError as error:
        parser.error(str(error))
    texts = corpus.read(args.most_files)
    print(f"{len(texts.train):,} files to train on, {len(texts.held_out):,} held out", flush=True)
    tokenizer = corpus.train_tokenizer(texts.train, shape.vocab_size)
    streams = {"train": corpus.encode(tokenizer, texts.train), "val": corpus.encode(tokenizer, texts.held_out)}
    for name, needed in (("train", recipe.batch_tokens), ("val", recipe.context)):
        if len(streams[name]) <= needed:
            parser.error(
                f"{len(streams[name]):,} tokens of text ({name}) are not more than {needed:,}: take more files"
            )
    bill = {
        "name": args.out.name,
        "machine": f"{record.machine()['cpu']}, {record.machine()['cores']} cores, {platform.system()}",
        "started": started.isoformat(timespec="minutes"),
        "n_params": shape.n_params(),
        **vars(shape),
        **_of_recipe(recipe),
        "corpus": {
            "val": _sizes(texts.held_out, streams["val"]),
            "train": _sizes(texts.train, streams["train"]),
            "packages": texts.packages,
        },
    }
    args.out.mkdir(parents=True, exist_ok=True)
    held_out = "".join(json.dumps(text) + "\n" for text in corpus.held_out_of_library())
    (args.out / "held_out.jsonl").write_text(held_out, encoding="utf-8")
    torch.manual_seed(recipe.seed)
    network = Network(shape)
    for account in train(network, torch.from_numpy(streams["train"]), recipe):
        bill |= account
        write(network, tokenizer, args.out, context=recipe.context, bill=bill)
        print(
            f"{account['tokens']:,} tokens, {account['seconds']:.0f} s, loss {account['curve'][-1][2]:.3f}", flush=True
        )
    loss, n_tokens = held_out_loss(network, torch.from_numpy(streams["val"]), recipe)
    bill |= {
        "held_out_nats_per_token": round(loss, 5),
        "held_out_tokens": n_tokens,
        "held_out_bits_per_byte": round(loss / np.log(2) * len(streams["val"]) / bill["corpus"]["val"]["bytes"], 4),
        "seconds_whole_command": round(time.perf_counter() - clock, 1),
    }
    write(network, tokenizer, args.out, context=recipe.context, bill=bill)
    print(json.dumps({name: value for name, value in bill.items() if name not in ("curve", "corpus")}, indent=1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("out", type=Path)
    add("--layers", type=int, default=12)
    add("--width", type=int, default=256)
    add("--heads", type=int, default=4)
    add("--kv-heads", type=int, default=2)
    add("--ff", type=int, default=768)
    add("--vocab", type=int, default=4096)
    add("--context", type=int, default=512)
    add("--sequences", type=int, default=16, help="in one step")
    add("--lr", type=float, help="the highest learning rate; without it 0.004 x 256 / width")
    add("--warmup", type=int, default=200, help="steps until it is reached")
    add("--seed", type=int, default=0)
    add("--threads", type=int)
    add("--bf16", action="store_true", help="bfloat16 matrix products, weights in float32")
    add("--compile", action="store_true", help="with torch.compile, which needs a C++ compiler")
    add("--most-files", type=int, help="to train on; without it all that are installed")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--seconds", type=float, help="of training; the learning rate falls towards their end")
    length.add_argument("--steps", type=int)
    return parser


def _planned(args: argparse.Namespace) -> tuple[Shape, Recipe]:
    shape = Shape(args.layers, args.width, args.heads, args.kv_heads, args.ff, args.vocab)
    recipe = Recipe(
        sequences=args.sequences,
        context=args.context,
        lr=args.lr or 4e-3 * 256 / args.width,
        warmup_steps=args.warmup,
        seed=args.seed,
        bf16=args.bf16,
        compile=args.compile,
        seconds=args.seconds,
        steps=args.steps,
    )
    return shape, recipe


def _of_recipe(recipe: Recipe) -> dict[str, Any]:
    return {
        "context": recipe.context,
        "batch_tokens": recipe.batch_tokens,
        "lr": recipe.lr,
        "warmup_steps": recipe.warmup_steps,
        "seed": recipe.seed,
        "device_type": "cpu",
        "device": f"CPU, {torch.get_num_threads()} threads",
        "arithmetic": "bfloat16 autocast, float32 weights" if recipe.bf16 else "float32",
        "torch": torch.__version__,
        "power_w_mean": None,  # not measured
    }


def _sizes(texts: list[str], stream: np.ndarray) -> dict[str, int]:
    return {"files": len(texts), "bytes": sum(len(text.encode()) for text in texts), "tokens": len(stream)}


if __name__ == "__main__":
    main()
