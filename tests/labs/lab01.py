"""Answers to lab 1: one for every wrong idea that its tests name, slips that they do not name, other right ones."""

# Exercises as most would write them; a wrong idea is a word or a line of them.
LAYERS = """
def layers_flop(n_tokens, widths):
    flop = 0
    for d_in, d_out in zip(widths, widths[1:]):
        flop += 2 * n_tokens * d_in * d_out
    return flop
"""

TRAIN = """
def train_flop(n_active_params, n_tokens):
    return 6 * n_active_params * n_tokens
"""

MFU = """
def mfu_of_run(run, device):
    flop = 6 * run["params_active"] * run["tokens"]
    return flop / (run["device_hours"] * 3600 * device["dense_flop_per_s"])
"""

HOURS = """
def device_hours(flop, peak_flop_per_s, mfu):
    if not 0 < mfu <= 1:
        raise ValueError("mfu")
    return flop / (peak_flop_per_s * mfu) / 3600
"""

OWNED = """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    if used_h > life_h:
        raise ValueError("used longer than it lives")
    bought = n_devices * usd_per_device * used_h / life_h
    power = n_devices * power_kw * used_h * pue * usd_per_kwh
    return bought + power
"""

ENERGY = """
def energy_mwh(device_hours, watts, pue):
    return device_hours * watts * pue / 1e6
"""

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

INTERVAL = """
def cost_interval(seed, ranges, n=10_000):
    rng = np.random.default_rng(seed)

    def draw(name):
        low, high = ranges[name]
        return np.exp(rng.uniform(np.log(low), np.log(high), n))

    usd = draw("flop") / (312e12 * draw("mfu")) / 3600 * draw("usd_per_hour")
    return tuple(np.percentile(usd, [5, 50, 95]))
"""
LOG_UNIFORM = "np.exp(rng.uniform(np.log(low), np.log(high), n))"

FORECAST = """
def forecast_hours(run, history):
    def at_peak(r):
        return 6 * r["params_active"] * r["tokens"] / r["dense_flop_per_s"] / 3600

    mfu = np.array([at_peak(h) / h["device_hours"] for h in history])
    low, mid, high = np.quantile(mfu, [0.1, 0.5, 0.9])
    return at_peak(run) / high, at_peak(run) / mid, at_peak(run) / low
"""


def but(source: str, *changes: tuple[str, str]) -> str:
    """An answer with some of its words changed, each of which must be there."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "1.1/multiply_add": but(LAYERS, ("2 * n_tokens", "n_tokens")),
    "1.1/last_addition": but(LAYERS, ("2 * n_tokens * d_in * d_out", "n_tokens * d_out * (d_in + d_in - 1)")),
    "1.1/square": but(LAYERS, ("d_in * d_out", "d_in**2")),
    "1.1/one_token": but(LAYERS, ("2 * n_tokens", "2")),
    "1.1/ends": """
def layers_flop(n_tokens, widths):
    return 2 * n_tokens * widths[0] * widths[-1]
""",
    "1.1/one_layer": """
def layers_flop(n_tokens, widths):
    d_in, d_out = widths[:2]
    return 2 * n_tokens * d_in * d_out
""",
    "1.1/product": """
def layers_flop(n_tokens, widths):
    flop = 2 * n_tokens
    for width in widths:
        flop *= width
    return flop
""",
    "1.2/forward_only": but(TRAIN, ("6", "2")),
    "1.2/backward_only": but(TRAIN, ("6", "4")),
    "1.2/multiply_add": """
def train_flop(n_active_params, n_tokens):
    forward, backward = 1, 2
    return (forward + backward) * n_active_params * n_tokens
""",
    "1.2/recompute": """
def train_flop(n_active_params, n_tokens):
    forward, backward = 2, 4
    return (forward + backward + forward) * n_active_params * n_tokens
