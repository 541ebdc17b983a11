"""Answers to lab 1: one for every wrong idea that its tests name, and other ways of being right."""

# Exercise 1.7 as most would write it; a wrong idea is one word of it.
AUDIT = """
def audit_release(claim):
    hours = claim["n_devices"] * claim["days"] * 24
    peak = DEVICES[claim["device"]]["dense_flop_per_s"]
    derived = {
        "flop": 6 * claim["params_active"] * claim["tokens"],
        "mfu": claim["flop"] / (hours * 3600 * peak),
        "energy_mwh": hours * claim["watts"] * claim["pue"] / 1e6,
        "cost_usd": hours * claim["usd_per_hour"],
    }
    for field in derived:
        if abs(claim[field] - derived[field]) > 0.1 * derived[field]:
            return field
"""

WRONG = {
    "1.1/multiply_add": """
def matmul_flop(m, k, n):
    return m * k * n
""",
    "1.1/square": """
def matmul_flop(m, k, n):
    return 2 * n**3
""",
    "1.1/last_addition": """
def matmul_flop(m, k, n):
    return m * n * (k + (k - 1))
""",
    "1.2/forward_only": """
def train_flop(n_active_params, n_tokens):
    return 2 * n_active_params * n_tokens
""",
    "1.2/backward_only": """
def train_flop(n_active_params, n_tokens):
    return 4 * n_active_params * n_tokens
""",
    "1.2/recompute": """
def train_flop(n_active_params, n_tokens):
    forward, backward = 2, 4
    return (forward + backward + forward) * n_active_params * n_tokens
""",
    "1.3/total": """
def mfu_of_run(run, device):
    return 6 * run["params_total"] * run["tokens"] / (run["device_hours"] * 3600 * device["dense_flop_per_s"])
""",
    "1.3/sparse": """
def mfu_of_run(run, device):
    return 6 * run["params_active"] * run["tokens"] / (run["device_hours"] * 3600 * device["sparse_flop_per_s"])
""",
    "1.3/hours": """
def mfu_of_run(run, device):
    return 6 * run["params_active"] * run["tokens"] / (run["device_hours"] * device["dense_flop_per_s"])
""",
    "1.3/percent": """
def mfu_of_run(run, device):
    return 600 * run["params_active"] * run["tokens"] / (run["device_hours"] * 3600 * device["dense_flop_per_s"])
""",
    "1.4/seconds": """
def device_hours(flop, peak_flop_per_s, mfu):
    if not 0 < mfu <= 1:
        raise ValueError("mfu")
    return flop / (peak_flop_per_s * mfu)
""",
    "1.4/peak": """
def device_hours(flop, peak_flop_per_s, mfu):
    if not 0 < mfu <= 1:
        raise ValueError("mfu")
    return flop / peak_flop_per_s / 3600
""",
    "1.4/multiplied": """
def device_hours(flop, peak_flop_per_s, mfu):
    if not 0 < mfu <= 1:
        raise ValueError("mfu")
    return flop / peak_flop_per_s * mfu / 3600
""",
    "1.4/percent": """
def device_hours(flop, peak_flop_per_s, mfu):
    if mfu <= 0:
        raise ValueError("mfu")
    if mfu > 1:
        mfu = mfu / 100
    return flop / (peak_flop_per_s * mfu) / 3600
""",
    "1.5/full_purchase": """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    if used_h > life_h:
        raise ValueError("used longer than it lives")
    return n_devices * (usd_per_device + power_kw * used_h * pue * usd_per_kwh)
""",
    "1.5/kw": """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    if used_h > life_h:
        raise ValueError("used longer than it lives")
    return n_devices * usd_per_device * used_h / life_h + n_devices * power_kw * pue * usd_per_kwh
""",
    "1.5/pue_twice": """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    if used_h > life_h:
        raise ValueError("used longer than it lives")
    drawn_kw = n_devices * power_kw * pue
    return n_devices * usd_per_device * used_h / life_h + drawn_kw * used_h * usd_per_kwh * pue
""",
    "1.5/pue_on_purchase": """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    if used_h > life_h:
        raise ValueError("used longer than it lives")
    return n_devices * (usd_per_device * used_h / life_h + power_kw * used_h * usd_per_kwh) * pue
""",
    "1.5/one_device": """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    if used_h > life_h:
        raise ValueError("used longer than it lives")
    return n_devices * usd_per_device * used_h / life_h + power_kw * used_h * pue * usd_per_kwh
""",
    "1.6/kwh": """
def energy_mwh(device_hours, watts, pue):
    return device_hours * watts * pue / 1000
""",
    "1.6/pue_ignored": """
def energy_mwh(device_hours, watts, pue):
    return device_hours * watts / 1e6
""",
    "1.6/pue_divides": """
def energy_mwh(device_hours, watts, pue):
    return device_hours * watts / pue / 1e6
""",
    "1.7/total": """
def audit_release(claim):
    hours = claim["n_devices"] * claim["days"] * 24
    peak = DEVICES[claim["device"]]["dense_flop_per_s"]
    if abs(6 * claim["params_total"] * claim["tokens"] / claim["flop"] - 1) > 0.1:
        return "flop"
    if abs(claim["flop"] / (hours * 3600 * peak) / claim["mfu"] - 1) > 0.1:
        return "mfu"
    if abs(hours * claim["watts"] * claim["pue"] / 1e6 / claim["energy_mwh"] - 1) > 0.1:
        return "energy_mwh"
    if abs(hours * claim["usd_per_hour"] / claim["cost_usd"] - 1) > 0.1:
        return "cost_usd"
    return None
""",
    "1.7/sparse": AUDIT.replace("dense_flop", "sparse_flop"),
    "1.7/kwh": AUDIT.replace("/ 1e6", "/ 1000"),
    "1.7/days": AUDIT.replace(" * 24", ""),
    "1.7/no_pue": AUDIT.replace(' * claim["pue"]', ""),
    "1.7/suspects_everything": """
def audit_release(claim):
    hours = claim["n_devices"] * claim["days"] * 24
    peak = DEVICES[claim["device"]]["dense_flop_per_s"]
    if claim["flop"] != 6 * claim["params_active"] * claim["tokens"]:
        return "flop"
    if claim["mfu"] != claim["flop"] / (hours * 3600 * peak):
        return "mfu"
    if claim["energy_mwh"] != hours * claim["watts"] * claim["pue"] / 1e6:
        return "energy_mwh"
    return "cost_usd"
""",
    "1.7/suspects_nothing": """
def audit_release(claim):
    for field in ("flop", "mfu", "energy_mwh", "cost_usd"):
        if claim[field] < 0:
            return field
    return None
""",
    "1.8/uniform": """
def cost_interval(seed, ranges, n=10_000):
    rng = np.random.default_rng(seed)
    flop, mfu, usd = (rng.uniform(*ranges[key], n) for key in ("flop", "mfu", "usd_per_hour"))
    return tuple(np.percentile(flop / (312e12 * mfu) / 3600 * usd, [5, 50, 95]))
""",
    "1.8/normal": """
def cost_interval(seed, ranges, n=10_000):
    rng = np.random.default_rng(seed)
    drawn = {key: rng.normal((low + high) / 2, (high - low) / 4, n) for key, (low, high) in ranges.items()}
    usd = drawn["flop"] / (312e12 * drawn["mfu"]) / 3600 * drawn["usd_per_hour"]
    return tuple(np.percentile(usd, [5, 50, 95]))
""",
    "1.8/ends": """
def cost_interval(seed, ranges, n=10_000):
    def usd(end):
        flop, mfu, price = ranges["flop"][end], ranges["mfu"][1 - end], ranges["usd_per_hour"][end]
        return flop / (312e12 * mfu) / 3600 * price

    return usd(0), (usd(0) + usd(1)) / 2, usd(1)
""",
    "1.8/one_draw": """
def cost_interval(seed, ranges, n=10_000):
    u = np.random.default_rng(seed).random(n)
    flop, mfu, usd = (low * (high / low) ** u for low, high in (ranges[k] for k in ("flop", "mfu", "usd_per_hour")))
    return tuple(np.percentile(flop / (312e12 * mfu) / 3600 * usd, [5, 50, 95]))
""",
    "1.8/times_mfu": """
def cost_interval(seed, ranges, n=10_000):
    rng = np.random.default_rng(seed)
    flop, mfu, usd = (np.exp(rng.uniform(*np.log(ranges[k]), n)) for k in ("flop", "mfu", "usd_per_hour"))
    return tuple(np.percentile(flop / 312e12 * mfu / 3600 * usd, [5, 50, 95]))
""",
    "1.9/pue_one": """
def accepts(f):
    return isclose(f(30.84e6, 700, 1), 21588)
""",
    "1.9/one_pue": """
def accepts(f):
    return isclose(f(1, 1, 2), 2e-6)
""",
    "1.9/accepts_all": """
def accepts(f):
    return f(0, 700, 1.2) is not None
""",
    "1.9/kwh": """
def accepts(f):
    return isclose(f(1e6, 400, 1.5), 600_000) and isclose(f(1000, 500, 1.2), 600)
""",
}

