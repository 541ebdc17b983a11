"""Answers to lab 10: one for every wrong idea that its tests name, and other ways of being right."""

from pathlib import Path

_SOURCE = (Path(__file__).parents[2] / "solutions" / "lab10_capstone.py").read_text(encoding="utf-8")


def _solution(exercise: str) -> str:
    """The instructor's answer that is a value."""
    cell = _SOURCE.split(f'"grade_id": "ex-10-{exercise}"}}\n')[1]
    return cell.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]


def _but(source: str, *changes: tuple[str, str]) -> str:
    """The source with something else in some places."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


AUDIT = """
def audit_table(table, units, limits, today):
    found = []
    for key in sorted(set(table) | set(units)):
        if key not in table:
            found.append((key, "missing"))
        elif key not in units:
            found.append((key, "unknown"))
        else:
            problem = problem_of(table[key], units[key], limits[key], today)
            if problem:
                found.append((key, problem))
    return found


def problem_of(row, unit, limits, today):
    numbers = [row["low"], row["value"], row["high"]]
    if row["unit"] != unit:
        return "unit"
    if not all(np.isfinite(numbers)):
        return "range"
    if not row["low"] <= row["value"] <= row["high"]:
        return "range"
    if any(number < limits[0] or number > limits[1] for number in numbers):
        return "impossible"
    source = row["source"].strip()
    if row["kind"] in ("sourced", "measured"):
        if not source:
            return "source"
    elif row["kind"] == "judgement":
        if len(source) < 20:
            return "source"
    elif row["kind"] != "given":
        return "source"
    if row["kind"] == "sourced":
        import datetime

        for form in ("%Y", "%Y-%m", "%Y-%m-%d"):
            try:
                day = datetime.datetime.strptime(row["date"], form)
            except ValueError:
                continue
            break
        else:
            return "date"
        if day > datetime.datetime.strptime(today, "%Y-%m-%d"):
            return "date"
"""

NPV = """
def npv(cashflows, rate):
    if rate <= -1:
        raise ValueError("rate")
    return sum(cash / (1 + rate) ** year for year, cash in enumerate(cashflows))
"""

DEMAND = """
def demand_tokens(a, tokens_per_word):
    T, p, q = a["turns_per_session"], a["words_per_prompt"], a["words_per_answer"]
    english = 1 - a["share_arabic"] - a["share_french"] - a["share_tamazight"]
    per_word = english * tokens_per_word["english"]
    for language in ("arabic", "french", "tamazight"):
        per_word += a["share_" + language] * tokens_per_word[language]
    words_in = T * p + (p + q) * T * (T - 1) / 2
    words_out = T * q
    demand = {"input": [], "output": []}
    for year in range(a["years"]):
        sessions = a["users"] * (1 + a["growth_per_year"]) ** year * a["sessions_per_user_day"] * 365
        demand["input"].append(sessions * words_in * per_word)
        demand["output"].append(sessions * words_out * per_word)
    return demand
"""

DEVICES = """
def devices_needed(a, demand):
    needed = []
    for read, written in zip(demand["input"], demand["output"]):
        busy = (read / a["prefill_tokens_per_s"] + written / a["decode_tokens_per_s"]) / (365 * 86_400)
        needed.append(max(a["min_devices"], ceil(a["peak_factor"] * busy / a["max_load"])))
    return needed
"""

FLEET = """
def fleet_usd(a, devices):
    price, life = a["usd_per_device"], a["device_life_years"]
    energy = a["device_kw"] * a["pue"] * 8760 * a["usd_per_kwh"]
    bought, usd = [], []
    for year, need in enumerate(devices):
        standing = sum(n for when, n in enumerate(bought) if year < when + life)
        new = max(0, need - standing)
        bought.append(new)
        have = standing + new
        usd.append(new * price + have * (a["upkeep_per_year"] * price + energy))
    return usd
"""

OPTION = """
def option_usd(a, option, demand, fleet):
    if option not in OPTIONS:
        raise ValueError(option)
    usd = []
    for year in range(len(demand["input"])):
        total = a["staff_" + option] * a["usd_per_staff_year"]
        if option == "api":
            tokens = demand["input"][year] * a["usd_per_mtok_input"] + demand["output"][year] * a["usd_per_mtok_output"]
            total += tokens / 1e6 * (1 + a["api_price_change_per_year"]) ** year
        else:
            total += fleet[year]
            if year % a["refresh_years"] == 0:
                total += a["evaluation_usd"]
                if option != "deploy":
                    flop = a["development_factor"] * 6 * a["n_params"] * a["tokens_" + option]
                    hours = flop / (a["peak_flop_per_s"] * a["mfu"]) / 3600
                    total += hours * a["usd_per_device_hour"]
                    total += a["data_usd_" + option]
        usd.append(total)
    return usd
