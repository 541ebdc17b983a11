"""Sustained speed of matrix products, the work that training is made of."""

import time

SIZES = (4096, 2048, 1024, 512, 256)


def rates(sizes: tuple[int, ...] = SIZES, *, repetitions: int = 5, seconds: float = 0.05) -> dict[str, list[float]]:
    """FLOP/s of n × n by n × n products in float32 with PyTorch, on all of its threads.

    Returns {"n = 4096": one rate per repetition, …} in the order of `sizes`. One product warms up; a repetition
    goes on for at least `seconds`, so that a small product is not lost in the clock. A multiply-add counts as 2 FLOP.
    Raises ValueError if a size or the number of repetitions is not positive.
    """
    if min(*sizes, repetitions) < 1:
        raise ValueError(f"sizes and repetitions are positive; got {sizes} and {repetitions}")
    return {f"n = {n}": _rates_of(n, repetitions, seconds) for n in sizes}


def _rates_of(n: int, repetitions: int, seconds: float) -> list[float]:
    import torch  # takes seconds to load: only who measures waits for it

    generator = torch.Generator().manual_seed(n)
    a, b = torch.rand(n, n, generator=generator), torch.rand(n, n, generator=generator)
    out = a @ b
    rates = []
    for _ in range(repetitions):
        products, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds or not products:
            torch.mm(a, b, out=out)
            products += 1
        rates.append(2 * n**3 * products / elapsed)
    return rates
