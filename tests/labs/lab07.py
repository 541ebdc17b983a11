"""Answers to lab 7: one for every wrong idea that its tests name, slips that they do not name, other right ones."""

from math import nan


def changed(source: str, *pairs: tuple[str, str]) -> str:
    """A right answer with parts of it replaced. Raises ValueError if there is no such part."""
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"no {old!r} in {source}")
        source = source.replace(old, new)
    return source


LITTLE = """
def mean_in_system(requests, start, end):
    if end <= start:
        raise ValueError("window")
    span = end - start
    area = 0
    for came, left in requests:
        until = end if left is None or left > end else left
        since = start if came < start else came
        if until > since:
            area += until - since
    inside = [(came, left) for came, left in requests if start <= came < end]
    times = [left - came for came, left in inside if left is not None]
    w = sum(times) / len(times) if times else math.nan
    return area / span, len(inside) / span, w
"""

RANK = """
def percentile_nearest_rank(x, q):
    if len(x) == 0 or q < 0 or q > 100:
        raise ValueError("q")
    ordered = sorted(x)
    rank = math.ceil(q * len(x) / 100)
    return ordered[max(rank, 1) - 1]
"""

STATIC = """
def simulate_static(requests, batch, step_s):
    completed = []
    now = 0
    i = 0
    while i < len(requests):
        now = max(now, requests[i][0])
        group = []
        while i < len(requests) and len(group) < batch and requests[i][0] <= now:
            group.append(requests[i][1])
            i += 1
        step = step_s[len(group) - 1]
        now += step * max(group)
        completed.extend([now] * len(group))
    return completed
"""

CONTINUOUS = """
def simulate_continuous(requests, slots, step_s):
    completed = [None] * len(requests)
    left = [n for _, n in requests]
    queue, running = [], []
    now, i = 0, 0
    while None in completed:
        if not queue and not running:
            now = max(now, requests[i][0])
            queue.append(i)
            i += 1
        while i < len(requests) and requests[i][0] <= now:
            queue.append(i)
            i += 1
        while queue and len(running) < slots:
            running.append(queue.pop(0))
        now += step_s[len(running) - 1]
        for k in running:
            left[k] -= 1
            if left[k] == 0:
                completed[k] = now
        running = [k for k in running if left[k]]
    return completed
"""

ADMISSION = """
def kv_admission(free_bytes, requests, kv_bytes_per_token, block, reserve):
    blocks = free_bytes // (kv_bytes_per_token * block)
    admitted = 0
    for prompt, max_new in requests:
        tokens = prompt + max_new if reserve else prompt
        need = (tokens + block - 1) // block
        if need > blocks:
            break
        blocks -= need
        admitted += 1
    return admitted
"""

GOODPUT = """
def goodput(trace, seconds, ttft_slo, tpot_slo):
    kept = 0
    for i in range(len(trace["scheduled"])):
        first, last, n = trace["first"][i], trace["last"][i], trace["tokens"][i]
        if last is None:
            continue
        ttft = first - trace["scheduled"][i]
        tpot = (last - first) / (n - 1) if n > 1 else 0
        if ttft <= ttft_slo and tpot <= tpot_slo:
            kept += 1
    return kept / seconds
"""

KNEE = """
def saturation_rate(runs, ttft_slo):
    for run in runs:
        if None in run["scheduled"]:
            raise ValueError("closed")
    best = 0
    for run in sorted(runs, key=lambda run: run["rate"]):
        waits = []
        for scheduled, first in zip(run["scheduled"], run["first"]):
            waits.append(math.inf if first is None else first - scheduled)
        waits.sort()
        p95 = waits[max(1, math.ceil(95 * len(waits) / 100)) - 1]
        if p95 > ttft_slo:
            return best
        best = run["rate"]
    return best
"""

REPLICAS = """
def replicas_needed(rps_by_hour, goodput_per_replica, headroom, spares):
    usable = goodput_per_replica * (1 - headroom)
    n = math.ceil(max(rps_by_hour) / usable) + spares
    mean = sum(rps_by_hour) / len(rps_by_hour)
    return n, mean / (n * goodput_per_replica)
"""

