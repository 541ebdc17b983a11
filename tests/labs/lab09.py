"""Answers to lab 9: one for every wrong idea that its tests name, slips, and other ways of being right."""

import numpy as np
import torch

PARAMS = """
def lora_params(shapes, targets, rank):
    n = 0
    for name, shape in shapes.items():
        module = name.split(".")[-2]
        if module in targets and len(shape) == 2:
            out, into = shape
            n += rank * (out + into)
    return n
"""

FORWARD = """
def lora_forward(x, w, a, b, alpha):
    r = a.shape[0]
    scale = alpha / r
    return x @ w.T + scale * (x @ a.T @ b.T)
"""

MERGE = """
def merge(w, a, b, alpha, n_heads=None):
    if n_heads is not None:
        d = len(b) // n_heads
        order = [h * d + half * (d // 2) + i for h in range(n_heads) for i in range(d // 2) for half in (0, 1)]
        b = b[order]
    delta = alpha / len(a) * (b @ a)
    return (w.astype(np.float32) + delta).astype(np.float16)
"""

BYTES = """
def finetune_bytes(n_frozen, n_trainable, frozen_bits):
    frozen = n_frozen * frozen_bits / 8
    trainable = 4 * n_trainable
    grads = 4 * n_trainable
    optimizer = 2 * 4 * n_trainable
    return {"frozen": frozen, "trainable": trainable, "grads": grads, "optimizer": optimizer}
"""

FLOP = """
def finetune_flop(n_frozen, n_trainable, n_tokens):
    return 4 * n_frozen * n_tokens + 6 * n_trainable * n_tokens
"""

LABELS = """
def mask_prompt_labels(ids, prompt_len, pad_id):
    labels = [-100] * len(ids)
    for place in range(prompt_len, len(ids)):
        labels[place - 1] = ids[place]
        if ids[place] == pad_id:
            break
    return labels
"""

BUG = """
def find_bug(forward, step, base, adapter):
    ids, prompt_len = [0, 1, 2, 3, 4, 5], 3
    w = base()
    a, b, alpha = adapter()
    if not a.any() and not b.any():
        return "both_zero"
    logits = forward(ids)[:-1]
    logits = logits - logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    each = [-log_p[i, ids[i + 1]] for i in range(5)]
    loss = step(ids, prompt_len)
    for _ in range(2):
        step(ids, prompt_len)
    if not np.array_equal(w, base()):
        return "base_updated"
    a, b, alpha = adapter()
    if not np.allclose(forward(range(24)).T - w, alpha / a.shape[0] * b @ a):
        return "no_scale"
    if abs(loss - np.mean(each[prompt_len - 1:])) < 1e-6:
        return "ok"
    if abs(loss - np.mean(each)) < 1e-6:
        return "prompt_loss"
    return "label_shift"
"""

CALLS = """
def tune_or_prompt(usd_tune, extra_prompt_tokens, usd_per_mtok, cached_usd_per_mtok):
    if usd_tune <= 0:
        return 0
    first = extra_prompt_tokens * usd_per_mtok / 1e6
    later = extra_prompt_tokens * cached_usd_per_mtok / 1e6
    if first >= usd_tune:
        return 1
    if later == 0:
        return math.inf
    return 1 + math.ceil((usd_tune - first) / later)
"""

ACCEPTS = """
def accepts(f):
    rng = np.random.default_rng(0)
    for out, into, r, alpha in [(3, 5, 2, 6.0), (5, 3, 4, 16.0), (4, 4, 8, 4.0)]:
        w = rng.normal(size=(out, into)).astype(np.float16)
        a = rng.normal(size=(r, into)).astype(np.float32)
        b = rng.normal(size=(out, r)).astype(np.float32)
        try:
            got = f(w, a, b, alpha)
        except Exception:
            return False
        if got.dtype != np.float16:
            return False
        if got.shape != (out, into) or np.abs(got - (w + alpha / r * b @ a)).max() > 0.02:
            return False
    return True
"""