"""

BREAKEVEN = """
def breakeven(users, usd_x, usd_y):
    last = None
    for n in range(len(users) - 1):
        before, after = usd_x[n] - usd_y[n], usd_x[n + 1] - usd_y[n + 1]
        if (before < 0) != (after < 0):
            last = users[n] + (users[n + 1] - users[n]) * before / (before - after)
    return last
"""

TORNADO = """
def tornado(cost, table):
    bars = []
    for key, row in table.items():
        if row["low"] == row["high"]:
            continue
        a = {name: other["value"] for name, other in table.items()}
        a[key] = row["low"]
        at_low = cost(a)
        a[key] = row["high"]
        bars.append((key, at_low, cost(a)))
    bars.sort(key=lambda bar: abs(bar[1] - bar[2]), reverse=True)
    return bars
"""

DECISION = """
WHOLE = ("years", "min_devices", "device_life_years", "refresh_years")


def decision(costs, table, seed, n=1000):
    rng = np.random.default_rng(seed)
    wins = {option: 0 for option in costs}
    for _ in range(n):
        a = world(table, rng)
        usd = [price(a) for price in costs.values()]
        wins[list(costs)[int(np.argmin(usd))]] += 1
    return {option: count / n for option, count in wins.items()}


def world(table, rng):
    a = {}
    for key, row in table.items():
        x = row["value"]
        if row["low"] < row["high"]:
            x = rng.triangular(row["low"], row["value"], row["high"])
        a[key] = int(round(x)) if key in WHOLE else float(x)
    return a
"""

VERDICT = """
def verdict(claim, evidence):
    low, high = claim["low"], claim["high"]
    words = set()
    for one in evidence:
        if one["quantity"] != claim["quantity"]:
            continue
        if one["low"] >= low and one["high"] <= high:
            words.add("confirmed")
        elif one["high"] < low or one["low"] > high:
            words.add("contradicted")
        else:
            words.add("depends")
    if not words:
        return "not comparable"
    return words.pop() if len(words) == 1 else "depends"
"""

ACCEPTS = """
def accepts(f):
    cases = CASES
    try:
        if any(not isclose(f(c, r), right, rel_tol=1e-9, abs_tol=1e-9) for c, r, right in cases):
            return False
    except Exception:
        return False
    for rate in (-1, -3):
        try:
            f([1, 2, 3], rate)
        except ValueError:
            continue
        return False
    return True