""",
    "1.3/total": but(MFU, ("params_active", "params_total")),
    "1.3/sparse": but(MFU, ("dense", "sparse")),
    "1.3/hours": but(MFU, (" * 3600", "")),
    "1.3/hours_divided": """
def mfu_of_run(run, device):
    flop_per_s = 6 * run["params_active"] * run["tokens"] / run["device_hours"] * 3600
    return flop_per_s / device["dense_flop_per_s"]
""",
    "1.3/percent": but(MFU, ("flop / ", "100 * flop / ")),
    "1.3/cut_off": but(MFU, ("return ", "return min(1, "), ('per_s"])', 'per_s"]))')),
    "1.4/seconds": but(HOURS, (" / 3600", "")),
    "1.4/minutes": but(HOURS, ("3600", "60")),
    "1.4/times_3600": but(HOURS, ("/ 3600", "* 3600")),
    "1.4/peak": but(HOURS, ("(peak_flop_per_s * mfu)", "peak_flop_per_s")),
    "1.4/multiplied": but(HOURS, ("(peak_flop_per_s * mfu)", "peak_flop_per_s * mfu")),
    "1.4/nothing_refused": """
def device_hours(flop, peak_flop_per_s, mfu):
    return flop / (peak_flop_per_s * mfu) / 3600
""",
    "1.4/percent": """
def device_hours(flop, peak_flop_per_s, mfu):
    if mfu <= 0:
        raise ValueError("mfu")
    if mfu > 1:
        mfu = mfu / 100
    return flop / (peak_flop_per_s * mfu) / 3600
""",
    "1.4/above_one": but(HOURS, ("not 0 < mfu <= 1", "mfu <= 0")),
    "1.4/not_positive": but(HOURS, ("not 0 < mfu <= 1", "mfu > 1")),
    "1.5/full_purchase": but(OWNED, (" * used_h / life_h", "")),
    "1.5/no_hours": but(OWNED, ("power_kw * used_h", "power_kw")),
    "1.5/life": but(OWNED, ("power_kw * used_h", "power_kw * life_h")),
    "1.5/pue_ignored": but(OWNED, (" * pue", "")),
    "1.5/pue_twice": but(OWNED, (" * pue", " * pue * pue")),
    "1.5/pue_on_purchase": but(OWNED, (" * pue", ""), ("bought + power", "(bought + power) * pue")),
    "1.5/one_device": but(OWNED, ("n_devices * power_kw", "power_kw")),
    "1.5/watts": but(OWNED, ("n_devices * power_kw", "n_devices * power_kw / 1000")),
    "1.5/nothing_refused": """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    return n_devices * (usd_per_device * used_h / life_h + power_kw * used_h * pue * usd_per_kwh)
""",
    "1.6/watt_hours": but(ENERGY, (" / 1e6", "")),
    "1.6/kwh": but(ENERGY, ("1e6", "1000")),
    "1.6/gwh": but(ENERGY, ("1e6", "1e9")),
    "1.6/joules": but(ENERGY, ("device_hours * watts", "device_hours * 3600 * watts")),
    "1.6/pue_ignored": but(ENERGY, (" * pue", "")),
    "1.6/pue_divides": but(ENERGY, ("* pue", "/ pue")),
    "1.6/overhead": but(ENERGY, ("pue /", "(pue - 1) /")),
    "1.6/pue_added": but(ENERGY, ("pue /", "(1 + pue) /")),
    "1.7/total": but(AUDIT, ("params_active", "params_total")),
    "1.7/sparse": but(AUDIT, ("dense", "sparse")),
    "1.7/kwh": but(AUDIT, ("1e6", "1000")),
    "1.7/days": but(AUDIT, (" * 24", "")),
    "1.7/seconds": but(AUDIT, ("hours * 3600 * peak", "hours * peak")),
    "1.7/percent": but(AUDIT, ('"mfu": claim["flop"]', '"mfu": 100 * claim["flop"]')),
    "1.7/no_pue": but(AUDIT, (' * claim["pue"]', "")),
    "1.7/suspects_everything": but(
        AUDIT, ("abs(claim[field] - derived[field]) > 0.1 * derived[field]", "claim[field] != derived[field]")
    ),
    "1.7/suspects_nothing": """
