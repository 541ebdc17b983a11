"""Answers to lab 6: one for every wrong idea that its tests name, and other ways of being right."""

import math

import numpy as np

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
        inv = np.where(d == 0, np.float32(0), np.float32(1) / d)
    y = x * inv
    q = np.sign(y) * np.floor(np.abs(y) + np.float32(0.5))
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

Q4_0 = """
def quantize_q4_0(w):
    x = w.astype(np.float32).reshape(-1, 32)
    at = np.abs(x).argmax(axis=1)
    m = x[np.arange(len(x)), at][:, None]
    d = m / np.float32(-8)
    with np.errstate(divide="ignore"):
        inv = np.where(d == 0, np.float32(0), np.float32(1) / d)
    q = np.minimum(np.trunc(x * inv + np.float32(8.5)), 15).astype(np.uint8)
    low, high = q[:, :16], q[:, 16:]
    blocks = np.hstack([d.astype(np.float16).view(np.uint8), low + 16 * high])
    return blocks.reshape(*w.shape[:-1], -1)
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

PAIRED = """
def paired_delta(nll_a, nll_b, seed, n_boot=2000):
    rng = np.random.default_rng(seed)
    deltas = [b - a for a, b in zip(nll_a, nll_b)]
    means = []
    for _ in range(n_boot):
        chosen = [deltas[i] for i in rng.choice(len(deltas), len(deltas))]
        means.append(sum(d.sum() for d in chosen) / sum(len(d) for d in chosen))
    low, high = np.percentile(means, [2.5, 97.5])
    return np.concatenate(deltas).mean(), low, high
"""

KL = """
def mean_kl_nats(logits_ref, logits_q):
    def normalised(z):
        top = z.max(axis=1)[:, None]
        return z - top - np.log(np.exp(z - top).sum(axis=1))[:, None]

    p, q = normalised(logits_ref), normalised(logits_q)
    return np.mean(np.sum(np.exp(p) * (p - q), axis=1))
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
            if np.abs(q.astype(float)).max() != top:
                return False
            if np.abs(q * scale - x).max() > np.abs(x).max() / top / 2 * 1.00001:
                return False
        q, scale = f(np.zeros((2, 3)), 8)
    except Exception:
        return False
    return bool(np.isfinite(scale)) and not q.any()
"""

WRONG = {
    "6.1/ignores_bits": ABSMAX.replace("2 ** (bits - 1) - 1", "127"),
    "6.1/truncates": ABSMAX.replace("np.round(x / scale)", "(x / scale)"),
    "6.1/a_step_too_many": ABSMAX.replace("2 ** (bits - 1) - 1", "2 ** (bits - 1)").replace(
        "np.round(x / scale)", "np.clip(np.round(x / scale), -top + 1, top - 1)"
    ),
    "6.1/largest_without_sign": ABSMAX.replace("np.abs(x).max()", "x.max()").replace(
        "np.round(x / scale)", "np.clip(np.round(x / scale), -top, top)"
    ),
    "6.1/divides_by_zero": """
def absmax_quantize(x, bits):
    scale = float(np.abs(x).max()) / (2 ** (bits - 1) - 1)
    return np.array([round(float(v) / scale) for v in x.ravel()], np.int8).reshape(x.shape), scale