"""
_FIVE = (
    "[([1, 2, 3.456, 4, 5], 0.1, sum(c / 1.1**t for t, c in enumerate([1, 2, 3.456, 4, 5]))), ([4, 2, 1], -0.5, 12.0)]"
)
_UNREFUSED = _but(ACCEPTS, ("for rate in (-1, -3)", "for rate in ()"))

# What is computed from the table is lost with a function that is wrong, or with the table.
_PLAN = {f"10.{n}" for n in (2, 3, 4, 5, 6, 9, 10, 14)}
NEEDS = {"10.12": _PLAN, "10.13": _PLAN, "10.15": _PLAN}

TABLE = _solution("14")
CLAIMS = _solution("15")
MEMO = _solution("12")
RADAR = _solution("13")

WRONG = {
    "10.1/strict": _but(
        AUDIT, ('row["low"] <= row["value"] <= row["high"]', 'row["low"] < row["value"] < row["high"]')
    ),
    "10.1/missing_unseen": _but(AUDIT, ("sorted(set(table) | set(units))", "sorted(table)")),
    "10.1/unknown_unseen": _but(AUDIT, ('            found.append((key, "unknown"))', "            continue")),
    "10.1/unit_ignored": _but(AUDIT, ('row["unit"] != unit', "False")),
    "10.1/judgement_free": _but(AUDIT, ("len(source) < 20", "False")),
    "10.1/blanks_pass": _but(AUDIT, ('row["source"].strip()', 'row["source"]')),
    "10.1/dates_ignored": _but(AUDIT, ('if row["kind"] == "sourced":', "if False:")),
    "10.1/limits_ignored": _but(AUDIT, ("number < limits[0] or number > limits[1]", "False")),
    "10.1/limits_open": _but(
        AUDIT, ("number < limits[0] or number > limits[1]", "number <= limits[0] or number >= limits[1]")
    ),
    "10.2/year_0_discounted": _but(NPV, ("enumerate(cashflows)", "enumerate(cashflows, start=1)")),
    "10.2/not_discounted": _but(NPV, (" / (1 + rate) ** year", "")),
    "10.2/simple_interest": _but(NPV, ("(1 + rate) ** year", "(1 + rate * year)")),
    "10.2/continuous": _but(NPV, ("cash / (1 + rate) ** year", "cash * np.exp(-rate * year)")),
    "10.2/compounded": _but(NPV, ("cash / (1", "cash * (1")),
    "10.2/linear_discount": _but(NPV, ("cash / (1 + rate)", "cash * (1 - rate)")),
    "10.2/nothing_refused": _but(NPV, ("rate <= -1", "False")),
    "10.3/english_for_all": _but(DEMAND, ("tokens_per_word[language]", 'tokens_per_word["english"]')),
    "10.3/history_not_resent": _but(DEMAND, (" + (p + q) * T * (T - 1) / 2", "")),
    "10.3/answers_not_resent": _but(DEMAND, ("(p + q)", "p")),
    "10.3/prompts_not_resent": _but(DEMAND, ("(p + q)", "q")),
    "10.3/last_turn_only": _but(DEMAND, ("T * (T - 1) / 2", "(T - 1)")),
    "10.3/mean_of_languages": _but(
        DEMAND, ("words_in = T", "per_word = sum(tokens_per_word.values()) / len(tokens_per_word)\n    words_in = T")
    ),
    "10.3/english_forgotten": _but(DEMAND, ('english * tokens_per_word["english"]', "0")),
    "10.3/words_for_tokens": _but(DEMAND, (" * per_word)", ")")),
    "10.3/growth_in_year_0": _but(DEMAND, ("** year", "** (year + 1)")),
    "10.3/growth_ignored": _but(DEMAND, (' * (1 + a["growth_per_year"]) ** year', "")),
    "10.4/mean": _but(DEVICES, ('a["peak_factor"] * busy', "busy")),
    "10.4/no_headroom": _but(DEVICES, (' / a["max_load"]', "")),
    "10.4/headroom_multiplied": _but(DEVICES, (' / a["max_load"]', ' * a["max_load"]')),
    "10.4/prompts_free": _but(DEVICES, ('read / a["prefill_tokens_per_s"] + ', "")),
    "10.4/prompts_at_decode_speed": _but(DEVICES, ("prefill_tokens", "decode_tokens")),
    "10.4/floor": _but(DEVICES, ("ceil(", "int(")),
    "10.4/rounded": _but(DEVICES, ("ceil(", "round(")),
    "10.4/min_ignored": _but(DEVICES, ('max(a["min_devices"], ', "(")),
    "10.4/one_more": _but(DEVICES, ('max(a["min_devices"], ', '(a["min_devices"] + ')),
    "10.5/never_replaced": _but(FLEET, (" if year < when + life", "")),
    "10.5/one_year_more": _but(FLEET, ("year < when", "year <= when")),
    "10.5/all_at_once": _but(FLEET, ("if year < when + life", "if when // life == year // life")),
    "10.5/bought_every_year": _but(
        FLEET, ("standing = sum(n for when, n in enumerate(bought) if year < when + life)", "standing = 0")
    ),
    "10.5/no_pue": _but(FLEET, (' * a["pue"]', "")),
    "10.5/upkeep_of_new_only": _but(
        FLEET, ('have * (a["upkeep_per_year"] * price + energy)', 'new * a["upkeep_per_year"] * price + have * energy')
    ),
    "10.5/no_upkeep": _but(FLEET, ('a["upkeep_per_year"] * price + energy', "energy")),
    "10.5/power_as_energy": _but(FLEET, (" * 8760", "")),
    "10.5/spread_over_life": _but(FLEET, ("new * price + have", "need * price / life + need")),
    "10.5/surplus_free": _but(FLEET, ("have = standing + new", "have = need")),
    "10.5/sold": _but(FLEET, ("max(0, need - standing)", "need - standing")),
    "10.6/one_final_run": _but(OPTION, ('a["development_factor"] * 6', "6")),
    "10.6/trained_once": _but(OPTION, ('year % a["refresh_years"] == 0', "year == 0")),
    "10.6/every_year": _but(OPTION, ('year % a["refresh_years"] == 0', "True")),
    "10.6/no_staff": _but(OPTION, ('a["staff_" + option] * a["usd_per_staff_year"]', "0")),
    "10.6/no_evaluation": _but(OPTION, ('a["evaluation_usd"]', "0")),
    "10.6/data_free": _but(OPTION, ('a["data_usd_" + option]', "0")),
    "10.6/price_moved_from_year_0": _but(OPTION, ("** year", "** (year + 1)")),
    "10.6/price_stands": _but(OPTION, (' * (1 + a["api_price_change_per_year"]) ** year', "")),
    "10.6/api_pays_machines": _but(OPTION, ("total += tokens", "total += fleet[year] + tokens")),
    "10.6/per_thousand": _but(OPTION, ("/ 1e6", "/ 1e3")),
    "10.6/seconds": _but(OPTION, (" / 3600", "")),
    "10.6/nothing_refused": _but(OPTION, ("option not in OPTIONS", "False")),
    "10.7/first_crossing": _but(BREAKEVEN, ("            last = ", "            return ")),
    "10.7/line_through_ends": """
