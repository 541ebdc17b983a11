"""Answers to lab 2: one for every wrong idea that its tests name, slips that they do not name, other right ones."""

from typing import Any

SHAPES = """
def config_from_shapes(shapes, head_dim):
    vocab_size, d_model = shapes["model.embed_tokens.weight"]
    numbers = [int(name.split(".")[2]) for name in shapes if name.startswith("model.layers.")]
    n_layers = max(numbers) + 1
    first = "model.layers.0.self_attn."
    n_heads = shapes[first + "q_proj.weight"][0] // head_dim
    n_kv_heads = shapes[first + "k_proj.weight"][0] // head_dim
    d_ff = shapes["model.layers.0.mlp.up_proj.weight"][0]
    gated = "model.layers.0.mlp.gate_proj.weight" in shapes
    tied = "lm_head.weight" not in shapes
    bias = "none"
    if first + "q_proj.bias" in shapes:
        bias = "qkv"
    if first + "o_proj.bias" in shapes:
        bias = "all"
    return {
        "n_layers": n_layers, "d_model": d_model, "n_heads": n_heads, "n_kv_heads": n_kv_heads, "d_ff": d_ff,
        "vocab_size": vocab_size, "gated": gated, "tied": tied, "bias": bias,
        "qk_norm": first + "q_norm.weight" in shapes,
    }
"""

PARAMS = """
def count_params(config):
    c = config
    d, head_dim, kv_heads = c["d_model"], c["head_dim"], c["n_kv_heads"]
    q, kv = c["n_heads"] * head_dim, kv_heads * head_dim
    n_up = 2 if c["gated"] else 1
    norm = 2 * d if c["norm"] == "layer" else d
    layer = d * q + 2 * d * kv + q * d
    layer += n_up * d * c["d_ff"] + c["d_ff"] * d
    layer += 2 * norm
    layer += 2 * head_dim if c["qk_norm"] else 0
    layer += q + 2 * kv if c["bias"] in ("qkv", "all") else 0
    layer += d + n_up * c["d_ff"] + d if c["bias"] == "all" else 0
    inside = c["n_layers"] * layer
    inside += norm
    outside = c["vocab_size"] * d
    outside += 0 if c["tied"] else c["vocab_size"] * d
    outside += c["n_positions"] * d
    return {"total": inside + outside, "embedding": outside, "non_embedding": inside}
"""

FORWARD = """
def forward_flop(config, n_tokens, causal=False):
    c = config
    d, q, kv = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    n_up = 2 if c["gated"] else 1
    layer = 2 * n_tokens * d * (q + kv + kv + q)
    layer += 2 * n_tokens * (n_up + 1) * d * c["d_ff"]
    pairs = n_tokens * (n_tokens + 1) / 2 if causal else n_tokens * n_tokens
    layer += 2 * q * pairs + 2 * q * pairs
    logits = 2 * n_tokens * d * c["vocab_size"]
    return c["n_layers"] * layer + logits
"""

TRAIN = """
def train_flop_per_token(config, seq_len):
    c = config
    d, q, kv = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    layer = 2 * d * (q + kv) + (3 if c["gated"] else 2) * d * c["d_ff"]
    n = c["n_layers"] * layer + c["vocab_size"] * d
    between = c["n_layers"] * q * seq_len
    return 6 * n + 12 * between
"""

CONTEXT = """
def context_for_share(config, share):
    if not 0 < share < 1:
        raise ValueError(share)
    c = config
    d, q, kv = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    layer = 2 * d * (q + kv) + (3 if c["gated"] else 2) * d * c["d_ff"]
    n = c["n_layers"] * layer + c["vocab_size"] * d
    odds = share / (1 - share)
    return odds * 6 * n / (12 * c["n_layers"] * q)
"""

STATE = """
def training_state_bytes(n_params, recipe):
    short = 4 if recipe == "fp32" else 2
    sizes = {
        "weights": short,
        "grads": 2 if recipe == "mixed" else 4,
        "m": 4,
        "v": 4,
        "master": 0 if recipe == "fp32" else 4,
    }
    return {what: size * n_params for what, size in sizes.items()}
"""

