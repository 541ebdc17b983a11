"""`course serve` against llama-server: tokens per second of all clients together, and the time to the first token.

    python -m benchmarks.serving [--quick] [--rounds N] [--threads N]

Prints a table, and writes results/serving.json and ../RESULTS.md. Both servers run all the time, with a slot for each
client, and get the same requests from the same load generator, in turn. A round during which other work kept a tenth of
a processor busy or more is measured again.
"""

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import command, llama_tools, results
from benchmarks.cost import Failed
from course import models
from course.llama import load, quantize, server
from course.llama.load import Run
from course.llama.server import Server
from course.measure import others

CLIENTS = (1, 2, 4, 8)
TYPES = ("F16", "Q4_0")
MOST_BUSY = 0.1  # processors
ATTEMPTS = 20  # at a round that others disturb
PEER = "llama-server"


@dataclass
class Contest:
    """One number of clients of one model: milliseconds per token, and to the first one, by server."""

    model: str
    clients: int
    per_token: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], PEER: []})
    to_first: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], PEER: []})

    def add(self, who: str, run: Run) -> None:
        """Raises Failed unless every request has got all of its tokens."""
        requests = run.trace["requests"]
        if any(requests["error"]):
            raise Failed(f"{self.model}, {self.clients} clients, {who}: {next(filter(None, requests['error']))}")
        waits = [first - sent for first, sent in zip(requests["first"], requests["sent"], strict=True)]
        self.per_token[who].append(1000 * max(requests["last"]) / sum(requests["tokens"]))
        self.to_first[who].append(1000 * statistics.median(waits))

    def rows(self) -> Iterator[dict[str, Any]]:
        what = f"{self.model}, {self.clients} client{'s' * (self.clients > 1)}"
        for group, found in (("A token, all clients together", self.per_token), ("The first token", self.to_first)):
            yield results.compared(group, what, found["ours"], PEER, found[PEER], unit="ms")


def main() -> None:
    """Measure, print, write."""
    command.run("serving", __doc__ or "", measure, rounds=5)


def measure(*, rounds: int, n_threads: int, quick: bool = False) -> dict[str, Any]:
    """The report: rows in the shape of `results`. Raises Failed: a request not answered, or a machine never quiet."""
    program = llama_tools.folder() / PEER
    loads, disturbed, contests = [os.getloadavg()[0]], [], []
    smol = models.path("smollm2-f16")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for kind in TYPES:
            file = smol if kind == "F16" else quantize.quantize(smol, Path(folder) / f"{kind}.gguf", to=kind)
            options: dict[str, Any] = {"slots": max(CLIENTS), "n_threads": n_threads}
            with ExitStack() as running:
                servers = {
                    "ours": running.enter_context(server.started(str(file), **options)),
                    PEER: running.enter_context(server.started(str(file), llama_server=program, **options)),
                }
                for clients in CLIENTS:
                    contest = Contest(f"SmolLM2 {kind}", clients)
                    contests.append(contest)
                    for number in range(rounds):
                        for who in ("ours", PEER) if number % 2 == 0 else (PEER, "ours"):
                            how = {"clients": clients, "seconds": 1 if quick else 6, "seed": number}
                            run = _measured(servers[who], how, disturbed, patient=not quick)
                            contest.add(who, run)
                        loads.append(os.getloadavg()[0])
                    print(f"{contest.model}, {clients} clients: {contest.per_token}", flush=True)
    rows = sorted((row for contest in contests for row in contest.rows()), key=lambda row: row["group"])
    return results.report(
        rows,
        packages=("tornado", "httpx"),
        versions={},
        machine={"load": {"least": min(loads), "most": max(loads)}},
        notes=[
            f"{rounds} interleaved rounds of 6 s, {n_threads} threads; medians, with the least and the most",
            f"closed loops of clients at {max(CLIENTS)} slots; prompts of mostly 15 to 40 tokens, answers of 16 to 64, "
            "temperature 0; no prompt is kept between requests",
            "a first token's time is the median over the requests of a round",
            "clients run on the same cores as the servers",
            f"{len(disturbed)} rounds were measured again because other work kept {MOST_BUSY} processors busy or more",
        ],
    )


def _measured(serving: Server, how: dict[str, Any], disturbed: list[float], *, patient: bool) -> Run:
    for _ in range(ATTEMPTS if patient else 1):
        if patient:
            others.wait_for_quiet(most_busy=MOST_BUSY)
        run = load.closed_loop(serving, **how)
        if not patient or (run.gauge.others_busy or 0) < MOST_BUSY:
            return run
        disturbed.append(run.gauge.others_busy or 0)
    raise Failed(f"other work keeps this machine busy ({disturbed[-ATTEMPTS:]} processors): measure when it is quiet")


if __name__ == "__main__":
    main()