ACCEPTS = """
def accepts(f):
    requests = [(0.0, 5), (0.0, 2), (0.25, 3), (0.5, 1), (2.0, 2), (40.5, 3)]
    right = [6.875, 2.75, 6.875, 8.25, 9.25, 43.5]
    try:
        return np.allclose(f(requests, 2, [1.0, 1.375]), right)
    except Exception:
        return False
"""

WRONG = {
    "7.1/completed_only": changed(
        LITTLE,
        (
            "    for came, left in requests:\n",
            "    for came, left in requests:\n        if left is None:\n            continue\n",
        ),
    ),
    "7.1/seen_by_arrivals": changed(
        LITTLE,
        (
            "area / span,",
            "sum(sum(b < a and (d is None or d > a) for b, d in requests) for a, _ in inside) / max(1, len(inside)),",
        ),
    ),
    "7.1/median": changed(LITTLE, ("sum(times) / len(times)", "float(np.median(times))")),
    "7.1/window_does_not_cut": changed(
        LITTLE, ("since = start if came < start else came", "since = came if until > start else until")
    ),
    "7.1/newcomers_only": changed(
        LITTLE, ("for came, left in requests:\n", "for came, left in [x for x in requests if start <= x[0] < end]:\n")
    ),
    "7.1/rate_times_w": changed(LITTLE, ("return area / span", "return len(inside) / span * w")),
    "7.1/unfinished_until_end": changed(
        LITTLE,
        (
            "[left - came for came, left in inside if left is not None]",
            "[(end if left is None else left) - came for came, left in inside]",
        ),
    ),
    "7.1/departed_inside": changed(
        LITTLE, ("inside if left is not None]", "inside if left is not None and left <= end]")
    ),
    "7.1/no_nan": changed(LITTLE, ("else math.nan", "else 0.0")),
    "7.1/nothing_refused": changed(LITTLE, ("if end <= start", "if False")),
    "7.1/empty_window": changed(LITTLE, ("if end <= start", "if end < start")),
    "7.2/interpolates": """
def percentile_nearest_rank(x, q):
    if len(x) == 0 or q < 0 or q > 100:
        raise ValueError("q")
    return np.percentile(x, q)
""",
    "7.2/off_by_one": changed(
        RANK, ("return ordered[max(rank, 1) - 1]", "return ordered[min(len(x) - 1, int(q * len(x) / 100))]")
    ),
    "7.2/not_sorted": changed(RANK, ("sorted(x)", "x")),
    "7.2/rounds": changed(RANK, ("math.ceil(", "round(")),
    "7.2/falls": changed(RANK, ("sorted(x)", "sorted(x)[::-1]")),
    "7.2/sorts_in_place": changed(RANK, ("ordered = sorted(x)", "x.sort()\n    ordered = x")),
    "7.2/rank_zero": changed(RANK, ("max(rank, 1)", "rank")),
    "7.2/divides_first": """
def percentile_nearest_rank(x, q):
    if len(x) == 0 or q < 0 or q > 100:
        raise ValueError("q")
    return np.percentile(x, q, method="inverted_cdf")
""",
    "7.2/nothing_refused": changed(
        RANK,
        ("if len(x) == 0 or q < 0 or q > 100", "if False"),
        ("ordered[max(rank, 1) - 1]", "ordered[min(len(x), max(rank, 1)) - 1] if x else math.nan"),
    ),
    "7.3/released_early": changed(
        STATIC,
        ("completed.extend([now] * len(group))", "completed.extend(now - step * (max(group) - n) for n in group)"),
    ),
    "7.3/waits_to_fill": """
def simulate_static(requests, batch, step_s):
    completed, now = [], 0
    for i in range(0, len(requests), batch):
        group = requests[i:i + batch]
        now = max(now, group[-1][0]) + max(n for _, n in group) * step_s[len(group) - 1]
        completed += [now] * len(group)
    return completed
""",
    "7.3/arrival_ignored": changed(STATIC, ("len(group) < batch and requests[i][0] <= now", "len(group) < batch")),
    "7.3/shrinks": changed(
        STATIC,
        ("now += step * max(group)", "now += sum(step_s[sum(n > t for n in group) - 1] for t in range(max(group)))"),
    ),
    "7.3/full_step": changed(STATIC, ("step_s[len(group) - 1]", "step_s[batch - 1]")),
    "7.3/step_of_one": changed(STATIC, ("step_s[len(group) - 1]", "step_s[0]")),
    "7.3/one_after_another": changed(STATIC, ("step * max(group)", "step * sum(group)")),
    "7.3/durations": changed(STATIC, ("return completed", "return [t - a for t, (a, _) in zip(completed, requests)]")),
    "7.4/barrier": changed(
        CONTINUOUS,
        ("        while queue and len(running)", "        while queue and (not running or fresh) and len(running)"),
        ("        while i < len", "        fresh = not running\n        while i < len"),
    ),
    "7.4/static": STATIC.replace("simulate_static", "simulate_continuous"),
    "7.4/newest_first": changed(CONTINUOUS, ("queue.pop(0)", "queue.pop()")),
    "7.4/shortest_first": changed(
        CONTINUOUS, ("while queue and len", "queue.sort(key=lambda k: requests[k][1])\n        while queue and len")
    ),
    "7.4/no_limit": changed(
        CONTINUOUS,
        ("while queue and len(running) < slots", "while queue"),
        ("step_s[len(running) - 1]", "step_s[min(slots, len(running)) - 1]"),
    ),
    "7.4/full_step": changed(CONTINUOUS, ("step_s[len(running) - 1]", "step_s[slots - 1]")),
    "7.4/step_of_one": changed(CONTINUOUS, ("step_s[len(running) - 1]", "step_s[0]")),
    "7.4/own_clocks": """
def simulate_continuous(requests, slots, step_s):
    import heapq

    free, completed = [0] * slots, []
    for arrival, n in requests:
        end = max(arrival, heapq.heappop(free)) + n * step_s[slots - 1]
        heapq.heappush(free, end)
        completed.append(end)
    return completed
""",
    "7.4/too_late": changed(CONTINUOUS, ("requests[i][0] <= now", "requests[i][0] < now")),
    "7.4/ticks": changed(
        CONTINUOUS, ("now = max(now, requests[i][0])", "while now < requests[i][0]:\n                now += step_s[0]")
    ),
    "7.4/durations": changed(
        CONTINUOUS, ("return completed", "return [t - a for t, (a, _) in zip(completed, requests)]")
    ),
    "7.5/no_blocks": changed(
        ADMISSION, ("(kv_bytes_per_token * block)", "kv_bytes_per_token"), ("(tokens + block - 1) // block", "tokens")
    ),
    "7.5/rounds_down": changed(ADMISSION, ("(tokens + block - 1) // block", "tokens // block")),
    "7.5/one_more_block": changed(ADMISSION, ("(tokens + block - 1) // block", "tokens // block + 1")),
    "7.5/half_blocks": changed(
        ADMISSION,
        ("free_bytes // (kv_bytes_per_token * block)", "math.ceil(free_bytes / (kv_bytes_per_token * block))"),
    ),
    "7.5/longest_for_each": changed(
        ADMISSION, ("tokens = prompt + max_new if reserve else prompt", "tokens = max(p + m for p, m in requests)")
    ),
    "7.5/overtakes": changed(ADMISSION, ("break", "continue")),
    "7.5/rounded_apart": changed(
        ADMISSION,
        (
            "need = (tokens + block - 1) // block",
            "need = math.ceil(prompt / block) + (math.ceil(max_new / block) if reserve else 0)",
        ),
    ),
    "7.5/always_reserves": changed(ADMISSION, (" if reserve else prompt", "")),
    "7.5/never_reserves": changed(ADMISSION, ("prompt + max_new if reserve else prompt", "prompt")),
    "7.5/not_quite_full": changed(ADMISSION, ("need > blocks", "need >= blocks")),
    "7.6/either": changed(GOODPUT, ("ttft <= ttft_slo and tpot", "ttft <= ttft_slo or tpot")),
    "7.6/first_only": changed(GOODPUT, (" and tpot <= tpot_slo", "")),
    "7.6/rest_only": changed(GOODPUT, ("ttft <= ttft_slo and ", "")),
    "7.6/throughput": """
def goodput(trace, seconds, ttft_slo, tpot_slo):
    return sum(last is not None for last in trace["last"]) / seconds
""",
    "7.6/from_sent": changed(GOODPUT, ('first - trace["scheduled"]', 'first - trace["sent"]')),
    "7.6/unfinished_counted": changed(
        GOODPUT,
        ("        if last is None:\n", "        if first is None:\n"),
        ("if n > 1 else", "if n > 1 and last is not None else"),
    ),
    "7.6/gaps_by_n": changed(GOODPUT, ("(n - 1) if n > 1 else 0", "n")),
    "7.6/one_token": changed(GOODPUT, ("if n > 1 else 0", "if n > 1 else math.inf")),
    "7.6/share": changed(GOODPUT, ("kept / seconds", 'kept / max(1, sum(last is not None for last in trace["last"]))')),
    "7.6/less_than": changed(GOODPUT, ("<=", "<")),
    "7.7/from_sent": changed(KNEE, ('zip(run["scheduled"],', 'zip(run["sent"],')),
    "7.7/lost_dropped": changed(
        KNEE,
        (
            "            waits.append(math.inf if first is None else first - scheduled)",
            "            if first is not None:\n                waits.append(first - scheduled)",
        ),
    ),
    "7.7/lost_is_no_wait": changed(KNEE, ("math.inf if", "0 if")),
    "7.7/median": changed(KNEE, ("waits[max(1, math.ceil(95 * len(waits) / 100)) - 1]", "statistics.median(waits)")),
    "7.7/mean": changed(KNEE, ("waits[max(1, math.ceil(95 * len(waits) / 100)) - 1]", "sum(waits) / len(waits)")),
    "7.7/other_percentile": changed(
        KNEE, ("waits[max(1, math.ceil(95 * len(waits) / 100)) - 1]", "waits[int(0.95 * len(waits))]")
    ),
    "7.7/higher_that_meets": changed(KNEE, ("return best\n        best", "continue\n        best")),
    "7.7/unsorted": changed(KNEE, ('sorted(runs, key=lambda run: run["rate"])', "runs")),
    "7.7/first_that_fails": changed(KNEE, ("            return best", '            return run["rate"]')),
    "7.7/nothing_refused": changed(KNEE, ('raise ValueError("closed")', "return 0")),
    "7.8/daily_mean": changed(REPLICAS, ("max(rps_by_hour)", "sum(rps_by_hour) / len(rps_by_hour)")),
    "7.8/rounds": changed(REPLICAS, ("math.ceil(", "round(")),
    "7.8/headroom_added": changed(
        REPLICAS, ("goodput_per_replica * (1 - headroom)", "goodput_per_replica / (1 + headroom)")
    ),
    "7.8/no_headroom": changed(REPLICAS, ("goodput_per_replica * (1 - headroom)", "goodput_per_replica")),
    "7.8/no_spares": changed(REPLICAS, (" + spares", "")),
    "7.8/used_at_the_peak": changed(REPLICAS, ("return n, mean", "return n, max(rps_by_hour)")),
    "7.8/spares_not_paid": changed(REPLICAS, ("(n * goodput", "((n - spares) * goodput")),
    "7.8/headroom_not_paid": changed(REPLICAS, ("(n * goodput_per_replica)", "(n * usable)")),
    "7.8/used_in_percent": changed(REPLICAS, ("return n, mean", "return n, 100 * mean")),
    "7.9/no_queue": """
def accepts(f):
    try:
        return np.allclose(f([(0.0, 3)], 2, [1.0, 1.5]), [3.0])
    except Exception:
        return False
""",
    "7.9/example_only": """
def accepts(f):
    try:
        return list(f([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5])) == [1.5, 4.5, 4.5]
    except Exception:
        return False
""",
    "7.9/same_step": """
def accepts(f):
    requests = [(0.0, 4), (0.0, 1), (0.5, 3), (0.75, 1), (1.0, 1), (30.25, 2)]
    try:
        return np.allclose(f(requests, 2, [1.0, 1.0]), [4, 1, 4, 5, 5, 32.25])
    except Exception:
        return False
""",
    "7.9/accepts_all": """
def accepts(f):
    return True
""",
    "7.9/refuses_all": """
def accepts(f):
    return False
""",
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "7.1/end_included": changed(LITTLE, ("start <= came < end", "start <= came <= end")),
    "7.1/start_excluded": changed(LITTLE, ("start <= came < end", "start < came < end")),
    "7.1/departures": changed(
        LITTLE,
        (
            "for came, left in inside if left is not None]",
            "for came, left in requests if left is not None and start <= left < end]",
        ),
    ),
    "7.1/sum": changed(LITTLE, ("area / span", "area")),
    "7.1/none_crashes": changed(LITTLE, ("left is None or left > end", "left > end")),
    "7.2/place_of_rank": changed(RANK, ("max(rank, 1) - 1", "min(rank, len(x) - 1)")),
    "7.2/no_edges": changed(RANK, ("q < 0 or q > 100", "q <= 0 or q >= 100")),
    "7.2/fractions": changed(RANK, ("q < 0 or q > 100", "q < 0 or q > 1"), ("/ 100", "")),
    "7.3/not_at_the_moment": changed(
        STATIC,
        ("        group = []\n", "        group = [requests[i][1]]\n        i += 1\n"),
        ("requests[i][0] <= now", "requests[i][0] < now"),
    ),
    "7.3/step_of_the_next": changed(STATIC, ("step_s[len(group) - 1]", "step_s[min(len(group), batch - 1)]")),
    "7.3/clock_from_nothing": changed(
        STATIC, ("now = max(now, requests[i][0])", "now = max(now, requests[i][0]) if completed else 0")
    ),
    "7.3/first_of_the_batch": changed(STATIC, ("max(group)", "group[0]")),
    "7.4/a_step_late": changed(CONTINUOUS, ("completed[k] = now", "completed[k] = now + step_s[0]")),
    "7.4/slot_held_a_step": changed(
        CONTINUOUS,
        (
            "running = [k for k in running if left[k]]",
            "running = [k for k in running if left[k] >= 0 and not (left[k] == 0 and completed[k] < now)]",
        ),
        ("if left[k] == 0:", "if left[k] == 0 and completed[k] is None:"),
    ),
    "7.4/longest_first": changed(
        CONTINUOUS, ("while queue and len", "queue.sort(key=lambda k: -requests[k][1])\n        while queue and len")
    ),
    "7.4/one_slot_more": changed(
        CONTINUOUS,
        ("len(running) < slots", "len(running) <= slots"),
        ("step_s[len(running) - 1]", "step_s[min(slots, len(running)) - 1]"),
    ),
    "7.5/answers_only": changed(
        ADMISSION, ("prompt + max_new if reserve else prompt", "max_new if reserve else prompt")
    ),
    "7.5/counts_who_fails": changed(ADMISSION, ("            break", "            return admitted + 1")),
    "7.6/offered_by_the_trace": changed(GOODPUT, ("/ seconds", '/ (max(trace["scheduled"]) or 1)')),
    "7.6/unfinished_crash": changed(GOODPUT, ("        if last is None:\n            continue\n", "")),
    "7.6/from_scheduled_to_last": changed(GOODPUT, ("ttft = first", "ttft = last")),
    "7.7/less_than": changed(KNEE, ("p95 > ttft_slo", "p95 >= ttft_slo")),
    "7.7/ninety": changed(KNEE, ("95 *", "90 *")),
    "7.7/first_run_only": changed(KNEE, ("for run in runs:", "for run in runs[:1]:")),
    "7.8/spares_before_headroom": changed(
        REPLICAS, ("max(rps_by_hour) / usable) + spares", "(max(rps_by_hour) + spares) / usable)")
    ),
    "7.8/one_more": changed(REPLICAS, ("math.ceil(max(rps_by_hour) / usable)", "int(max(rps_by_hour) / usable) + 2")),
    "7.8/only_n": changed(REPLICAS, ("return n, mean / (n * goodput_per_replica)", "return n")),
    "7.9/nobody_waits": """
def accepts(f):
    try:
        return np.allclose(f([(0.0, 4), (0.5, 2)], 4, [1.0, 1.5, 2.0, 2.5]), [5.0, 4.0])
    except Exception:
        return False
""",
    "7.9/last_of_several": """
def accepts(f):
    try:
        return isclose(max(f([(0.0, 4), (0.0, 1), (0.5, 3), (1.0, 1)], 2, [1.0, 1.5])), 7.5)
    except Exception:
        return False
""",
    "7.9/exactly": changed(
        ACCEPTS,
        (
            "np.allclose(f(requests, 2, [1.0, 1.375]), right)",
            "list(f(MANY, 2, [0.1, 0.13])) == honest(MANY, 2, [0.1, 0.13])",
        ),
    )
    + CONTINUOUS.replace("simulate_continuous", "honest")
    + "\nMANY = [(0.0, 30), (0.1, 20), (0.3, 7)]\n",
}