def breakeven(users, usd_x, usd_y):
    first, last = usd_x[0] - usd_y[0], usd_x[-1] - usd_y[-1]
    if first * last > 0:
        return None
    return users[0] + (users[-1] - users[0]) * first / (first - last)
""",
    "10.7/grid_point": _but(
        BREAKEVEN, ("users[n] + (users[n + 1] - users[n]) * before / (before - after)", "users[n + 1]")
    ),
    "10.7/extrapolates": _but(
        BREAKEVEN,
        (
            "    return last",
            "    if last is None:\n        return users[n] + (users[n + 1] - users[n]) * before / (before - after)\n"
            "    return last",
        ),
    ),
    "10.7/no_crossing": _but(BREAKEVEN, ("last = None", "last = 0")),
    "10.8/not_reset": """
def tornado(cost, table):
    bars = []
    a = {name: other["value"] for name, other in table.items()}
    for key, row in table.items():
        if row["low"] == row["high"]:
            continue
        a[key] = row["low"]
        at_low = cost(a)
        a[key] = row["high"]
        bars.append((key, at_low, cost(a)))
    return sorted(bars, key=lambda bar: -abs(bar[1] - bar[2]))
""",
    "10.8/ten_percent": _but(
        TORNADO,
        ('a[key] = row["low"]', 'a[key] = 0.9 * row["value"]'),
        ('a[key] = row["high"]', 'a[key] = 1.1 * row["value"]'),
    ),
    "10.8/by_sign": _but(TORNADO, ("abs(bar[1] - bar[2])", "bar[2] - bar[1]")),
    "10.8/narrowest_first": _but(TORNADO, (", reverse=True", "")),
    "10.8/unsorted": _but(TORNADO, ("    bars.sort(key=lambda bar: abs(bar[1] - bar[2]), reverse=True)\n", "")),
    "10.8/all_together": """
def tornado(cost, table):
    ends = [cost({key: row[end] for key, row in table.items()}) for end in ("low", "high")]
    return [(key, *ends) for key, row in table.items() if row["low"] != row["high"]]
