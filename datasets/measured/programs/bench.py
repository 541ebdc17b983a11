"""A device to time things on."""

import gc
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import torch


class Bench:
    """The device, what it is called, its peak, and how to time it."""

    def __init__(self, name: str, peak_flop_per_s: float, *, smoke: bool) -> None:
        self.where = "cpu" if smoke else "cuda"
        self.peak, self.smoke = peak_flop_per_s, smoke
        self.tail = {"device": name, "date": date.today().strftime("%Y-%m")}

    def wait(self) -> None:
        if self.where == "cuda":
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], Any], *, repetitions: int) -> float:
        """Median of the repetitions, after three calls to warm up."""
        for _ in range(3):
            call()
        times = []
        for _ in range(repetitions):
            self.wait()
            start = time.perf_counter()
            call()
            self.wait()
            times.append(time.perf_counter() - start)
        return sorted(times)[len(times) // 2]

    def free(self) -> None:
        gc.collect()
        if self.where == "cuda":
            torch.compiler.reset()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