""",
    "6.2/missing_clip": AFFINE.replace("    q = np.clip(q, 0, 2**bits - 1)\n", ""),
    "6.2/clip_before_the_shift": AFFINE.replace("    q = np.clip(q, 0, 2**bits - 1)\n", "").replace(
        "np.rint(x / scale) + zero_point", "np.clip(np.rint(x / scale), 0, 2**bits - 1) + zero_point"
    ),
    "6.2/float_zero_point": AFFINE.replace("int(np.rint(-lo / scale))", "-lo / scale").replace(
        "np.rint(x / scale) + zero_point", "np.rint(x / scale + zero_point)"
    ),
    "6.2/without_zero": AFFINE.replace("min(x.min(), 0), max(x.max(), 0)", "x.min(), x.max()"),
    "6.2/divides_by_zero": AFFINE.replace(
        "    if lo == hi:\n        return np.zeros(x.shape, np.uint8), 1.0, 0\n", ""
    ).replace("min(x.min(), 0), max(x.max(), 0)", "min(float(x.min()), 0.0), max(float(x.max()), 0.0)"),
    "6.3/half_to_even": Q8_0.replace("np.sign(y) * np.floor(np.abs(y) + np.float32(0.5))", "np.rint(y)"),
    "6.3/scale_of_four_bytes": Q8_0.replace("34), np.uint8", "36), np.uint8")
    .replace("out[..., :2] = d.astype(np.float16)", "out[..., :4] = d")
    .replace("out[..., 2:] =", "out[..., 4:] =")
    .replace("// 32 * 34)", "// 32 * 36)"),
    "6.3/of_the_rounded_scale": Q8_0.replace(
        "    with np.errstate", "    d = d.astype(np.float16).astype(np.float32)\n    with np.errstate", 1
    ),
    "6.3/divides": Q8_0.replace("y = x * inv", "y = np.divide(x, d, out=np.zeros_like(x), where=d != 0)"),
    "6.3/truncates": Q8_0.replace("np.floor(np.abs(y) + np.float32(0.5))", "np.floor(np.abs(y))"),
    "6.3/rows_lost": Q8_0.replace("out.reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)", "out.reshape(-1, 34)"),
    "6.3/unsigned": Q8_0.replace("np.ascontiguousarray(part[..., 2:]).view(np.int8)", "part[..., 2:]"),
    "6.3/across_rows": Q8_0.replace('    if w.shape[-1] % 32 != 0:\n        raise ValueError("cols")\n', "")
    .replace("reshape(*w.shape[:-1], w.shape[-1] // 32, 32)", "reshape(-1, 32)")
    .replace("out.reshape(*w.shape[:-1], w.shape[-1] // 32 * 34)", "out.reshape(*w.shape[:-1], -1)"),
    "6.4/neighbours_packed": Q4_0.replace("q[:, :16], q[:, 16:]", "q[:, ::2], q[:, 1::2]"),
    "6.4/nibbles_swapped": Q4_0.replace("low + 16 * high", "high + 16 * low"),
    "6.4/absmax": Q4_0.replace("m / np.float32(-8)", "np.abs(m) / np.float32(7)"),
    "6.4/of_the_rounded_scale": Q4_0.replace(
        "    with np.errstate", "    d = d.astype(np.float16).astype(np.float32)\n    with np.errstate", 1
    ),
    "6.4/last_extreme": Q4_0.replace("np.abs(x).argmax(axis=1)", "31 - np.abs(x[:, ::-1]).argmax(axis=1)"),
    "6.5/nominal": """
def bits_per_weight(block_bytes, block_size):
    return block_bytes * 8 // block_size
""",
    "6.5/scale_left_out": """
def bits_per_weight(block_bytes, block_size):
    scale_bytes = 2
    return 8 * (block_bytes - scale_bytes) / block_size
""",
    "6.5/bytes": """
def bits_per_weight(block_bytes, block_size):
    return block_bytes / block_size
""",
    "6.5/weights_per_bit": """
def bits_per_weight(block_bytes, block_size):
    return block_size / (8 * block_bytes)
""",
    "6.6/nominal_bits": """
def model_size_bytes(tensors, recipe):
    bits = {"F16": 16, "Q8_0": 8, "Q6_K": 6, "Q5_K": 5, "Q4_K": 4, "Q3_K": 3, "Q2_K": 2}
    return sum((bits[recipe[name]] if len(shape) > 1 else 32) * math.prod(shape) for name, shape in tensors) / 8
""",
    "6.6/no_fallback": """
def model_size_bytes(tensors, recipe):
    total = 0
    for name, shape in tensors:
        weights, size = BLOCK["F32" if len(shape) == 1 else recipe[name]]
        total += math.prod(shape) * size / weights
    return total
