"""Answers to lab 6: one for every wrong idea that its tests name, slips that they do not name, other right ones."""

import math

import numpy as np

# Exercises as most would write them; a wrong idea is a word or a line of them.
ABSMAX = """
def absmax_quantize(x, bits):
    top = 2 ** (bits - 1) - 1
    most = float(np.abs(x).max())
    if most == 0:
        return np.zeros(x.shape, np.int8), 1.0
    scale = most / top
    return np.round(x / scale).astype(np.int8), scale
"""

AFFINE = """
def affine_quantize(x, bits):
    lo, hi = min(x.min(), 0), max(x.max(), 0)
    if lo == hi:
        return np.zeros(x.shape, np.uint8), 1.0, 0
    scale = (hi - lo) / (2**bits - 1)
    zero_point = int(np.rint(-lo / scale))
    q = np.rint(x / scale) + zero_point
    q = np.clip(q, 0, 2**bits - 1)
    return q.astype(np.int64).astype(np.uint8), scale, zero_point
"""

Q8_0 = """
def quantize_q8_0(w):
    if w.shape[-1] % 32 != 0:
        raise ValueError("cols")
    x = w.astype(np.float32).reshape(*w.shape[:-1], w.shape[-1] // 32, 32)
    d = np.abs(x).max(axis=-1, keepdims=True) / np.float32(127)
    with np.errstate(divide="ignore"):
        inv = np.where(d == 0, 0, 1 / d)
    y = x * inv
    q = np.sign(y) * np.floor(np.abs(y) + 0.5)
    out = np.empty((*x.shape[:-1], 34), np.uint8)
    out[..., :2] = d.astype(np.float16).view(np.uint8)
    out[..., 2:] = q.astype(np.int32).astype(np.int8).view(np.uint8)
    return out.reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)


def dequantize_q8_0(blob, n_cols):
    out = np.empty((*blob.shape[:-1], n_cols), np.float32)
    for block in range(n_cols // 32):
        part = np.ascontiguousarray(blob[..., 34 * block : 34 * block + 34])
        d = np.ascontiguousarray(part[..., :2]).view(np.float16).astype(np.float32)
        out[..., 32 * block : 32 * block + 32] = d * np.ascontiguousarray(part[..., 2:]).view(np.int8)
    return out
"""
ROUNDED = "np.sign(y) * np.floor(np.abs(y) + 0.5)"

Q4_0 = """
def quantize_q4_0(w):
    x = w.astype(np.float32).reshape(-1, 32)
    at = np.abs(x).argmax(axis=1)
    m = x[np.arange(len(x)), at][:, None]
    d = m / np.float32(-8)
    with np.errstate(divide="ignore"):
        inv = np.where(d == 0, 0, 1 / d)
    q = np.trunc(x * inv + np.float32(8.5))
    q = np.minimum(q, 15)
    q = q.astype(np.uint8)
    low, high = q[:, :16], q[:, 16:]
    blocks = np.hstack([d.astype(np.float16).view(np.uint8), low + 16 * high])
    return blocks.reshape(*w.shape[:-1], -1)
"""

BITS = """
def bits_per_weight(levels):
    total = 0
    for sharing, bits in levels:
        total += bits / sharing
    return total
"""

SIZE = """
def model_size_bytes(tensors, recipe):
    total = 0
    for name, shape in tensors:
        candidates = ["F32"] if len(shape) == 1 else [recipe[name], FALLBACK.get(recipe[name], "F16"), "F16"]
        kind = next(kind for kind in candidates if shape[0] % BLOCK[kind][0] == 0)
        total += math.prod(shape) * BLOCK[kind][1] // BLOCK[kind][0]
    return total
"""

TEXT = """
def perplexity(nll_nats, n_tokens):
    return np.exp(sum(nll_nats) / sum(n_tokens))


def bits_per_byte(nll_nats, n_bytes):
    return float(np.sum(nll_nats) / np.log(2) / np.sum(n_bytes))
"""
PERPLEXITY = "np.exp(sum(nll_nats) / sum(n_tokens))"
PER_BYTE = "np.sum(nll_nats) / np.log(2) / np.sum(n_bytes)"

PAIRED = """
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    rng = np.random.default_rng(seed)
    deltas = [b - a for a, b in zip(nll_a, nll_b)]
    sums, counts = [d.sum() for d in deltas], [len(d) for d in deltas]
    means = []
    for _ in range(n_boot):
        chosen = rng.choice(len(deltas), len(deltas))
        means.append(sum(sums[i] for i in chosen) / sum(counts[i] for i in chosen))
    low, high = np.percentile(means, [2.5, 97.5])
    return np.concatenate(deltas).mean(), low, high
"""
PERCENTILES = "low, high = np.percentile(means, [2.5, 97.5])"
MEAN = "np.concatenate(deltas).mean()"

KL = """
def mean_kl_nats(logits_ref, logits_q):
    def normalised(z):
        top = z.max(axis=1)[:, None]
        return z - top - np.log(np.exp(z - top).sum(axis=1))[:, None]

    p, q = normalised(logits_ref), normalised(logits_q)
    return np.mean(np.sum(np.exp(p) * (p - q), axis=1))
"""

KL_BY_P = """
def mean_kl_nats(logits_ref, logits_q):
    def softmax(z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    p, q = softmax(logits_ref), softmax(logits_q)
    return np.mean(np.sum(p * np.log(p / q), axis=1))
"""