def audit_release(claim):
    for field in ("flop", "mfu", "energy_mwh", "cost_usd"):
        if claim[field] < 0:
            return field
    return None
""",
    "1.7/list": but(AUDIT, ("for field", "wrong = []\n    for field"), ("return field", "wrong.append(field)"))
    + "    return wrong\n",
    "1.8/uniform": but(INTERVAL, (LOG_UNIFORM, "rng.uniform(low, high, n)")),
    "1.8/normal": but(INTERVAL, (LOG_UNIFORM, "rng.normal((low + high) / 2, (high - low) / 4, n)")),
    "1.8/times_mfu": but(INTERVAL, ('/ (312e12 * draw("mfu"))', '/ 312e12 * draw("mfu")')),
    "1.8/seconds": but(INTERVAL, (" / 3600", "")),
    "1.8/together": but(
        INTERVAL,
        ("default_rng(seed)", "default_rng(seed)\n    share = rng.random(n)"),
        (LOG_UNIFORM, "low * (high / low) ** share"),
    ),
    "1.8/ends": """
def cost_interval(seed, ranges, n=10_000):
    def usd(end):
        flop, mfu, price = ranges["flop"][end], ranges["mfu"][1 - end], ranges["usd_per_hour"][end]
        return flop / (312e12 * mfu) / 3600 * price

    return usd(0), (usd(0) + usd(1)) / 2, usd(1)
""",
    "1.8/mean": but(
        INTERVAL,
        ("tuple(np.percentile(usd, [5, 50, 95]))", "np.percentile(usd, 5), usd.mean(), np.percentile(usd, 95)"),
    ),
    "1.8/other_percentiles": but(INTERVAL, ("[5, 50, 95]", "[2.5, 50, 97.5]")),
    "1.8/unseeded": but(INTERVAL, ("default_rng(seed)", "default_rng()")),
    "1.8/seed_ignored": but(INTERVAL, ("default_rng(seed)", "default_rng(0)")),
    "1.8/global_generator": but(INTERVAL, ("rng = np.random.default_rng(seed)", "rng = np.random\n    rng.seed(seed)")),
    "1.8/n_ignored": but(INTERVAL, (", n)", ", 10_000)")),
    "1.9/pue_one": """
def accepts(f):
    return isclose(f(2e6, 500, 1), 1000)
""",
    "1.9/one_pue": """
def accepts(f):
    return isclose(f(1, 400, 2), 8e-4)
""",
    "1.9/accepts_all": """
def accepts(f):
    return f(0, 700, 1.2) is not None
""",
    "1.9/refuses_all": """
def accepts(f):
    return f(1e6, 400, 1.5) == 0.6
""",
    "1.9/kwh": """
def accepts(f):
    return isclose(f(1e6, 400, 1.5), 600_000) and isclose(f(1000, 500, 1.2), 600)
""",
    "1.10/turned": but(
        FORECAST, ("/ high, at_peak(run) / mid, at_peak(run) / low", "/ low, at_peak(run) / mid, at_peak(run) / high")
    ),
    "1.10/history_ignored": but(FORECAST, ("np.quantile(mfu, [0.1, 0.5, 0.9])", "0.38, 0.44, 0.5  # while stepping")),
    "1.10/no_middle": but(FORECAST, ("at_peak(run) / mid", "at_peak(run) / high")),
    "1.10/no_width": but(FORECAST, ("np.quantile(mfu, [0.1, 0.5, 0.9])", "[np.median(mfu)] * 3")),
    "1.10/mfu": but(FORECAST, ("at_peak(run) / high, at_peak(run) / mid, at_peak(run) / low", "low, mid, high")),
    "1.10/run_ignored": """