""",
    "10.8/fixed_kept": _but(TORNADO, ('row["low"] == row["high"]', "False")),
    "10.9/independent_draws": _but(DECISION, ("[price(a) for price", "[price(world(table, rng)) for price")),
    "10.9/uniform": _but(
        DECISION, ('rng.triangular(row["low"], row["value"], row["high"])', 'rng.uniform(row["low"], row["high"])')
    ),
    "10.9/at_the_values": _but(DECISION, ('rng.triangular(row["low"], row["value"], row["high"])', 'row["value"]')),
    "10.9/ends_only": _but(
        DECISION, ('rng.triangular(row["low"], row["value"], row["high"])', 'rng.choice([row["low"], row["high"]])')
    ),
    "10.9/dearest": _but(DECISION, ("argmin", "argmax")),
    "10.9/seed_ignored": _but(DECISION, ("default_rng(seed)", "default_rng()")),
    "10.9/global_generator": _but(
        DECISION, ("rng = np.random.default_rng(seed)", "np.random.seed(seed)\n    rng = np.random")
    ),
    "10.9/n_ignored": _but(DECISION, ("    wins = {", "    n = 1000\n    wins = {")),
    "10.9/tie_to_the_last": _but(
        DECISION, ("int(np.argmin(usd))", "max(k for k, u in enumerate(usd) if u == min(usd))")
    ),
    "10.9/tie_to_all": _but(
        DECISION,
        (
            "        wins[list(costs)[int(np.argmin(usd))]] += 1\n",
            "        for option, u in zip(costs, usd):\n            wins[option] += u == min(usd)\n",
        ),
    ),
    "10.9/not_rounded": _but(DECISION, ("int(round(x)) if key in WHOLE else float(x)", "float(x)")),
    "10.9/cut_off": _but(DECISION, ("int(round(x))", "int(x)")),
    "10.10/middle": """
def verdict(claim, evidence):
    middles = [(e["low"] + e["high"]) / 2 for e in evidence if e["quantity"] == claim["quantity"]]
    if not middles:
        return "not comparable"
    inside = [claim["low"] <= m <= claim["high"] for m in middles]
    return "confirmed" if all(inside) else "depends" if any(inside) else "contradicted"
""",
    "10.10/any_quantity": _but(VERDICT, ('one["quantity"] != claim["quantity"]', "False")),
    "10.10/one_suffices": _but(
        VERDICT,
        ("    return words.pop()", '    if "confirmed" in words:\n        return "confirmed"\n    return words.pop()'),
    ),
    "10.10/overlap": _but(VERDICT, ('words.add("depends")', 'words.add("confirmed")')),
    "10.10/touching": _but(
        VERDICT, ('one["high"] < low or one["low"] > high', 'one["high"] <= low or one["low"] >= high')
    ),
    "10.10/one_contradicts": _but(
        VERDICT,
        (
            "    return words.pop()",
            '    if "contradicted" in words:\n        return "contradicted"\n    return words.pop()',
        ),
    ),
    "10.11/rate_zero": _but(_UNREFUSED, ("CASES", "[([1, 2, 3], 0, 6.0)]")),
    "10.11/one_cash_flow": _but(_UNREFUSED, ("CASES", "[([100], 0.1, 100.0)]")),
    "10.11/one_example": _but(ACCEPTS, ("CASES", "[([-100, 60, 60], 0.1, 500 / 121)]")),
    "10.11/refusals_untested": _but(_UNREFUSED, ("CASES", _FIVE)),
    "10.11/accepts_all": """
def accepts(f):
    return True
""",
    "10.14/no_reasons": """
TABLE = case("company")
""",
    "10.15/total_parameters": _but(CLAIMS, ("6 * leak.n_active_params", "6 * leak.n_params")),
    "10.15/leaks_price": _but(CLAIMS, ('"C2": 1e8 / leak_hours', '"C2": 1.0')),
    "10.15/another_year": _but(
        CLAIMS,
        (
            '"C3": data.row("inference_share/deloitte-2025").value',
            '"C3": data.row("inference_share/deloitte-2026").value',
        ),
        ('"C3": (0.45, 0.55', '"C3": (0.62, 0.72'),
    ),
    "10.15/per_thousand": _but(CLAIMS, ("between(10, 60)", "between(0.01, 0.06)")),
    "10.15/linear_assumed": _but(
        CLAIMS, ('"C5": cost("deploy")({**at, "users": 2 * at["users"]}) / deploys', '"C5": 2.0')
    ),
    "10.15/six_over_two": _but(CLAIMS, ('all_tokens / (3 * at["tokens_train"])', 'all_tokens / at["tokens_train"]')),
    "10.15/upside_down": _but(CLAIMS, ("trains / deploys", "deploys / trains")),
    "10.15/another_quantity": _but(
        CLAIMS,
        ('"quantity": SAID[name]["quantity"], "low": float(low)', '"quantity": "share of revenue", "low": float(low)'),
    ),
    "10.15/percent": _but(CLAIMS, ('"confidence": 0.8', '"confidence": 80')),
    "10.12/not_discounted": MEMO
    + """