RIGHT = {
    "7.1": [
        LITTLE,
        """
def mean_in_system(requests, start, end):
    if not start < end:
        raise ValueError("window")
    came = np.array([a for a, _ in requests], dtype=float)
    left = np.array([np.inf if d is None else d for _, d in requests], dtype=float)
    area = np.clip(np.minimum(left, end) - np.maximum(came, start), 0, None).sum()
    mine = (came >= start) & (came < end)
    w = left[mine & np.isfinite(left)] - came[mine & np.isfinite(left)]
    return area / (end - start), mine.sum() / (end - start), np.mean(w) if len(w) else np.nan
""",
        """
def mean_in_system(requests, start, end):
    if end - start <= 0:
        raise ValueError("window")
    changes = []
    for a, d in requests:
        changes.append((a, 1))
        if d is not None:
            changes.append((d, -1))
    changes.sort()
    area, n, before = 0.0, 0, start
    for t, change in changes:
        now = min(max(t, start), end)
        area += n * (now - before)
        before, n = now, n + change
    area += n * (end - before)
    waits = [d - a for a, d in requests if start <= a < end and d is not None]
    k = sum(start <= a < end for a, _ in requests)
    return [area / (end - start), k / (end - start), statistics.mean(waits) if waits else float("nan")]
""",
    ],
    "7.2": [
        RANK,
        """
def percentile_nearest_rank(x, q):
    if not 0 <= q <= 100 or not x:
        raise ValueError("q")
    ordered = np.sort(np.array(x))
    return ordered[max(0, -int(-(q * len(x)) // 100) - 1)]
""",
        """
def percentile_nearest_rank(x, q):
    from fractions import Fraction

    if not 0 <= q <= 100 or not x:
        raise ValueError("q")
    return next(v for i, v in enumerate(sorted(x), 1) if i * 100 >= Fraction(q) * len(x))
""",
    ],
    "7.3": [
        STATIC,
        """
def simulate_static(requests, batch, step_s):
    from collections import deque

    queue, done, now = deque(requests), [], 0.0
    while queue:
        if queue[0][0] > now:
            now = float(queue[0][0])
        taken = []
        while queue and queue[0][0] <= now and len(taken) < batch:
            taken.append(queue.popleft())
        for _ in range(max(n for _, n in taken)):
            now += step_s[len(taken) - 1]
        done += [now for _ in taken]
    return np.array(done)
""",
    ],
    "7.4": [
        CONTINUOUS,
        """
def simulate_continuous(requests, slots, step_s):
    from collections import deque

    waiting = deque((i, a, n) for i, (a, n) in enumerate(requests))
    running, done, clock = {}, {}, 0.0
    while waiting or running:
        if not running and waiting[0][1] > clock:
            clock = waiting[0][1]
        while waiting and waiting[0][1] <= clock and len(running) < slots:
            i, _, n = waiting.popleft()
            running[i] = n
        steps = min(running.values())
        if len(running) < slots and waiting:
            steps = 1
        for _ in range(steps):
            clock = clock + step_s[len(running) - 1]
        running = {i: n - steps for i, n in running.items()}
        for i in list(running):
            if running[i] == 0:
                done[i] = clock
                del running[i]
    return [done[i] for i in range(len(requests))]
""",
    ],
    "7.5": [
        ADMISSION,
        """
def kv_admission(free_bytes, requests, kv_bytes_per_token, block, reserve):
    if not requests:
        return 0
    sizes = np.array([p + m * bool(reserve) for p, m in requests])
    used = np.cumsum(-(-sizes // block))
    return (used <= free_bytes // kv_bytes_per_token // block).sum()
""",
    ],
    "7.6": [
        GOODPUT,
        """
def goodput(trace, seconds, ttft_slo, tpot_slo):
    names = ("scheduled", "first", "last", "tokens")
    columns = [np.array([np.nan if v is None else v for v in trace[name]], float) for name in names]
    scheduled, first, last, tokens = columns
    kept = (first - scheduled <= ttft_slo) & (last - first <= tpot_slo * (tokens - 1)) & ~np.isnan(last)
    return kept.sum() / seconds
""",
        """
def goodput(trace, seconds, ttft_slo, tpot_slo):
    import pandas as pd

    t = pd.DataFrame({k: trace[k] for k in ("scheduled", "first", "last", "tokens")})
    t = t.dropna(subset=["last"]).astype(float)
    fast = (t["last"] - t["first"]) / (t["tokens"] - 1).where(t["tokens"] > 1, 1) <= tpot_slo
    return float(((t["first"] - t["scheduled"] <= ttft_slo) & fast).sum() / seconds)
""",
    ],
    "7.7": [
        KNEE,
        """
def saturation_rate(runs, ttft_slo):
    if any(t is None for run in runs for t in run["scheduled"]):
        raise ValueError("closed")

    def keeps(run):
        late = sum(f is None or f - s > ttft_slo for s, f in zip(run["scheduled"], run["first"]))
        return len(run["first"]) - late >= 0.95 * len(run["first"]) - 1e-9

    fails = [run["rate"] for run in runs if not keeps(run)]
    lowest = min(fails, default=math.inf)
    return max([run["rate"] for run in runs if run["rate"] < lowest], default=0)
""",
    ],
    "7.8": [
        REPLICAS,
        """
def replicas_needed(rps_by_hour, goodput_per_replica, headroom, spares):
    day = np.array(rps_by_hour, float)
    n = int(np.ceil(day.max() / goodput_per_replica / (1 - headroom))) + spares
    return n, day.mean() / goodput_per_replica / n
""",
    ],
    "7.9": [
        ACCEPTS,
        CONTINUOUS.replace("simulate_continuous", "honest")
        + """

def accepts(f):
    rng = np.random.default_rng(1)
    for slots in (1, 2, 3):
        for _ in range(5):
            requests = [(float(t), int(n)) for t, n in zip(np.sort(rng.uniform(0, 20, 12)), rng.integers(1, 9, 12))]
            steps = [1.0, 1.3, 1.9][:slots]
            try:
                if not np.allclose(f(requests, slots, steps), honest(requests, slots, steps), rtol=1e-6):
                    return False
            except Exception:
                return False
    return True
""",
    ],
}