def forecast_hours(run, history):
    return tuple(np.quantile([h["device_hours"] for h in history], [0.1, 0.5, 0.9]))
""",
    "1.10/peak_ignored": """
def forecast_hours(run, history):
    size = run["params_active"] * run["tokens"]
    per_flop = [h["device_hours"] / h["params_active"] / h["tokens"] for h in history]
    return tuple(size * np.quantile(per_flop, [0.1, 0.5, 0.9]))
""",
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "1.1/biases": but(LAYERS, ("d_in * d_out", "d_in * d_out + n_tokens * d_out")),
    "1.1/training": but(LAYERS, ("2 * n_tokens", "6 * n_tokens")),
    "1.1/skips_last": but(LAYERS, ("zip(widths,", "zip(widths[:-2],")),
    "1.2/one_each": but(TRAIN, ("6 * ", "")),
    "1.2/chinchilla": but(TRAIN, ("n_tokens\n", "20 * n_active_params\n")),
    "1.2/billions": but(TRAIN, ("return ", "return 1e9 * round("), ("n_tokens\n", "n_tokens / 1e9)\n")),
    "1.3/forward": but(MFU, ("6 * ", "2 * ")),
    "1.3/minutes": but(MFU, ("3600", "60")),
    "1.3/rounded": but(MFU, ("return ", "return round("), ('per_s"])', 'per_s"]), 3)')),
    "1.3/inverse": but(MFU, ("return flop / ", "return 1 / flop * ")),
    "1.3/refuses_sparse_none": but(MFU, ("    flop =", "    device['sparse_flop_per_s'] / 2\n    flop = 3 +")),
    "1.4/rounded": but(HOURS, ("return flop", "return 0.0 + flop // 1")),
    "1.4/inverse": but(HOURS, ("flop / (peak_flop_per_s * mfu) / 3600", "peak_flop_per_s * mfu * 3600 / flop")),
    "1.4/refuses_one": but(HOURS, ("mfu <= 1", "mfu < 1")),
    "1.4/asserts": but(HOURS, ('if not 0 < mfu <= 1:\n        raise ValueError("mfu")', "assert 0 < mfu <= 1")),
    "1.4/returns_none": but(HOURS, ('raise ValueError("mfu")', "return None")),
    "1.4/caps": but(HOURS, ("not 0 < mfu <= 1", "mfu <= 0"), ("* mfu", "* min(1, mfu)")),
    "1.5/inverse_share": but(OWNED, ("used_h / life_h", "life_h / used_h")),
    "1.5/refuses_whole_life": but(OWNED, ("used_h > life_h", "used_h >= life_h")),
    "1.5/no_electricity": but(OWNED, ("bought + power", "bought")),
    "1.5/years": but(OWNED, ("used_h / life_h", "used_h / 8760")),
    "1.6/whole": but(ENERGY, ("/ 1e6", "// 1e6")),
    "1.6/own_pue": but(ENERGY, ("* pue", "* 1.1")),
    "1.7/forward_only": but(AUDIT, ("6 * claim", "2 * claim")),
    "1.7/multiply_add": but(AUDIT, ("6 * claim", "3 * claim")),
    "1.7/recompute": but(AUDIT, ("6 * claim", "8 * claim")),
    "1.7/minutes": but(AUDIT, ("3600", "60")),
    "1.7/inverse": but(AUDIT, ('claim["flop"] / (hours * 3600 * peak)', 'hours * 3600 * peak / claim["flop"]')),
    "1.7/lenient": but(AUDIT, ("> 0.1 *", "> 0.5 *")),
    "1.7/only_too_much": but(AUDIT, ("abs(claim[field] - derived[field])", "claim[field] - derived[field]")),
    "1.7/only_impossible": """
def audit_release(claim):
    return "mfu" if claim["mfu"] > 1 else None