asked = demand_tokens(at, OPEN)
MEMO["npv_usd"] = sum(option_usd(at, choice, asked, fleet_usd(at, devices_needed(at, asked))))
""",
    "10.12/million": MEMO + '\nMEMO["npv_usd"] /= 1e6\n',
    "10.12/users_not_discounted": _but(
        MEMO, ('for year in range(int(at["years"]))], at["discount_rate"])', 'for year in range(int(at["years"]))], 0)')
    ),
    "10.12/users_of_year_0": _but(MEMO, ("totals[choice] / user_years", 'totals[choice] / at["users"]')),
    "10.12/percent": _but(MEMO, ("TABLE, 1, 200)[choice]", "TABLE, 1, 400)[choice] * 100")),
    "10.12/nothing_reverses": MEMO + '\nMEMO["reversed_by"] = MEMO["reversal_value"] = None\n',
    "10.13/users_not_discounted": _but(
        RADAR, ('for year in range(int(at["years"]))], rate)\nfleet', 'for year in range(int(at["years"]))], 0)\nfleet')
    ),
    "10.13/one_final_run": _but(RADAR, ('at["development_factor"] * 6', "6")),
    "10.13/hours": _but(RADAR, ("run_hours / (fleet_now[0] * 8760)", "run_hours / fleet_now[0]")),
    "10.13/people_not_discounted": _but(
        RADAR, ('* int(at["years"]), rate) / totals[cheapest]', '* int(at["years"]), 0) / totals[cheapest]')
    ),
    "10.13/mean_year": _but(RADAR, ("yearly_usd(at, cheapest)[0] / totals[cheapest]", '1 / int(at["years"])')),
}

SLIPS = {
    "10.1/unsorted": _but(AUDIT, ("sorted(set(table) | set(units))", "sorted(set(table) | set(units), reverse=True)")),
    "10.1/no_finite": _but(
        AUDIT,
        ("not all(np.isfinite(numbers))", "False"),
        ('not row["low"] <= row["value"] <= row["high"]', 'row["low"] > row["value"] or row["value"] > row["high"]'),
    ),
    "10.1/today_refused": _but(AUDIT, ("len(source) < 20", "len(source) < 40")),
    "10.2/absolute": _but(NPV, ("return sum(cash", "return sum(abs(cash)")),
    "10.2/last_forgotten": _but(NPV, ("enumerate(cashflows)", "enumerate(cashflows[:-1])")),
    "10.3/leap_years": _but(DEMAND, ("365", "365.25")),
    "10.3/whole_turns": _but(DEMAND, ("words_in = T", "T = int(T)\n    words_in = T")),
    "10.4/hours": _but(DEVICES, ("86_400", "24")),
    "10.4/least_of_both": _but(DEVICES, ("max(a", "min(a")),
    "10.5/no_electricity": _but(FLEET, (" + energy", "")),
    "10.5/pue_on_upkeep": _but(FLEET, ('a["upkeep_per_year"] * price', 'a["upkeep_per_year"] * a["pue"] * price')),
    "10.6/two_n": _but(OPTION, ("* 6 *", "* 2 *")),
    "10.6/output_only": _but(OPTION, ('demand["input"][year] * a["usd_per_mtok_input"] + ', "")),
    "10.7/wrong_side": _but(BREAKEVEN, ("users[n] + ", "users[n] - ")),
    "10.8/width": _but(
        TORNADO, ("bars.append((key, at_low, cost(a)))", "bars.append((key, cost(a) - at_low, cost(a)))")
    ),
    "10.8/keys": _but(TORNADO, ("    return bars", "    return [key for key, _, _ in bars]")),
    "10.9/counts": _but(DECISION, ("count / n for", "count for")),
    "10.10/swapped": _but(VERDICT, ('return "not comparable"', 'return "depends"')),
    "10.11/rejects_all": "def accepts(f):\n    return False\n",
    "10.11/exact": _but(ACCEPTS, ("CASES", _FIVE), ("rel_tol=1e-9, abs_tol=1e-9", "rel_tol=0")),
    "10.14/shares": _but(TABLE, ("REASONS)", 'REASONS)\nTABLE["share_french"]["high"] = 0.4')),
    "10.14/a_row_is_gone": TABLE + '\ndel TABLE["pue"]\n',
    "10.14/half_a_year": TABLE + '\nTABLE["refresh_years"]["value"] = 2.5\n',
    "10.15/no_rows": _but(CLAIMS, ('"rows": rows', '"rows": []')),
    "10.15/no_such_row": _but(CLAIMS, ("TABLE/users", "TABLE/user")),
    "10.15/verdict_as_wished": _but(CLAIMS, ('"confidence": 0.8', '"verdict": "confirmed", "confidence": 0.8')),
    "10.15/no_reason": CLAIMS + '\nCLAIMS["C4"]["because"] = "so it is"\n',
    "10.12/a_number_from_elsewhere": MEMO + '\nMEMO["npv_usd"] = 5e6\n',
    "10.12/a_key_that_reverses_nothing": MEMO + '\nMEMO["reversed_by"], MEMO["reversal_value"] = "n_params", 8e9\n',
    "10.12/the_end_of_the_range": MEMO + '\nMEMO["reversal_value"] = TABLE[MEMO["reversed_by"]]["high"]\n',
    "10.12/the_dearest_runs_up": MEMO + '\nMEMO["runner_up"] = max(totals, key=totals.get)\n',
    "10.13/a_field_is_gone": RADAR + '\ndel RADAR["skills"]\n',
    "10.13/last_year": RADAR + '\nRADAR["timeline"] = 4\n',
}

_UNIVERSITY = """
TABLE = case("university")
for row in TABLE.values():
    if row["kind"] == "judgement":
        row["source"] = "asked the people who run the university's cluster"
