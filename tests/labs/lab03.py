"""Answers to lab 3: one for every wrong idea that its tests name, and other ways of being right."""

from math import sqrt

from course import data

OPTIMUM = """
def isoflop_optimum(n_params, loss):
    if len(set(n_params)) < 3:
        raise ValueError("three sizes")
    a, b, c = np.polyfit(np.log(n_params), loss, 2)
    if a <= 0:
        raise ValueError("downward")
    x = -b / (2 * a)
    return np.exp(x), a * x**2 + b * x + c
"""

POWER = """
def fit_power_law(c, y):
    b, a = np.polyfit(np.log(c), np.log(y), 1)
    return np.exp(a), b
"""

LOSS = """
def chinchilla_loss(n, d, law):
    return law["E"] + law["A"] * n ** -law["alpha"] + law["B"] * d ** -law["beta"]
"""

OPTIMAL = """
def compute_optimal(flop, law):
    a, b, A, B = law["alpha"], law["beta"], law["A"], law["B"]
    G = (a * A / (b * B)) ** (1 / (a + b))
    n = G * (flop / 6) ** (b / (a + b))
    return n, flop / 6 / n
"""

EXPONENT = """
def scaling_exponent(runs, count):
    points = []
    for budget in sorted(set(runs["budget_flop"])):
        n, loss = [], []
        for C, total, embedding, L in zip(runs["budget_flop"], runs["n_total"], runs["n_embedding"], runs["loss"]):
            if C == budget:
                n.append(total - embedding if count == "non_embedding" else total)
                loss.append(L)
        a, b, c = np.polyfit(np.log(n), loss, 2)
        points.append((budget, np.exp(-b / (2 * a))))
    x, y = np.log(points).T
    return np.polyfit(x, y, 1)[0]
"""

BOOTSTRAP = """
def bootstrap_exponent(runs, seed, n=200):
    rng = np.random.default_rng(seed)
    flop, size, loss = (np.array(runs[key]) for key in ("flop", "n", "loss"))
    budgets = np.unique(flop)
    exponents = []
    for _ in range(n):
        best = []
        for budget in budgets:
            x, y = np.log(size[flop == budget]), loss[flop == budget]
            pick = rng.integers(0, len(x), len(x))
            while len(set(x[pick])) < 3:
                pick = rng.integers(0, len(x), len(x))
            a, b, c = np.polyfit(x[pick], y[pick], 2)
            best.append(-b / (2 * a))
        exponents.append(np.polyfit(np.log(budgets), best, 1)[0])
    return np.percentile(exponents, 2.5), np.percentile(exponents, 97.5)
"""

RESIDUALS = """
def bootstrap_exponent(runs, seed, n=200):
    rng = np.random.default_rng(seed)
    flop, size, loss = (np.array(runs[key]) for key in ("flop", "n", "loss"))
    budgets = np.unique(flop)
    groups = [(np.log(size[flop == one]), loss[flop == one]) for one in budgets]
    curves = [np.polyfit(x, y, 2) for x, y in groups]
    left = [y - np.polyval(curve, x) for (x, y), curve in zip(groups, curves)]
    exponents = []
    for _ in range(n):
        best = []
        for (x, y), curve, own in zip(groups, curves, left):
            a, b, c = np.polyfit(x, np.polyval(curve, x) + rng.choice(own, len(x)), 2)
            best.append(-b / (2 * a))
        exponents.append(np.polyfit(np.log(budgets), best, 1)[0])
    return tuple(np.percentile(exponents, [2.5, 97.5]))
"""

FIT = """
def fit_parametric(runs):
    n, d, y = np.log(runs["n"]), np.log(runs["d"]), np.log(runs["loss"])
    N, D = n.mean(), d.mean()
    def total(p):
        error = np.log(np.exp(p[0]) + np.exp(p[1] - p[3] * (n - N)) + np.exp(p[2] - p[4] * (d - D))) - y
        return 1e4 * np.sum(huber(error))
    a, b = REFIT["alpha"], REFIT["beta"]
    p = [np.log(REFIT["E"]), np.log(REFIT["A"]) - a * N, np.log(REFIT["B"]) - b * D, a, b]
    for _ in range(2):
        p = optimize.minimize(total, p, method="BFGS").x
        p = optimize.minimize(total, p, method="Nelder-Mead", options=dict(maxiter=3000, xatol=1e-9, fatol=1e-10)).x
    return dict(E=np.exp(p[0]), A=np.exp(p[1] + p[3] * N), B=np.exp(p[2] + p[4] * D), alpha=p[3], beta=p[4])
"""