""",
    "1.7/true_false": but(AUDIT, ("return field", "return True")),
    "1.7/last": but(AUDIT, ("for field in derived", "for field in list(derived)[:-1]")),
    "1.8/log10": but(INTERVAL, ("np.log(low), np.log(high)", "np.log10(low), np.log10(high)")),
    "1.8/mfu_ignored": but(INTERVAL, (' * draw("mfu")', "")),
    "1.8/middle_only": but(INTERVAL, ("[5, 50, 95]", "50")),
    "1.8/high_first": but(INTERVAL, ("[5, 50, 95]", "[95, 50, 5]")),
    "1.8/one_number": but(INTERVAL, (", n)", ")")),
    "1.8/none": but(INTERVAL, ("return tuple", "tuple")),
    "1.8/h100": but(INTERVAL, ("312e12", "989e12")),
    "1.8/quartiles": but(INTERVAL, ("[5, 50, 95]", "[25, 50, 75]")),
    "1.8/shares": but(INTERVAL, ("[5, 50, 95]", "[0.05, 0.5, 0.95]")),
    "1.9/exactly": """
def accepts(f):
    return all(f(h, w, pue) == h * w * pue / 1e6 for h, w, pue in ((1e6, 400, 1.8), (12.5, 330, 1.1), (7, 333, 1.31)))
""",
    "1.9/whole": """
def accepts(f):
    return all(round(f(1e6, 400, pue)) == round(400 * pue) for pue in (1.0, 1.25, 1.5))
""",
    "1.9/text": """
def accepts(f):
    return "right" if isclose(f(1000, 400, 1.15), 0.46) and isclose(f(1000, 400, 1.8), 0.72) else "wrong"
""",
    "1.10/too_narrow": but(FORECAST, ("[0.1, 0.5, 0.9]", "[0.4, 0.5, 0.6]")),
    "1.10/too_wide": but(FORECAST, ("mfu, [0.1, 0.5, 0.9])", "mfu, [0.1, 0.5, 0.9]) * [0.4, 1, 2.5]")),
    "1.10/seconds": but(
        FORECAST,
        (
            "at_peak(run) / high, at_peak(run) / mid, at_peak(run) / low",
            "*(3600 * at_peak(run) / x for x in (high, mid, low)),",
        ),
    ),
    "1.10/middle_only": but(
        FORECAST, ("return at_peak(run) / high, at_peak(run) / mid, at_peak(run) / low", "return at_peak(run) / mid")
    ),
    "1.10/tokens_ignored": but(FORECAST, (' * r["tokens"]', " * 1e12")),
    "1.10/off_middle": but(FORECAST, ("[0.1, 0.5, 0.9]", "[0.1, 0.15, 0.9]")),
    "1.10/nearest": """
def forecast_hours(run, history):
    nearest = min(history, key=lambda h: abs(h["params_active"] - run["params_active"]))
    return nearest["device_hours"] * 0.8, nearest["device_hours"], nearest["device_hours"] * 1.25
""",
    "1.10/none": but(FORECAST, ("return at_peak(run) / high", "at_peak(run) / high")),
    "1.9/in_order": """
def accepts(f, seen=[]):
    seen.append(f)
    return len(seen) <= 3
""",
}

RIGHT = {
    "1.1": [
        """
def layers_flop(n_tokens, widths):
    widths = np.array(widths)
    return 2 * n_tokens * (widths[:-1] @ widths[1:])
""",
        """
def layers_flop(n_tokens, widths):
    if len(widths) < 2:
        return 0
    d_in, d_out = widths[:2]
    return n_tokens * (d_in * d_out + d_out * d_in) + layers_flop(n_tokens, widths[1:])
""",
        """
from itertools import pairwise

def layers_flop(n_tokens, widths):
    return float(sum(2.0 * n_tokens * a * b for a, b in pairwise(widths)))
""",
    ],
    "1.2": [
        """