TABLE["users"].update(value=30_000, low=4_000, high=60_000)
TABLE["usd_per_mtok_output"].update(value=2, high=4)
"""

RIGHT = {
    "10.1": [AUDIT],
    "10.2": [
        """
def npv(cashflows, rate):
    if rate <= -1:
        raise ValueError("rate")
    cash = np.asarray(cashflows, dtype=float)
    return (cash * (1.0 + rate) ** -np.arange(len(cash))).sum()
""",
        """
def npv(cashflows, rate):
    if not rate > -1:
        raise ValueError("rate")
    worth = 0
    for cash in reversed(cashflows):
        worth = cash + worth / (1 + rate)
    return worth
""",
    ],
    "10.3": [
        DEMAND,
        """
def demand_tokens(a, tokens_per_word):
    languages = ["arabic", "french", "tamazight"]
    shares = np.array([a[f"share_{language}"] for language in languages])
    tokens = np.array([tokens_per_word[language] for language in languages])
    per_word = shares @ tokens + (1 - shares.sum()) * tokens_per_word["english"]
    sessions = a["users"] * (1 + a["growth_per_year"]) ** np.arange(int(a["years"])) * a["sessions_per_user_day"] * 365
    T = a["turns_per_session"]
    once, history = T * a["words_per_prompt"], (T**2 - T) / 2 * (a["words_per_prompt"] + a["words_per_answer"])
    return {"input": sessions * (once + history) * per_word, "output": sessions * T * a["words_per_answer"] * per_word}
""",
    ],
    "10.4": [
        DEVICES,
        """
def devices_needed(a, demand):
    busy = np.array(demand["input"]) / a["prefill_tokens_per_s"] + np.array(demand["output"]) / a["decode_tokens_per_s"]
    needed = np.ceil(busy / (365 * 24 * 3600) * a["peak_factor"] / a["max_load"])
    return np.maximum(needed, a["min_devices"]).astype(int)
""",
    ],
    "10.5": [
        FLEET,
        """
def fleet_usd(a, devices):
    ages, usd = [], []
    for need in devices:
        ages = [age + 1 for age in ages if age + 1 < a["device_life_years"]]
        new = max(0, need - len(ages))
        ages += [0] * new
        kwh = len(ages) * a["device_kw"] * a["pue"] * 8760
        upkeep = len(ages) * a["usd_per_device"] * a["upkeep_per_year"]
        usd.append(new * a["usd_per_device"] + upkeep + kwh * a["usd_per_kwh"])
    return usd
""",
    ],
    "10.6": [
        OPTION,
        """
def option_usd(a, option, demand, fleet):
    if option not in {"train", "continue", "deploy", "api"}:
        raise ValueError(f"unknown option {option}")
    years = np.arange(len(demand["input"]))
    usd = np.full(len(years), float(a[f"staff_{option}"] * a["usd_per_staff_year"]))
    if option == "api":
        bill = np.array(demand["input"]) / 1e6 * a["usd_per_mtok_input"]
        bill = bill + np.array(demand["output"]) / 1e6 * a["usd_per_mtok_output"]
        return usd + bill * (1 + a["api_price_change_per_year"]) ** years
    once = a["evaluation_usd"]
    if option != "deploy":
        seconds = 6 * a["n_params"] * a[f"tokens_{option}"] / a["peak_flop_per_s"] / a["mfu"]
        once += a["development_factor"] * seconds / 3600 * a["usd_per_device_hour"] + a[f"data_usd_{option}"]
    return usd + np.array(fleet) + np.where(years % a["refresh_years"] == 0, once, 0)