ACCEPTS = """
def accepts(f):
    x = np.random.default_rng(5).normal(0, 1, (3, 40))
    x[1, 1] = -5
    try:
        for bits in range(2, 9):
            top = 2 ** (bits - 1) - 1
            q, scale = f(x, bits)
            if q.shape != x.shape:
                return False
            if q.dtype != np.int8:
                return False
            if np.abs(q.astype(float)).max() != top:
                return False
            if np.abs(q * scale - x).max() > np.abs(x).max() / top / 2 * 1.0005:
                return False
        q, scale = f(np.zeros((2, 3)), 8)
    except Exception:
        return False
    return bool(np.isfinite(scale)) and not q.any()
"""


def but(source: str, *changes: tuple[str, str]) -> str:
    """An answer with some of its words changed, each of which must be there."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "6.1/ignores_bits": but(ABSMAX, ("2 ** (bits - 1) - 1", "127")),
    "6.1/truncates": but(ABSMAX, ("np.round(x / scale)", "(x / scale)")),
    "6.1/bit_of_the_sign": but(ABSMAX, ("2 ** (bits - 1) - 1", "2**bits - 1")),
    "6.1/a_step_too_many": but(
        ABSMAX,
        ("2 ** (bits - 1) - 1", "2 ** (bits - 1)"),
        ("np.round(x / scale)", "np.clip(np.round(x / scale), -top + 1, top - 1)"),
    ),
    "6.1/largest_without_sign": but(
        ABSMAX, ("np.abs(x).max()", "x.max()"), ("np.round(x / scale)", "np.clip(np.round(x / scale), -top, top)")
    ),
    "6.1/range_over_steps": but(
        ABSMAX,
        ("most / top", "(x.max() - x.min()) / (2**bits - 1)"),
        ("np.round(x / scale)", "np.clip(np.round(x / scale), -top, top)"),
    ),
    "6.1/inverse_scale": but(
        ABSMAX, ("scale = most / top", "scale = top / most"), ("np.round(x / scale)", "np.round(x * scale)")
    ),
    "6.1/divides_by_zero": """
def absmax_quantize(x, bits):
    scale = float(np.abs(x).max()) / (2 ** (bits - 1) - 1)
    return np.array([round(float(v) / scale) for v in x.ravel()], np.int8).reshape(x.shape), scale