_TRIED = "[(3, 5, 2, 6.0), (5, 3, 4, 16.0), (4, 4, 8, 4.0)]"

WRONG = {
    "9.1/product": PARAMS.replace("(out + into)", "out * into"),
    "9.1/square": PARAMS.replace("(out + into)", "2 * into"),
    "9.1/one_matrix": PARAMS.replace("(out + into)", "into"),
    "9.1/targets_ignored": PARAMS.replace("module in targets and ", ""),
    "9.1/biases_too": PARAMS.replace("and len(shape) == 2:", "and shape:").replace(
        "            out, into = shape\n            n += rank * (out + into)", "            n += rank * sum(shape)"
    ),
    "9.1/part_of_a_name": PARAMS.replace("module in targets", "any(target in name for target in targets)"),
    "9.1/one_layer": """
def lora_params(shapes, targets, rank):
    by_module = {}
    for name, shape in shapes.items():
        if len(shape) == 2:
            by_module[name.split(".")[-2]] = shape
    return sum(rank * (by_module[t][0] + by_module[t][1]) for t in targets if t in by_module)
""",
    "9.2/not_over_r": FORWARD.replace("alpha / r", "alpha"),
    "9.2/alpha_left_out": FORWARD.replace("alpha / r", "1"),
    "9.2/over_r_only": FORWARD.replace("alpha / r", "1 / r"),
    "9.2/root_of_r": FORWARD.replace("alpha / r", "alpha / r ** 0.5"),
    "9.2/r_of_b": FORWARD.replace("a.shape[0]", "b.shape[0]"),
    "9.2/without_w": FORWARD.replace("x @ w.T + ", ""),
    "9.2/all_scaled": FORWARD.replace("x @ w.T + scale * (x @ a.T @ b.T)", "scale * (x @ w.T + x @ a.T @ b.T)"),
    "9.2/w_not_transposed": FORWARD.replace("w.T", "w"),
    "9.3/not_over_r": MERGE.replace("alpha / len(a)", "alpha"),
    "9.3/alpha_left_out": MERGE.replace("alpha / len(a) * ", ""),
    "9.3/transposed": MERGE.replace("(b @ a)", "(b @ a).T"),
    "9.3/difference_only": MERGE.replace("w.astype(np.float32) + ", ""),
    "9.3/not_reordered": MERGE.replace("        b = b[order]\n", ""),
    "9.3/reordered_back": MERGE.replace("b = b[order]", "b = b[np.argsort(order)]"),
    "9.3/w_reordered": MERGE.replace("b = b[order]", "pass").replace(
        "    return (w.astype(np.float32) + delta).astype(np.float16)",
        "    new = (w.astype(np.float32) + delta).astype(np.float16)\n    return new[order] if n_heads else new",
    ),
    "9.3/across_heads": MERGE.replace("    if n_heads is not None:\n", "    if n_heads:\n        n_heads = 1\n"),
    "9.3/summed_in_float16": MERGE.replace(
        "(w.astype(np.float32) + delta).astype(np.float16)", "w + delta.astype(np.float16)"
    ),
    "9.3/float32": MERGE.replace(".astype(np.float16)", ".astype(np.float32)"),
    "9.3/in_place": MERGE.replace(
        "    return (w.astype(np.float32) + delta).astype(np.float16)", "    w[:] = w + delta\n    return w"
    ),
    "9.4/bits_as_bytes": BYTES.replace(" / 8", ""),
    "9.4/optimizer_on_all": BYTES.replace("2 * 4 * n_trainable", "8 * (n_frozen + n_trainable)"),
    "9.4/gradients_on_all": BYTES.replace("grads = 4 * n_trainable", "grads = 4 * (n_frozen + n_trainable)"),
    "9.4/one_mean": BYTES.replace("2 * 4 * n_trainable", "4 * n_trainable"),
    "9.4/trainable_in_frozen_bits": BYTES.replace(
        "trainable = 4 * n_trainable", "trainable = n_trainable * frozen_bits / 8"
    ),
    "9.4/sixteen_bits": BYTES.replace("grads = 4 *", "grads = 2 *").replace("2 * 4 *", "2 * 2 *"),
    "9.5/trainable_only": FLOP.replace("4 * n_frozen * n_tokens + ", ""),
    "9.5/all_trained": FLOP.replace("4 * n_frozen", "6 * n_frozen"),
    "9.5/frozen_forward_only": FLOP.replace("4 * n_frozen", "2 * n_frozen"),
    "9.5/frozen_only": FLOP.replace(" + 6 * n_trainable * n_tokens", ""),
    "9.5/backward_only": FLOP.replace("4 * n_frozen", "2 * n_frozen").replace("6 *", "4 *"),
    "9.5/multiply_add": FLOP.replace("4 *", "2 *").replace("6 *", "3 *"),
    "9.6/not_shifted": LABELS.replace("labels[place - 1]", "labels[place]"),
    "9.6/shifted_twice": LABELS.replace(
        "labels[place - 1] = ids[place]", "labels[max(place - 2, 0)] = ids[place]"
    ).replace("range(prompt_len", "range(max(prompt_len, 2)"),
    "9.6/prompt_learnt": LABELS.replace("range(prompt_len, len(ids))", "range(1, len(ids))").replace(
        "if ids[place] == pad_id:", "if place >= prompt_len and ids[place] == pad_id:"
    ),
    "9.6/first_token_lost": """
def mask_prompt_labels(ids, prompt_len, pad_id):
    labels, over = [], False
    for i in range(len(ids)):
        learnt = prompt_len <= i < len(ids) - 1 and not over
        over = over or (i >= prompt_len and ids[i] == pad_id)
        labels.append(ids[i + 1] if learnt and not over else -100)
    return labels
""",
    "9.6/prompt_s_last_token": LABELS.replace(
        "range(prompt_len, len(ids))", "range(max(prompt_len - 1, 1), len(ids))"
    ).replace("if ids[place] == pad_id:", "if place >= prompt_len and ids[place] == pad_id:"),
    "9.6/end_not_learnt": """
def mask_prompt_labels(ids, prompt_len, pad_id):
    labels = [-100] * len(ids)
    for place in range(prompt_len, len(ids)):
        if ids[place] == pad_id:
            break
        labels[place - 1] = ids[place]
    return labels
""",
    "9.6/padding_learnt": """
def mask_prompt_labels(ids, prompt_len, pad_id):
    return [-100] * (prompt_len - 1) + ids[prompt_len:] + [-100]
""",
    "9.6/end_in_the_prompt": """
def mask_prompt_labels(ids, prompt_len, pad_id):
    end = ids.index(pad_id) if pad_id in ids else len(ids) - 1
    return [ids[i + 1] if prompt_len <= i + 1 <= end else -100 for i in range(len(ids))]
""",
    "9.7/loss_falls": """
def find_bug(forward, step, base, adapter):
    first = step([0, 1, 2, 3, 4, 5], 3)
    for _ in range(9):
        last = step([0, 1, 2, 3, 4, 5], 3)
    return "ok" if last < first else "both_zero"
""",
    "9.7/a_must_move": BUG.replace(
        "    for _ in range(2):\n",
        '    if np.array_equal(adapter()[0], a):\n        return "both_zero"\n    for _ in range(2):\n',
    ),
    "9.7/b_must_be_zero": BUG.replace("if not a.any() and not b.any():", "if b.any() or not a.any():"),
    "9.7/scale_at_the_start": BUG.replace(
        "    logits = forward(ids)[:-1]\n",
        "    off = not np.allclose(forward(range(24)).T - w, alpha / a.shape[0] * b @ a)\n"
        "    logits = forward(ids)[:-1]\n",
    ).replace(
        "if not np.allclose(forward(range(24)).T - w, alpha / a.shape[0] * b @ a):\n        return",
        "if off:\n        return",
    ),
    "9.7/prompt_of_one": BUG.replace("[0, 1, 2, 3, 4, 5], 3", "[0, 1, 2, 3, 4, 5], 1"),
    "9.7/one_token": BUG.replace("[0, 1, 2, 3, 4, 5], 3", "[7] * 6, 3"),
    "9.8/cache_ignored": CALLS.replace("* cached_usd_per_mtok /", "* usd_per_mtok /"),
    "9.8/first_is_cached": CALLS.replace("* usd_per_mtok /", "* cached_usd_per_mtok /"),
    "9.8/price_difference": CALLS.replace(
        "extra_prompt_tokens * cached_usd_per_mtok", "extra_prompt_tokens * (usd_per_mtok - cached_usd_per_mtok)"
    ),
    "9.8/one_call_short": CALLS.replace("math.ceil", "math.floor"),
    "9.8/not_whole": CALLS.replace("math.ceil", ""),
    "9.8/divides_by_zero": CALLS.replace("    if later == 0:\n        return math.inf\n", ""),
    "9.8/never_is_zero": CALLS.replace("return math.inf", "return 0"),
    "9.9/square_only": ACCEPTS.replace(_TRIED, "[(4, 4, 2, 6.0), (5, 5, 3, 16.0)]"),
    "9.9/alpha_is_r": ACCEPTS.replace(_TRIED, "[(3, 5, 2, 2.0), (6, 4, 3, 3.0)]"),
    "9.9/one_rank": ACCEPTS.replace(_TRIED, "[(3, 5, 8, 16.0), (9, 4, 8, 16.0)]"),
    "9.9/b_is_zero": ACCEPTS.replace(
        "b = rng.normal(size=(out, r)).astype(np.float32)", "b = np.zeros((out, r), np.float32)"
    ),
    "9.9/dtype": ACCEPTS.replace("        if got.dtype != np.float16:\n            return False\n", ""),
    "9.9/accepts_all": """
def accepts(f):
    f(np.zeros((2, 2), np.float16), np.zeros((1, 2), np.float32), np.zeros((2, 1), np.float32), 1.0)
    return True
""",
}