# Exercise 3.8 as a planner of so many budgets and sizes, and one who reads the runs.
GAME = """
SHARES, SIZES, WIDTH = (1, 4, 17, 70, 300), 7, 10.0

def next_run(runs, budget_left_flop):
    total = budget_left_flop + sum(runs["flop"])
    plan = []
    for share in SHARES:
        C = 0.999 * total * share / sum(SHARES) / SIZES
        for factor in np.geomspace(1 / WIDTH, WIDTH, SIZES):
            N = (C / 120) ** 0.5 * factor
            plan.append((N, C / 6 / N))
    i = len(runs["n"])
    return plan[i] if i < len(plan) else None

def groups(runs):
    found = {}
    for C, N, L in zip(runs["flop"], runs["n"], runs["loss"]):
        found.setdefault(round(np.log(C), 4), []).append((np.log(N), L))
    return sorted(found.items())

def predict(runs, flop):
    lnC, lnN, low = [], [], []
    for C, points in groups(runs):
        x, y = np.array(points).T
        a, b, c = np.polyfit(x, y, 2)
        lnC.append(C); lnN.append(-b / 2 / a); low.append(c - b * b / 4 / a)
    n = np.exp(np.polyval(np.polyfit(lnC, lnN, 1), np.log(flop)))
    saturating = lambda C, E, k, g: E + k * np.exp(-g * (C - lnC[0]))
    p, _ = optimize.curve_fit(saturating, lnC, low, p0=(1.8, low[0] - 1.8, 0.18), maxfev=20000)
    return n, saturating(np.log(flop), *p)
"""

PARAMETRIC = """
def predict(runs, flop):
    n, d, y = np.log(runs["n"]), np.log(runs["d"]), np.log(runs["loss"])
    n0, d0 = n.mean(), d.mean()
    def error(p):
        return np.log(np.exp(p[0]) + np.exp(p[1] - p[3] * (n - n0)) + np.exp(p[2] - p[4] * (d - d0))) - y
    p = optimize.least_squares(error, [0.5, 0.0, 0.0, 0.35, 0.35]).x
    E, A, B, a, b = np.exp(p[0]), np.exp(p[1] + p[3] * n0), np.exp(p[2] + p[4] * d0), p[3], p[4]
    N = (a * A / (b * B)) ** (1 / (a + b)) * (flop / 6) ** (b / (a + b))
    return N, E + A / N**a + B / (flop / 6 / N) ** b
"""

LIFETIME = """
def lifetime_optimal(loss_target, n_inference_tokens, law):
    E, A, B, a, b = (law[key] for key in ("E", "A", "B", "alpha", "beta"))
    if loss_target <= E:
        raise ValueError("below E")
    n = (A / (loss_target - E)) ** (1 / a) * np.exp(np.linspace(1e-4, 40, 400_001))
    with np.errstate(all="ignore"):
        d = (B / (loss_target - E - A / n**a)) ** (1 / b)
        flop = 6 * n * d + 2 * n * n_inference_tokens
    i = np.nanargmin(flop)
    return n[i], d[i]
"""

ACCEPTS = """
def accepts(f):
    laws = [dict(E=1.5, A=300.0, B=900.0, alpha=0.3, beta=0.4), dict(E=1.0, A=2000.0, B=50.0, alpha=0.5, beta=0.25)]
    for law in laws:
        for flop in (1e15, 1e21):
            a, b = law["alpha"], law["beta"]
            n = (a * law["A"] / (b * law["B"])) ** (1 / (a + b)) * (flop / 6) ** (b / (a + b))
            got = f(flop, law)
            if abs(got[0] / n - 1) > 1e-3 or abs(got[1] / (flop / 6 / n) - 1) > 1e-3:
                return False
    return True
"""

ONE_LAW = """
def accepts(f):
    law, flop = {law}, {flop}
    a, b = law["alpha"], law["beta"]
    n = (a * law["A"] / (b * law["B"])) ** (1 / (a + b)) * (flop / 6) ** (b / (a + b))
    got = f(flop, law)
    return isclose(got[0], n, rel_tol=1e-3) and isclose(got[1], flop / 6 / n, rel_tol=1e-3)
"""