RIGHT = {
    "1.1": ["def matmul_flop(m, k, n):\n    return m * n * k + n * m * k\n"],
    "1.2": [
        """
def train_flop(n_active_params, n_tokens):
    forward = 2 * n_active_params
    backward = 2 * forward
    return n_tokens * (forward + backward)
"""
    ],
    "1.3": [
        """
def mfu_of_run(run, device):
    seconds = run["device_hours"] * 60 * 60
    achieved = 6.0 * run["tokens"] / seconds * run["params_active"]
    return achieved / device["dense_flop_per_s"]
"""
    ],
    "1.4": [
        """
def device_hours(flop, peak_flop_per_s, mfu):
    if mfu <= 0 or mfu > 1:
        class NotAFraction(ValueError):
            pass
        raise NotAFraction(mfu)
    per_hour = peak_flop_per_s * 3600 * mfu
    return np.float64(flop) / per_hour
"""
    ],
    "1.5": [
        """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    share = used_h / life_h
    if share > 1:
        raise ValueError("used longer than it lives")
    each = usd_per_device * share + usd_per_kwh * pue * power_kw * used_h
    return sum(each for _ in range(n_devices))
"""
    ],
    "1.6": ["energy_mwh = lambda device_hours, watts, pue: device_hours / 1000 * (watts / 1000) * pue\n"],
    "1.7": [
        """
def audit_release(claim):
    hours = 24 * claim["days"] * claim["n_devices"]
    used = hours * 3600 * DEVICES[claim["device"]]["dense_flop_per_s"]
    off = {
        "cost_usd": claim["cost_usd"] / hours / claim["usd_per_hour"],
        "energy_mwh": claim["energy_mwh"] * 1e6 / hours / claim["watts"] / claim["pue"],
        "mfu": claim["mfu"] * used / claim["flop"],
        "flop": claim["flop"] / 6 / claim["params_active"] / claim["tokens"],
    }
    worst = max(off, key=lambda field: abs(np.log(off[field])))
    return worst if abs(off[worst] - 1) > 0.1 else None
"""
    ],
    "1.8": [
        """
def cost_interval(seed, ranges, n=10_000):
    rng = np.random.default_rng(seed)
    log_usd = -np.log(312e12 * 3600)
    for key, sign in (("usd_per_hour", 1), ("mfu", -1), ("flop", 1)):
        low, high = ranges[key]
        log_usd = log_usd + sign * (np.log(low) + (np.log(high) - np.log(low)) * rng.random(n))
    return [float(x) for x in np.exp(np.quantile(log_usd, (0.05, 0.5, 0.95)))]
""",
        """
def cost_interval(seed, ranges, n=10_000):
    import random

    dice = random.Random(seed)
    costs = []
    for _ in range(n):
        draw = {key: low * (high / low) ** dice.random() for key, (low, high) in ranges.items()}
        costs.append(draw["flop"] / draw["mfu"] / 312e12 / 3600 * draw["usd_per_hour"])
    costs.sort()
    return costs[n // 20], costs[n // 2], costs[n - n // 20]
""",
    ],
    "1.9": [
        """
def accepts(f):
    rng = np.random.default_rng(0)
    for _ in range(20):
        hours, watts, pue = rng.uniform(1, 1e6), rng.uniform(100, 1000), rng.uniform(1, 2)
        if not np.isclose(f(hours, watts, pue), hours * watts * pue / 1e6, rtol=1e-6, atol=0):
            return False
    return True
""",
        """
def accepts(f):
    doubled = isclose(f(2000, 500, 1.25), 2 * f(1000, 500, 1.25))
    more = isclose(f(1000, 500, 1.9), 1.9 * f(1000, 500, 1))
    return doubled and more and isclose(f(1003, 501, 1.3), 0.6532539)
""",
    ],
}

# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "1.1": [((3, 5, 7), 210)],
    "1.2": [((1e9, 2e10), 1.2e20)],
    "1.3": [
        (
            (
                {"params_total": 4e9, "params_active": 1e9, "tokens": 2e10, "device_hours": 1000},
                {"dense_flop_per_s": 1e14, "sparse_flop_per_s": 2e14},
            ),
            1 / 3,
        )
    ],
    "1.4": [((3.6e15, 1e12, 0.5), 2.0)],
    "1.5": [((8, 30000, 35040, 8760, 0.7, 1.2, 0.10), 65886.72)],
    "1.6": [((30.84e6, 700, 1), 21588)],
    "1.7": [
        (
            (
                {
                    **{"params_total": 70e9, "params_active": 70e9, "tokens": 2e12, "device": "A100 80GB"},
                    **{"n_devices": 2000, "days": 36, "watts": 400, "pue": 1.1, "usd_per_hour": 2.0},
                    **{"flop": 8.4e23, "mfu": 0.433, "energy_mwh": 760_000, "cost_usd": 3.46e6},
                },
            ),
            "energy_mwh",
        )
    ],
    "1.8": [
        (
            (0, {"flop": (2e25, 2e25), "mfu": (0.34, 0.34), "usd_per_hour": (1, 10)}),
            (5.87e7, 1.656e8, 4.667e8),
        )
    ],
    "1.9": [
        ((lambda device_hours, watts, pue: device_hours * watts / 1e6,), False),
        ((lambda device_hours, watts, pue: device_hours * watts * pue / 1e6,), True),
    ],
}
