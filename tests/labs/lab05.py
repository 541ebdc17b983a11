"""Answers to lab 5: one for every wrong idea that its tests name, and other ways of being right."""

import struct
from math import nan

from course import models
from course.measure import record

# Exercise 5.1 as most would write it; a wrong idea is a word of it.
HEADER = """
def read_gguf_header(path):
    with open(path, "rb") as file:
        content = file.read(24)
    if len(content) < 24:
        raise ValueError("too short")
    magic, version, n_tensors, n_kv = struct.unpack("<4sIQQ", content)
    if magic != b"GGUF":
        raise ValueError("magic")
    if version not in (2, 3):
        raise ValueError("version")
    return {"magic": magic.decode(), "version": version, "n_tensors": n_tensors, "n_kv": n_kv}
"""

WEIGHTS = """
def gguf_weight_bytes(tensors):
    total = 0
    for name, kind, shape in tensors:
        weights, size = BLOCK[kind]
        if shape[0] % weights:
            raise ValueError(name)
        total += math.prod(shape) // weights * size
    return total
"""

BENCH = """
def parse_bench(text):
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["n_prompt"] == 0 or row["n_gen"] == 0:
            rows.append(row)
    return {
        "phase": ["pp" if row["n_gen"] == 0 else "tg" for row in rows],
        "threads": [row["n_threads"] for row in rows],
        "depth": [row["n_depth"] for row in rows],
        "tokens_per_s": [row["avg_ts"] for row in rows],
        "sd": [row["stddev_ts"] for row in rows],
    }
"""

TIMES = """
def ttft_and_tpot(events):
    request = [t for t, kind in events if kind == "request"][0]
    tokens = [t for t, kind in events if kind == "token"]
    if not tokens:
        raise ValueError("no token")
    if len(tokens) == 1:
        return tokens[0] - request, math.nan
    return tokens[0] - request, (tokens[-1] - tokens[0]) / (len(tokens) - 1)
"""

SUMMARY = """
def summarise(samples, n_warmup=1):
    rest = samples[n_warmup:]
    return np.median(rest), np.percentile(rest, 75) - np.percentile(rest, 25)
"""

BOTTLENECK = """
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    few, many = min(tokens_per_s), max(tokens_per_s)
    if bytes_per_token * tokens_per_s[many] >= 0.7 * read_bandwidth[many]:
        return "bandwidth"
    return "compute" if tokens_per_s[many] / tokens_per_s[few] >= 0.7 * many / few else "neither"
"""

ATTENTION = """
def attend_cached(q, k_new, v_new, k_cache, v_cache):
    k_cache = torch.cat((k_cache, k_new[:, None]), dim=1)
    v_cache = torch.cat((v_cache, v_new[:, None]), dim=1)
    group = len(q) // len(k_new)
    k, v = k_cache.repeat_interleave(group, dim=0), v_cache.repeat_interleave(group, dim=0)
    scores = (k @ q[:, :, None])[..., 0] / q.shape[1] ** 0.5
    out = (scores.softmax(-1)[:, None] @ v)[:, 0]
    return out, k_cache, v_cache
"""

ACCEPTS = """
def accepts(f):
    trace = [(3.0, "load"), (5.0, "request"), (5.5, "token"), (5.6, "token"), (6.1, "token"), (6.7, "token")]
    try:
        alone = f(trace[:3])
        if not (isclose(alone[0], 0.5) and math.isnan(alone[1])):
            return False
        if not np.allclose(f(trace), (0.5, 0.4)):
            return False
    except Exception:
        return False
    try:
        f(trace[:2])
    except ValueError:
        return True
    except Exception:
        return False
    return False
"""

CONFINED = {"5.1/whole_file"}  # takes all memory: only for the real grader