WRONG = {
    "3.1/best_run": """
def isoflop_optimum(n_params, loss):
    i = int(np.argmin(loss))
    return n_params[i], loss[i]
""",
    "3.1/best_loss": OPTIMUM.replace("a * x**2 + b * x + c", "min(loss)"),
    "3.1/parabola_in_n": OPTIMUM.replace("np.log(n_params)", "n_params").replace("np.exp(x)", "x"),
    "3.1/bases_mixed": OPTIMUM.replace("np.log(n_params)", "np.log10(n_params)"),
    "3.1/logarithm_returned": OPTIMUM.replace("np.exp(x)", "x"),
    "3.1/nothing_refused": OPTIMUM.replace("len(set(n_params)) < 3", "False").replace("np.polyfit", "fitted")
    + """
def fitted(x, y, k):
    return np.linalg.lstsq(np.vander(x, 3), np.array(y), rcond=None)[0] if len(x) else (1.0, 0.0, 0.0)
""",
    "3.1/runs_counted": OPTIMUM.replace("len(set(n_params))", "len(n_params)"),
    "3.1/downward": OPTIMUM.replace("a <= 0", "a == 0"),
    "3.2/raw_scale": """
def fit_power_law(c, y):
    c, y = np.array(c), np.array(y)
    power = lambda x, a, b: a * x**b
    scale = c[np.argmax(y)]
    guess = np.polyfit(np.log(c), np.log(y), 1)[0]
    (a, b), _ = optimize.curve_fit(power, c / scale, y / y.max(), p0=(1, guess), xtol=1e-12, ftol=1e-12)
    return a * y.max() / scale**b, b
""",
    "3.2/through_the_ends": """
def fit_power_law(c, y):
    points = sorted(zip(c, y))
    (c1, y1), (c2, y2) = points[0], points[-1]
    b = np.log(y2 / y1) / np.log(c2 / c1)
    return y1 / c1**b, b
""",
    "3.2/other_way_round": """
def fit_power_law(c, y):
    b, a = np.polyfit(np.log(y), np.log(c), 1)
    return np.exp(-a / b), 1 / b
""",
    "3.2/order": POWER.replace("np.exp(a), b", "b, np.exp(a)"),
    "3.2/inverse": POWER.replace("np.exp(a), b", "np.exp(a), 1 / b"),
    "3.2/logarithm_returned": POWER.replace("np.exp(a), b", "a, b"),
    "3.2/bases_mixed": POWER.replace("np.log(", "np.log10("),
    "3.2/at_the_middle": """
def fit_power_law(c, y):
    x, z = np.log(c), np.log(y)
    b, a = np.polyfit(x - x.mean(), z, 1)
    return np.exp(a), b
""",
    "3.5/count_ignored": EXPONENT.replace('total - embedding if count == "non_embedding" else total', "total"),
    "3.5/budget_too": """
def scaling_exponent(runs, count):
    import pandas as pd
    table = pd.DataFrame(runs)
    table["n"] = table.n_total - (table.n_embedding if count == "non_embedding" else 0)
    table["c"] = table.budget_flop * table.n / table.n_total
    x, y = [], []
    for _, group in table.groupby("budget_flop"):
        a, b, _ = np.polyfit(np.log(group.n), group.loss, 2)
        x.append(np.log(group.c).mean())
        y.append(-b / (2 * a))
    return np.polyfit(x, y, 1)[0]
""",
    "3.5/best_run": EXPONENT.replace("np.exp(-b / (2 * a))", "n[int(np.argmin(loss))]"),
    "3.5/tokens": EXPONENT.replace("return np.polyfit(x, y, 1)[0]", "return np.polyfit(x, x - np.log(6) - y, 1)[0]"),
    "3.5/other_way_round": EXPONENT.replace("np.polyfit(x, y, 1)[0]", "1 / np.polyfit(y, x, 1)[0]"),
    "3.5/inverse": EXPONENT.replace("return np.polyfit(x, y, 1)[0]", "return 1 / np.polyfit(x, y, 1)[0]"),
    "3.5/no_parabolas": """
def scaling_exponent(runs, count):
    n = np.array(runs["n_total"]) - (np.array(runs["n_embedding"]) if count == "non_embedding" else 0)
    return np.polyfit(np.log(runs["budget_flop"]), np.log(n), 1)[0]
""",
    "3.7/seed_ignored": BOOTSTRAP.replace("default_rng(seed)", "default_rng(0)"),
    "3.7/n_ignored": BOOTSTRAP.replace("range(n)", "range(200)"),
    "3.7/global_generator": BOOTSTRAP.replace(
        "rng = np.random.default_rng(seed)", "np.random.seed(seed)\n    rng = np.random"
    ).replace("rng.integers", "rng.randint"),
    "3.7/residuals": RESIDUALS,
    "3.7/residuals_of_one_budget": RESIDUALS.replace("rng.choice(own,", "rng.choice(left[-1],"),
    "3.7/one_budget": BOOTSTRAP.replace(
        "            a, b, c = np",
        "            if budget < budgets[-1]:\n                pick = range(len(x))\n            a, b, c = np",
    ),
    "3.7/bottoms": """
def bootstrap_exponent(runs, seed, n=200):
    rng = np.random.default_rng(seed)
    flop, size, loss = (np.array(runs[key]) for key in ("flop", "n", "loss"))
    budgets = np.unique(flop)
    best = []
    for budget in budgets:
        a, b, c = np.polyfit(np.log(size[flop == budget]), loss[flop == budget], 2)
        best.append(-b / (2 * a))
    x, y, exponents = np.log(budgets), np.array(best), []
    while len(exponents) < n:
        pick = rng.integers(0, len(x), len(x))
        if len(set(pick)) > 1:
            exponents.append(np.polyfit(x[pick], y[pick], 1)[0])
    return np.percentile(exponents, 2.5), np.percentile(exponents, 97.5)
""",
    "3.7/percentiles": BOOTSTRAP.replace("2.5)", "5)").replace("97.5)", "95)"),
    "3.3/exponents_exchanged": LOSS.replace("alpha", "x").replace("beta", "alpha").replace("x", "beta"),
    "3.3/one_exponent": LOSS.replace("beta", "alpha"),
    "3.3/coefficients_exchanged": LOSS.replace('"A"', '"x"').replace('"B"', '"A"').replace('"x"', '"B"'),
    "3.3/no_e": LOSS.replace('law["E"] + ', ""),
    "3.3/multiplied": LOSS.replace("-law", "law"),
    "3.4/twenty_to_one": """
def compute_optimal(flop, law):
    n = (flop / 120) ** 0.5
    return n, 20 * n
""",
    "3.4/exponents_exchanged": OPTIMAL.replace("** (b / (a + b))", "** (a / (a + b))"),
    "3.4/equal_terms": OPTIMAL.replace("a * A / (b * B)", "A / B"),
    "3.4/upside_down": OPTIMAL.replace("a * A / (b * B)", "b * B / (a * A)"),
    "3.4/no_six": OPTIMAL.replace("flop / 6", "flop"),
    "3.4/square_root": OPTIMAL.replace("(flop / 6) ** (b / (a + b))", "(flop / 6) ** 0.5"),
    "3.4/tokens_first": OPTIMAL.replace("return n, flop / 6 / n", "return flop / 6 / n, n"),
    "3.6/squares": FIT.replace("np.sum(huber(error))", "np.sum(error**2)"),
    "3.6/raw_losses": FIT.replace(") - y\n", ") - y\n        error = np.exp(y) * (np.exp(error) - 1)\n"),
    "3.6/no_e": FIT.replace("np.exp(p[0]) + ", "").replace("E=np.exp(p[0])", "E=0.0"),
    "3.10/budget_only": """
def accepts(f):
    n, d = f(1e20, REFIT)
    return isclose(6 * n * d, 1e20, rel_tol=1e-6)
""",
    "3.10/even_law": """
def accepts(f):
    return np.allclose(f(6e6, {"E": 1, "A": 100, "B": 100, "alpha": 0.5, "beta": 0.5}), 1000)
""",
    "3.10/even_exponents": ONE_LAW.format(law={"E": 1, "A": 50.0, "B": 700.0, "alpha": 0.4, "beta": 0.4}, flop=1e18),
    "3.10/accepts_all": "def accepts(f):\n    return True\n",
    "3.10/refuses_all": "def accepts(f):\n    return f(1e20, REFIT) == 0\n",
    "3.8/one_run": """
def next_run(runs, budget_left_flop):
    if runs["n"]:
        return None
    n = (budget_left_flop / 120) ** 0.5
    return n, 20 * n

def predict(runs, flop):
    n = (flop / 120) ** 0.5
    return n, runs["loss"][0] * 0.85
""",
    "3.8/no_runs": """
def next_run(runs, budget_left_flop):
    return None

def predict(runs, flop):
    a, b = REFIT["alpha"], REFIT["beta"]
    n = (a * REFIT["A"] / (b * REFIT["B"])) ** (1 / (a + b)) * (flop / 6) ** (b / (a + b))
    return n, REFIT["E"] + REFIT["A"] / n**a + REFIT["B"] / (flop / 6 / n) ** b
""",
    "3.8/one_size": """
def next_run(runs, budget_left_flop):
    n = 2.5e8
    budgets = (1e16, 3e16, 1e17, 3e17, 5e17)
    return (n, budgets[len(runs["n"])] / 6 / n) if len(runs["n"]) < 5 else None

def predict(runs, flop):
    slope, start = np.polyfit(np.log(runs["flop"]), np.log(runs["loss"]), 1)
    return runs["n"][0] * (flop / 1e18) ** 0.5, np.exp(start + slope * np.log(flop))
""",
    "3.8/best_run": GAME.replace(
        "a, b, c = np.polyfit(x, y, 2)\n        lnC.append(C); lnN.append(-b / 2 / a); low.append(c - b * b / 4 / a)",
        "lnC.append(C); lnN.append(x[np.argmin(y)]); low.append(min(y))",
    ).replace("SIZES, WIDTH = (1, 4, 17, 70, 300), 7, 10.0", "SIZES, WIDTH = (1, 4, 17, 70, 300), 4, 10.0"),
    "3.8/power_law_of_the_loss": GAME.split("    saturating")[0]
    + "    return n, np.exp(np.polyval(np.polyfit(lnC, np.log(low), 1), np.log(flop)))\n",
    "3.9/training_optimal": LIFETIME.replace("2 * n * n_inference_tokens", "0"),
    "3.9/served_as_trained": LIFETIME.replace("2 * n * n_inf", "6 * n * n_inf"),
    "3.9/served_once": LIFETIME.replace("2 * n * n_inf", "n * n_inf"),
    "3.9/twenty_to_one": """
def lifetime_optimal(loss_target, n_inference_tokens, law):
    if loss_target <= law["E"]:
        raise ValueError("below E")
    E, A, B, a, b = (law[key] for key in ("E", "A", "B", "alpha", "beta"))
    n = np.exp(optimize.brentq(lambda x: E + A / np.exp(a * x) + B / (20 * np.exp(x)) ** b - loss_target, 0, 300))
    return n, 20 * n
""",
    "3.9/target_ignored": LIFETIME.replace("    n = (A", "    loss_target = E + 0.2\n    n = (A"),
    "3.9/nothing_refused": LIFETIME.replace('    if loss_target <= E:\n        raise ValueError("below E")\n', "")
    .replace("(A / (loss_target - E)) ** (1 / a)", "(A / max(loss_target - E, 1e-9)) ** (1 / a)")
    .replace("np.nanargmin(flop)", "int(np.argmin(np.nan_to_num(flop, nan=np.inf)))"),
}

