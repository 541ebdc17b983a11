"""Time one GPU at what training and serving a language model ask of it.

    python throughput.py OUT --device "H100 SXM"
    python throughput.py OUT --smoke                # seconds, on a processor

OUT gets six tables: models (the shapes), ceilings (matrix products, memory copy), prefill (by length of the prompt),
decode (by batch and context, the step as a CUDA graph) and training (a whole step, eager and compiled). Weights are
random: speed does not depend on what they were trained to. MFU is of the device's dense peak in `accelerators`.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench import Bench
from llama import Block, Llama, Shape, rope_table
from table import figure, slug, write
from torch import Tensor

from course import data

Row = dict[str, Any]
LENGTH = 2048  # tokens in a sequence of training
TRAIN = {  # name: shape, sequences in a step
    "125M": (Shape(12, 768, 12, 12, 2048, 32_000), 16),
    "350M": (Shape(24, 1024, 16, 16, 2752, 32_000), 8),
    "760M": (Shape(24, 1536, 24, 24, 4096, 32_000), 6),
    "1.3B": (Shape(24, 2048, 32, 32, 5504, 32_000), 4),
    "2.6B": (Shape(32, 2560, 40, 40, 6912, 32_000), 2),
}
SERVE = {
    "SmolLM2-135M": Shape(30, 576, 9, 3, 1536, 49_152),
    "TinyLlama-1.1B": Shape(22, 2048, 32, 4, 5632, 32_000, tied=False),
    "Llama-3.2-3B": Shape(28, 3072, 24, 8, 8192, 128_256),
    "Llama-3.1-8B": Shape(32, 4096, 32, 8, 14_336, 128_256, tied=False),
}
SMOKE = Shape(2, 128, 4, 2, 256, 512, tied=False)
MOST_BYTES = 66 * 2**30  # of weights and cache together
SMOKE_PEAK = 1e12


def models(bench: Bench) -> Iterator[Row]:
    """The shapes. `read_weight_bytes`: what a decode step reads of the weights, all but an embedding of its own."""
    shapes = {"smoke": SMOKE} if bench.smoke else {**SERVE, **{name: shape for name, (shape, _) in TRAIN.items()}}
    for name, s in shapes.items():
        yield {
            "id": slug(name), "name": name, "n_layers": s.n_layers, "d_model": s.d_model, "n_heads": s.n_heads,
            "n_kv_heads": s.n_kv_heads, "head_dim": s.head_dim, "d_ff": s.d_ff, "vocab_size": s.vocab_size,
            "tied": "yes" if s.tied else "no", "n_params": s.n_params(), "n_matmul_params": s.n_matmul_params(),
            "weight_bytes": 2 * s.n_params(), "read_weight_bytes": read_weight_bytes(s),
        }  # fmt: skip


def read_weight_bytes(shape: Shape) -> int:
    """Bytes of the weights, in 16 bits, that a decode step reads: of an untied embedding it looks up single rows."""
    return 2 * (shape.n_params() - (0 if shape.tied else shape.n_embedding))


def ceilings(bench: Bench) -> Iterator[Row]:
    """Matrix products in bf16, square and thin (few rows and all the weights, as in serving), and a copy of memory."""
    for n in (256,) if bench.smoke else (1024, 2048, 4096, 8192, 16_384):
        a, b = (torch.randn(n, n, device=bench.where, dtype=torch.bfloat16) for _ in range(2))
        yield _product(bench, a, b)
    for inner, columns in ((256, 256),) if bench.smoke else ((4096, 4096), (4096, 14_336)):
        weights = torch.randn(columns, inner, device=bench.where, dtype=torch.bfloat16)
        for rows in (1, 4, 16, 64, 256, 1024):
            yield _product(bench, torch.randn(rows, inner, device=bench.where, dtype=torch.bfloat16), weights.T)
    size = 2**20 if bench.smoke else 2**31
    source, target = (torch.empty(size, device=bench.where, dtype=torch.int8) for _ in range(2))
    seconds = bench.seconds(lambda: target.copy_(source), repetitions=20)
    yield {
        "id": f"copy-{size}", "what": "memory copy", "n_rows": "", "n_inner": "", "n_columns": "", "amount": 2 * size,
        "seconds": figure(seconds), "rate": figure(2 * size / seconds), "unit": "byte/s", **bench.tail,
    }  # fmt: skip


def _product(bench: Bench, a: Tensor, b: Tensor) -> Row:
    (m, k), n = a.shape, b.shape[1]
    seconds = bench.seconds(lambda: a @ b, repetitions=20)
    return {
        "id": f"matmul-{m}x{k}x{n}", "what": "matrix product", "n_rows": m, "n_inner": k, "n_columns": n,
        "amount": 2 * m * k * n, "seconds": figure(seconds), "rate": figure(2 * m * k * n / seconds),
        "unit": "FLOP/s", **bench.tail,
    }  # fmt: skip


def training(bench: Bench) -> Iterator[Row]:
    """Seconds of a training step, and the MFU with and without causal attention, which is half of 12·L·d·T."""
    plan = {"smoke": (SMOKE, 2)} if bench.smoke else TRAIN
    length = 64 if bench.smoke else LENGTH
    for mode in ("eager",) if bench.smoke else ("eager", "compiled"):
        for name, (shape, sequences) in plan.items():
            seconds = bench.seconds(_training_step(bench, shape, sequences, length, mode), repetitions=8)
            per_s, n = sequences * length / seconds, shape.n_matmul_params()
            counted = 6 * n + 6 * shape.n_layers * shape.d_model * length
            memory = torch.cuda.max_memory_allocated() / 2**30 if bench.where == "cuda" else 0
            yield {
                "id": f"{slug(name)}-{mode}", "model": slug(name), "mode": mode, "sequences": sequences,
                "length": length, "step_s": figure(seconds), "tokens_per_s": figure(per_s),
                "mfu_6n": figure(6 * n * per_s / bench.peak), "mfu": figure(counted * per_s / bench.peak),
                "peak_memory_gib": f"{memory:.2f}", **bench.tail,
            }  # fmt: skip
            bench.free()


def _training_step(bench: Bench, shape: Shape, sequences: int, length: int, mode: str) -> Callable[[], None]:
    model = Llama(shape).to(bench.where).initialise()
    forward = torch.compile(model) if mode == "compiled" else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    tokens = torch.randint(0, shape.vocab_size, (sequences, length + 1), device=bench.where)

    def step() -> None:
        with torch.autocast(bench.where, torch.bfloat16):
            loss = forward(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def served(bench: Bench) -> Iterator[tuple[str, Llama]]:
    """The models to serve, one at a time, in bf16 with random weights."""
    for name, shape in ({"smoke": SMOKE} if bench.smoke else SERVE).items():
        with torch.device("meta"):
            model = Llama(shape)
        model = model.to_empty(device=bench.where).to(torch.bfloat16).requires_grad_(False)
        model.tie()
        for weights in model.parameters():
            torch.nn.init.normal_(weights, std=0.02)
        yield name, model
        del model
        bench.free()


def prefill(bench: Bench, name: str, model: Llama) -> Iterator[Row]:
    """Seconds of a forward pass over one prompt, logits at every position."""
    s = model.shape
    for length in (16,) if bench.smoke else (128, 512, 2048, 8192):
        tokens = torch.randint(0, s.vocab_size, (1, length), device=bench.where)
        seconds = bench.seconds(partial(model, tokens), repetitions=10)
        flop = (2 * s.n_matmul_params() + 2 * s.n_layers * s.d_model * length) * length
        yield {
            "id": f"{slug(name)}-p{length}", "model": slug(name), "n_prompt": length, "seconds": figure(seconds),
            "tokens_per_s": figure(length / seconds), "mfu": figure(flop / seconds / bench.peak), **bench.tail,
        }  # fmt: skip


class Decoder:
    """One step of decoding: a token for every sequence of the batch, against a key-value cache that is full."""

    def __init__(self, model: Llama, batch: int, context: int, where: str) -> None:
        s = self.shape = model.shape
        self.model = model
        self.blocks = [block for block in model.blocks if isinstance(block, Block)]
        self.tokens = torch.randint(0, s.vocab_size, (batch, 1), device=where)
        size = (batch, s.n_kv_heads, context, s.head_dim)
        self.cache = [
            tuple(torch.randn(size, device=where, dtype=torch.bfloat16) for _ in range(2)) for _ in model.blocks
        ]
        cos, sin = rope_table(context, s.head_dim, where)
        self.cos, self.sin = cos[-1:], sin[-1:]

    def __call__(self) -> Tensor:
        x = self.model.embed(self.tokens)
        for block, (keys, values) in zip(self.blocks, self.cache, strict=True):
            q, k, v = block.heads(x, self.cos, self.sin)
            keys[:, :, -1:] = k
            values[:, :, -1:] = v
            x = block.finish(x, block.attend(q, keys, values, causal=False))
        return self.model.head(self.model.norm(x))[:, -1].argmax(-1)


def decode(bench: Bench, name: str, model: Llama) -> Iterator[Row]:
    """Seconds of a step of decoding, as a CUDA graph, where weights and cache fit."""
    s = model.shape
    for context in (16,) if bench.smoke else (512, 2048, 8192):
        for batch in (1, 2) if bench.smoke else (1, 2, 4, 8, 16, 32, 64, 128, 256):
            kv_bytes = 2 * s.kv_elements(batch, context)
            if kv_bytes + 2 * s.n_params() > MOST_BYTES:
                continue
            decoder = Decoder(model, batch, context, bench.where)
            seconds = bench.seconds(_graph(decoder) if bench.where == "cuda" else decoder, repetitions=12)
            read = read_weight_bytes(s) + kv_bytes
            yield {
                "id": f"{slug(name)}-b{batch}-c{context}", "model": slug(name), "batch": batch, "context": context,
                "kv_bytes": kv_bytes, "step_s": figure(seconds), "tokens_per_s": figure(batch / seconds),
                "read_bytes": read, "read_bytes_per_s": figure(read / seconds),
                "flop_per_s": figure(2 * s.n_matmul_params() * batch / seconds), **bench.tail,
            }  # fmt: skip
            del decoder
            bench.free()


def _graph(decoder: Decoder) -> Callable[[], None]:
    """The step recorded once and replayed, so that launching its kernels costs no time of the processor."""
    for _ in range(3):
        decoder()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        decoder()
    return graph.replay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the tables")
    parser.add_argument("--device", help="the GPU's name in `accelerators`")
    parser.add_argument("--smoke", action="store_true", help="a tiny model on the processor")
    args = parser.parse_args()
    peaks = data.load("accelerators").set_index("name")["dense_flop_per_s"]
    if not args.smoke and args.device not in peaks:
        parser.error(f"--device {args.device!r} is none of: {', '.join(peaks.index)}")
    if not args.smoke and not torch.cuda.is_available():
        parser.error("there is no GPU that PyTorch can use; --smoke runs on the processor")
    bench = Bench(*(("CPU", SMOKE_PEAK) if args.smoke else (args.device, peaks[args.device])), smoke=args.smoke)
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    write(args.out / "models.csv", list(models(bench)))
    write(args.out / "ceilings.csv", list(ceilings(bench)))
    rows: dict[str, list[Row]] = {"prefill": [], "decode": []}
    with torch.inference_mode():
        for name, model in served(bench):
            rows["prefill"] += prefill(bench, name, model)
            rows["decode"] += decode(bench, name, model)
            print(f"{name}: served", flush=True)
    for table, made in rows.items():
        write(args.out / f"{table}.csv", made)
    write(args.out / "training.csv", list(training(bench)))
    print(f"PyTorch {torch.__version__}, tables in {args.out}")


if __name__ == "__main__":
    main()
