"""Measure the reference machine: the records that a lab falls back to when a student has none of their own.

    python datasets/measured/programs/reference_machine.py

Run it on a quiet machine. It writes `reference_machine/measurements.json`. The predictions are its author's, written
here before the first run.
"""

from pathlib import Path

from course.measure import matmul, record

MEASUREMENTS = {
    "matmul": (matmul.rates, "FLOP/s", (100e9, 400e9)),
}


def main() -> None:
    records = []
    for what, (function, unit, predicted) in MEASUREMENTS.items():
        values = function()
        import torch

        made = record.new(what, values, unit=unit, predicted=predicted, threads=torch.get_num_threads())
        print(f"{what}: {made['median']:.4g} {unit}")
        records.append(made)
    folder = Path(__file__).parents[1] / "reference_machine"
    folder.mkdir(exist_ok=True)
    record.write(folder, records)


if __name__ == "__main__":
    main()