SLIPS = {
    "9.1/ends_with_a_dot_and_the_name": """
def lora_params(shapes, targets, rank):
    chosen = [s for n, s in shapes.items() for t in targets if n.endswith(f".{t}.weight")]
    return sum(rank * (s[0] + s[1]) for s in chosen)
""",
    "9.1/the_smaller_side": PARAMS.replace("(out + into)", "min(out, into)"),
    "9.1/halved": PARAMS.replace("rank * (out + into)", "rank * (out + into) // 2"),
    "9.1/also_the_frozen": PARAMS.replace("rank * (out + into)", "out * into + rank * (out + into)"),
    "9.2/whole_quotient": FORWARD.replace("alpha / r", "alpha // r"),
    "9.2/upside_down": FORWARD.replace("alpha / r", "r / alpha"),
    "9.2/times_r": FORWARD.replace("alpha / r", "alpha * r"),
    "9.2/r_is_the_input": FORWARD.replace("a.shape[0]", "a.shape[1]"),
    "9.2/by_w_twice": FORWARD.replace("scale * (x @ a.T @ b.T)", "scale * (x @ w.T)"),
    "9.2/subtracts": FORWARD.replace("x @ w.T + ", "x @ w.T - "),
    "9.2/without_leading_axes": FORWARD.replace(
        "x @ w.T + scale * (x @ a.T @ b.T)", "torch.mm(x, w.T) + scale * x @ a.T @ b.T"
    ),
    "9.3/reorders_a": MERGE.replace("b = b[order]", "a = a[:, [i for i in order if i < a.shape[1]]]"),
    "9.3/whole_quotient": MERGE.replace("alpha / len(a)", "alpha // len(a)"),
    "9.3/heads_and_d_swapped": MERGE.replace("d = len(b) // n_heads", "d = n_heads; n_heads = len(b) // d"),
    "9.4/bits_of_all_that_is_trained": BYTES.replace("4 * n_trainable", "n_trainable * frozen_bits / 8"),
    "9.4/kept_twice": BYTES.replace("n_frozen * frozen_bits", "(n_frozen + n_trainable) * frozen_bits"),
    "9.4/whole_bytes": BYTES.replace("frozen_bits / 8", "frozen_bits // 8"),
    "9.5/swapped": FLOP.replace("4 * n_frozen", "6 * n_frozen").replace("6 * n_trainable", "4 * n_trainable"),
    "9.5/tokens_once": FLOP.replace("n_frozen * n_tokens", "n_frozen"),
    "9.5/eight": FLOP.replace("6 *", "8 *"),
    "9.6/labels_of_the_answer_only": LABELS.replace("return labels", "return [x for x in labels if x != -100]"),
    "9.6/zero_for_nothing": LABELS.replace("-100", "0"),
    "9.6/pad_for_nothing": LABELS.replace("[-100]", "[pad_id]"),
    "9.6/last_pad_is_the_end": LABELS.replace(
        "            break", "            labels[place - 1] = -100 if place < len(ids) - 1 else pad_id"
    ),
    "9.6/cut_off_unseen": LABELS.replace(
        "    labels = [-100] * len(ids)\n", "    labels = [-100] * len(ids)\n    ids[prompt_len:].index(pad_id)\n"
    ),
    "9.7/always_ok": 'def find_bug(forward, step, base, adapter):\n    return "ok"\n',
    "9.7/base_after_none": BUG.replace("np.array_equal(w, base())", "np.array_equal(base(), base())"),
    "9.7/shift_and_prompt_swapped": BUG.replace('"prompt_loss"', '"x"')
    .replace('"label_shift"', '"prompt_loss"')
    .replace('"x"', '"label_shift"'),
    "9.7/scale_is_alpha": BUG.replace("alpha / a.shape[0] *", "alpha *"),
    "9.8/per_token": CALLS.replace("1e6", "1e3"),
    "9.8/one_more": CALLS.replace("1 + math.ceil", "2 + math.ceil"),
    "9.8/zero_is_one": CALLS.replace("return 0", "return 1"),
    "9.8/strictly_more": CALLS.replace("1 + math.ceil((usd_tune - first) / later)", "math.ceil(usd_tune / later)"),
    "9.9/exact": ACCEPTS.replace(
        "np.abs(got - (w + alpha / r * b @ a)).max() > 0.02", "not np.array_equal(got, w + alpha / r * b @ a)"
    ),
    "9.9/accepts_none": "def accepts(f):\n    return False\n",
    "9.9/shape_only": ACCEPTS.replace(" or np.abs(got - (w + alpha / r * b @ a)).max() > 0.02", ""),
}

