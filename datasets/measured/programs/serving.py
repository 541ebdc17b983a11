"""Record lab 7's runs on the reference machine: for those who cannot run a server.

    python datasets/measured/programs/serving.py [OUT]
    python datasets/measured/programs/serving.py OUT --smoke    # a small model, a second each

Run it on a quiet machine: before a run it waits, ten minutes at most, until other work keeps less than a tenth of a
processor busy, and repeats the run, twice at most, if it has not stayed so; with --busy it takes the machine as it is.
OUT, by default `measured/serving`, gets traces.jsonl and gauges.jsonl when all runs are done: a line for each run in
both.
"""

import argparse
from pathlib import Path

from course.llama.load import Run
from course.measure import serving

MOST_BUSY = 0.1  # processors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", nargs="?", type=Path, default=serving.folder())
    parser.add_argument("--seconds", metavar="S", type=float, default=30, help="of an open run; a closed one: a third")
    parser.add_argument("--busy", action="store_true", help="do not wait for a quiet machine")
    parser.add_argument("--smoke", action="store_true", help="whether it works")
    asked = parser.parse_args()
    if asked.smoke:
        sweep = serving.sweep("two-bills-code", slots=(1, 2), clients=(1, 2), seconds=1, n_threads=1)
    else:
        most = None if asked.busy else MOST_BUSY
        sweep = serving.sweep(seconds=asked.seconds, n_threads=serving.threads_beside_clients(), most_busy=most)
    runs = []
    for run in sweep:
        runs.append(run)
        print(_line(run), flush=True)
    serving.keep(runs, asked.out)


def _line(run: Run) -> str:
    found, requests = run.trace, run.trace["requests"]
    load = f"{found['rate']} requests/s" if found["loop"] == "open" else f"{found['clients']} clients"
    answered = sum(last is not None for last in requests["last"])
    return (
        f"slots: {found['slots']}, {load}: {answered} of {len(requests['sent'])} requests answered; "
        f"others kept {run.gauge.others_busy} processors busy"
    )


if __name__ == "__main__":
    main()