def train_flop(n_active_params, n_tokens):
    forward = 2 * n_active_params
    backward = 2 * forward
    return n_tokens * (forward + backward)
""",
        "def train_flop(n_active_params, n_tokens):\n    return int(6 * n_active_params * n_tokens)\n",
        """
from decimal import Decimal

def train_flop(n_active_params, n_tokens):
    return 6 * Decimal(n_active_params) * Decimal(n_tokens)
""",
    ],
    "1.3": [
        """
def mfu_of_run(run, device):
    seconds = run["device_hours"] * 60 * 60
    achieved = 6.0 * run["tokens"] / seconds * run["params_active"]
    return achieved / device["dense_flop_per_s"]
""",
        """
def mfu_of_run(run, device):
    needed = np.multiply.reduce([6, run["params_active"], run["tokens"]])
    return np.float64(needed) / np.prod([3600.0, run["device_hours"], device["dense_flop_per_s"]])
""",
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
""",
        """
from fractions import Fraction

def device_hours(flop, peak_flop_per_s, mfu):
    if 0 < mfu <= 1:
        return float(Fraction(flop) / Fraction(peak_flop_per_s) / Fraction(mfu) / 3600)
    raise ValueError
""",
    ],
    "1.5": [
        """
def owned_cost_usd(n_devices, usd_per_device, life_h, used_h, power_kw, pue, usd_per_kwh):
    share = used_h / life_h
    if share > 1:
        raise ValueError("used longer than it lives")
    each = usd_per_device * share + usd_per_kwh * pue * power_kw * used_h
    return sum(each for _ in range(n_devices))
""",
        """
def owned_cost_usd(n, price, life, used, kw, pue, tariff):
    if life < used:
        raise ValueError
    per_hour = price / life + kw * pue * tariff
    return np.dot([n], [per_hour * used])
""",
    ],
    "1.6": [
        "energy_mwh = lambda device_hours, watts, pue: device_hours / 1000 * (watts / 1000) * pue\n",
        """
def energy_mwh(device_hours, watts, pue):
    devices = device_hours * watts
    building = devices * (pue - 1)
    return (devices + building) * 1e-6
""",
    ],
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
""",
        """
def audit_release(claim):
    import pandas as pd

    c = pd.Series(claim)
    hours = c.n_devices * c.days * 24
    right = pd.Series({
        "flop": 6 * c.params_active * c.tokens,
        "mfu": c.flop / hours / 3600 / DEVICES[c.device]["dense_flop_per_s"],
        "energy_mwh": hours * c.watts / 1e6 * c.pue,
        "cost_usd": hours * c.usd_per_hour,
    })
    off = (right / c[right.index].astype(float) - 1).abs() > 0.08
    return off.idxmax() if off.any() else None
""",
        """
def audit_release(claim):
    hours = claim["n_devices"] * claim["days"] * 24
    peak = DEVICES[claim["device"]]["dense_flop_per_s"]
    fields = np.array(["flop", "mfu", "energy_mwh", "cost_usd"])
    right = np.array([6 * claim["params_active"] * claim["tokens"], claim["flop"] / (hours * 3600 * peak),
                      hours * claim["watts"] * claim["pue"] / 1e6, hours * claim["usd_per_hour"]])
    printed = np.array([claim[field] for field in fields])
    wrong = fields[~np.isclose(printed, right, rtol=0.1, atol=0)]
    return wrong[0] if len(wrong) else None