""",
    ],
    "10.7": [
        BREAKEVEN,
        """
def breakeven(users, usd_x, usd_y):
    gap = np.subtract(usd_x, usd_y)
    turns = np.flatnonzero(np.diff(np.sign(gap)))
    if len(turns) == 0:
        return None
    n = turns[-1]
    way = 1 if gap[n] < 0 else -1
    return float(np.interp(0, gap[n : n + 2][::way], users[n : n + 2][::way]))
""",
    ],
    "10.8": [
        TORNADO,
        """
def tornado(cost, table):
    value = {key: row["value"] for key, row in table.items()}
    ends = {}
    for key, row in table.items():
        if row["low"] < row["high"]:
            ends[key] = [cost(value | {key: row[end]}) for end in ("low", "high")]
    return [[key, *ends[key]] for key in sorted(ends, key=lambda key: np.ptp(ends[key]), reverse=True)]
""",
    ],
    "10.9": [
        DECISION,
        """
def decision(costs, table, seed, n=1000):
    rng = np.random.default_rng(seed)
    columns = {}
    for key, row in table.items():
        if row["low"] == row["high"]:
            columns[key] = [row["value"]] * n
        else:
            columns[key] = rng.triangular(row["low"], row["value"], row["high"], n).tolist()
        if key in ("years", "min_devices", "device_life_years", "refresh_years"):
            columns[key] = [round(x) for x in columns[key]]
    best = []
    for k in range(n):
        a = {key: column[k] for key, column in columns.items()}
        best.append(min(costs, key=lambda option: costs[option](a)))
    return {option: best.count(option) / n for option in costs}
""",
    ],
    "10.10": [VERDICT],
    "10.11": [_but(ACCEPTS, ("CASES", _FIVE[:-1] + ", ([], 0.2, 0.0), ([3], 0.2, 3.0), ([1, 2], 0.5, 7 / 3)]"))],
    "10.14": [_UNIVERSITY],
    "10.15": [
        _but(
            CLAIMS,
            ('"confidence": 0.8', '"confidence": 0.35'),
            ("(leak_hours * 1.0, leak_hours * 4.1", "(1.2e8, 2.4e8"),
        ),
    ],
    "10.12": [
        MEMO
        + """
MEMO["choice"], MEMO["runner_up"] = "train", min(("continue", "deploy", "api"), key=totals.get)
MEMO["npv_usd"], MEMO["runner_up_npv_usd"] = totals["train"], totals[MEMO["runner_up"]]
MEMO["usd_per_user_year"] = totals["train"] / user_years
MEMO["probability"] = 0
MEMO["reversed_by"] = MEMO["reversal_value"] = None
""",
        MEMO
        + """
MEMO["probability"], MEMO["reversal_value"] = np.float32(MEMO["probability"]), np.float32(MEMO["reversal_value"])
""",
    ],
    "10.13": [
        _but(RADAR, ('for n in range(int(at["years"])) if', "for n in range(5) if")),
        RADAR + '\nRADAR["quick_take"] = np.float32(RADAR["quick_take"])\n',
    ],
}

EXAMPLES = {
    "10.2": [(([-100, 60, 60], 0.1), 500 / 121), (([1, 2, 3], 0), 6)],
    "10.7": [(([0, 1, 2, 3, 4, 5], [0, 2, 4, 6, 8, 10], [3, 3, 3, 7, 7, 7]), 3.5)],
    "10.4": [
        (
            (
                {
                    "prefill_tokens_per_s": 33207,
                    "decode_tokens_per_s": 10792,
                    "peak_factor": 3,
                    "max_load": 0.7,
                    "min_devices": 2,
                },
                {"input": [2e12, 4e12], "output": [1e12, 2e12]},
            ),
            [21, 42],
        )
    ],
    "10.10": [(({"quantity": "q", "low": 0, "high": 1}, []), "not comparable")],
}