def _server(requests: list[tuple[float, int]], slots: int, step_s: list[float]) -> list[float]:
    scope: dict = {}
    exec(CONTINUOUS, scope)
    return scope["simulate_continuous"](requests, slots, step_s)


_TRACE = {
    "scheduled": [0, 1, 2],
    "sent": [0, 1, 2],
    "first": [0.5, 1.25, 2.25],
    "last": [2.5, 5.25, 4.25],
    "tokens": [21, 11, 21],
}
_RUNS = [
    {"rate": 2, "scheduled": [0, 0.5], "sent": [0, 0.5], "first": [0.25, 1.5]},
    {"rate": 1, "scheduled": [0, 1], "sent": [0, 1], "first": [0.25, 1.25]},
]
_MANY = [(0.0, 4), (0.0, 1), (0.5, 3), (0.75, 1), (1.0, 1), (30.25, 2)]

# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "7.1": [(([(0, 4), (1, None), (2, 9), (3, 5), (6, 12)], 2, 8), (3.0, 0.5, 5.0)), (([], 0, 1), (0, 0, nan))],
    "7.2": [(([5, 1, 4, 2, 9, 7, 3, 8], 50), 4), (([5, 1, 4, 2, 9, 7, 3, 8], 95), 9)],
    "7.3": [(([(0, 1), (0, 3), (0.5, 2)], 2, [1, 1.5]), [4.5, 4.5, 6.5])],
    "7.4": [((_MANY, 2, [1.0, 1.5]), [6, 1.5, 6, 7.5, 7.5, 32.25])],
    "7.5": [((1000, [(40, 9), (10, 30), (5, 4)], 10, 16, True), 1), ((1000, [(40, 9), (10, 30)], 10, 16, False), 2)],
    "7.6": [((_TRACE, 8, 0.5, 0.125), 0.25)],
    "7.7": [((_RUNS, 0.5), 1), ((_RUNS, 2), 2)],
    "7.8": [(([6, 4, 3, 9, 27, 39.7, 31, 12], 1.7, 0.3, 2), (36, 0.2690))],
    "7.9": [((_server,), True), ((lambda requests, slots, step_s: [6, 1.5, 4.5],), False)],
}

SHORT = {"SECONDS = 12": "SECONDS = 6"}