# Natural slips that no test knows by name: they lose, and are accused of nothing.
SLIPS = {
    "3.1/half_forgotten": OPTIMUM.replace("-b / (2 * a)", "-b / a"),
    "3.1/sign": OPTIMUM.replace("np.exp(x), a", "np.exp(-x), a"),
    "3.1/best_three": OPTIMUM.replace(
        "    a, b, c",
        "    at = np.argsort(loss)[:3]\n    n_params, loss = np.take(n_params, at), np.take(loss, at)\n    a, b, c",
    ),
    "3.1/cubic": OPTIMUM.replace(
        "a, b, c = np.polyfit(np.log(n_params), loss, 2)", "*_, a, b, c = np.polyfit(np.log(n_params), loss, 3)"
    ),
    "3.2/mean_of_ratios": POWER.replace("np.exp(a), b", "np.mean(np.array(y) / np.array(c) ** b), b"),
    "3.2/half": "def fit_power_law(c, y):\n    return np.exp(np.mean(np.log(y) - 0.5 * np.log(c))), 0.5\n",
    "3.5/embedding_itself": EXPONENT.replace("total - embedding if", "embedding if"),
    "3.5/smallest_and_largest": EXPONENT.replace("np.polyfit(x, y, 1)[0]", "(y[-1] - y[0]) / (x[-1] - x[0])"),
    "3.5/parabola_in_n": EXPONENT.replace("np.polyfit(np.log(n), loss, 2)", "np.polyfit(n, loss, 2)").replace(
        "np.exp(-b / (2 * a))", "-b / (2 * a)"
    ),
    "3.7/runs_counted": BOOTSTRAP.replace("len(set(x[pick]))", "len(set(pick))"),
    "3.7/not_drawn_again": BOOTSTRAP.replace("len(set(x[pick])) < 3", "False"),
    "3.7/fixed": """
def bootstrap_exponent(runs, seed, n=200):
    e = 0.5 + 1e-3 * np.random.default_rng(seed).standard_normal(n).mean()
    return e - 0.07, e + 0.07
""",
    "3.7/anything": """
def bootstrap_exponent(runs, seed, n=200):
    e = np.random.default_rng(seed).standard_normal(n).mean()
    return e - 10, e + 10
""",
    "3.7/standard_error": BOOTSTRAP.replace(
        "return np.percentile(exponents, 2.5), np.percentile(exponents, 97.5)",
        "return np.mean(exponents) - np.std(exponents), np.mean(exponents) + np.std(exponents)",
    ),
    "3.3/logarithm": LOSS.replace("return ", "return np.log(").rstrip() + ")\n",
    "3.3/sum_of_both": LOSS.replace("d ** -law", "(n + d) ** -law"),
    "3.4/half_the_budget": OPTIMAL.replace("flop / 6", "flop / 12"),
    "3.4/ratio_not_rooted": OPTIMAL.replace(" ** (1 / (a + b))", ""),
    "3.6/published": "def fit_parametric(runs):\n    return REFIT\n",
    "3.6/stops_early": FIT.replace("for _ in range(2)", "for _ in range(1)")
    .replace('method="BFGS"', 'method="L-BFGS-B", options=dict(maxiter=3)')
    .replace("maxiter=3000", "maxiter=20"),
    "3.10/half": ACCEPTS.replace("1e-3", "0.5"),
    "3.8/narrow_budgets": GAME.replace("(1, 4, 17, 70, 300), 7, 10.0", "(1, 1.2), 3, 1.3"),
    "3.8/constant": GAME.split("def predict")[0] + "def predict(runs, flop):\n    return 1e9, 2.5\n",
    "3.9/tokens_first": LIFETIME.replace("return n[i], d[i]", "return d[i], n[i]"),
    "3.9/training_tokens_served": LIFETIME.replace("2 * n * n_inference_tokens", "2 * d * n_inference_tokens"),
    "3.9/least_tokens": LIFETIME.replace(
        "flop = 6 * n * d + 2 * n * n_inference_tokens", "flop = 6 * n * (d + n_inference_tokens / 2)"
    ),
}