""",
    "6.2/missing_clip": but(AFFINE, ("    q = np.clip(q, 0, 2**bits - 1)\n", "")),
    "6.2/clip_before_the_shift": but(
        AFFINE,
        ("    q = np.clip(q, 0, 2**bits - 1)\n", ""),
        ("np.rint(x / scale) +", "np.clip(np.rint(x / scale), 0, 2**bits - 1) +"),
    ),
    "6.2/float_zero_point": but(
        AFFINE,
        ("int(np.rint(-lo / scale))", "-lo / scale"),
        ("np.rint(x / scale) + zero_point", "np.rint(x / scale + zero_point)"),
    ),
    "6.2/shifted_by_lo": but(AFFINE, ("np.rint(x / scale) + zero_point", "np.rint((x - lo) / scale)")),
    "6.2/without_zero": but(
        AFFINE, ("min(x.min(), 0), max(x.max(), 0)", "x.min(), x.max()"), ("lo == hi", "not x.any()")
    ),
    "6.2/a_step_too_many": but(AFFINE, ("(2**bits - 1)\n    zero", "2**bits\n    zero")),
    "6.2/truncates": but(
        AFFINE, ("int(np.rint(-lo / scale))", "int(-lo / scale)"), ("np.rint(x / scale)", "np.trunc(x / scale)")
    ),
    "6.2/negative_zero_point": but(
        AFFINE, ("-lo / scale", "lo / scale"), ("np.rint(x / scale) + zero", "np.rint(x / scale) - zero")
    ),
    "6.2/eight_bits_always": but(AFFINE, ("2**bits - 1", "255")),
    "6.2/divides_by_zero": but(
        AFFINE,
        ("    if lo == hi:\n        return np.zeros(x.shape, np.uint8), 1.0, 0\n", ""),
        ("min(x.min(), 0), max(x.max(), 0)", "min(float(x.min()), 0.0), max(float(x.max()), 0.0)"),
    ),
    "6.3/half_to_even": but(Q8_0, (ROUNDED, "np.rint(y)")),
    "6.3/half_up": but(Q8_0, (ROUNDED, "np.floor(y + 0.5)")),
    "6.3/half_added_below_zero": but(Q8_0, (ROUNDED, "(y + 0.5).astype(np.int32)")),
    "6.3/truncates": but(Q8_0, (ROUNDED, "y")),
    "6.3/float64": but(Q8_0, ("w.astype(np.float32)", "w.astype(np.float64)")),
    "6.3/of_the_rounded_scale": but(
        Q8_0, ("    with np.errstate", "    d = d.astype(np.float16).astype(np.float32)\n    with np.errstate")
    ),
    "6.3/divides": but(Q8_0, ("y = x * inv", "y = np.divide(x, d, out=np.zeros_like(x), where=d != 0)")),
    "6.3/another_inverse": but(Q8_0, ("0, 1 / d)", "0, 127 / np.abs(x).max(axis=-1, keepdims=True))")),
    "6.3/largest_without_sign": but(Q8_0, ("np.abs(x).max(axis", "x.max(axis")),
    "6.3/divides_by_zero": but(
        Q8_0,
        ('    with np.errstate(divide="ignore"):\n', ""),
        ("        inv = np.where(d == 0, 0, 1 / d)", "    if not d.all():\n        1 / 0\n    inv = 1 / d"),
    ),
    "6.3/scale_of_four_bytes": but(
        Q8_0,
        ("34), np.uint8", "36), np.uint8"),
        ("out[..., :2] = d.astype(np.float16)", "out[..., :4] = d"),
        ("out[..., 2:] =", "out[..., 4:] ="),
        ("// 32 * 34)", "// 32 * 36)"),
    ),
    "6.3/scales_first": but(
        Q8_0,
        (
            "    return out.reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)",
            "    parts = [part.reshape(*w.shape[:-1], -1) for part in (out[..., :2], out[..., 2:])]\n"
            "    return np.concatenate(parts, axis=-1)",
        ),
    ),
    "6.3/rows_lost": but(Q8_0, ("out.reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)", "out.reshape(-1, 34)")),
    "6.3/nothing_refused": but(
        Q8_0,
        ('    if w.shape[-1] % 32 != 0:\n        raise ValueError("cols")\n', ""),
        ("reshape(*w.shape[:-1], w.shape[-1] // 32, 32)", "reshape(-1, 32)"),
        ("out.reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)", "out.reshape(*w.shape[:-1], -1)"),
    ),
    "6.3/unsigned": but(Q8_0, ("np.ascontiguousarray(part[..., 2:]).view(np.int8)", "part[..., 2:]")),
    "6.3/float16": but(Q8_0, (".view(np.float16).astype(np.float32)", ".view(np.float16)")),
    "6.3/rows_lost_on_the_way_back": but(Q8_0, ("    return out\n", "    return out.reshape(-1, n_cols)\n")),
    "6.4/neighbours_packed": but(Q4_0, ("q[:, :16], q[:, 16:]", "q[:, ::2], q[:, 1::2]")),
    "6.4/nibbles_swapped": but(Q4_0, ("low + 16 * high", "high + 16 * low")),
    "6.4/largest_without_sign": but(Q4_0, ("m / np.float32(-8)", "np.abs(m) / np.float32(8)")),
    "6.4/divided_by_seven": but(Q4_0, ("m / np.float32(-8)", "np.abs(m) / np.float32(7)")),
    "6.4/missing_cap": but(Q4_0, ("    q = np.minimum(q, 15)\n", "")),
    "6.4/half_to_even": but(Q4_0, ("np.trunc(x * inv + np.float32(8.5))", "np.rint(x * inv) + 8")),
    "6.4/half_away": but(
        Q4_0, ("np.trunc(x * inv + np.float32(8.5))", "np.sign(x * inv) * np.floor(np.abs(x * inv) + 0.5) + 8")
    ),
    "6.4/half_forgotten": but(Q4_0, ("8.5", "8")),
    "6.4/twos_complement": but(Q4_0, ("    q = q.astype(np.uint8)\n", "    q = ((q - 8) % 16).astype(np.uint8)\n")),
    "6.4/float64": but(Q4_0, ("    x = w.astype(np.float32)", "    x = w"), ("np.float32(8.5)", "8.5")),
    "6.4/of_the_rounded_scale": but(
        Q4_0, ("    with np.errstate", "    d = d.astype(np.float16).astype(np.float32)\n    with np.errstate")
    ),
    "6.4/divides": but(Q4_0, ("x * inv", "np.divide(x, d, out=np.zeros_like(x), where=d != 0)")),
    "6.4/last_extreme": but(Q4_0, ("np.abs(x).argmax(axis=1)", "31 - np.abs(x[:, ::-1]).argmax(axis=1)")),
    "6.4/zero_without_sign": but(Q4_0, ("d.astype(np.float16)", "np.where(d == 0, 0, d).astype(np.float16)")),
    "6.4/scales_first": but(
        Q4_0,
        (
            "    return blocks.reshape(*w.shape[:-1], -1)",
            "    parts = [part.reshape(*w.shape[:-1], -1) for part in (blocks[:, :2], blocks[:, 2:])]\n"
            "    return np.concatenate(parts, axis=-1)",
        ),
    ),
    "6.4/rows_lost": but(Q4_0, ("    return blocks.reshape(*w.shape[:-1], -1)", "    return blocks")),
    "6.4/divides_by_zero": but(
        Q4_0,
        ('    with np.errstate(divide="ignore"):\n', '    with np.errstate(all="ignore"):\n'),
        ("np.where(d == 0, 0, 1 / d)", "1 / d"),
        ("q.astype(np.uint8)", "np.nan_to_num(q).astype(np.uint8)"),
    ),
    "6.5/nominal": """
def bits_per_weight(levels):
    return sorted(levels)[0][1]
""",
    "6.5/top_level_left_out": """
def bits_per_weight(levels):
    return sum(bits / sharing for sharing, bits in sorted(levels)[:-1])
""",
    "6.5/parts_counted_once": """
def bits_per_weight(levels):
    (one, bits), *shared = sorted(levels)
    size = shared[-1][0] if shared else one
    return (size / one * bits + sum(more for _, more in shared)) / size
""",
    "6.5/sum_of_bits": but(BITS, ("bits / sharing", "bits")),
    "6.5/block": but(BITS, ("return total", "return total * max(levels)[0]")),
    "6.5/bytes": but(BITS, ("return total", "return total / 8")),
    "6.5/whole_bits": but(BITS, ("bits / sharing", "bits // sharing")),
    "6.6/nominal_bits": """
def model_size_bytes(tensors, recipe):
    total_bits = 0
    for name, shape in tensors:
        kind = "F32" if len(shape) == 1 else recipe[name]
        total_bits += int(kind.split("_")[0][1:]) * math.prod(shape)
    return total_bits / 8
""",
    "6.6/no_fallback": """