WRONG = {
    "5.1/big_endian": HEADER.replace("<4s", ">4s"),
    "5.1/version": HEADER.replace("not in (2, 3)", "== 0"),
    "5.1/counts_of_4_bytes": HEADER.replace("<4sIQQ", "<4sIII").replace("24", "16"),
    "5.1/magic_in_bytes": HEADER.replace("magic.decode()", "magic"),
    "5.1/magic": HEADER.replace('magic != b"GGUF"', "len(magic) != 4"),
    "5.1/short": HEADER.replace("if len(content) < 24:", "if False:"),
    "5.1/nothing_refused": HEADER.replace("if len(content) < 24:", "if False:")
    .replace('magic != b"GGUF"', "False")
    .replace("version not in (2, 3)", "False"),
    "5.1/whole_file": HEADER.replace("file.read(24)", "file.read()").replace(
        '"<4sIQQ", content', '"<4sIQQ", content[:24]'
    ),
    "5.2/two_bytes": """
def gguf_weight_bytes(tensors):
    return sum(2 * math.prod(shape) for name, kind, shape in tensors)
""",
    "5.2/nominal_bits": """
def gguf_weight_bytes(tensors):
    bits = {"F32": 32, "F16": 16, "Q8_0": 8, "Q6_K": 6, "Q4_K": 4, "Q4_1": 4, "Q4_0": 4, "Q2_K": 2}
    return sum(math.prod(shape) * bits[kind] for name, kind, shape in tensors) / 8
""",
    "5.2/padding": WEIGHTS.replace("weights * size", "weights * size\n        total += -total % 32"),
    "5.2/numpy_order": WEIGHTS.replace("shape[0]", "shape[-1]"),
    "5.2/nothing_refused": WEIGHTS.replace("if shape[0] % weights:", "if False:"),
    "5.2/whole_tensor": WEIGHTS.replace("shape[0] % weights", "math.prod(shape) % weights"),
    "5.3/phases_mixed_up": BENCH.replace('"pp" if row["n_gen"] == 0', '"pp" if row["n_prompt"] == 0'),
    "5.3/keeps_both": BENCH.replace('row["n_prompt"] == 0 or row["n_gen"] == 0', '"n_gen" in row'),
    "5.3/depth_lost": BENCH.replace('row["n_depth"]', "0"),
    "5.3/sorted": BENCH.replace("    return {", '    rows.sort(key=lambda row: row["n_prompt"] == 0)\n    return {'),
    "5.3/rounded": BENCH.replace('row["avg_ts"]', 'round(row["avg_ts"], 2)').replace(
        'row["stddev_ts"]', 'round(row["stddev_ts"], 2)'
    ),
    "5.3/not_json": BENCH.replace("except ValueError:", "except KeyError:"),
    "5.4/kv_ignored": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return bandwidth_bytes_per_s / weight_bytes
""",
    "5.4/kv_once": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return bandwidth_bytes_per_s / (weight_bytes + kv_bytes_per_token)
""",
    "5.4/weights_per_token": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return bandwidth_bytes_per_s / max(1, depth) / (weight_bytes + kv_bytes_per_token)
""",
    "5.4/seconds": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return (weight_bytes + kv_bytes_per_token * depth) / bandwidth_bytes_per_s
""",
    "5.5/gb": "def effective_bandwidth(tokens_per_s, size_gib):\n    return tokens_per_s * size_gib * 1e9\n",
    "5.5/other_unit": "def effective_bandwidth(tokens_per_s, size_gib):\n    return tokens_per_s * size_gib\n",
    "5.5/divided": "def effective_bandwidth(tokens_per_s, size_gib):\n    return size_gib * 2**30 / tokens_per_s\n",
    "5.6/n_gaps": TIMES.replace("(len(tokens) - 1)", "len(tokens)"),
    "5.6/load_included": TIMES.replace('[t for t, kind in events if kind == "request"][0]', "events[0][0]"),
    "5.6/from_the_request": TIMES.replace(
        "(tokens[-1] - tokens[0]) / (len(tokens) - 1)", "(tokens[-1] - request) / len(tokens)"
    ),
    "5.6/clock": TIMES.replace("tokens[0] - request, (", "tokens[0], ("),
    "5.6/median_gap": TIMES.replace("(tokens[-1] - tokens[0]) / (len(tokens) - 1)", "np.median(np.diff(tokens))"),
    "5.6/one_token": TIMES.replace("len(tokens) == 1", "False"),
    "5.6/rate": TIMES.replace(
        "(tokens[-1] - tokens[0]) / (len(tokens) - 1)", "(len(tokens) - 1) / (tokens[-1] - tokens[0])"
    ),
    "5.6/nothing_refused": TIMES.replace("not tokens", "tokens is None"),
    "5.7/mean": SUMMARY.replace("np.median", "np.mean"),
    "5.7/upper_middle": SUMMARY.replace("np.median(rest)", "sorted(rest)[len(rest) // 2]"),
    "5.7/warmup_kept": SUMMARY.replace("samples[n_warmup:]", "samples"),
    "5.7/sorted_first": SUMMARY.replace("samples[n_warmup:]", "sorted(samples)[n_warmup:]"),
    "5.7/one_warmup": SUMMARY.replace("samples[n_warmup:]", "samples[1:]"),
    "5.7/standard_deviation": SUMMARY.replace("np.percentile(rest, 75) - np.percentile(rest, 25)", "np.std(rest)"),
    "5.7/other_quartiles": """
def summarise(samples, n_warmup=1):
    import statistics

    rest = samples[n_warmup:]
    if len(rest) < 2:
        return rest[0], 0.0
    q25, median, q75 = statistics.quantiles(rest)
    return median, q75 - q25
""",
    "5.8/always_bandwidth": """
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    return "bandwidth" if all(speed > 0 for speed in tokens_per_s.values()) else "neither"
""",
    "5.8/one_thread": BOTTLENECK.replace(
        "tokens_per_s[many] >= 0.7 * read_bandwidth[many]", "tokens_per_s[few] >= 0.7 * read_bandwidth[few]"
    ),
    "5.8/last_entry": BOTTLENECK.replace(
        "min(tokens_per_s), max(tokens_per_s)", "list(tokens_per_s)[0], list(tokens_per_s)[-1]"
    ),
    "5.8/compute_first": """
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    few, many = min(tokens_per_s), max(tokens_per_s)
    if tokens_per_s[many] / tokens_per_s[few] >= 0.7 * many / few:
        return "compute"
    return "bandwidth" if bytes_per_token * tokens_per_s[many] >= 0.7 * read_bandwidth[many] else "neither"
""",
    "5.8/any_growth": BOTTLENECK.replace("0.7 * many / few", "1"),
    "5.8/fastest": BOTTLENECK.replace("max(tokens_per_s)", "max(tokens_per_s, key=tokens_per_s.get)"),
    "5.8/all_growth": BOTTLENECK.replace("0.7 * many / few", "many / few"),
    "5.8/more_than": BOTTLENECK.replace(">=", ">"),
    "5.8/from_one": BOTTLENECK.replace("0.7 * many / few", "0.7 * many"),
    "5.9/not_scaled": ATTENTION.replace(" / q.shape[1] ** 0.5", ""),
    "5.9/dtype": """
def attend_cached(q, k_new, v_new, k_cache, v_cache):
    q, k_new, v_new, k_cache, v_cache = (x.float() for x in (q, k_new, v_new, k_cache, v_cache))
"""
    + ATTENTION.partition(":\n")[2],
    "5.9/overflow": ATTENTION.replace("scores.softmax(-1)", "(scores.exp() / scores.exp().sum(-1, keepdim=True))"),
    "5.9/tiled": ATTENTION.replace("repeat_interleave(group, dim=0)", "repeat(group, 1, 1)"),
    "5.9/new_left_out": ATTENTION.replace(
        "group = len",
        "whole = k_cache, v_cache\n    k_cache, v_cache = k_cache[:, :-1], v_cache[:, :-1]\n    group = len",
    ).replace("return out, k_cache, v_cache", "return out, *whole"),
    "5.9/not_extended": ATTENTION.replace("out, k_cache, v_cache", "out, k_cache[:, :-1], v_cache[:, :-1]"),
    "5.9/in_front": ATTENTION.replace("(k_cache, k_new[:, None])", "(k_new[:, None], k_cache)").replace(
        "(v_cache, v_new[:, None])", "(v_new[:, None], v_cache)"
    ),
    "5.11/no_load": ACCEPTS.replace('(3.0, "load"), ', "")
    .replace("[:3]", "[:2]")
    .replace("f(trace[:2])\n    except V", "f(trace[:1])\n    except V"),
    "5.11/one_token": ACCEPTS.replace("not (isclose(alone[0], 0.5) and math.isnan(alone[1]))", "alone is None").replace(
        "alone = f(trace[:3])", "alone = 0"
    ),
    "5.11/no_token": """
def accepts(f):
    trace = [(1.0, "load"), (4.0, "request"), (4.5, "token"), (4.75, "token"), (6.0, "token"), (7.5, "token")]
    try:
        alone = f(trace[:3])
        return bool(np.allclose(f(trace), (0.5, 1.0)) and alone[0] == 0.5 and math.isnan(alone[1]))
    except Exception:
        return False
""",
    "5.11/one_trace": """
def accepts(f):
    trace = [(0.5, "load"), (1.0, "request"), (1.5, "token"), (2.0, "token"), (5.0, "token"), (7.5, "token")]
    try:
        ttft, tpot = f(trace)
    except ValueError:
        return False
    return isclose(ttft, 0.5) and isclose(tpot, 2.0)
""",
    "5.11/even_gaps": ACCEPTS.replace(
        '(5.6, "token"), (6.1, "token"), (6.7, "token")', '(5.9, "token"), (6.3, "token")'
    ),
    "5.11/refuses_all": "def accepts(f):\n    return False\n",
    "5.11/accepts_all": """
def accepts(f):
    return callable(f)
""",
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "5.1/version_3_only": HEADER.replace("not in (2, 3)", "!= 3"),
    "5.1/wants_more_than_a_header": HEADER.replace("len(content) < 24", "len(content) <= 24")
    .replace("read(24)", "read(25)")
    .replace('"<4sIQQ", content', '"<4sIQQ", content[:24]'),
    "5.1/signed_and_swapped": HEADER.replace(
        '"n_tensors": n_tensors, "n_kv": n_kv', '"n_tensors": n_kv, "n_kv": n_tensors'
    ),
    "5.1/of_4_bytes_and_unpadded": HEADER.replace("<4sIQQ", "<4sHQQ").replace("24", "22"),
    "5.1/text_of_any_case": HEADER.replace('magic != b"GGUF"', 'magic.upper() != b"GGUF"'),
    "5.2/one_row": WEIGHTS.replace("math.prod(shape) // weights", "shape[0] // weights"),
    "5.2/two_dimensions": WEIGHTS.replace("math.prod(shape)", "math.prod(shape[:2])"),
    "5.2/bits": WEIGHTS.replace("// weights * size", "// weights * size * 8"),
    "5.2/empty_refused": WEIGHTS.replace("    total = 0", "    total = min(0, len(tensors[0]))"),
    "5.3/swapped": BENCH.replace("n_threads", "n_other").replace("n_depth", "n_threads").replace("n_other", "n_depth"),
    "5.3/drops_one_token": BENCH.replace('row["n_gen"] == 0', 'row["n_gen"] <= 1'),
    "5.3/integers": BENCH.replace('row["avg_ts"]', 'int(row["avg_ts"])'),
    "5.3/first_row_lost": BENCH.replace("return {", "rows = rows[1:]\n    return {"),
    "5.4/itself": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return bandwidth_bytes_per_s / (weight_bytes + kv_bytes_per_token * (depth + 1))
""",
    "5.4/whole_tokens": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return bandwidth_bytes_per_s // (weight_bytes + kv_bytes_per_token * depth)
""",
    "5.4/kv_twice": """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    return bandwidth_bytes_per_s / (weight_bytes + 2 * kv_bytes_per_token * depth)
""",
    "5.5/mib": "def effective_bandwidth(tokens_per_s, size_gib):\n    return tokens_per_s * size_gib * 2**20\n",
    "5.5/bits": "def effective_bandwidth(tokens_per_s, size_gib):\n    return tokens_per_s * size_gib * 2**30 * 8\n",
    "5.5/rounded": "effective_bandwidth = lambda tokens_per_s, size_gib: round(tokens_per_s * size_gib) * 2**30\n",
    "5.6/milliseconds": TIMES.replace("return tokens[0] - request, (", "return 1e3 * (tokens[0] - request), 1e3 * ("),
    "5.6/first_gap": TIMES.replace("(tokens[-1] - tokens[0]) / (len(tokens) - 1)", "tokens[1] - tokens[0]"),
    "5.6/from_the_request_by_gaps": TIMES.replace("(tokens[-1] - tokens[0])", "(tokens[-1] - request)"),
    "5.6/rounded": TIMES.replace("return tokens[0] - request, (", "return round(tokens[0] - request, 1), ("),
    "5.6/lone_token_refused": TIMES.replace("not tokens", "len(tokens) < 2"),
    "5.6/needs_load": TIMES.replace('if kind == "request"][0]', 'if kind != "token"][1]'),
    "5.7/range": SUMMARY.replace("np.percentile(rest, 75) - np.percentile(rest, 25)", "max(rest) - min(rest)"),
    "5.7/10_to_90": SUMMARY.replace("75", "90").replace("25", "10"),
    "5.7/quartiles_alone": SUMMARY.replace(
        "np.percentile(rest, 75) - np.percentile(rest, 25)", "np.percentile(rest, 75)"
    ),
    "5.7/drops_the_last": SUMMARY.replace("samples[n_warmup:]", "samples[: len(samples) - n_warmup]"),
    "5.7/takes_from_the_list": SUMMARY.replace(
        "rest = samples[n_warmup:]", "del samples[:n_warmup]\n    rest = samples"
    ),
    "5.7/sorts_the_list": SUMMARY.replace("rest = samples[n_warmup:]", "rest = samples[n_warmup:]\n    samples.sort()"),
    "5.8/cap": BOTTLENECK.replace(">= 0.7 * read", ">= 0.8 * read"),
    "5.8/differences": BOTTLENECK.replace(
        "tokens_per_s[many] / tokens_per_s[few]", "tokens_per_s[many] - tokens_per_s[few]"
    ),
    "5.8/bytes_forgotten": BOTTLENECK.replace("bytes_per_token * ", ""),
    "5.8/absolute": BOTTLENECK.replace(
        "tokens_per_s[many] / tokens_per_s[few]",
        "max(tokens_per_s[many] / tokens_per_s[few], tokens_per_s[few] / tokens_per_s[many])",
    ),
    "5.8/never_neither": BOTTLENECK.replace('else "neither"', 'else "compute"'),
    "5.9/scaled_by_d": ATTENTION.replace("** 0.5", ""),
    "5.9/over_heads": ATTENTION.replace("softmax(-1)", "softmax(0)"),
    "5.9/values_without_the_new": ATTENTION.replace("return out,", "out = out - out * 0.01\n    return out,"),
    "5.9/scales_in_place": ATTENTION.replace("    group =", "    q /= q.shape[1] ** 0.5\n    group =").replace(
        " / q.shape[1] ** 0.5\n    out", "\n    out"
    ),
    "5.9/flat": ATTENTION.replace("return out,", "return out.reshape(-1),"),
    "5.9/no_empty_cache": ATTENTION.replace("    group =", "    assert k_cache.shape[1] > 1, 'empty'\n    group ="),
    "5.11/to_the_last_digit": """
def accepts(f):
    times = [5.2, 10.7, 14.4, 18.8]  # whose gaps have not quite the sum of their ends' difference
    trace = [(3.0, "load"), (5.0, "request"), *((t, "token") for t in times)]
    try:
        alone = f(trace[:3])
        if f(trace) != (5.2 - 5.0, sum(np.diff(times).tolist()) / 3) or alone[0] != 5.2 - 5.0 or alone[1] == alone[1]:
            return False
        f(trace[:2])
    except ValueError:
        return True
    except Exception:
        return False
    return False
""",
    "5.11/any_error": ACCEPTS.replace(
        "    except ValueError:\n        return True\n    except Exception:\n        return False",
        "    except Exception:\n        return True",
    ),
    "5.11/opposite": ACCEPTS.replace("def accepts", "def refuses") + "\ndef accepts(f):\n    return not refuses(f)\n",
}

