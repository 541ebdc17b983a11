"""Train what lab 9 trains, all but the last steps, for who is short of time: a checkpoint.

    python datasets/measured/programs/finetuning.py OUT [--steps 50] [--threads 1] [--smoke]

The layer and the labels are those of the lab's solution. OUT is the file that course.finetuning.shipped puts into a
student's folder, datasets/finetuning/checkpoint.npz. --smoke makes one step.
"""

import argparse
import tempfile
from pathlib import Path

from reference_machine import brought_to_train

from course.finetuning import run, shipped
from course.finetuning.recipe import Recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--smoke", action="store_true")
    asked = parser.parse_args()
    if not 1 <= asked.steps < Recipe().steps:
        parser.error(f"--steps is from 1 to {Recipe().steps - 1}, got {asked.steps}")
    with tempfile.TemporaryDirectory() as folder:
        made = run.train(
            Path(folder),
            Recipe(),
            **brought_to_train(),
            until=1 if asked.smoke else asked.steps,
            n_threads=asked.threads,
            report=lambda done, total: print(f"step {done} of {total}", flush=True),
        )
        shipped.keep(Path(folder), asked.out)
    print(f"{asked.out}: loss {made.losses[-1]:.4f}, {asked.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