RIGHT = {
    "9.1": [
        PARAMS,
        """
def lora_params(shapes, targets, rank):
    chosen = [s for name, s in shapes.items() if name.split(".")[-2] in set(targets) and name.endswith(".weight")]
    return int(np.sum([rank * np.array(s) for s in chosen])) if chosen else 0
""",
        """
def lora_params(shapes, targets, rank):
    total = 0
    for name in shapes:
        *_, module, kind = name.split(".")
        if module not in targets or kind == "bias" or len(shapes[name]) != 2:
            continue
        a, b = (rank, shapes[name][1]), (shapes[name][0], rank)
        total += math.prod(a) + math.prod(b)
    return np.int64(total)
""",
    ],
    "9.2": [
        FORWARD,
        """
def lora_forward(x, w, a, b, alpha):
    return x @ (w + alpha / b.shape[1] * (b @ a)).T
""",
        """
def lora_forward(x, w, a, b, alpha):
    linear = torch.nn.functional.linear
    return linear(x, w) + linear(linear(x, a), b) * (alpha / a.size(0))
""",
        """
def lora_forward(x, w, a, b, alpha):
    low = torch.einsum("...i,ri->...r", x, a * alpha / len(a))
    return torch.einsum("...i,oi->...o", x, w) + torch.einsum("...r,or->...o", low, b)
""",
    ],
    "9.3": [
        MERGE,
        """
def merge(w, a, b, alpha, n_heads=None):
    delta = (b.astype(np.float32) @ a) * (alpha / a.shape[0])
    if n_heads:
        out, into = delta.shape
        delta = delta.reshape(n_heads, 2, out // n_heads // 2, into).transpose(0, 2, 1, 3).reshape(out, into)
    return np.float16(np.float32(w) + np.float32(delta))
""",
        """
def merge(w, a, b, alpha, n_heads=None):
    new = w.astype(np.float64)
    delta = np.einsum("or,ri->oi", b, a) * alpha / len(a)
    if n_heads is None:
        return (new + delta).astype("float16")
    d = w.shape[0] // n_heads
    for head in range(n_heads):
        first = head * d
        new[first : first + d : 2] += delta[first : first + d // 2]
        new[first + 1 : first + d : 2] += delta[first + d // 2 : first + d]
    return new.astype("float16")
""",
    ],
    "9.4": [
        BYTES,
        """
def finetune_bytes(n_frozen, n_trainable, frozen_bits):
    number = 32 / 8
    trained = {key: n * number * n_trainable for key, n in (("optimizer", 2), ("grads", 1), ("trainable", 1))}
    return {**trained, "frozen": np.float64(frozen_bits) / 8 * n_frozen}
""",
    ],
    "9.5": [
        FLOP,
        """
def finetune_flop(n_frozen, n_trainable, n_tokens):
    forward = 2 * (n_frozen + n_trainable)
    gradient_of_inputs = 2 * (n_frozen + n_trainable)
    gradient_of_weights = 2 * n_trainable
    return float(n_tokens) * (forward + gradient_of_inputs + gradient_of_weights)
""",
    ],
    "9.6": [
        LABELS,
        """
def mask_prompt_labels(ids, prompt_len, pad_id):
    answer = ids[prompt_len:]
    if pad_id in answer:
        answer = answer[: answer.index(pad_id) + 1]
    labels = [-100] * (prompt_len - 1) + answer
    return labels + [-100] * (len(ids) - len(labels))
""",
        """
def mask_prompt_labels(ids, prompt_len, pad_id):
    ids = np.array(ids)
    labels = np.append(ids[1:], -100)
    labels[: prompt_len - 1] = -100
    pads = [i for i in range(prompt_len, len(ids)) if ids[i] == pad_id]
    if pads:
        labels[pads[0]:] = -100
    return labels.tolist()
""",
        """
def mask_prompt_labels(ids, prompt_len, pad_id):
    labels = []
    ended = False
    for i, token in enumerate(ids):
        if i >= prompt_len and token == pad_id:
            ended = True
        last = i == len(ids) - 1
        labels.append(-100 if last or ended or i < prompt_len - 1 else ids[i + 1])
    return labels
""",
    ],
    "9.7": [
        BUG,
        """
def find_bug(forward, step, base, adapter):
    before = base()
    a, b, alpha = adapter()
    if np.abs(a).sum() + np.abs(b).sum() == 0:
        return "both_zero"
    ids = list(range(8))
    z = np.array([forward([t])[0] for t in ids])
    nll = np.log(np.exp(z).sum(1)) - np.array([z[i, ids[(i + 1) % 8]] for i in range(8)])
    loss = step(ids, 4)
    step(ids, 4)
    if (base() != before).any():
        return "base_updated"
    a, b, alpha = adapter()
    added = forward(ids).T - base()[:, ids]
    if np.abs(added - alpha / 8 * (b @ a)[:, ids]).max() > 1e-9:
        return "no_scale"
    wanted, whole = nll[3:7].mean(), nll[:7].mean()
    if math.isclose(loss, wanted, rel_tol=1e-6):
        return "ok"
    return "prompt_loss" if math.isclose(loss, whole, rel_tol=1e-6) else "label_shift"
""",
    ],
    "9.8": [
        CALLS,
        """
def tune_or_prompt(usd_tune, extra_prompt_tokens, usd_per_mtok, cached_usd_per_mtok):
    from fractions import Fraction

    left = Fraction(str(usd_tune)) * 10**6
    if left <= 0:
        return 0
    left -= Fraction(str(usd_per_mtok)) * extra_prompt_tokens
    if left <= 0:
        return 1
    each = Fraction(str(cached_usd_per_mtok)) * extra_prompt_tokens
    return float("inf") if each == 0 else 1 + -(-left // each)
""",
        """
def tune_or_prompt(usd_tune, extra_prompt_tokens, usd_per_mtok, cached_usd_per_mtok):
    first, later = (p / 1e6 * extra_prompt_tokens for p in (usd_per_mtok, cached_usd_per_mtok))
    if usd_tune <= 0:
        return 0
    if usd_tune <= first:
        return 1
    if not later:
        return np.inf
    return np.ceil((usd_tune - first + later) / later)
""",
    ],
    "9.9": [
        ACCEPTS,
        """
def accepts(f):
    w = np.arange(12).reshape(3, 4).astype(np.float16)
    a = np.array([[1, 2, 3, 4], [0, 1, 0, -1]], np.float32)
    b = np.array([[1, 0], [0, 2], [3, 1]], np.float32)
    for rank, alpha in ((1, 3.0), (2, 5.0), (2, 1.0)):
        expected = w.astype(float) + alpha / rank * b[:, :rank].astype(float) @ a[:rank]
        try:
            found = f(w, a[:rank], b[:, :rank], alpha)
            if found.dtype != "float16" or not np.allclose(found, expected, rtol=1e-3, atol=1e-3):
                return False
        except Exception:
            return False
    return True
""",
    ],
}