RIGHT = {
    "3.1": [
        OPTIMUM,
        """
def isoflop_optimum(n_params, loss):
    import pandas as pd
    runs = pd.DataFrame({"x": np.log10(n_params), "loss": loss})
    if runs.x.nunique() < 3:
        raise ValueError("too few")
    design = np.stack([np.ones(len(runs)), runs.x, runs.x**2], axis=1)
    c, b, a = np.linalg.lstsq(design, runs.loss.to_numpy(), rcond=None)[0]
    if not a > 0:
        raise ValueError("no valley")
    x = -b / a / 2
    return [10**x, c + b * x + a * x * x]
""",
        """
def isoflop_optimum(n_params, loss):
    if np.unique(n_params).size <= 2:
        raise ValueError
    curve = np.polynomial.Polynomial.fit(np.log(n_params), loss, 2)
    [x] = curve.deriv().roots()
    if curve.deriv(2)(0.0) <= 0:
        raise ValueError
    return np.exp(np.float64(x)), curve(x)
""",
    ],
    "3.2": [
        POWER,
        """
def fit_power_law(c, y):
    from scipy import stats
    line = stats.linregress([math.log10(one) for one in c], [math.log10(one) for one in y])
    return 10**line.intercept, line.slope
""",
        """
def fit_power_law(c, y):
    (a, b), _ = optimize.curve_fit(lambda x, a, b: a + b * x, np.log(c), np.log(y))
    return math.exp(a), b
""",
        """
def fit_power_law(c, y):
    n = len(c)
    x, z = [math.log(one) for one in c], [math.log(one) for one in y]
    sx, sz, sxx, sxz = sum(x), sum(z), sum(a * a for a in x), sum(a * b for a, b in zip(x, z))
    b = (n * sxz - sx * sz) / (n * sxx - sx * sx)
    return math.exp((sz - b * sx) / n), b
""",
    ],
    "3.5": [
        EXPONENT,
        """
def scaling_exponent(runs, count):
    table = pd.DataFrame(runs)
    table["n"] = table.n_total if count == "total" else table.n_total - table.n_embedding
    best = {}
    for budget, group in table.groupby("budget_flop"):
        x = np.log10(group.n.to_numpy())
        curve = np.polynomial.Polynomial.fit(x, group.loss.to_numpy(), 2).convert().coef
        best[budget] = -curve[1] / curve[2] / 2
    from scipy import stats
    return stats.linregress(np.log10(list(best)), list(best.values())).slope
""",
    ],
    "3.7": [
        BOOTSTRAP,
        BOOTSTRAP.replace("len(set(x[pick])) < 3", "len(set(x[pick])) < 3 or np.polyfit(x[pick], y[pick], 2)[0] <= 0"),
        """
def bootstrap_exponent(runs, seed, n=200):
    rng = np.random.default_rng(seed)
    flop, size, loss = (np.array(runs[key]) for key in ("flop", "n", "loss"))
    budgets, exponents = np.unique(flop), []
    while len(exponents) < n:
        best = []
        for group in (np.flatnonzero(flop == budget) for budget in budgets):
            found = None
            while found is None:
                drawn = rng.choice(group, len(group))
                try:
                    found, _ = isoflop_optimum(list(size[drawn]), list(loss[drawn]))
                except ValueError:  # two sizes, or a hump
                    continue
            best.append(found)
        exponents.append(fit_power_law(list(budgets), best)[1])
    return tuple(np.percentile(exponents, (2.5, 97.5)))
""",
        """
def bootstrap_exponent(runs, seed, n=200):
    import random
    draw = random.Random(seed)
    by_budget = {}
    for run in zip(runs["flop"], runs["n"], runs["loss"]):
        by_budget.setdefault(run[0], []).append(run[1:])
    x = np.log(list(by_budget))
    x = x - x.mean()
    slopes = []
    for _ in range(n):
        y = []
        for group in by_budget.values():
            drawn = []
            while len({size for size, _ in drawn}) < 3:
                drawn = draw.choices(group, k=len(group))
            size, loss = np.array(drawn).T
            a, b, _ = np.polyfit(np.log10(size), loss, 2)
            y.append(-b / 2 / a * np.log(10))
        slopes.append(x @ y / (x @ x))
    return list(np.quantile(slopes, (0.025, 0.975)))
""",
    ],
    "3.3": [
        LOSS,
        """
def chinchilla_loss(n, d, law):
    E, A, B, alpha, beta = (law[key] for key in ("E", "A", "B", "alpha", "beta"))
    return B * np.exp(-beta * np.log(d)) + A * np.exp(-alpha * np.log(n)) + E
""",
    ],
    "3.4": [
        OPTIMAL,
        """
def compute_optimal(flop, law):
    def loss(x):
        n = np.exp(x)
        return law["A"] / n ** law["alpha"] + law["B"] / (flop / 6 / n) ** law["beta"]
    how = {"bounds": (-30, 120), "method": "bounded", "options": {"xatol": 1e-9}}
    x = optimize.minimize_scalar(lambda x: np.log(loss(x)), **how).x
    return np.exp(x), flop / 6 / np.exp(x)
""",
        """
def compute_optimal(flop, law):
    a, b = law["alpha"], law["beta"]
    slope = lambda x: np.log(a * law["A"] / (b * law["B"])) - a * x + b * (np.log(flop / 6) - x)
    n = np.exp(optimize.brentq(slope, -100, 300))
    return (n, flop / (6 * n))
""",
    ],
    "3.6": [
        FIT,
        """
def fit_parametric(runs):
    import torch
    n, d, y = (torch.tensor(np.log(runs[key])) for key in ("n", "d", "loss"))
    p = torch.tensor([0.6, 6.0, 7.5, 0.35, 0.37], dtype=torch.float64, requires_grad=True)
    how = dict(max_iter=3000, line_search_fn="strong_wolfe", tolerance_grad=1e-11, tolerance_change=1e-15)
    search = torch.optim.LBFGS([p], **how)

    def total():
        search.zero_grad()
        terms = torch.stack([p[0].expand(len(n)), p[1] - p[3] * n, p[2] - p[4] * d])
        error = torch.logsumexp(terms, 0) - y
        value = 1e4 * torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=1e-3, reduction="sum")
        value.backward()
        return value

    search.step(total)
    e, a, b, alpha, beta = p.tolist()
    return {"E": math.exp(e), "A": math.exp(a), "B": math.exp(b), "alpha": alpha, "beta": beta}
""",
    ],
    "3.10": [
        ACCEPTS,
        """
def accepts(f):
    r = np.random.default_rng(5)
    for _ in range(6):
        law = dict(zip(("E", "A", "B", "alpha", "beta"), [1.0, *r.uniform(50, 900, 2), *r.uniform(0.2, 0.7, 2)]))
        flop = 10 ** r.uniform(12, 24)
        n, d = f(flop, law)
        loss = lambda n: law["A"] / n ** law["alpha"] + law["B"] / (flop / 6 / n) ** law["beta"]
        grid = n * np.array([0.98, 1.0, 1.02])
        if not (loss(grid[0]) > loss(grid[1]) < loss(grid[2]) and isclose(6 * n * d, flop, rel_tol=1e-3)):
            return False
    return True
""",
    ],
    "3.8": [
        GAME,
        GAME.split("def predict")[0] + PARAMETRIC,
        GAME.split("def predict")[0].replace("(1, 4, 17, 70, 300), 7, 10.0", "(1, 3, 10, 30), 6, 6.0") + PARAMETRIC,
    ],
    "3.9": [
        LIFETIME,
        """
def lifetime_optimal(loss_target, n_inference_tokens, law):
    E, A, B, a, b = (law[key] for key in ("E", "A", "B", "alpha", "beta"))
    room = loss_target - E
    if not room > 0:
        raise ValueError(loss_target)

    def gain(t):  # t: the share of the room that the size takes, as a logit
        s = 1 / (1 + np.exp(-t))
        d = (B / (room * (1 - s))) ** (1 / b)
        return np.log(d) + np.log(a / b) + t - np.log(d + n_inference_tokens / 3)

    s = 1 / (1 + np.exp(-optimize.brentq(gain, -30, 30)))
    return (A / (room * s)) ** (1 / a), (B / (room * (1 - s))) ** (1 / b)
""",
    ],
}