def model_size_bytes(tensors, recipe):
    total = 0
    for name, shape in tensors:
        weights, size = BLOCK["F32" if len(shape) == 1 else recipe[name]]
        total += math.prod(shape) * size / weights
    return total
""",
    "6.6/padded": """
def model_size_bytes(tensors, recipe):
    total = 0
    for name, shape in tensors:
        weights, size = BLOCK["F32" if len(shape) == 1 else recipe[name]]
        total += -(-shape[0] // weights) * size * math.prod(shape[1:])
    return total
""",
    "6.6/straight_to_f16": but(SIZE, ('FALLBACK.get(recipe[name], "F16"), "F16"', '"F16"')),
    "6.6/fallback_unchecked": """
def model_size_bytes(tensors, recipe):
    total = 0
    for name, shape in tensors:
        kind = "F32" if len(shape) == 1 else recipe[name]
        if shape[0] % BLOCK[kind][0]:
            kind = FALLBACK.get(kind, "F16")
        total += math.prod(shape) * BLOCK[kind][1] / BLOCK[kind][0]
    return total
""",
    "6.6/two_axes": but(SIZE, ("math.prod(shape) *", "math.prod(shape[:2]) *")),
    "6.6/row_is_last": but(SIZE, ("shape[0] %", "shape[-1] %")),
    "6.6/whole_tensor": but(SIZE, ("shape[0] %", "math.prod(shape) %")),
    "6.6/norms_by_recipe": but(
        SIZE,
        (
            '["F32"] if len(shape) == 1 else [recipe[name], FALLBACK.get(recipe[name], "F16"), "F16"]',
            '[recipe.get(name, "F32"), FALLBACK.get(recipe.get(name), "F16"), "F16"]',
        ),
    ),
    "6.6/norms_in_16_bits": but(SIZE, ('["F32"]', '["F16"]')),
    "6.7/mean_of_perplexities": but(TEXT, (PERPLEXITY, "np.mean(np.exp(nll_nats / n_tokens))")),
    "6.7/mean_of_rates": but(TEXT, (PERPLEXITY, "np.exp(np.mean(nll_nats / n_tokens))")),
    "6.7/base_two": but(TEXT, (PERPLEXITY, "2 ** (sum(nll_nats) / sum(n_tokens))")),
    "6.7/surprise": but(TEXT, (PERPLEXITY, "sum(nll_nats) / sum(n_tokens)")),
    "6.7/per_window": but(TEXT, (PERPLEXITY, "np.exp(np.mean(nll_nats) / np.sum(n_tokens))")),
    "6.7/inverse": but(TEXT, (PERPLEXITY, "np.exp(-sum(nll_nats) / sum(n_tokens))")),
    "6.7/nats_per_byte": but(TEXT, (" / np.log(2)", "")),
    "6.7/mean_of_bytes": but(TEXT, (PER_BYTE, "np.mean(nll_nats / n_bytes) / np.log(2)")),
    "6.7/less_than_a_nat": but(TEXT, ("/ np.log(2)", "* np.log(2)")),
    "6.7/bytes_of_a_nat": but(TEXT, ("/ np.log(2)", "/ np.log(2) / 8")),
    "6.7/bytes_per_bit": but(TEXT, (PER_BYTE, "np.sum(n_bytes) / (np.sum(nll_nats) / np.log(2))")),
    "6.7/perplexity_of_bytes": but(TEXT, (PER_BYTE, "np.exp(np.sum(nll_nats) / np.sum(n_bytes))")),
    "6.8/mean_of_means": but(PAIRED, (MEAN, "np.mean([d.mean() for d in deltas])")),
    "6.8/a_less_b": but(PAIRED, ("b - a for", "a - b for")),
    "6.8/summed": but(PAIRED, (MEAN, "sum(sums)")),
    "6.8/median": but(PAIRED, (MEAN, "np.median(np.concatenate(deltas))")),
    "6.8/tokens_resampled": """
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    rng = np.random.default_rng(seed)
    delta = np.concatenate(nll_b) - np.concatenate(nll_a)
    means = [delta[rng.integers(0, len(delta), len(delta))].mean() for _ in range(n_boot)]
    low, high = np.percentile(means, [2.5, 97.5])
    return delta.mean(), low, high
""",
    "6.8/unpaired": """
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    rng = np.random.default_rng(seed)

    def means(documents):
        sums, counts = np.array([d.sum() for d in documents]), np.array([len(d) for d in documents])
        drawn = rng.integers(0, len(sums), (n_boot, len(sums)))
        return sums[drawn].sum(1) / counts[drawn].sum(1)

    low, high = np.percentile(means(nll_b) - means(nll_a), [2.5, 97.5])
    return np.concatenate(nll_b).mean() - np.concatenate(nll_a).mean(), low, high
""",
    "6.8/one_standard_error": but(
        PAIRED, (PERCENTILES, f"mean, se = {MEAN}, np.std(means)\n    low, high = mean - se, mean + se")
    ),
    "6.8/ninety_percent": but(PAIRED, ("[2.5, 97.5]", "[5, 95]")),
    "6.8/without_replacement": but(PAIRED, ("len(deltas), len(deltas)", "len(deltas), len(deltas), replace=False")),
    "6.8/one_draw": but(PAIRED, ("rng.choice(", "np.random.default_rng(seed).choice(")),
    "6.8/symmetric": but(
        PAIRED, (PERCENTILES, f"mean, se = {MEAN}, np.std(means)\n    low, high = mean - 1.96 * se, mean + 1.96 * se")
    ),
    "6.8/turned_round": but(
        PAIRED,
        (PERCENTILES, f"{PERCENTILES}\n    low, high = 2 * {MEAN} - high, 2 * {MEAN} - low"),
    ),
    "6.8/means_resampled": but(
        PAIRED,
        (
            "sum(sums[i] for i in chosen) / sum(counts[i] for i in chosen)",
            "np.mean([sums[i] / counts[i] for i in chosen])",
        ),
    ),
    "6.8/unseeded": but(PAIRED, ("default_rng(seed)", "default_rng()")),
    "6.8/seed_ignored": but(PAIRED, ("default_rng(seed)", "default_rng(0)")),
    "6.8/global_generator": but(
        PAIRED, ("rng = np.random.default_rng(seed)", "np.random.seed(seed)"), ("rng.choice", "np.random.choice")
    ),
    "6.8/n_boot_ignored": but(PAIRED, ("range(n_boot)", "range(2000)")),
    "6.9/reversed": but(KL, ("np.exp(p) * (p - q)", "np.exp(q) * (q - p)")),
    "6.9/both_ways": but(KL, ("np.exp(p) * (p - q)", "(np.exp(p) - np.exp(q)) * (p - q)")),
    "6.9/top_token_only": but(
        KL, ("np.mean(np.sum(np.exp(p) * (p - q), axis=1))", "np.mean((p - q)[np.arange(len(p)), p.argmax(axis=1)])")
    ),
    "6.9/not_normalised": but(KL, ("np.exp(p) * (p - q)", "np.exp(p) * (logits_ref - logits_q)")),
    "6.9/cross_entropy": but(KL, ("np.exp(p) * (p - q)", "np.exp(p) * -q")),
    "6.9/unweighted": but(KL, ("np.exp(p) * (p - q)", "p - q")),
    "6.9/wrong_axis": """
def mean_kl_nats(logits_ref, logits_q):
    def normalised(z):
        z = z - z.max(axis=0)
        return z - np.log(np.exp(z).sum(axis=0))

    p, q = normalised(logits_ref), normalised(logits_q)
    return np.mean(np.sum(np.exp(p) * (p - q), axis=1))
""",
    "6.9/base_two": but(KL, ("(p - q), axis=1))", "(p - q), axis=1)) / np.log(2)")),
    "6.9/summed": but(KL, ("np.mean(np.sum(", "np.sum(np.sum(")),
    "6.9/mean_over_all": but(KL, ("np.mean(np.sum(np.exp(p) * (p - q), axis=1))", "np.mean(np.exp(p) * (p - q))")),
    "6.9/overflow": """
def mean_kl_nats(logits_ref, logits_q):
    p = np.exp(logits_ref) / np.exp(logits_ref).sum(axis=1, keepdims=True)
    q = np.exp(logits_q) / np.exp(logits_q).sum(axis=1, keepdims=True)
    return np.mean(np.sum(p * np.log(p / q), axis=1))
""",
    "6.9/underflow": KL_BY_P,
    "6.9/small_number_added": but(KL_BY_P, ("np.log(p / q)", "np.log((p + 1e-10) / (q + 1e-10))")),
    "6.10/loose": """
def accepts(f):
    x = np.random.default_rng(0).uniform(-1, 1, (10, 100))
    try:
        q, scale = f(x, 8)
        z, finite = f(np.zeros((2, 3)), 8)
    except Exception:
        return False
    return bool(q.shape == x.shape and np.abs(q * scale - x).mean() < 0.1 and np.isfinite(finite) and not z.any())
""",
    "6.10/one_width": but(ACCEPTS, ("range(2, 9)", "[8]")),
    "6.10/no_zeros": but(
        ACCEPTS,
        ("        q, scale = f(np.zeros((2, 3)), 8)\n", ""),
        ("bool(np.isfinite(scale)) and not q.any()", "True"),
    ),
    "6.10/no_range": but(
        ACCEPTS, ("            if np.abs(q.astype(float)).max() != top:\n                return False\n", "")
    ),
    "6.10/no_shape": but(
        ACCEPTS,
        ("            if q.shape != x.shape:\n                return False\n", "            q = q.reshape(x.shape)\n"),
    ),
    "6.10/no_dtype": but(ACCEPTS, ("            if q.dtype != np.int8:\n                return False\n", "")),
    "6.10/positive_only": but(ACCEPTS, ("    x[1, 1] = -5\n", "    x = np.abs(x)\n")),
    "6.10/not_caught": but(ACCEPTS, ("except Exception:\n        return False", "finally:\n        pass")),
    "6.10/exact": but(
        ACCEPTS,
        (
            "            if q.dtype",
            "            if scale != np.abs(x).max() / top:\n                return False\n            if q.dtype",
        ),
    ),
    "6.10/accepts_all": """
def accepts(f):
    return True
""",
    "6.10/refuses_all": """
def accepts(f):
    return False
""",
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "6.1/caps_small_numbers": but(ABSMAX, ("most / top", "max(most, 0.01) / top")),
    "6.1/zeros_of_floats": but(ABSMAX, ("np.zeros(x.shape, np.int8)", "np.zeros_like(x)")),
    "6.1/wrong_dtype": but(ABSMAX, (".astype(np.int8)", ".astype(np.int64)")),
    "6.1/scale_of_the_spread": but(
        ABSMAX, ("most / top", "3 * x.std() / top"), ("np.round(x / scale)", "np.clip(np.round(x / scale), -top, top)")
    ),
    "6.1/flat": but(ABSMAX, ("np.round(x / scale)", "np.round(x.ravel() / scale)")),
    "6.1/by_row": but(
        ABSMAX, ("float(np.abs(x).max())", "np.abs(x).max(axis=-1, keepdims=True)"), ("most == 0", "False")
    ),
    "6.2/wrong_dtype": but(AFFINE, (".astype(np.uint8), scale", ".astype(np.int64), scale")),
    "6.2/half_up": but(AFFINE, ("np.rint(x / scale)", "np.floor(x / scale + 0.5)")),
    "6.2/symmetric": but(AFFINE, ("lo, hi = min(x.min(), 0), max(x.max(), 0)", "hi = np.abs(x).max(); lo = -hi")),
    "6.2/zeros_get_scale_zero": but(AFFINE, ("np.uint8), 1.0, 0", "np.uint8), 0.0, 0")),
    "6.2/zero_point_in_the_middle": but(AFFINE, ("int(np.rint(-lo / scale))", "2 ** (bits - 1)")),
    "6.3/wrong_dtype": but(Q8_0, ("    return out.reshape(", "    return out.astype(np.int64).reshape(")),
    "6.3/float64_back": but(Q8_0, ("n_cols), np.float32)", "n_cols), np.float64)")),
    "6.3/refuses_too_much": but(Q8_0, ("w.shape[-1] % 32 != 0", "w.shape[-1] % 64 != 0")),
    "6.3/by_128": but(Q8_0, ("np.float32(127)", "np.float32(128)")),
    "6.3/two_slips": but(Q8_0, (ROUNDED, "np.floor(y + 0.5)"), ("w.astype(np.float32)", "w.astype(np.float64)")),
    "6.3/big_endian": but(Q8_0, ("d.astype(np.float16).view", "d.astype('>f2').view")),
    "6.4/big_endian": but(Q4_0, ("d.astype(np.float16).view", "d.astype('>f2').view")),
    "6.4/wrong_dtype": but(Q4_0, ("    return blocks", "    return blocks.astype(np.int64)")),
    "6.4/two_slips": but(
        Q4_0, ("np.trunc(x * inv + np.float32(8.5))", "np.rint(x * inv) + 8"), ("low + 16 * high", "high + 16 * low")
    ),
    "6.5/shared_twice": but(BITS, ("bits / sharing", "bits / sharing**0.5")),
    "6.6/norms_left_out": but(
        SIZE,
        (
            "    for name, shape in tensors:\n",
            "    for name, shape in tensors:\n        if len(shape) == 1:\n            continue\n",
        ),
    ),
    "6.6/bits": but(SIZE, ("return total", "return 8 * total")),
    "6.6/padded_to_32": but(SIZE, ("return total", "return -(-total // 32) * 32")),
    "6.7/median_of_tokens": but(TEXT, (PERPLEXITY, "np.exp(np.median(nll_nats) / np.median(n_tokens))")),
    "6.7/log10": but(TEXT, ("np.log(2)", "np.log10(2)")),
    "6.8/mean_of_the_draws": but(PAIRED, (MEAN, "np.mean(means)")),
    "6.8/one_document_fewer": but(PAIRED, ("len(deltas), len(deltas)", "len(deltas), len(deltas) // 2")),
    "6.8/fractions_for_per_cent": but(PAIRED, ("[2.5, 97.5]", "[0.025, 0.975]")),
    "6.8/less_the_mean": but(PAIRED, (PERCENTILES, f"low, high = np.percentile(means, [2.5, 97.5]) - {MEAN}")),
    "6.8/all": but(PAIRED, (PERCENTILES, "low, high = min(means), max(means)")),
    "6.8/high_and_low": but(PAIRED, ("low, high\n", "high, low\n")),
    "6.8/ratio": but(PAIRED, (MEAN, "np.mean(np.concatenate(nll_b) / np.concatenate(nll_a))")),
    "6.9/absolute": but(KL, ("np.exp(p) * (p - q)", "np.exp(p) * np.abs(p - q)")),
    "6.9/median": but(KL, ("np.mean(np.sum(", "np.median(np.sum(")),
    "6.9/clipped": but(
        KL,
        (
            "return np.mean(np.sum(np.exp(p) * (p - q), axis=1))",
            "return min(100, np.mean(np.sum(np.exp(p) * (p - q), axis=1)))",
        ),
    ),
    "6.10/some_bits": but(ACCEPTS, ("range(2, 9)", "[4, 8]")),
    "6.10/one_element": but(ACCEPTS, ("np.abs(q * scale - x).max()", "abs(q[0, 0] * scale - x[0, 0])")),
}

RIGHT = {
    "6.1": [
        ABSMAX,
        """
def absmax_quantize(x, bits):
    x = np.asarray(x, np.float64)
    top = (1 << bits - 1) - 1
    most = max(x.max(), -x.min())
    step = most / top if most else 0.25
    return np.floor(x / step + 0.5).clip(-top, top).astype("int8"), np.float32(step)
""",
        """
def absmax_quantize(x, bits):
    x = np.asarray(x, np.float32)
    top = np.float32(2 ** (bits - 1) - 1)
    scale = np.abs(x).max() / top
    inverse = np.float32(0) if scale == 0 else 1 / scale
    return np.rint(x * inverse).astype(np.int8), scale
""",
    ],
    "6.2": [
        AFFINE,
        """
def affine_quantize(x, bits):
    top = (1 << bits) - 1
    lo, hi = np.minimum(x.min(), 0), np.maximum(x.max(), 0)
    scale = (hi - lo) / top if hi > lo else 1
    zero = int(round(float(-lo / scale)))
    return np.minimum(np.maximum(np.rint(x / scale) + zero, 0), top).astype(np.uint8), float(scale), zero
""",
        """
def affine_quantize(x, bits):
    import torch

    t = torch.as_tensor(np.asarray(x, np.float32))
    top = 2**bits - 1
    lo, hi = torch.clamp(t.min(), max=0), torch.clamp(t.max(), min=0)
    if lo == hi:
        return torch.zeros_like(t, dtype=torch.uint8), 1, 0
    scale = (hi - lo) / top
    zero_point = torch.round(-lo / scale)
    return torch.clamp(torch.round(t / scale) + zero_point, 0, top).to(torch.uint8), scale, zero_point
""",
    ],
    "6.3": [
        Q8_0,
        """
import struct


def quantize_q8_0(w):
    rows = np.asarray(w, np.float32).reshape(-1, w.shape[-1])
    if w.shape[-1] % 32:
        raise ValueError(w.shape)
    out = []
    for row in rows:
        for block in row.reshape(-1, 32):
            d = np.float32(np.abs(block).max() / np.float32(127))
            inv = np.float32(1) / d if d else np.float32(0)
            steps = [float(weight * inv) for weight in block]
            q = [int(math.floor(abs(s) + 0.5)) * (1 if s >= 0 else -1) for s in steps]
            out.append(struct.pack("<e32b", float(np.float16(d)), *q))
    return np.frombuffer(b"".join(out), np.uint8).reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)