RIGHT = {
    "5.1": [
        """
def read_gguf_header(path):
    content = np.memmap(path, dtype=np.uint8, mode="r")[:24].tobytes() if os.path.getsize(path) else b""
    if not content.startswith(b"GGUF") or len(content) < 24:
        raise ValueError("no GGUF header")
    version, *counts = (int.from_bytes(content[a:b], "little") for a, b in ((4, 8), (8, 16), (16, 24)))
    if version != 2 and version != 3:
        raise ValueError(f"version {version}")
    return dict(magic="GGUF", version=version, n_tensors=counts[0], n_kv=counts[1])
import os
""",
        """
def read_gguf_header(path):
    file = open(path, "rb")
    try:
        magic = file.read(4).decode()
        version, n_tensors, n_kv = struct.unpack("<LQQ", file.read(20))
    except (struct.error, UnicodeDecodeError):
        raise ValueError(path) from None
    finally:
        file.close()
    if magic != "GGUF" or not 2 <= version <= 3:
        raise ValueError(path)
    return {"n_kv": n_kv, "n_tensors": n_tensors, "version": version, "magic": magic}
""",
    ],
    "5.2": [
        """
def gguf_weight_bytes(tensors):
    def size(kind, row, *others):
        blocks, left = divmod(row, BLOCK[kind][0])
        if left:
            raise ValueError(f"{left} weights are left over")
        return int(np.prod([blocks, *others], dtype=np.int64)) * BLOCK[kind][1]

    return sum(size(kind, *shape) for _, kind, shape in tensors)
""",
        """
def gguf_weight_bytes(tensors):
    sizes = []
    for name, kind, (row, *rows) in tensors:
        per_block, n_bytes = BLOCK[kind]
        if row // per_block * per_block != row:
            raise ValueError(f"{name}: {row}")
        for n in rows:
            row = row * n
        sizes.append(row / per_block * n_bytes)
    return np.sum(sizes)
""",
    ],
    "5.3": [
        """
def parse_bench(text):
    names = {"threads": "n_threads", "depth": "n_depth", "tokens_per_s": "avg_ts", "sd": "stddev_ts"}
    table = {name: [] for name in ("phase", *names)}
    for line in text.split("\\n"):
        if not (line.startswith("{") and line.endswith("}")):
            continue
        row = json.loads(line)
        phase = {(True, False): "pp", (False, True): "tg"}.get((row["n_prompt"] > 0, row["n_gen"] > 0))
        if phase:
            table["phase"] += [phase]
            for name, key in names.items():
                table[name] += [row[key]]
    return table
""".replace('if not (line.startswith("{") and line.endswith("}")):', 'if not line.endswith("}"):'),
        """
def parse_bench(text):
    import pandas as pd

    def rows():
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                pass

    frame = pd.DataFrame(rows(), columns=["n_prompt", "n_gen", "n_depth", "n_threads", "avg_ts", "stddev_ts"])
    frame = frame[(frame.n_prompt == 0) | (frame.n_gen == 0)]
    return {
        "phase": ["pp" if n == 0 else "tg" for n in frame.n_gen],
        "threads": frame.n_threads.tolist(),
        "depth": frame.n_depth.tolist(),
        "tokens_per_s": list(frame.avg_ts),
        "sd": list(frame.stddev_ts),
    }
""",
    ],
    "5.4": [
        """
def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    seconds = weight_bytes / bandwidth_bytes_per_s + depth * kv_bytes_per_token / bandwidth_bytes_per_s
    return 1 / seconds
""",
        """
from fractions import Fraction

def decode_ceiling(weight_bytes, kv_bytes_per_token, depth, bandwidth_bytes_per_s):
    per_token = Fraction(weight_bytes) + Fraction(kv_bytes_per_token) * depth
    return Fraction(bandwidth_bytes_per_s) / per_token
""",
    ],
    "5.5": [
        "effective_bandwidth = lambda tokens_per_s, size_gib: size_gib * 1024**3 * tokens_per_s\n",
        """
def effective_bandwidth(tokens_per_s, size_gib):
    seconds = 1 / np.float64(tokens_per_s)
    return np.float64(size_gib) * 2**30 / seconds
""",
    ],
    "5.6": [
        """
def ttft_and_tpot(events):
    request = first = last = None
    n = 0
    for seconds, kind in events:
        if kind == "request":
            request = seconds
        elif kind == "token":
            first, last, n = seconds if first is None else first, seconds, n + 1
    if n == 0:
        raise ValueError("nothing was written")
    return [first - request, (last - first) / (n - 1) if n > 1 else float("nan")]
""",
        """
def ttft_and_tpot(events):
    times = np.array([t for t, kind in events if kind == "token"])
    if times.size < 1:
        raise ValueError("no token")
    ttft = times[0] - dict((kind, t) for t, kind in events)["request"]
    return ttft, np.mean(np.diff(times)) if times.size > 1 else np.nan
""",
    ],
    "5.7": [
        """
def summarise(samples, n_warmup=1):
    import statistics

    rest = sorted(samples[n_warmup:])
    if len(rest) == 1:
        return rest[0], 0
    low, middle, high = statistics.quantiles(rest, method="inclusive")
    return middle, high - low
""",
        """
def summarise(samples, n_warmup=1):
    import pandas as pd

    rest = pd.Series(samples).iloc[n_warmup:]
    return [rest.median(), rest.quantile(0.75) - rest.quantile(0.25)]
""",
    ],
    "5.8": [
        """
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    (few, slow), *_, (many, fast) = sorted(tokens_per_s.items())
    if fast / (read_bandwidth[many] / bytes_per_token) >= 0.7:
        return "bandwidth"
    per_thread = (fast / many) / (slow / few)
    return ("neither", "compute")[int(per_thread >= 0.7)]
""",
        """
def bottleneck(tokens_per_s, bytes_per_token, read_bandwidth):
    counts = sorted(tokens_per_s)
    most = counts[-1]
    needed = tokens_per_s[most] * bytes_per_token / read_bandwidth[most]
    if needed >= 0.7:
        return np.str_("bandwidth")
    growth = tokens_per_s[most] / tokens_per_s[counts[0]] / (most / counts[0])
    return np.array(["neither", "compute"])[1 if growth >= 0.7 else 0]
""",
    ],
    "5.9": [
        """
def attend_cached(q, k_new, v_new, k_cache, v_cache):
    keys, values = torch.cat([k_cache, k_new.unsqueeze(1)], 1), torch.cat([v_cache, v_new.unsqueeze(1)], 1)
    out = torch.nn.functional.scaled_dot_product_attention(q[:, None], keys, values, enable_gqa=True)
    return out[:, 0], keys, values
""",
        """
def attend_cached(q, k_new, v_new, k_cache, v_cache):
    n_heads, d = q.shape
    group = n_heads // k_new.shape[0]
    keys = np.concatenate([k_cache.numpy(), k_new.numpy()[:, None]], 1)
    values = np.concatenate([v_cache.numpy(), v_new.numpy()[:, None]], 1)
    out = np.empty((n_heads, d), dtype=keys.dtype)
    for h in range(n_heads):
        scores = keys[h // group] @ q[h].numpy() / np.sqrt(d)
        weights = np.exp(scores - scores.max())
        out[h] = weights @ values[h // group] / weights.sum()
    return torch.from_numpy(out), torch.from_numpy(keys), torch.from_numpy(values)
""",
    ],
    "5.10": [
        """
for what, n_tokens, depths in (("prefill", 512, [0]), ("decode", 32, [0, *DEPTHS])):

    def measured():
        runs = {}
        for n in THREADS:
            for depth in depths if n == THREADS[0] else [0]:
                runs[label(n, depth)] = speed.Run(
                    models.path("smollm2-f16"), what, n_tokens=n_tokens, n_threads=n, n_depth=depth
                )
        return speed.in_turns(runs, repetitions=7)

    lab.measure(what, measured, n_depth=depths, **PLAN)
"""
    ],
    "5.11": [
        """
def accepts(f):
    rng = np.random.default_rng(5)
    for n in (0, 1, 2, 9):
        start = rng.uniform(1, 50)
        request = start + 1.5
        times = (request + np.cumsum(rng.uniform(0.1, 3, n))).tolist()
        events = [(start, "load"), (request, "request")] + [(t, "token") for t in times]
        right = [times[0] - request, (times[-1] - times[0]) / (n - 1) if n > 1 else np.nan] if n else "ValueError"
        try:
            given = list(f(events))
        except Exception as error:
            given = type(error).__name__
        if isinstance(given, str) or isinstance(right, str):
            if given != right:
                return False
        elif not np.allclose(given, right, equal_nan=True):
            return False
    return True
"""
    ],
}


