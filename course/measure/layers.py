"""Seconds of a step of decoding without attention: each weight of a stack of layers meets each sequence once.

The layers together are larger than any laptop's cache. They are square and in float32, so that a batch of b does 2·b
operations for each 4 bytes of weights: a small batch waits for memory, a large one for arithmetic. One core does it,
so that nothing waits for a thread that another program holds up.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import psutil

WIDTH, N_LAYERS = 4096, 4
N_WEIGHTS = N_LAYERS * WIDTH**2
BATCHES = (1, 4, 16, 64, 256)
READ = "read"


def step_seconds(
    batches: Sequence[int] = BATCHES, *, width: int = WIDTH, repetitions: int = 5, seconds: float = 0.05
) -> dict[str, list[float]]:
    """Seconds of a step: {"batch 1": one for each repetition, …, "read": what reading all weights once takes}.

    All are measured in turns, so that other work on the machine meets them alike. A step of each kind warms up; a
    repetition goes on for at least `seconds`, and is the mean of its steps. Raises ValueError if a batch or the number
    of repetitions is not positive, or if too little memory is free.
    """
    if min(*batches, repetitions) < 1:
        raise ValueError(f"batches and repetitions are positive; got {list(batches)} and {repetitions}")
    _check_memory(4 * N_LAYERS * width**2)
    import torch  # takes seconds to load: only who measures waits for it

    layers = [torch.full((width, width), 1 / width) for _ in range(N_LAYERS)]
    bits = [layer.view(torch.int32).numpy() for layer in layers]
    with torch.inference_mode(), _one_thread(torch):
        steps: dict[str, Callable[[], object]] = {
            f"batch {batch}": partial(_through, layers, torch.ones(batch, width)) for batch in batches
        }
        steps[READ] = lambda: [np.bitwise_or.reduce(layer.ravel()) for layer in bits]
        return _in_turns(steps, repetitions, seconds)


def _through(layers: Sequence, x):
    for weights in layers:
        x = x @ weights
    return x


@contextmanager
def _one_thread(torch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _in_turns(steps: Mapping[str, Callable[[], object]], repetitions: int, seconds: float) -> dict[str, list[float]]:
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {label: [] for label in steps}
    for _ in range(repetitions):
        for label, step in steps.items():
            n, start = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - start) < seconds or not n:
                step()
                n += 1
            taken[label].append(elapsed / n)
    return taken


def _check_memory(needed_bytes: int) -> None:
    free_bytes = psutil.virtual_memory().available
    if free_bytes < 2 * needed_bytes:
        raise ValueError(
            f"{free_bytes / 2**20:,.0f} MiB of memory are free, and the layers take {needed_bytes / 2**20:,.0f} MiB: "
            "close what you do not need"
        )
