"""In how many passes to compute a step: what is fastest is measured when the server starts.

Weights that are read once serve every text of a pass, so one pass for k texts should take less time than k passes for
one. It need not: a processor's routine for one row may be so much better than that for several that two texts are done
sooner one after the other.
"""

from collections.abc import Sequence


def fastest(seconds: Sequence[float]) -> list[list[int]]:
    """For 0, 1, 2, … texts: sizes of the groups whose passes take the least time together.

    `seconds[k - 1]` is the time of a pass for k texts. Of two ways that take as long, the one of larger groups.
    """
    groups: list[list[int]] = [[]]
    totals = [0.0]
    for k in range(1, len(seconds) + 1):
        size = min(range(k, 0, -1), key=lambda size: seconds[size - 1] + totals[k - size])
        groups.append([size, *groups[k - size]])
        totals.append(seconds[size - 1] + totals[k - size])
    return groups