def record_of(what: str, values: dict[str, list[float]], unit: str, **extra: object) -> record.Record:
    return record.new(what, values, unit=unit, predicted=(1.0, 2.0), threads=2, extra=extra)


def records(
    *, decode: float = 85.0, prefill: float = 500.0, repetitions: int = 5, unit: str = "token/s", **facts: object
) -> list[record.Record]:
    """What two cores measure, but for what is said; a fact that is None is left out."""
    plan = {"model": "smollm2-f16", "weight_bytes": 269_100_288, "n_prompt": 512, "n_gen": 32}
    depths = {"decode": [0, 512, 1024, 2048, 4096], "prefill": [0]}
    kept = {
        what: {name: value for name, value in {**plan, "n_depth": depths[what], **facts}.items() if value is not None}
        for what in depths
    }
    read = {"2 threads, read": [60.4e9] * 5, "1 thread, read": [33.2e9] * 5, "2 threads, copy": [53.8e9] * 5}
    decodes = {"2 threads": [decode] * repetitions, "1 thread": [64.0] * 5}
    decodes |= {f"2 threads, depth {depth}": [70.0] * 5 for depth in depths["decode"][1:]}
    return [
        record_of("read_bandwidth", read, "byte/s"),
        record_of("prefill", {"2 threads": [prefill] * 5, "1 thread": [284.0] * 5}, "token/s", **kept["prefill"]),
        record_of("decode", decodes, unit, **kept["decode"]),
    ]