def dequantize_q8_0(blob, n_cols):
    flat = np.ascontiguousarray(blob).reshape(-1, 34)
    out = []
    for block in flat:
        d, *q = struct.unpack("<e32b", block.tobytes())
        out.append(np.float32(d) * np.array(q, np.float32))
    return np.array(out, np.float32).reshape(*blob.shape[:-1], n_cols)
""",
        """
def quantize_q8_0(w):
    import torch

    *rows, cols = w.shape
    if cols != cols // 32 * 32:
        raise ValueError("whole blocks, please")
    x = torch.as_tensor(w).float().reshape(-1, 32)
    d = x.abs().amax(1, keepdim=True) / 127
    inv = torch.where(d > 0, 1 / d, torch.zeros_like(d))
    q = (x * inv).sign() * ((x * inv).abs() + 0.5).floor()
    blocks = torch.cat([d.half().view(torch.uint8), q.to(torch.int8).view(torch.uint8)], dim=1)
    return blocks.reshape(*rows, -1)


def dequantize_q8_0(blob, n_cols):
    import torch

    blocks = torch.as_tensor(np.ascontiguousarray(blob)).reshape(-1, 34)
    d = blocks[:, :2].contiguous().view(torch.float16).float()
    return (d * blocks[:, 2:].contiguous().view(torch.int8)).reshape(*blob.shape[:-1], n_cols).numpy()
