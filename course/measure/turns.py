"""What is to be compared is measured in turns: whatever else the machine does then meets all of it alike."""

from collections.abc import Callable, Mapping


def take(once: Mapping[str, Callable[[], float]], *, repetitions: int = 5) -> dict[str, list[float]]:
    """`repetitions` values of each label, round by round: in a round each function is called once, in order.

    Nothing warms up here. Raises ValueError if there is less than one repetition.
    """
    if repetitions < 1:
        raise ValueError(f"repetitions are positive; got {repetitions}")
    values: dict[str, list[float]] = {label: [] for label in once}
    for _ in range(repetitions):
        for label, function in once.items():
            values[label].append(function())
    return values