RECORDS = records()


def without(label: str) -> list[record.Record]:
    """The records, of which the one of decode lacks a label."""
    bandwidth, prefill, decode = RECORDS
    values = {known: values for known, values in decode["values"].items() if known != label}
    return [bandwidth, prefill, {**decode, "values": values}]


def elsewhere() -> list[record.Record]:
    """Bandwidth of another machine."""
    bandwidth, *others = RECORDS
    return [{**bandwidth, "machine": {**bandwidth["machine"], "cpu": "another"}}, *others]


_BANDWIDTH, _PREFILL, _DECODE = RECORDS
_BACKWARDS = {**_DECODE, "values": dict(reversed(_DECODE["values"].items()))}

# What records may show that is no answer of anybody's: (exercise, verdict, records).
ODD_RECORDS = {
    "none": ("5.10", "blank", []),
    "no bandwidth": ("5.10", "blank", RECORDS[1:]),
    "four repetitions": ("5.10", "fail", records(repetitions=4)),
    "another unit": ("5.10", "fail", records(unit="token/min")),
    "no weights": ("5.10", "fail", records(weight_bytes=None)),
    "other weights": ("5.10", "fail", records(weight_bytes=8_000_000)),
    "no depths told": ("5.10", "fail", records(n_depth=None)),
    "no speed at one thread": ("5.10", "fail", without("1 thread")),
    "no speed at a depth": ("5.10", "fail", without("2 threads, depth 2048")),
    "another order": ("5.10", "fail", [_BANDWIDTH, _PREFILL, _BACKWARDS]),
    "from two machines": ("5.10", "review", elsewhere()),
    "prefill slower than decode": ("5.10", "review", records(prefill=80.0)),
    "decode faster than memory": ("5.10", "review", records(decode=400.0)),
    "a speed of nothing": ("5.10", "review", records(decode=0.0)),
}