BYTES = """
def format_bytes(n, binary):
    step = 1024 if binary else 1000
    units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] if binary else ["B", "kB", "MB", "GB", "TB", "PB"]
    power = 0
    while n >= step ** (power + 1) and power < 5:
        power += 1
    return f"{n / step**power:.4g} {units[power]}"


def parse_bytes(s):
    units = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
    units |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}
    number = s.rstrip("BKMGTPki ")
    unit = s[len(number):].strip()
    value = float(number)
    if unit not in units or value < 0:
        raise ValueError(s)
    return round(value * units[unit])
"""

ACCEPTS = """
def accepts(f):
    for name in MODELS:
        right = {"total": int(SHAPES.loc[name, "n_params"])}
        c = CONFIGS[name]
        right["embedding"] = c["d_model"] * (c["vocab_size"] * (2 - c["tied"]) + c["n_positions"])
        right["non_embedding"] = right["total"] - right["embedding"]
        found = f(c)
        if any(found[key] != right[key] for key in KEYS):
            return False
    return True
"""
ALL_KEYS = '("total", "embedding", "non_embedding")'


def varied(source: str, old: str, new: str) -> str:
    """An answer with one part of it changed."""
    assert source.count(old) == 1, (old, source.count(old))
    return source.replace(old, new)


def attention(body: str) -> str:
    """An attention_params that returns that."""
    return f"def attention_params(d_model, n_heads, n_kv_heads, head_dim, bias=False):\n    return {body}\n"


def accepting(models: str, keys: str = ALL_KEYS) -> str:
    """An accepts that tries some models and looks at some counts."""
    return ACCEPTS.replace("MODELS", models).replace("KEYS", keys)


_PLAIN = "2 * d_model * head_dim * (n_heads + n_kv_heads)"
_NORM = 'norm = 2 * d if c["norm"] == "layer" else d'
_WEIGHTS = 'n = c["n_layers"] * layer + c["vocab_size"] * d'