_W, _A, _B = np.eye(3, dtype=np.float16), np.array([[1, 2, 3]], np.float32), np.array([[1], [0], [2]], np.float32)
_MERGED = np.array([[3, 4, 6], [0, 1, 0], [4, 8, 13]], np.float16)
_LAYER = (
    [[1.0, 2.0]],
    [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
    [[1.0, -1.0], [0.0, 1.0]],
    [[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]],
)

EXAMPLES = {
    "9.1": [
        (({"l.0.q_proj.weight": (6, 4), "l.0.q_proj.bias": (6,), "l.0.k_proj.weight": (2, 4)}, ["q_proj"], 3), 30),
        (({"l.0.q_proj.weight": (6, 4), "l.1.q_proj.weight": (6, 4)}, ["q_proj"], 2), 40),
    ],
    "9.2": [((*map(torch.tensor, _LAYER), 4), torch.tensor([[-1.0, 10.0, 1.0]]))],
    "9.3": [((_W, _A, _B, 2.0), _MERGED)],
    "9.4": [((1000, 10, 4.5), {"frozen": 562.5, "trainable": 40, "grads": 40, "optimizer": 80})],
    "9.5": [((100, 10, 10), 4600), ((7, 5, 3), 174)],
    "9.6": [
        (([7, 2, 8, 9, 4, 5, 2, 2, 2], 4, 2), [-100, -100, -100, 4, 5, 2, -100, -100, -100]),
        (([5, 6, 7, 0], 1, 0), [6, 7, 0, -100]),
    ],
    "9.8": [((12, 1500, 0.6, 0.06), 133_325), ((5, 0, 1, 0.1), float("inf"))],
}

SHORT = {  # the solved notebook is run with these changes, to see that it runs
    "if False:": "if True:",
    '\n    "one at a time"': '\n    # "one at a time"',
    '\n    "q and v only"': '\n    # "q and v only"',
    'TYPES = ("F16", "Q8_0", "Q4_K_M", "Q4_0")': 'TYPES = ("F16", "Q4_0")',
}