_SHIPPED = models.path("two-bills-code")
_N_TENSORS, _N_KV = struct.unpack("<QQ", _SHIPPED.read_bytes()[8:24])
_ANSWERED = [(3.0, "load"), (5.0, "request"), (5.5, "token"), (5.6, "token"), (6.1, "token"), (6.7, "token")]


def _right(events: list[tuple[float, str]]) -> tuple[float, float]:
    times = [t for t, kind in events if kind == "token"]
    if not times:
        raise ValueError
    request = next(t for t, kind in events if kind == "request")
    return times[0] - request, (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else nan


# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "5.1": [((_SHIPPED,), {"magic": "GGUF", "version": 3, "n_tensors": _N_TENSORS, "n_kv": _N_KV})],
    "5.2": [(([("a", "Q4_0", (64, 10)), ("b", "F32", (9,))],), 396)],
    "5.3": [
        (
            ('{"n_prompt": 256, "n_gen": 0, "n_depth": 0, "n_threads": 1, "avg_ts": 400.75, "stddev_ts": 4.62}',),
            {"phase": ["pp"], "threads": [1], "depth": [0], "tokens_per_s": [400.75], "sd": [4.62]},
        )
    ],
    "5.4": [((1e9, 1e5, 10_000, 50e9), 25)],
    "5.5": [((10, 2), 21474836480)],
    "5.6": [((_ANSWERED,), (0.5, 0.4))],
    "5.7": [(([9, 1, 2, 3, 4, 50],), (3, 2))],
    "5.8": [
        (({1: 5, 4: 9}, 4e9, {1: 22e9, 4: 45e9}), "bandwidth"),
        (({1: 5, 4: 9}, 1e9, {1: 22e9, 4: 45e9}), "neither"),
    ],
    "5.11": [((_right,), True), ((lambda events: (0.5, 0.4),), False)],
}
