"""Answers to lab 4: one for every wrong idea that its tests name, slips that they do not name, other right ones."""

from math import inf, nan

from course import data

STEP = """
def decode_step_s(batch, context, config, hw):
    kv = 2 * config["n_layers"] * config["n_kv_heads"] * config["head_dim"] * context * batch
    kv *= config["kv_bytes_per_elem"]
    compute = 2 * config["n_params"] * batch / hw["peak_flop_per_s"]
    weights = config["n_params"] * config["bytes_per_param"] / hw["bytes_per_s"]
    return kv / hw["bytes_per_s"] + max(compute, weights)
"""

PREFILL = """
def prefill_s(n_prompt, config, hw):
    compute = 2 * config["n_params"] * n_prompt / hw["peak_flop_per_s"]
    weights = config["n_params"] * config["bytes_per_param"] / hw["bytes_per_s"]
    return max(compute, weights)
"""

CHAT = """
def conversation_usd(turns, prices, cached):
    kind = "cached_input" if cached else "input"
    total, history = 0.0, 0
    for user, answer in turns:
        total += history * prices[kind] + user * prices["input"] + answer * prices["output"]
        history += user + answer
    return total / 1e6
"""

CHEAPEST = """
def cheapest_for(language, models):
    found = []
    for model in models:
        if language not in model["tokens"]:
            continue
        found.append((model["name"], model["usd_per_mtok"] * model["tokens"][language] / 1e6))
    return sorted(found, key=lambda pair: pair[1])
"""

SHARE = """
def share_inside(prices, low_per_1k, high_per_1k, year):
    inside = total = 0
    for i in range(len(prices["year"])):
        if prices["year"][i] != year:
            continue
        blend = 0.75 * prices["usd_per_mtok_input"][i] + 0.25 * prices["usd_per_mtok_output"][i]
        total += 1
        if low_per_1k * 1000 <= blend <= high_per_1k * 1000:
            inside += 1
    return inside / total if total else float("nan")
"""

INVOICE = """
def wrong_line(invoice, prices):
    fresh = invoice["input_tokens"]
    if invoice["cached_is_inside_input"]:
        fresh -= invoice["cached_input_tokens"]
    written = invoice["output_tokens"]
    if not invoice["reasoning_is_inside_output"]:
        written += invoice["reasoning_tokens"]
    lines = [
        ("input_usd", fresh * prices["input"] / 1e6),
        ("cached_input_usd", invoice["cached_input_tokens"] * prices["cached_input"] / 1e6),
        ("output_usd", written * prices["output"] / 1e6),
    ]
    lines.append(("total_usd", sum(invoice[name] for name, _ in lines)))
    for name, usd in lines:
        if abs(invoice[name] - usd) > 0.01 * usd:
            return name
    return None
"""


def varied(source: str, old: str, new: str) -> str:
    """An answer with one part of it changed."""
    assert source.count(old) == 1, old
    return source.replace(old, new)