WRONG = {
    "2.1/square": attention("4 * d_model**2 + (3 * d_model if bias else 0)"),
    "2.1/head_dim": """
def attention_params(d_model, n_heads, n_kv_heads, head_dim, bias=False):
    head_dim = d_model // n_heads
    q, kv = n_heads * head_dim, n_kv_heads * head_dim
    return 2 * d_model * q + 2 * d_model * kv + (q + 2 * kv) * bias
""",
    "2.1/all_heads": attention("4 * d_model * n_heads * head_dim + 3 * n_heads * head_dim * bias"),
    "2.1/no_output": attention("(d_model + bias) * head_dim * (n_heads + 2 * n_kv_heads)"),
    "2.1/narrow_output": attention("d_model * head_dim * (n_heads + 3 * n_kv_heads)"),
    "2.1/one_head": attention("4 * d_model * head_dim"),
    "2.1/always_bias": attention(f"{_PLAIN} + head_dim * (n_heads + 2 * n_kv_heads)"),
    "2.1/no_bias": attention(_PLAIN),
    "2.1/bias_of_output": attention(f"{_PLAIN} + (head_dim * (n_heads + 2 * n_kv_heads) + d_model) * bias"),
    "2.1/bias_of_all_heads": attention(f"{_PLAIN} + 3 * head_dim * n_heads * bias"),
    "2.1/bias_of_rows": attention(f"{_PLAIN} + 3 * d_model * bias"),
    "2.1/one_bias": attention(f"{_PLAIN} + 3 * bias"),
    "2.2/last_name": varied(
        SHAPES, "max(numbers) + 1", "int(max(n.split('.')[2] for n in shapes if '.layers.' in n)) + 1"
    ),
    "2.2/off_by_one": varied(SHAPES, "max(numbers) + 1", "max(numbers)"),
    "2.2/head_dim": varied(SHAPES, 'shapes[first + "q_proj.weight"][0] // head_dim', "d_model // head_dim"),
    "2.2/columns": varied(SHAPES, 'q_proj.weight"][0]', 'q_proj.weight"][1]')
    .replace('k_proj.weight"][0]', 'k_proj.weight"][1]')
    .replace('up_proj.weight"][0]', 'up_proj.weight"][1]'),
    "2.2/all_heads": varied(SHAPES, 'shapes[first + "k_proj.weight"][0] // head_dim', "n_heads"),
    "2.2/widths": SHAPES.replace(" // head_dim", ""),
    "2.2/untied_always": varied(SHAPES, '"lm_head.weight" not in shapes', "False"),
    "2.2/tied_always": varied(SHAPES, '"lm_head.weight" not in shapes', "True"),
    "2.2/inverted": varied(SHAPES, '"lm_head.weight" not in shapes', '"lm_head.weight" in shapes'),
    "2.2/gated": varied(SHAPES, "mlp.gate_proj", "mlp.up_proj").replace('up_proj.weight"][0]', 'up_proj.weight"][0]'),
    "2.2/qkv_for_all": varied(SHAPES, 'bias = "all"', "pass"),
    "2.2/all_for_qkv": varied(SHAPES, 'bias = "qkv"', 'bias = "all"'),
    "2.2/bias_or_not": varied(SHAPES, '"bias": bias', '"bias": bias != "none"'),
    "2.3/tied_twice": varied(PARAMS, '0 if c["tied"] else ', ""),
    "2.3/no_head": varied(PARAMS, '0 if c["tied"] else c["vocab_size"] * d', "0"),
    "2.3/plain": varied(PARAMS, '2 if c["gated"] else 1', "1"),
    "2.3/always_gated": varied(PARAMS, '2 if c["gated"] else 1', "2"),
    "2.3/all_heads": varied(PARAMS, 'c["n_kv_heads"]', 'c["n_heads"]'),
    "2.3/head_dim": varied(PARAMS, 'c["head_dim"]', 'c["d_model"] // c["n_heads"]'),
    "2.3/no_norms": varied(PARAMS, _NORM, "norm = 0"),
    "2.3/no_last_norm": varied(PARAMS, "    inside += norm\n", ""),
    "2.3/one_norm": varied(PARAMS, "2 * norm", "norm"),
    "2.3/no_qk_norm": varied(PARAMS, '2 * head_dim if c["qk_norm"] else 0', "0"),
    "2.3/one_qk_norm": varied(PARAMS, '2 * head_dim if c["qk_norm"]', 'head_dim if c["qk_norm"]'),
    "2.3/no_shift": varied(PARAMS, _NORM, "norm = d"),
    "2.3/no_bias": varied(PARAMS, 'in ("qkv", "all")', "== 1").replace('c["bias"] == "all"', "False"),
    "2.3/bias_of_attention": varied(PARAMS, 'c["bias"] == "all"', "False"),
    "2.3/no_positions": varied(PARAMS, '    outside += c["n_positions"] * d\n', ""),
    "2.3/positions_elsewhere": varied(PARAMS, 'outside += c["n_positions"]', 'inside += c["n_positions"]'),
    "2.3/head_elsewhere": varied(PARAMS, 'outside += 0 if c["tied"]', 'inside += 0 if c["tied"]'),
    "2.3/table_only": varied(PARAMS, 'outside += c["n_positions"]', 'inside += c["n_positions"]').replace(
        'outside += 0 if c["tied"]', 'inside += 0 if c["tied"]'
    ),
    "2.4/look_up": varied(FORWARD, "    return c", "    logits *= 2\n    return c"),
    "2.4/no_logits": varied(FORWARD, " + logits", ""),
    "2.4/last_logits": varied(FORWARD, "logits = 2 * n_tokens", "logits = 2"),
    "2.4/head_if_untied": varied(FORWARD, " + logits", ' + (0 if c["tied"] else logits)'),
    "2.4/no_scores": varied(FORWARD, "    layer += 2 * q * pairs + 2 * q * pairs\n", ""),
    "2.4/linear": varied(FORWARD, "else n_tokens * n_tokens", "else n_tokens"),
    "2.4/scores_alone": varied(FORWARD, "2 * q * pairs + 2 * q * pairs", "2 * q * pairs"),
    "2.4/kv_scores": varied(FORWARD, "2 * q * pairs + 2 * q * pairs", "4 * kv * pairs"),
    "2.4/d_for_heads": varied(FORWARD, "2 * q * pairs + 2 * q * pairs", "4 * d * pairs"),
    "2.4/one_head": varied(FORWARD, "2 * q * pairs + 2 * q * pairs", '4 * c["head_dim"] * pairs'),
    "2.4/multiply_add": varied(FORWARD, "+ logits", "+ logits if 0 else (c['n_layers'] * layer + logits) // 2"),
    "2.4/all_heads": varied(FORWARD, "q + kv + kv + q", "4 * q"),
    "2.4/plain": varied(FORWARD, '2 if c["gated"] else 1', "1"),
    "2.4/always_gated": varied(FORWARD, '2 if c["gated"] else 1', "2"),
    "2.4/all_params": PARAMS
    + """

def forward_flop(config, n_tokens, causal=False):
    pairs = n_tokens * (n_tokens + 1) // 2 if causal else n_tokens**2
    between = 4 * config["n_layers"] * config["n_heads"] * config["head_dim"] * pairs
    return 2 * count_params(config)["total"] * n_tokens + between
""",
    "2.4/always_causal": varied(FORWARD, "if causal else n_tokens * n_tokens", ""),
    "2.4/half": varied(FORWARD, "n_tokens * (n_tokens + 1) / 2", "n_tokens**2 / 2"),
    "2.4/without_itself": varied(FORWARD, "(n_tokens + 1)", "(n_tokens - 1)"),
    "2.4/causal_ignored": varied(FORWARD, "n_tokens * (n_tokens + 1) / 2 if causal else ", ""),
    "2.4/all_halved": varied(FORWARD, "n_tokens * (n_tokens + 1) / 2 if causal else ", "").replace(
        "+ logits", "+ logits if not causal else (c['n_layers'] * layer + logits) / 2"
    ),
    "2.5/recompute": varied(TRAIN, "6 * n + 12 * between", "8 * n + 16 * between"),
    "2.5/forward_only": varied(TRAIN, "6 * n + 12 * between", "2 * n + 4 * between"),
    "2.5/backward_only": varied(TRAIN, "6 * n + 12 * between", "4 * n + 8 * between"),
    "2.5/look_up": varied(TRAIN, _WEIGHTS, _WEIGHTS + ' + (c["n_positions"] + (not c["tied"]) * c["vocab_size"]) * d'),
    "2.5/no_head": varied(TRAIN, _WEIGHTS, 'n = c["n_layers"] * layer'),
    "2.5/no_attention": varied(TRAIN, "6 * n + 12 * between", "6 * n"),
    "2.5/halved": varied(TRAIN, "12 * between", "6 * between"),
    "2.5/between_forward_only": varied(TRAIN, "12 * between", "4 * between"),
    "2.5/d_model": varied(TRAIN, "* q * seq_len", "* d * seq_len"),
    "2.5/kv_heads": varied(TRAIN, "* q * seq_len", "* kv * seq_len"),
    "2.5/whole_text": varied(TRAIN, "6 * n + 12 * between", "(6 * n + 12 * between) * seq_len"),
    "2.6/share": varied(CONTEXT, "share / (1 - share)", "share"),
    "2.6/inverse": varied(CONTEXT, "share / (1 - share)", "(1 - share) / share"),
    "2.6/kv_heads": varied(CONTEXT, '(12 * c["n_layers"] * q)', '(12 * c["n_layers"] * kv)'),
    "2.6/d_model": varied(CONTEXT, '(12 * c["n_layers"] * q)', '(12 * c["n_layers"] * d)'),
    "2.6/halved": varied(CONTEXT, '(12 * c["n_layers"] * q)', '(6 * c["n_layers"] * q)'),
    "2.6/no_head": varied(CONTEXT, _WEIGHTS, 'n = c["n_layers"] * layer'),
    "2.6/look_up": varied(CONTEXT, _WEIGHTS, _WEIGHTS + ' * (1 if c["tied"] else 2) + c["n_positions"] * d'),
    "2.6/forward_and_backward": varied(CONTEXT, "odds * 6 * n", "odds * 2 * n"),
    "2.6/nothing_refused": varied(CONTEXT, "    if not 0 < share < 1:\n        raise ValueError(share)\n", ""),
    "2.6/ends_let_through": varied(CONTEXT, "0 < share < 1", "0 <= share <= 1"),
    "2.7/no_master": varied(STATE, '0 if recipe == "fp32" else 4', "0"),
    "2.7/always_master": varied(STATE, '0 if recipe == "fp32" else 4', "4"),
    "2.7/moments_16": varied(STATE, '"m": 4', '"m": short').replace('"v": 4', '"v": short'),
    "2.7/moments_and_master_16": varied(STATE, '"m": 4', '"m": short')
    .replace('"v": 4', '"v": short')
    .replace('"fp32" else 4', '"fp32" else 2'),
    "2.7/grads_32": varied(STATE, '2 if recipe == "mixed" else 4', "4"),
    "2.7/grads_16": varied(STATE, '2 if recipe == "mixed" else 4', "short"),
    "2.7/weights_32": varied(STATE, '"weights": short', '"weights": 4'),
    "2.7/recipe_ignored": "def training_state_bytes(n_params, recipe):\n"
    "    return {**dict.fromkeys(['weights', 'grads', 'm', 'v'], 4 * n_params), 'master': 0}\n",
    "2.7/bits": varied(STATE, "size * n_params", "8 * size * n_params"),
    "2.7/each": varied(STATE, "size * n_params", "size"),
    "2.8/decimal_steps": varied(BYTES, "step = 1024 if binary else 1000", "step = 1000"),
    "2.8/binary_steps": varied(BYTES, "step = 1024 if binary else 1000", "step = 1024"),
    "2.8/decimal_names": varied(BYTES, '["B", "KiB", "MiB", "GiB", "TiB", "PiB"] if binary else ', ""),
    "2.8/binary_ignored": varied(BYTES, "    step = 1024", "    binary = False\n    step = 1024"),
    "2.8/above_one": varied(BYTES, "n >= step", "n > step"),
    "2.8/letters": varied(BYTES, '["B", "kB"', '["B", "KB"'),
    "2.8/reads_1000": varied(
        BYTES,
        '"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50',
        '"KiB": 10**3, "MiB": 10**6, "GiB": 10**9, "TiB": 10**12, "PiB": 10**15',
    ),
    "2.8/reads_1024": varied(
        BYTES,
        '"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15',
        '"kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40, "PB": 2**50',
    ),
    "2.8/truncates": varied(BYTES, "round(value", "int(value"),
    "2.8/not_whole": varied(BYTES, "round(value * units[unit])", "value * units[unit]"),
    "2.8/nothing_refused": BYTES.split("def parse_bytes")[0]
    + """
def parse_bytes(s):
    found = re.match(r"(-?[\\d.]*) ?([kKMGTP]?)(i?)", s)
    step = 1024 if found[3] else 1000
    return round(float(found[1] or 0) * step ** " kMGTP".index(found[2].replace("K", "k") or " "))
""",
    "2.8/any_case": varied(
        BYTES,
        "if unit not in units",
        "units = {u.lower(): n for u, n in units.items()}\n    unit = unit.lower()\n    if unit not in units",
    ).replace('rstrip("BKMGTPki ")', 'rstrip("BKMGTPIkibgmtp ")'),
    "2.8/no_unit": varied(BYTES, 'units = {"B": 1', 'units = {"": 1, "B": 1'),
    "2.8/negative": varied(BYTES, " or value < 0", ""),
    "2.9/some_models": accepting('["Llama 3.1 8B"]'),
    "2.9/total_only": accepting("CONFIGS", '["total"]'),
    "2.9/accepts_all": "def accepts(f):\n    return f(TOY)['total'] > 0\n",
    "2.9/refuses_all": "def accepts(f):\n    return f(CONFIGS['GPT-2']) is CONFIGS['GPT-2']\n",
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "2.1/values_forgotten": attention("d_model * head_dim * (2 * n_heads + n_kv_heads)"),
    "2.1/heads_for_width": attention("2 * d_model * (n_heads + n_kv_heads)"),
    "2.1/bias_twice": attention(f"{_PLAIN} + 2 * head_dim * (n_heads + 2 * n_kv_heads) * bias"),
    "2.2/counts_arrays": varied(SHAPES, "max(numbers) + 1", "len(numbers)"),
    "2.2/keys_for_queries": varied(SHAPES, 'first + "q_proj.weight"', 'first + "k_proj.weight"'),
    "2.2/vocabulary_of_the_head": varied(SHAPES, '"lm_head.weight" not in shapes', 'shapes["lm_head.weight"] is None'),
    "2.2/texts": varied(SHAPES, '"gated": gated', '"gated": "yes" if gated else "no"'),
    "2.2/head_dim_too": varied(SHAPES, '"bias": bias', '"bias": bias, "head_dim": head_dim'),
    "2.2/takes_arrays_away": varied(
        SHAPES, 'shapes["model.embed_tokens.weight"]', 'shapes.pop("model.embed_tokens.weight")'
    ),
    "2.2/other_row": varied(SHAPES, "vocab_size, d_model =", "d_model, vocab_size ="),
    "2.3/total_alone": varied(
        PARAMS,
        'return {"total": inside + outside, "embedding": outside, "non_embedding": inside}',
        "return inside + outside",
    ),
    "2.3/one_layer": varied(PARAMS, 'c["n_layers"] * layer', "layer"),
    "2.3/bias_of_head": varied(
        PARAMS, "    inside += norm", '    inside += norm + (c["vocab_size"] if c["bias"] == "all" else 0)'
    ),
    "2.3/qk_norm_each_head": varied(PARAMS, "2 * head_dim if", "q + kv if"),
    "2.3/last_norm_in_each": varied(PARAMS, "2 * norm", "3 * norm"),
    "2.3/gate_without_bias": varied(PARAMS, 'd + n_up * c["d_ff"] + d', 'd + c["d_ff"] + d'),
    "2.4/tokens_squared": varied(FORWARD, "* layer + logits", "* layer * n_tokens + logits"),
    "2.4/one_layer": varied(FORWARD, 'c["n_layers"] * layer', "layer"),
    "2.4/triple_scores": varied(FORWARD, "2 * q * pairs + 2 * q * pairs", "6 * q * pairs"),
    "2.4/logits_causal": varied(FORWARD, "n_tokens * (n_tokens + 1) / 2", "(n_tokens + 1) / 2"),
    "2.5/three_passes": varied(TRAIN, "6 * n", "3 * n"),
    "2.5/squared": varied(TRAIN, "* q * seq_len", "* q * seq_len**2"),
    "2.5/one_layer": varied(TRAIN, 'between = c["n_layers"] * ', "between = "),
    "2.5/scores_alone": varied(TRAIN, "12 * between", "3 * between"),
    "2.6/percent": varied(CONTEXT, "0 < share < 1", "0 < share < 100").replace(
        "share / (1 - share)", "share / (100 - share)"
    ),
    "2.6/whole": varied(
        CONTEXT, "return odds", "return 100 * round(odds / 100 * 6 * n / (12 * c['n_layers'] * q)) or odds"
    ),
    "2.6/above_one_let_through": varied(CONTEXT, "not 0 < share < 1", "share <= 0"),
    "2.7/sum": varied(
        STATE, "{what: size * n_params for what, size in sizes.items()}", "sum(sizes.values()) * n_params"
    ),
    "2.7/two_moments_in_one": varied(STATE, '"m": 4', '"m": 8'),
    "2.7/gigabytes": varied(STATE, "size * n_params", "size * n_params / 1e9"),
    "2.7/fp32_half": varied(STATE, '4 if recipe == "fp32" else 2', "2"),
    "2.8/two_decimals": varied(BYTES, ":.4g", ":.2f"),
    "2.8/no_space": varied(BYTES, ":.4g} {units", ":.4g}{units"),
    "2.8/next_unit_by_text": varied(BYTES, "while n >=", "while n * 1.001 >="),
    "2.8/bits": varied(BYTES, "round(value *", "round(8 * value *"),
    "2.8/needs_a_space": varied(
        BYTES,
        "    value = float(number)",
        '    if " " not in s:\n        raise ValueError(s)\n    value = float(number)',
    ),
    "2.8/ceiling": varied(BYTES, "round(value * units[unit])", "-int(-value * units[unit] // 1)"),
    "2.9/close": """
def accepts(f):
    return all(isclose(f(CONFIGS[name])["total"], int(SHAPES.loc[name, "n_params"]), rel_tol=0.01) for name in CONFIGS)
""",
    "2.9/order": """
def accepts(f):
    found = f(CONFIGS["GPT-2"])
    return list(found.values()) == [124439808, 39383808, 85056000]
""",
}