""",
    ],
    "6.4": [
        Q4_0,
        """
def quantize_q4_0(w):
    out = []
    for block in np.asarray(w, np.float32).reshape(-1, 32):
        m = np.float32(0)
        for weight in block:
            if abs(weight) > abs(m):
                m = weight
        d = m / np.float32(-8)
        inv = np.float32(1) / d if d else np.float32(0)
        q = [min(15, int(weight * inv + np.float32(8.5))) for weight in block]
        out.append(np.array([d], "<f2").tobytes() + bytes(q[i] | q[i + 16] << 4 for i in range(16)))
    return np.frombuffer(b"".join(out), np.uint8).reshape(*w.shape[:-1], w.shape[-1] // 32 * 18)
""",
        """
def quantize_q4_0(w):
    w = np.float32(w)
    x = w.reshape(*w.shape[:-1], -1, 2, 16)
    most, least = x.max(axis=(-2, -1)), x.min(axis=(-2, -1))
    flat = x.reshape(*x.shape[:-2], 32)
    m = np.where(most > -least, most, least)
    same = most == -least
    m[same] = flat[same, np.abs(flat[same]).argmax(-1)]
    d = m / np.float32(-8)
    inv = np.divide(1, d, out=np.zeros_like(d), where=d != 0)
    q = np.clip(np.floor(x * inv[..., None, None] + np.float32(8.5)), 0, 15).astype("u1")
    packed = np.bitwise_or(q[..., 0, :], np.left_shift(q[..., 1, :], 4))
    out = np.zeros((*d.shape, 18), np.uint8)
    out[..., 2:] = packed
    out[..., :2] = d.astype("<f2")[..., None].view(np.uint8)
    return out.reshape(*w.shape[:-1], -1)
""",
    ],
    "6.5": [
        BITS,
        """
def bits_per_weight(levels):
    from fractions import Fraction

    return sum(Fraction(bits, sharing) for sharing, bits in levels)
""",
        """
def bits_per_weight(levels):
    block = max(sharing for sharing, _ in levels)
    return sum(block // sharing * bits for sharing, bits in levels) / block
""",
    ],
    "6.6": [
        SIZE,
        """
def model_size_bytes(tensors, recipe):
    def kind_of(row, kind):
        if row % BLOCK[kind][0] == 0:
            return kind
        return kind_of(row, FALLBACK.get(kind, "F16"))

    size = np.int64(0)
    for name, (row, *rest) in tensors:
        weights, n_bytes = BLOCK[kind_of(row, recipe[name] if rest else "F32")]
        size += row // weights * n_bytes * np.prod(rest, dtype=np.int64)
    return size
""",
    ],
    "6.7": [
        TEXT,
        """
def perplexity(nll_nats, n_tokens):
    return 2 ** (np.average(nll_nats / n_tokens, weights=n_tokens) / np.log(2))


def bits_per_byte(nll_nats, n_bytes):
    return np.log2(np.exp(np.float32(nll_nats.sum()) / np.float32(n_bytes.sum())))
""",
        """
def perplexity(nll_nats, n_tokens):
    import torch

    return torch.exp(torch.tensor(nll_nats).float().sum() / torch.tensor(n_tokens).sum())


def bits_per_byte(nll_nats, n_bytes):
    from decimal import Decimal

    return Decimal(float(sum(nll_nats))) / Decimal(int(sum(n_bytes))) / Decimal(2).ln()
""",
    ],
    "6.8": [
        PAIRED,
        """
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    rng = np.random.default_rng(seed)
    delta = [np.asarray(b, np.float32) - np.asarray(a, np.float32) for a, b in zip(nll_a, nll_b)]
    n = len(delta)
    times = rng.multinomial(n, [1 / n] * n, size=n_boot)
    means = np.sort(times @ [d.sum() for d in delta] / (times @ [len(d) for d in delta]))
    return np.concatenate(delta).mean(), means[int(0.025 * n_boot)], means[int(0.975 * n_boot)]
""",
        """
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    from scipy import stats

    sums = [float(np.sum(b) - np.sum(a)) for a, b in zip(nll_a, nll_b)]
    found = stats.bootstrap(
        (sums, [len(a) for a in nll_a]), lambda s, n, axis=-1: np.sum(s, axis=axis) / np.sum(n, axis=axis), paired=True,
        n_resamples=n_boot, method="percentile", rng=np.random.default_rng(seed), vectorized=True,
    ).confidence_interval
    return sum(sums) / sum(map(len, nll_b)), found.low, found.high
""",
    ],
    "6.9": [
        KL,
        """
def mean_kl_nats(logits_ref, logits_q):
    import torch

    p, q = (torch.log_softmax(torch.as_tensor(z, dtype=torch.float64), dim=-1) for z in (logits_ref, logits_q))
    return torch.nn.functional.kl_div(q, p, reduction="batchmean", log_target=True).item()
""",
        """
def mean_kl_nats(logits_ref, logits_q):
    from scipy.special import log_softmax, softmax

    ref, other = np.asarray(logits_ref, np.float32), np.asarray(logits_q, np.float32)
    return (softmax(ref, axis=-1) * (log_softmax(ref, axis=-1) - log_softmax(other, axis=-1))).sum() / len(ref)
""",
        """
def mean_kl_nats(logits_ref, logits_q):
    total = 0.0
    for ref, other in zip(logits_ref.tolist(), logits_q.tolist()):
        z = max(ref) + math.log(sum(math.exp(x - max(ref)) for x in ref))
        y = max(other) + math.log(sum(math.exp(x - max(other)) for x in other))
        total += sum(math.exp(a - z) * ((a - z) - (b - y)) for a, b in zip(ref, other))
    return total / len(logits_ref)
""",
    ],
    "6.10": [
        ACCEPTS,
        """
def accepts(f):
    for bits in (2, 3, 4, 5, 6, 7, 8):
        for sign in (1, -1):
            x = sign * np.linspace(-3.0, 7.0, 101).reshape(1, 101)
            try:
                q, scale = f(x=x, bits=bits)
            except Exception:
                return False
            step = 7.0 / (2 ** (bits - 1) - 1)
            if getattr(q, "dtype", None) != "int8" or q.shape != (1, 101) or abs(int(q[0, 100])) != round(7 / step):
                return False
            if not np.allclose(scale, step, rtol=1e-4):
                return False
            if (abs(x / step - q) > 0.5005).any():
                return False
    try:
        q, scale = f(np.zeros(3), 4)
    except ZeroDivisionError:
        return False
    return q.tolist() == [0, 0, 0] and math.isfinite(scale)
""",
    ],
}


def _absmax(x: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    scale = float(np.abs(x).max()) / (2 ** (bits - 1) - 1) or 1.0
    return np.rint(x / scale).astype(np.int8), scale


_HALF_AND_WHOLE = [np.array([2.0, 1.0]), np.array([3.0])]

# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "6.1": [((np.array([0.4, -7.0, 2.2]), 4), ([0, -7, 2], 1))],
    "6.2": [
        ((np.array([0.0, 3.0]), 2), ([0, 3], 1, 0)),
        ((np.array([-3.0, 0.0, 3.0]), 8), ([0, 128, 255], 6 / 255, 128)),
    ],
    "6.3": [((np.full((1, 32), 127.0),), [[0, 60] + [127] * 32])],
    "6.4": [((np.zeros((1, 32)),), [[0, 0x80] + [0x88] * 16])],
    "6.5": [(([(1, 8), (32, 16)],), 8.5), (([(1, 4), (32, 12), (256, 32)],), 4.5)],
    "6.6": [(([("a", (64, 3)), ("norm", (64,))], {"a": "Q4_K"}), 388)],
    "6.7": [((np.array([300, 40]), np.array([100, 10])), math.exp(340 / 110))],
    "6.8": [((_HALF_AND_WHOLE, [x + 0.5 for x in _HALF_AND_WHOLE], 0), (0.5, 0.5, 0.5))],
    "6.9": [((np.array([[0.0, 0.0]]), np.array([[0.0, math.log(3)]])), math.log(2) - math.log(3) / 2)],
    "6.10": [((_absmax,), True), ((lambda x, bits: (x, 1.0),), False)],
}

# The same measurements with fewer windows, where their result does not matter.
SHORT = {"N_WINDOWS = 64": "N_WINDOWS = 8", "N_HELP_WINDOWS = 6": "N_HELP_WINDOWS = 3"}