""",
    "6.6/straight_to_f16": SIZE.replace('FALLBACK.get(recipe[name], "F16"), "F16"', '"F16"'),
    "6.7/mean_of_perplexities": TEXT.replace(
        "np.exp(sum(nll_nats) / sum(n_tokens))", "np.mean(np.exp(nll_nats / n_tokens))"
    ),
    "6.7/mean_of_rates": TEXT.replace("np.exp(sum(nll_nats) / sum(n_tokens))", "np.exp(np.mean(nll_nats / n_tokens))"),
    "6.7/base_two": TEXT.replace("np.exp(sum(nll_nats) / sum(n_tokens))", "2 ** (sum(nll_nats) / sum(n_tokens))"),
    "6.7/surprise": TEXT.replace("np.exp(sum(nll_nats) / sum(n_tokens))", "sum(nll_nats) / sum(n_tokens)"),
    "6.7/nats_per_byte": TEXT.replace(" / np.log(2)", ""),
    "6.7/mean_of_bytes": TEXT.replace(
        "np.sum(nll_nats) / np.log(2) / np.sum(n_bytes)", "np.mean(nll_nats / n_bytes) / np.log(2)"
    ),
    "6.7/less_than_a_nat": TEXT.replace("/ np.log(2)", "* np.log(2)"),
    "6.8/mean_of_means": PAIRED.replace("np.concatenate(deltas).mean()", "np.mean([d.mean() for d in deltas])"),
    "6.8/a_less_b": PAIRED.replace("b - a for", "a - b for"),
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
    "6.8/one_standard_error": PAIRED.replace(
        "low, high = np.percentile(means, [2.5, 97.5])", "se = np.std(means)"
    ).replace(
        "return np.concatenate(deltas).mean(), low, high",
        "mean = np.concatenate(deltas).mean()\n    return mean, mean - se, mean + se",
    ),
    "6.9/reversed": KL.replace("np.exp(p) * (p - q)", "np.exp(q) * (q - p)"),
    "6.9/top_token_only": KL.replace(
        "np.mean(np.sum(np.exp(p) * (p - q), axis=1))", "np.mean((p - q)[np.arange(len(p)), p.argmax(axis=1)])"
    ),
    "6.9/not_normalised": KL.replace("np.exp(p) * (p - q)", "np.exp(p) * (logits_ref - logits_q)"),
    "6.9/base_two": KL.replace("(p - q), axis=1))", "(p - q), axis=1)) / np.log(2)"),
    "6.9/summed": KL.replace("np.mean(np.sum(", "np.sum(np.sum("),
    "6.9/mean_over_all": KL.replace("np.mean(np.sum(np.exp(p) * (p - q), axis=1))", "np.mean(np.exp(p) * (p - q))"),
    "6.9/overflow": """
def mean_kl_nats(logits_ref, logits_q):
    p = np.exp(logits_ref) / np.exp(logits_ref).sum(axis=1, keepdims=True)
    q = np.exp(logits_q) / np.exp(logits_q).sum(axis=1, keepdims=True)
    return np.mean(np.sum(p * np.log(p / q), axis=1))
""",
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
    "6.10/one_width": ACCEPTS.replace("range(2, 9)", "[8]"),
    "6.10/no_zeros": ACCEPTS.replace("        q, scale = f(np.zeros((2, 3)), 8)\n", "").replace(
        "bool(np.isfinite(scale)) and not q.any()", "True"
    ),
    "6.10/error_only": ACCEPTS.replace(
        "            if np.abs(q.astype(float)).max() != top:\n                return False\n", ""
    ),
    "6.10/positive_only": ACCEPTS.replace("    x[1, 1] = -5\n", "    x = np.abs(x)\n"),
    "6.10/accepts_all": """
def accepts(f):
    return True
""",
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
    ],
    "6.3": [Q8_0],
    "6.4": [Q4_0],
    "6.5": [
        """
def bits_per_weight(block_bytes, block_size):
    bits = block_bytes * 8
    return bits / block_size
"""
    ],
    "6.6": [SIZE],
    "6.7": [TEXT],
    "6.8": [PAIRED],
    "6.9": [
        KL,
        """
def mean_kl_nats(logits_ref, logits_q):
    import torch

    p, q = (torch.log_softmax(torch.as_tensor(z, dtype=torch.float64), dim=-1) for z in (logits_ref, logits_q))
    return torch.nn.functional.kl_div(q, p, reduction="batchmean", log_target=True).item()
""",
    ],
    "6.10": [ACCEPTS],
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
        ((np.array([-1.0, 0.0, 1.0]), 8), ([0, 128, 255], 2 / 255, 128)),
    ],
    "6.3": [((np.full((1, 32), 127.0),), [[0, 60] + [127] * 32])],
    "6.4": [((np.zeros((1, 32)),), [[0, 0x80] + [0x88] * 16])],
    "6.5": [((18, 32), 4.5)],
    "6.6": [(([("a", (64, 3)), ("norm", (64,))], {"a": "Q4_K"}), 388)],
    "6.7": [((np.array([300, 40]), np.array([100, 10])), math.exp(340 / 110))],
    "6.8": [((_HALF_AND_WHOLE, [x + 0.5 for x in _HALF_AND_WHOLE], 0), (0.5, 0.5, 0.5))],
    "6.9": [((np.array([[0.0, 0.0]]), np.array([[0.0, math.log(3)]])), math.log(2) - math.log(3) / 2)],
    "6.10": [((_absmax,), True), ((lambda x, bits: (x, 1.0),), False)],
}