WRONG = {
    "4.1/one_array": """
def copy_bandwidth(n, itemsize, seconds):
    return n * itemsize / np.median(seconds[1:])
""",
    "4.1/three_arrays": """
def copy_bandwidth(n, itemsize, seconds):
    return 3 * n * itemsize / np.median(seconds[1:])
""",
    "4.1/warmup_kept": """
def copy_bandwidth(n, itemsize, seconds):
    return 2 * n * itemsize / np.median(seconds)
""",
    "4.1/mean": """
def copy_bandwidth(n, itemsize, seconds):
    rest = seconds[1:]
    return 2 * n * itemsize * len(rest) / sum(rest)
""",
    "4.1/fastest": """
def copy_bandwidth(n, itemsize, seconds):
    return max(2 * n * itemsize / s for s in seconds[1:])
""",
    "4.1/eight_bytes": """
def copy_bandwidth(n, itemsize, seconds):
    return 2 * n * 8 / np.median(seconds[1:])
""",
    "4.1/sorted_first": """
def copy_bandwidth(n, itemsize, seconds):
    warm = sorted(seconds)[:-1]
    return 2 * n * itemsize / np.median(warm)
""",
    "4.2/keys_only": """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    return n_layers * n_kv_heads * head_dim * bytes_per_elem
""",
    "4.2/two_bytes": """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    return 2 * n_layers * n_kv_heads * head_dim * 2
""",
    "4.2/bits": """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    return 2 * n_layers * n_kv_heads * head_dim * bytes_per_elem / 8
""",
    "4.2/one_layer": """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    return 2 * n_kv_heads * head_dim * bytes_per_elem
""",
    "4.3/rounds": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return max(0, round((mem_bytes - weight_bytes) / (kv_bytes_per_token * context)))
""",
    "4.3/no_weights": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return mem_bytes // (kv_bytes_per_token * context)
""",
    "4.3/one_token": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return max(0, (mem_bytes - weight_bytes) // kv_bytes_per_token)
""",
    "4.3/not_whole": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return max(0.0, (mem_bytes - weight_bytes) / (kv_bytes_per_token * context))
""",
    "4.3/negative": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return (mem_bytes - weight_bytes) // (kv_bytes_per_token * context)
""",
    "4.4/no_two": """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    return peak_flop_per_s / (bandwidth / bytes_per_param)
""",
    "4.4/two_bytes": """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    return peak_flop_per_s / bandwidth
""",
    "4.4/bytes_divide": """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    return peak_flop_per_s / bandwidth / bytes_per_param / 2
""",
    "4.4/upside_down": """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    return 2 * bandwidth / (peak_flop_per_s * bytes_per_param)
""",
    "4.5/sum": varied(STEP, "max(compute, weights)", "compute + weights"),
    "4.5/kv_of_one": varied(STEP, " * context * batch", " * context"),
    "4.5/all_heads": varied(STEP, "n_kv_heads", "n_heads"),
    "4.5/weights_for_each": varied(STEP, '["bytes_per_param"]', '["bytes_per_param"] * batch'),
    "4.5/kv_hidden": varied(
        STEP, 'kv / hw["bytes_per_s"] + max(compute, weights)', 'max(compute, kv / hw["bytes_per_s"] + weights)'
    ),
    "4.5/work_of_one": varied(STEP, '["n_params"] * batch', '["n_params"]'),
    "4.5/no_two": varied(STEP, '2 * config["n_params"]', 'config["n_params"]'),
    "4.6/one_by_one": varied(
        varied(PREFILL, " * n_prompt", ""), "return max(compute, weights)", "return n_prompt * max(compute, weights)"
    ),
    "4.6/sum": varied(PREFILL, "max(compute, weights)", "compute + weights"),
    "4.6/compute_only": varied(PREFILL, "max(compute, weights)", "compute"),
    "4.6/read_only": varied(PREFILL, "max(compute, weights)", "weights"),
    "4.6/no_two": varied(PREFILL, '2 * config["n_params"]', 'config["n_params"]'),
    "4.7/multiplied": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour * utilisation / (tokens_per_s * 3600) * 1e6
""",
    "4.7/ignored": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / (tokens_per_s * 3600 / 1e6)
""",
    "4.7/thousand": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / (tokens_per_s * utilisation * 3600) * 1000
""",
    "4.7/one_token": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / (tokens_per_s * utilisation * 3600)
""",
    "4.7/hour": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / (tokens_per_s * utilisation) * 1e6
""",
    "4.7/minutes": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / 60 / (tokens_per_s * utilisation) * 1e6
""",
    "4.8/linear": """
def conversation_usd(turns, prices, cached):
    return sum(user * prices["input"] + answer * prices["output"] for user, answer in turns) / 1e6
""",
    "4.8/answers_not_resent": varied(CHAT, "history += user + answer", "history += user"),
    "4.8/messages_not_resent": varied(CHAT, "history += user + answer", "history += answer"),
    "4.8/last_turn": varied(CHAT, "history += user + answer", "history = user + answer"),
    "4.8/always_cached": varied(CHAT, '"cached_input" if cached else "input"', '"cached_input"'),
    "4.8/all_cached": varied(CHAT, 'user * prices["input"]', "user * prices[kind]"),
    "4.8/cached_ignored": varied(CHAT, '"cached_input" if cached else "input"', '"input"'),
    "4.8/cached_is_free": varied(CHAT, "history * prices[kind]", "(0 if cached else history * prices[kind])"),
    "4.9/fixed_over_api": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    if api_usd_per_mtok <= own_usd_per_mtok:
        return math.inf
    return fixed_usd_per_day / api_usd_per_mtok * 1e6
""",
    "4.9/added": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    if api_usd_per_mtok <= own_usd_per_mtok:
        return math.inf
    return fixed_usd_per_day / (api_usd_per_mtok + own_usd_per_mtok) * 1e6
""",
    "4.9/millions": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    if api_usd_per_mtok <= own_usd_per_mtok:
        return math.inf
    return fixed_usd_per_day / (api_usd_per_mtok - own_usd_per_mtok)
""",
    "4.9/per_second": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    if api_usd_per_mtok <= own_usd_per_mtok:
        return math.inf
    return fixed_usd_per_day / 86_400 / (api_usd_per_mtok - own_usd_per_mtok) * 1e6
""",
    "4.9/negative": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    return fixed_usd_per_day / (api_usd_per_mtok - own_usd_per_mtok) * 1e6
""",
    "4.9/not_equal": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    if own_usd_per_mtok > api_usd_per_mtok:
        return math.inf
    return 1e6 * fixed_usd_per_day / (api_usd_per_mtok - own_usd_per_mtok)
""",
    "4.10/by_token_price": """
def cheapest_for(language, models):
    able = sorted((m for m in models if language in m["tokens"]), key=lambda m: m["usd_per_mtok"])
    return [(m["name"], m["usd_per_mtok"] * m["tokens"][language] / 1e6) for m in able]
""",
    "4.10/english_tokens": varied(CHEAPEST, 'model["tokens"][language]', 'model["tokens"]["english"]'),
    "4.10/dearest_first": varied(CHEAPEST, "pair[1])", "-pair[1])"),
    "4.10/not_sorted": varied(CHEAPEST, "sorted(found, key=lambda pair: pair[1])", "found"),
    "4.10/million": varied(CHEAPEST, " / 1e6", ""),
    "4.10/missing_is_free": """
def cheapest_for(language, models):
    usd = {m["name"]: m["usd_per_mtok"] * m["tokens"].get(language, 0) / 1e6 for m in models}
    return sorted(usd.items(), key=lambda item: item[1])
""",
    "4.10/missing_raises": """
def cheapest_for(language, models):
    usd = {m["name"]: m["usd_per_mtok"] * m["tokens"][language] / 1e6 for m in models}
    return sorted(usd.items(), key=lambda item: item[1])
""",
    "4.10/missing_as_english": """
def cheapest_for(language, models):
    usd = {m["name"]: m["usd_per_mtok"] * m["tokens"].get(language, m["tokens"]["english"]) / 1e6 for m in models}
    return sorted(usd.items(), key=lambda item: item[1])
""",
    "4.11/never_idle": """
def accepts(f):
    return isclose(f(1.8, 1000, 1), 0.5) and isclose(f(7.2, 10, 1), 200)
""",
    "4.11/one_utilisation": """
def accepts(f):
    return isclose(f(1.8, 1000, 0.5), 1) and isclose(f(5.5, 310, 0.5), 5.5e6 / 3600 / 155)
""",
    "4.11/low_only": """
def accepts(f):
    return all(isclose(f(2.2, 130, share), 2.2e6 / 3600 / 130 / share) for share in (0.1, 0.2, 0.3))
""",
    "4.11/high_only": """
def accepts(f):
    return all(isclose(f(2.2, 130, share), 2.2e6 / 3600 / 130 / share) for share in (0.7, 0.8, 0.9, 1))
""",
    "4.11/accepts_all": """
def accepts(f):
    return f(1.8, 1000, 0.5) > 0
""",
    "4.11/refuses_all": """
def accepts(f):
    return all(f(2.2, 130, share) == 2.2 / 3600 / 130 / share * 1e6 for share in (0.1, 0.3, 0.7, 0.9))
""",
    "4.12/per_million": SHARE.replace("_per_1k * 1000", "_per_1k"),
    "4.12/input_only": varied(
        SHARE,
        '0.75 * prices["usd_per_mtok_input"][i] + 0.25 * prices["usd_per_mtok_output"][i]',
        'prices["usd_per_mtok_input"][i]',
    ),
    "4.12/output_only": varied(
        SHARE,
        '0.75 * prices["usd_per_mtok_input"][i] + 0.25 * prices["usd_per_mtok_output"][i]',
        'prices["usd_per_mtok_output"][i]',
    ),
    "4.12/plain_mean": SHARE.replace("0.75", "0.5").replace("0.25", "0.5"),
    "4.12/other_way": SHARE.replace("0.25", "0.7500").replace("0.75 ", "0.25 "),
    "4.12/ends_outside": SHARE.replace("blend <= high", "blend < high"),
    "4.12/all_years": varied(SHARE, 'if prices["year"][i] != year:', 'if year not in prices["year"]:'),
    "4.12/count": varied(SHARE, "inside / total", "inside"),
    "4.12/no_rows": varied(SHARE, ' if total else float("nan")', ""),
    "4.13/reasoning_twice": varied(
        INVOICE, 'if not invoice["reasoning_is_inside_output"]:\n        written', "if True:\n        written"
    ),
    "4.13/reasoning_free": varied(INVOICE, 'written += invoice["reasoning_tokens"]', "pass"),
    "4.13/cached_in_full": varied(INVOICE, 'fresh -= invoice["cached_input_tokens"]', "pass"),
    "4.13/cached_price": varied(INVOICE, 'prices["cached_input"]', 'prices["input"]'),
    "4.13/cached_subtracted": varied(
        INVOICE, 'if invoice["cached_is_inside_input"]:\n        fresh', "if True:\n        fresh"
    ),
    "4.13/flags_ignored": varied(
        varied(INVOICE, 'written += invoice["reasoning_tokens"]', "pass"),
        'fresh -= invoice["cached_input_tokens"]',
        "pass",
    ),
    "4.13/suspects_everything": varied(
        INVOICE, "abs(invoice[name] - usd) > 0.01 * usd", "not isclose(invoice[name], usd)"
    ),
    "4.13/suspects_nothing": """
def wrong_line(invoice, prices):
    for name in ("input_usd", "cached_input_usd", "output_usd", "total_usd"):
        if invoice[name] < 0:
            return name
    return None
""",
    "4.13/divides_by_zero": varied(
        INVOICE, "abs(invoice[name] - usd) > 0.01 * usd", "abs(invoice[name] / usd - 1) > 0.01"
    ),
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "4.1/last_dropped": """
def copy_bandwidth(n, itemsize, seconds):
    return 2 * n * itemsize / np.median(seconds[:-1])
""",
    "4.1/bits": """
def copy_bandwidth(n, itemsize, seconds):
    return 2 * n * itemsize / 8 / np.median(seconds[1:])
""",
    "4.1/gigabytes": """
def copy_bandwidth(n, itemsize, seconds):
    return 2 * n * itemsize / np.median(seconds[1:]) / 1e9
""",
    "4.1/sorts_the_argument": """
def copy_bandwidth(n, itemsize, seconds):
    seconds.pop(0)
    seconds.sort()
    k = len(seconds)
    return 2 * n * itemsize / ((seconds[(k - 1) // 2] + seconds[k // 2]) / 2)
""",
    "4.1/upper_median": """
def copy_bandwidth(n, itemsize, seconds):
    rest = sorted(seconds[1:])
    return 2 * n * itemsize / rest[len(rest) // 2]
""",
    "4.2/no_head_dim": """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    return 2 * n_layers * n_kv_heads * bytes_per_elem
""",
    "4.2/whole_bytes": """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    return 2 * n_layers * n_kv_heads * head_dim * int(bytes_per_elem)
""",
    "4.3/always_one": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return max(1, (mem_bytes - weight_bytes) // (kv_bytes_per_token * context))
""",
    "4.3/weights_for_each": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return mem_bytes // (weight_bytes + kv_bytes_per_token * context)
""",
    "4.3/not_full": """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    n = 0
    while weight_bytes + (n + 1) * kv_bytes_per_token * context < mem_bytes:
        n += 1
    return n
""",
    "4.4/whole": """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    return math.ceil(peak_flop_per_s * bytes_per_param / (2 * bandwidth))
""",
    "4.4/bits": """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    return peak_flop_per_s * bytes_per_param / 8 / (2 * bandwidth)
""",
    "4.5/keys_only": varied(STEP, "kv = 2 * ", "kv = "),
    "4.5/two_bytes": varied(STEP, 'config["bytes_per_param"]', "2"),
    "4.5/cache_in_two_bytes": varied(STEP, 'config["kv_bytes_per_elem"]', "2"),
    "4.5/milliseconds": varied(
        STEP,
        'kv / hw["bytes_per_s"] + max(compute, weights)',
        '1000 * (kv / hw["bytes_per_s"] + max(compute, weights))',
    ),
    "4.5/new_token_too": varied(STEP, " * context * batch", " * (context + 1) * batch"),
    "4.5/one_layer": varied(STEP, 'config["n_layers"] * ', ""),
    "4.6/causal": varied(PREFILL, " * n_prompt", " * (n_prompt + 1) / 2"),
    "4.6/two_bytes": varied(PREFILL, 'config["bytes_per_param"]', "2"),
    "4.7/squared": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return usd_per_hour / 3600 / tokens_per_s / utilisation**2 * 1e6
""",
    "4.7/tokens_for_a_dollar": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return tokens_per_s * utilisation * 3600 / usd_per_hour / 1e6
""",
    "4.7/cents": """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    return round(usd_per_hour / 3600 / tokens_per_s / utilisation * 1e6, 2)
""",
    "4.8/resent_as_output": """
def conversation_usd(turns, prices, cached):
    total, users, answers = 0.0, 0, 0
    for user, answer in turns:
        total += (users + user) * prices["input"] + (answers + answer) * prices["output"]
        users, answers = users + user, answers + answer
    return total / 1e6
""",
    "4.8/this_turn_too": """
def conversation_usd(turns, prices, cached):
    kind = "cached_input" if cached else "input"
    total, history = 0.0, 0
    for user, answer in turns:
        history += user + answer
        total += history * prices[kind] + answer * prices["output"]
    return total / 1e6
""",
    "4.8/per_thousand": varied(CHAT, "/ 1e6", "/ 1e3"),
    "4.8/takes_turns_away": """
def conversation_usd(turns, prices, cached):
    kind = "cached_input" if cached else "input"
    total, history = 0.0, 0
    while turns:
        user, answer = turns.pop(0)
        total += history * prices[kind] + user * prices["input"] + answer * prices["output"]
        history += user + answer
    return total / 1e6
""",
    "4.9/size_of_the_difference": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    saved = abs(api_usd_per_mtok - own_usd_per_mtok)
    return 1e6 * fixed_usd_per_day / saved if saved else math.inf
""",
    "4.9/zero": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    saved = api_usd_per_mtok - own_usd_per_mtok
    return 1e6 * fixed_usd_per_day / saved if saved > 0 else 0
""",
    "4.9/whole": """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    saved = api_usd_per_mtok - own_usd_per_mtok
    return round(fixed_usd_per_day / saved) * 1e6 if saved > 0 else math.inf
""",
    "4.10/cheapest_only": varied(CHEAPEST, "sorted(found, key=lambda pair: pair[1])", "min(found, key=lambda p: p[1])"),
    "4.10/names_only": varied(
        CHEAPEST, "sorted(found, key=lambda pair: pair[1])", "[name for name, _ in sorted(found, key=lambda p: p[1])]"
    ),
    "4.10/by_name": varied(CHEAPEST, "sorted(found, key=lambda pair: pair[1])", "sorted(found)"),
    "4.10/writes_into_models": """
def cheapest_for(language, models):
    for model in models:
        model["usd"] = model["usd_per_mtok"] * model["tokens"].get(language, 0) / 1e6
    able = [model for model in models if model["usd"]]
    return [(model["name"], model["usd"]) for model in sorted(able, key=lambda model: model["usd"])]
""",
    "4.11/loose": """
def accepts(f):
    return all(abs(f(9.0, 50, share) * share - 50) < 3 for share in (0.1, 0.3, 0.7, 0.9))
""",
    "4.12/percent": varied(SHARE, "inside / total", "100 * inside / total"),
    "4.12/of_all_rows": varied(SHARE, "inside / total", 'inside / len(prices["year"])'),
    "4.12/either_inside": """
def share_inside(prices, low_per_1k, high_per_1k, year):
    rows = [row for row in zip(*prices.values()) if row[0] == year]
    inside = [any(low_per_1k <= usd / 1000 <= high_per_1k for usd in row[1:]) for row in rows]
    return float(np.mean(inside)) if rows else math.nan
""",
    "4.13/total_by_tokens": varied(
        INVOICE,
        'lines.append(("total_usd", sum(invoice[name] for name, _ in lines)))',
        'lines.insert(0, ("total_usd", sum(usd for _, usd in lines)))',
    ),
    "4.13/rate": varied(INVOICE, '/ 1e6),\n        ("cached', '/ 1e3),\n        ("cached'),
    "4.13/ten_per_cent": varied(INVOICE, "0.01", "0.1"),
    "4.13/too_high_only": varied(INVOICE, "abs(invoice[name] - usd)", "invoice[name] - usd"),
}

RIGHT = {
    "4.1": [
        """
def copy_bandwidth(n, itemsize, seconds):
    import statistics

    moved = n * itemsize + n * itemsize
    return moved / statistics.median(list(seconds)[1:])
""",
        """
def copy_bandwidth(n, itemsize, seconds):
    _, *rest = seconds
    rates = sorted(2.0 * itemsize / s * n for s in rest)
    k = len(rest)
    slow, fast = 1 / rates[(k - 1) // 2], 1 / rates[k // 2]
    return np.float64(2 / (slow + fast))
""",
    ],
    "4.2": [
        """
def kv_bytes_per_token(n_layers, n_kv_heads, head_dim, bytes_per_elem):
    keys = n_kv_heads * head_dim * bytes_per_elem
    values = keys
    return sum(keys + values for _ in range(n_layers))
""",
        "kv_bytes_per_token = lambda *sizes: np.prod(np.array([2.0, *sizes]))\n",
    ],
    "4.3": [
        """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    free = mem_bytes - weight_bytes
    if free < 0:
        return 0
    return math.floor(free / context / kv_bytes_per_token + 1e-9)
""",
        """
def max_batch(mem_bytes, weight_bytes, kv_bytes_per_token, context):
    return np.maximum(np.int64(0), np.floor_divide(mem_bytes - weight_bytes, kv_bytes_per_token * context))
""",
    ],
    "4.4": [
        """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    read_s, compute_s = bytes_per_param / bandwidth, 2 / peak_flop_per_s
    return read_s / compute_s
""",
        """
def critical_batch(peak_flop_per_s, bandwidth, bytes_per_param):
    from fractions import Fraction

    return float(Fraction(peak_flop_per_s) * Fraction(bytes_per_param) / 2 / Fraction(bandwidth))
""",
    ],
    "4.5": [
        """
def decode_step_s(batch, context, config, hw):
    elements = 2 * config["n_layers"] * config["n_kv_heads"] * config["head_dim"]
    kv = elements * config["kv_bytes_per_elem"] * batch * context
    critical = hw["peak_flop_per_s"] * config["bytes_per_param"] / 2 / hw["bytes_per_s"]
    weights = config["n_params"] * config["bytes_per_param"] * max(1, batch / critical)
    return (kv + weights) / hw["bytes_per_s"]
""",
        """
def decode_step_s(batch, context, config, hw):
    each = 0.0
    for _ in range(config["n_layers"]):
        each += config["n_kv_heads"] * config["head_dim"] * config["kv_bytes_per_elem"] * 2
    parts = np.array([2.0 * batch / hw["peak_flop_per_s"], config["bytes_per_param"] / hw["bytes_per_s"]])
    return np.max(config["n_params"] * parts) + each * context / hw["bytes_per_s"] * batch
""",
    ],
    "4.6": [
        """
def prefill_s(n_prompt, config, hw):
    critical = hw["peak_flop_per_s"] * config["bytes_per_param"] / 2 / hw["bytes_per_s"]
    per_token = 2 * config["n_params"] / hw["peak_flop_per_s"]
    return max(n_prompt, critical) * per_token
""",
        """
def prefill_s(n_prompt, config, hw):
    compute, read = config["n_params"] * n_prompt * 2, config["n_params"] * config["bytes_per_param"]
    if compute / hw["peak_flop_per_s"] > read / hw["bytes_per_s"]:
        return compute / hw["peak_flop_per_s"]
    return read / hw["bytes_per_s"]
""",
    ],
    "4.7": [
        """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    mtok_per_hour = tokens_per_s * utilisation * 3600 / 1e6
    return usd_per_hour / mtok_per_hour
""",
        """
def usd_per_mtok(usd_per_hour, tokens_per_s, utilisation):
    from decimal import Decimal

    seconds = Decimal(10**6) / Decimal(str(tokens_per_s)) / Decimal(str(utilisation))
    return seconds / 3600 * Decimal(str(usd_per_hour))
""",
    ],
    "4.8": [
        """
def conversation_usd(turns, prices, cached):
    sizes = np.array(turns, float).reshape(-1, 2)
    history = np.cumsum(sizes.sum(axis=1)) - sizes.sum(axis=1)
    again = history.sum() * prices["cached_input" if cached else "input"]
    return (again + sizes[:, 0].sum() * prices["input"] + sizes[:, 1].sum() * prices["output"]) / 1e6
""",
        """
def conversation_usd(turns, prices, cached):
    usd = 0
    for n, (user, answer) in enumerate(turns):
        past = sum(u for u, _ in turns[:n]) + sum(a for _, a in turns[:n])
        if cached:
            usd += past / 1e6 * prices["cached_input"] + user / 1e6 * prices["input"]
        else:
            usd += (past + user) / 1e6 * prices["input"]
        usd += answer / 1e6 * prices["output"]
    return usd
""",
    ],
    "4.9": [
        """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    if not own_usd_per_mtok < api_usd_per_mtok:
        return float("inf")
    return fixed_usd_per_day / ((api_usd_per_mtok - own_usd_per_mtok) / 1e6)
""",
        """
def breakeven_tokens_per_day(fixed_usd_per_day, own_usd_per_mtok, api_usd_per_mtok):
    saved = np.float64(api_usd_per_mtok / 1e6 - own_usd_per_mtok / 1e6)
    return np.inf if saved <= 0 else fixed_usd_per_day / saved
""",
    ],
    "4.10": [
        """
def cheapest_for(language, models):
    usd = {m["name"]: m["tokens"][language] / 1e6 * m["usd_per_mtok"] for m in models if m["tokens"].get(language)}
    return [[name, usd[name]] for name in sorted(usd, key=usd.get)]
""",
        """
def cheapest_for(language, models):
    ranked = []
    for model in models:
        try:
            price = np.float64(model["usd_per_mtok"]) * model["tokens"][language] / 10**6
        except KeyError:
            continue
        place = sum(other <= price for _, other in ranked)
        ranked.insert(place, (model["name"], price))
    return ranked
""",
    ],
    "4.11": [
        """
def accepts(f):
    rng = np.random.default_rng(0)
    for _ in range(20):
        usd, speed, share = rng.uniform(0.5, 9), rng.uniform(5, 500), rng.uniform(0.01, 1)
        if not isclose(f(usd, speed, share), usd / speed / share / 0.0036, rel_tol=1e-6):
            return False
    return True
""",
        """
def accepts(f):
    base = f(3.7, 91, 1)
    return isclose(base, 11.294261294261294, rel_tol=1e-9) and all(
        isclose(f(usd_per_hour=3.7, tokens_per_s=91, utilisation=share), base / share) for share in (0.05, 0.5, 0.95)
    )
""",
    ],
    "4.12": [
        """
def share_inside(prices, low_per_1k, high_per_1k, year):
    x = np.array([prices["usd_per_mtok_input"], prices["usd_per_mtok_output"]], float)
    of_year = np.array(prices["year"]) == year
    if not of_year.any():
        return np.nan
    per_1k = np.average(x, axis=0, weights=[3, 1])[of_year] / 1000
    return np.mean((per_1k >= low_per_1k) & (per_1k <= high_per_1k))
""",
        """
def share_inside(prices, low_per_1k, high_per_1k, year):
    import pandas as pd

    rows = pd.DataFrame(prices)
    rows = rows[rows["year"] == year]
    blend = (rows["usd_per_mtok_input"] * 3 + rows["usd_per_mtok_output"]) / 4
    return blend.between(1000 * low_per_1k, 1000 * high_per_1k).mean()
""",
    ],
    "4.13": [
        """
def wrong_line(invoice, prices):
    i = invoice
    cached, reasoning = i["cached_input_tokens"], i["reasoning_tokens"]
    full = i["input_tokens"] - cached if i["cached_is_inside_input"] else i["input_tokens"]
    made = i["output_tokens"] if i["reasoning_is_inside_output"] else i["output_tokens"] + reasoning
    due = {"output": made, "cached_input": cached, "input": full}
    if not isclose(i["total_usd"], i["output_usd"] + i["input_usd"] + i["cached_input_usd"], rel_tol=0.01):
        return "total_usd"
    for kind, tokens in due.items():
        if not isclose(i[kind + "_usd"], prices[kind] / 1e6 * tokens, rel_tol=0.01):
            return f"{kind}_usd"
""",
        """
def wrong_line(invoice, prices):
    tokens = np.array([invoice["input_tokens"], invoice["cached_input_tokens"], invoice["output_tokens"]], float)
    tokens[0] -= tokens[1] if invoice["cached_is_inside_input"] else 0
    tokens[2] += 0 if invoice["reasoning_is_inside_output"] else invoice["reasoning_tokens"]
    names = ["input_usd", "cached_input_usd", "output_usd", "total_usd"]
    printed = np.array([invoice[name] for name in names])
    right = tokens * [prices["input"], prices["cached_input"], prices["output"]] / 1e6
    off = ~np.isclose(printed, [*right, printed[:3].sum()], rtol=0.01, atol=1e-12)
    return np.array(names)[off][0] if off.any() else None
""",
    ],
}

_LLAMA = {
    **{"n_params": 8030261248, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "head_dim": 128},
    **{"bytes_per_param": 2, "kv_bytes_per_elem": 2},
}
_H100 = {"peak_flop_per_s": 9.89e14, "bytes_per_s": 3.35e12}
_MODELS = [
    {"name": "A", "usd_per_mtok": 0.2, "tokens": {"english": 1000, "arabic": 3000}},
    {"name": "B", "usd_per_mtok": 0.4, "tokens": {"english": 1100, "arabic": 1000}},
]
_PRICES = {
    name: data.load("api_prices")[name].tolist() for name in ("year", "usd_per_mtok_input", "usd_per_mtok_output")
}
_INVOICE = {
    **{"input_tokens": 100_000, "cached_input_tokens": 40_000, "cached_is_inside_input": True},
    **{"output_tokens": 20_000, "reasoning_tokens": 15_000, "reasoning_is_inside_output": True},
    **{"input_usd": 0.12, "cached_input_usd": 0.02, "output_usd": 0.28, "total_usd": 0.42},
}


def _usd_per_mtok(usd_per_hour: float, tokens_per_s: float, utilisation: float) -> float:
    return usd_per_hour / 3600 / tokens_per_s / utilisation * 1e6


# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "4.1": [((10**6, 8, [9.0, 0.004, 0.002, 0.008]), 4e9)],
    "4.2": [((2, 3, 64, 2), 1536)],
    "4.3": [((1000, 300, 2, 100), 3), ((100, 300, 2, 100), 0)],
    "4.4": [((1e14, 1e12, 4), 200)],
    "4.5": [((1, 2048, _LLAMA, _H100), 4.874e-3)],
    "4.6": [((8192, _LLAMA, _H100), 133.03e-3)],
    "4.7": [((1.8, 1000, 0.5), 1.0), ((3.6, 1000, 0.25), 4.0)],
    "4.8": [(([(100, 200)] * 2, {"input": 2, "cached_input": 1, "output": 8}, False), 0.0042)],
    "4.9": [((48, 0.02, 0.10), 6e8), ((48, 0.2, 0.10), inf)],
    "4.10": [(("arabic", _MODELS), [("B", 0.0004), ("A", 0.0006)])],
    "4.11": [((_usd_per_mtok,), True), ((lambda usd, speed, share: usd / 3600 / speed * 1e6,), False)],
    "4.12": [((_PRICES, 0.01, 0.06, 2025), 0.15), ((_PRICES, 0.01, 0.06, 1999), nan)],
    "4.13": [((_INVOICE, {"input": 2.0, "cached_input": 0.5, "output": 8.0}), "output_usd")],
}