RECORDS: list[dict] = []  # no exercise reads a record

SHORT = {"SHARE = 1 ": "SHARE = 0.05 "}

_VALUES = data.load("scaling_laws").set_index("id").value
_REFIT = {key: float(_VALUES[f"refit-{key.lower()}"]) for key in ("E", "A", "B", "alpha", "beta")}
_EVEN = {"E": 1, "A": 100, "B": 100, "alpha": 0.5, "beta": 0.5}
_RUNS = {
    "budget_flop": [1e15] * 3 + [4e15] * 3,
    "n_total": [2e6, 5e6, 17e6, 3e6, 9e6, 33e6],
    "n_embedding": [1e6] * 6,
    "loss": [3.0, 2.5, 3.0, 2.8, 2.3, 2.8],
}
_DRAWN = {"flop": _RUNS["budget_flop"], "n": [1e6, 4e6, 16e6, 2e6, 8e6, 32e6], "loss": _RUNS["loss"]}


def _optimal(flop: float, law: dict[str, float]) -> tuple[float, float]:
    a, b = law["alpha"], law["beta"]
    n = (a * law["A"] / (b * law["B"])) ** (1 / (a + b)) * (flop / 6) ** (b / (a + b))
    return n, flop / 6 / n


# Worked examples, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "3.1": [(([1e6, 4e6, 16e6], [3, 2.5, 3]), (4e6, 2.5)), (([1e6, 2e6, 4e6], [3, 2.5, 3]), (2e6, 2.5))],
    "3.2": [(([1, 100, 10000], [3, 30, 300]), (3, 0.5)), (([1, 10], [2, 20]), (2, 1))],
    "3.3": [((1e4, 1e6, _EVEN), 2.1), ((70e9, 1.4e12, _REFIT), 1.97388)],
    "3.4": [((6e6, _EVEN), (1000, 1000)), ((5.76e23, _REFIT), _optimal(5.76e23, _REFIT))],
    "3.5": [((_RUNS, "non_embedding"), 0.5)],
    "3.7": [((_DRAWN, 0, 20), (0.5, 0.5))],
    "3.9": [((1.2, 6.75e6, _EVEN), (562_500, 2_250_000))],
    "3.10": [((_optimal,), True), ((lambda flop, law: (sqrt(flop / 120), 20 * sqrt(flop / 120)),), False)],
}