RIGHT = {
    "2.1": [
        """
def attention_params(d_model, n_heads, n_kv_heads, head_dim, bias=False):
    total = 0
    for heads in (n_heads, n_kv_heads, n_kv_heads):
        for _ in range(heads):
            total += (d_model + (1 if bias else 0)) * head_dim
    return total + n_heads * head_dim * d_model
""",
        """
def attention_params(d_model, n_heads, n_kv_heads, head_dim, bias=False):
    heads = np.array([n_heads, n_kv_heads, n_kv_heads], dtype=np.int64)
    ins = np.ones((d_model + int(bias), 1), dtype=np.int64)
    return (heads * head_dim).sum() * len(ins) + np.int64(n_heads * head_dim) * d_model
""",
    ],
    "2.2": [
        SHAPES,
        """
def config_from_shapes(shapes, head_dim):
    def has(ending):
        return any(name.endswith(ending) for name in shapes)

    def out(ending):
        return next(shape[0] for name, shape in shapes.items() if name.endswith(ending))

    rows, width = shapes["model.embed_tokens.weight"]
    if has("down_proj.bias"):
        bias = "all"
    elif has("v_proj.bias"):
        bias = "qkv"
    else:
        bias = "none"
    return dict(
        vocab_size=np.int64(rows), d_model=width, bias=bias, tied=not has("lm_head.weight"),
        n_heads=out("q_proj.weight") / head_dim, n_kv_heads=out("v_proj.weight") / head_dim,
        d_ff=np.int64(out("up_proj.weight")), gated=np.bool_(has("gate_proj.weight")), qk_norm=has("k_norm.weight"),
        n_layers=sum(name.endswith("input_layernorm.weight") for name in shapes),
    )
""",
    ],
    "2.3": [
        PARAMS,
        """
def count_params(config):
    d, hd = config["d_model"], config["head_dim"]
    out = {"q": config["n_heads"] * hd, "k": config["n_kv_heads"] * hd, "v": config["n_kv_heads"] * hd}
    sizes = [(d, n, config["bias"] != "none") for n in out.values()]
    sizes.append((out["q"], d, config["bias"] == "all"))
    sizes += [(d, config["d_ff"], config["bias"] == "all")] * (1 + config["gated"])
    sizes.append((config["d_ff"], d, config["bias"] == "all"))
    layer = sum(rows * columns + (columns if bias else 0) for rows, columns, bias in sizes)
    each = {"rms": d, "layer": d + d}[config["norm"]]
    non_embedding = sum([layer, each, each, 2 * hd * int(config["qk_norm"])] * config["n_layers"]) + each
    embedding = np.int64(d) * ([2, 1][config["tied"]] * config["vocab_size"] + config["n_positions"])
    return {"non_embedding": np.int64(non_embedding), "embedding": embedding, "total": non_embedding + embedding}
""",
    ],
    "2.4": [
        FORWARD,
        """
def forward_flop(config, n_tokens, causal=False):
    def product(m, k, n):
        return 2 * m * k * n

    c, T = config, n_tokens
    q, kv = c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    flop = 0
    for _ in range(c["n_layers"]):
        flop += product(T, c["d_model"], q + 2 * kv) + product(T, q, c["d_model"])
        flop += (2 if c["gated"] else 1) * product(T, c["d_model"], c["d_ff"]) + product(T, c["d_ff"], c["d_model"])
        for _ in range(c["n_heads"]):
            if causal:
                flop += 4 * c["head_dim"] * sum(range(1, T + 1))
            else:
                flop += product(T, c["head_dim"], T) + product(T, T, c["head_dim"])
    return float(flop + product(T, c["d_model"], c["vocab_size"]))
""",
    ],
    "2.5": [
        TRAIN,
        PARAMS
        + """

def train_flop_per_token(config, seq_len):
    n = count_params({**config, "tied": True, "n_positions": 0})["total"]  # with normalisations and constants
    return 6.0 * n + 12 * config["n_layers"] * config["n_heads"] * config["head_dim"] * seq_len
""",
        FORWARD
        + """

def train_flop_per_token(config, seq_len):
    return 3 * forward_flop(config, seq_len) / seq_len
""",
    ],
    "2.6": [
        CONTEXT,
        TRAIN
        + """

def context_for_share(config, share):
    if share <= 0 or share >= 1:
        raise ValueError("a share lies between 0 and 1")
    six_n = train_flop_per_token(config, 0)
    each = train_flop_per_token(config, 1) - six_n
    low, high = 0.0, 1e12
    for _ in range(200):
        middle = (low + high) / 2
        if middle * each / (six_n + middle * each) < share:
            low = middle
        else:
            high = middle
    return low
""",
    ],
    "2.7": [
        STATE,
        """
def training_state_bytes(n_params, recipe):
    held = dict.fromkeys(["master", "v", "m", "grads", "weights"], np.int64(4) * n_params)
    if recipe == "fp32":
        held["master"] = 0
    else:
        held["weights"] //= 2
    if recipe == "mixed":
        held["grads"] = held["grads"] / 2
    return held
""",
    ],
    "2.8": [
        BYTES,
        """
NAMES = {False: "B kB MB GB TB PB".split(), True: "B KiB MiB GiB TiB PiB".split()}


def format_bytes(n, binary):
    step, x, names = (1024 if binary else 1000), n, list(NAMES[bool(binary)])
    while x >= step and len(names) > 1:
        x = x / step
        names.pop(0)
    return "{:.4g} {}".format(x, names[0])


def parse_bytes(s):
    for binary, names in NAMES.items():
        for power, name in enumerate(names):
            found = re.match(r"^\\s*([0-9]*\\.?[0-9]+)\\s?" + name + "$", s)
            if found:
                return int(float(found.group(1)) * (1024 if binary else 1000) ** power + 0.5)
    raise ValueError(f"no bytes: {s}")
""",
        """
from decimal import Decimal, InvalidOperation


def format_bytes(n, binary):
    units = [(2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")]
    if not binary:
        units = [(10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (1000, "kB")]
    for size, unit in units:
        if n >= size:
            return f"{n / size:.4g} {unit}"
    return f"{n} B"


def parse_bytes(s):
    for i, prefix in enumerate(["k", "M", "G", "T", "P"], start=1):
        for ending, size in ((prefix + "B", 1000**i), (prefix.upper() + "iB", 1024**i)):
            if s.endswith(ending):
                return whole(s.removesuffix(ending), size)
    if s.endswith("B"):
        return whole(s[:-1], 1)
    raise ValueError("a unit is missing")


def whole(number, size):
    try:
        found = Decimal(number.strip())
    except InvalidOperation:
        raise ValueError(number) from None
    if found < 0:
        raise ValueError("negative")
    return int((found * size).to_integral_value())
""",
    ],
    "2.9": [
        accepting("CONFIGS"),
        PARAMS
        + """

def accepts(f):
    rng = np.random.default_rng(0)
    tried = [*CONFIGS.values(), TOY]
    for _ in range(30):
        drawn = {key: int(rng.integers(2, 40)) for key in TOY if isinstance(TOY[key], int)}
        drawn |= {key: bool(rng.integers(2)) for key in ("gated", "tied", "qk_norm")}
        tried.append({**drawn, "bias": str(rng.choice(["none", "qkv", "all"])), "norm": "rms"})
    return all(f(config=c) == count_params(c) for c in tried)
""",
    ],
}