""",
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
    rng = np.random.default_rng(seed)
    costs = []
    for _ in range(n):
        draw = {key: low * (high / low) ** rng.random() for key, (low, high) in ranges.items()}
        costs.append(draw["flop"] / draw["mfu"] / 312e12 / 3600 * draw["usd_per_hour"])
    costs.sort()
    return costs[n // 20], costs[n // 2], costs[(n - 1) * 95 // 100]
""",
        """
def cost_interval(seed, ranges, n=10_000):
    import pandas as pd

    rng = np.random.default_rng(seed)
    drawn = pd.DataFrame({key: 10 ** rng.uniform(*np.log10(ends), size=n) for key, ends in ranges.items()})
    usd = drawn.flop / (drawn.mfu * 312e12 * 3600) * drawn.usd_per_hour
    return usd.quantile([0.05, 0.5, 0.95]).to_numpy()
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
    doubled = isclose(f(device_hours=2000, watts=500, pue=1.25), 2 * f(device_hours=1000, watts=500, pue=1.25))
    more = isclose(f(1000, 500, 1.9), 1.9 * f(1000, 500, 1))
    stronger = isclose(f(1000, 800, 1.1), 1.6 * f(1000, 500, 1.1))
    return np.bool_(doubled and more and stronger and isclose(f(1003, 501, 1.3), 0.6532539))
""",
    ],
    "1.10": [
        """
def forecast_hours(run, history):
    import pandas as pd

    past = pd.DataFrame(history)
    past["log_mfu"] = np.log(6 * past.params_active * past.tokens / (past.device_hours * 3600 * past.dense_flop_per_s))
    middle, spread = past.log_mfu.mean(), past.log_mfu.std()
    same = past[past.org == run["org"]].log_mfu
    if len(same) >= 2:
        middle, spread = (same.sum() + middle) / (len(same) + 1), 0.6 * spread
    log_hours = np.log(6 * run["params_active"] * run["tokens"] / (3600 * run["dense_flop_per_s"])) - middle
    return np.exp(log_hours + 1.2816 * spread * np.array([-1, 0, 1]))
""",
        """
from decimal import Decimal

def forecast_hours(run, history):
    per_second = []
    for past in history:
        seconds = 3600 * past["device_hours"]
        per_second.append(past["tokens"] / seconds * past["params_active"] / past["dense_flop_per_s"])
    per_second.sort()
    n = len(per_second) - 1
    needed = run["tokens"] * run["params_active"] / run["dense_flop_per_s"] / 3600
    return [Decimal(needed / per_second[round(n * q)]) for q in (0.95, 0.5, 0.05)]
""",
        """
from statistics import NormalDist

def forecast_hours(run, history):
    def size(r):
        return np.log(r["params_active"])

    def at_peak(r):
        return 6 * r["params_active"] * r["tokens"] / r["dense_flop_per_s"] / 3600

    x, y = np.array([size(h) for h in history]), np.log([h["device_hours"] / at_peak(h) for h in history])
    slope, constant = np.polyfit(x, y, 1)
    off = y - slope * x - constant
    z = NormalDist().inv_cdf(0.9) * np.sqrt(np.mean(off**2))
    return tuple(at_peak(run) * float(np.exp(constant + slope * size(run) + d)) for d in (-z, 0, z))
""",
    ],
}

PAST = {
    "org": "A",
    "year": 2023,
    "device": "A100 80GB",
    "dense_flop_per_s": 1e12,
    "params_active": 5e5,
    "tokens": 1.2e9,
}

# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "1.1": [((3, [5, 7, 2]), 294), ((3, [5, 7]), 210)],
    "1.2": [((1e9, 2e10), 1.2e20)],
    "1.3": [
        (
            (
                {"params_total": 1e9, "params_active": 1e9, "tokens": 2e10, "device_hours": 1000},
                {"dense_flop_per_s": 1e14, "sparse_flop_per_s": None},
            ),
            1 / 3,
        )
    ],
    "1.4": [((3.6e15, 1e12, 0.5), 2.0)],
    "1.5": [((8, 30000, 35040, 8760, 0.7, 1.2, 0.10), 65886.72)],
    "1.6": [((2e6, 500, 1), 1000), ((1e6, 400, 1.8), 720)],
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
    "1.10": [((PAST | {"params_active": 1e6}, [PAST | {"device_hours": 2}] * 4), (4, 4, 4))],
}