_TOY = {
    **{"n_layers": 2, "d_model": 8, "n_heads": 3, "n_kv_heads": 1, "head_dim": 4, "d_ff": 10, "vocab_size": 20},
    **{"n_positions": 0, "gated": True, "tied": True, "qk_norm": False, "bias": "none", "norm": "rms"},
}
_SHAPES = {
    "model.embed_tokens.weight": (20, 8),
    "model.norm.weight": (8,),
    **{
        f"model.layers.{i}.self_attn.{name}_proj.weight": shape
        for i in range(2)
        for name, shape in {"q": (12, 8), "k": (4, 8), "v": (4, 8), "o": (8, 12)}.items()
    },
    **{
        f"model.layers.{i}.mlp.{name}_proj.weight": shape
        for i in range(2)
        for name, shape in {"gate": (10, 8), "up": (10, 8), "down": (8, 10)}.items()
    },
}
_CONFIG = {
    **{"n_layers": 2, "d_model": 8, "n_heads": 3, "n_kv_heads": 1, "d_ff": 10, "vocab_size": 20},
    **{"gated": True, "tied": True, "qk_norm": False, "bias": "none"},
}
_COUNT = {"total": 1192, "embedding": 160, "non_embedding": 1032}
_STATE = {"weights": 4_000_000, "grads": 4_000_000, "m": 4_000_000, "v": 4_000_000, "master": 0}


_names: dict[str, Any] = {}
exec(PARAMS, _names)


def _wrong_count(config: dict[str, Any]) -> dict[str, int]:
    return {"total": 1, "embedding": 0, "non_embedding": 1}


# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "2.1": [((10, 4, 2, 3), 360), ((10, 4, 2, 3, True), 384)],
    "2.2": [((_SHAPES, 4), _CONFIG)],
    "2.3": [((_TOY,), _COUNT)],
    "2.4": [((_TOY, 5), 13_920), ((_TOY, 5, True), 12_960)],
    "2.5": [((_TOY, 5), 8352)],
    "2.6": [((_TOY, 0.5), 24.0)],
    "2.7": [((10**6, "fp32"), _STATE)],
    "2.8": [((6_710_886_400, True), "6.25 GiB")],
    "2.9": [((_names["count_params"],), True), ((_wrong_count,), False)],
}

# The measurement in short, for the test that runs the solved notebook: five repetitions, not seven, of 0.01 s at least.
SHORT = {"range(8)": "range(6)", "< 0.1 or not done": "< 0.01 or not done"}
