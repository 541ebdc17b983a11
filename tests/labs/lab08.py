"""Answers to lab 8: one for every wrong idea that its tests name, slips that they do not name, other right ones."""

from course.quantiles import t_quantile

# Exercises as most would write them; a wrong idea is a word or a line of them.
CHOICE = r"""
def extract_choice(text):
    import re

    after = re.search(r"answer(?:is|[\s:(\[*])*([a-d])(?![\w'])", text, flags=re.IGNORECASE)
    if after:
        return after.group(1).upper()
    for line in text.split("\n"):
        marked = re.search(r"(?<![\w'])([a-dA-D])\s*(?:[).:,*\]]|$)", line)
        if marked:
            return marked.group(1).upper()
    return None
"""
AFTER = """    after = re.search(r"answer(?:is|[\\s:(\\[*])*([a-d])(?![\\w'])", text, flags=re.IGNORECASE)
    if after:
        return after.group(1).upper()
"""
MARKED = r"""(?<![\w'])([a-dA-D])\s*(?:[).:,*\]]|$)"""

WILSON = """
def wilson_interval(k, n, z=1.96):
    if n < 1 or k < 0 or k > n:
        raise ValueError("k of n")
    p = k / n
    denominator = 1 + z**2 / n
    centre = (p + z**2 / (2 * n)) / denominator
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / denominator
    return centre - half, centre + half
"""

WALD = """
def wilson_interval(k, n, z=1.96):
    if n < 1 or k < 0 or k > n:
        raise ValueError("k of n")
    p = k / n
    half = z * math.sqrt(p * (1 - p) / n)
    return p - half, p + half
"""

CLUSTERED = """
def clustered_interval(results):
    groups = {}
    for template, x in results:
        groups.setdefault(template, []).append(x)
    G, n = len(groups), len(results)
    if G < 2:
        raise ValueError("one template")
    p = np.mean([x for _, x in results])
    d = [sum(x - p for x in group) for group in groups.values()]
    se = np.sqrt(G / (G - 1) * sum(each**2 for each in d)) / n
    t = t_quantile(0.975, G - 1)
    return p - t * se, p + t * se
"""
GROUPS = """    groups = {}
    for template, x in results:
        groups.setdefault(template, []).append(x)
"""

MCNEMAR = """
def mcnemar_p(b, c):
    n, k = b + c, min(b, c)
    tail = sum(math.comb(n, i) * 0.5**n for i in range(k + 1))
    return min(1, 2 * tail)
"""

NEEDED = """
def items_needed(delta, p_discordant, power):
    if not 0 < abs(delta) <= p_discordant <= 1 or not 0 < power < 1:
        raise ValueError("no such test")
    a = z_quantile(0.975) * np.sqrt(p_discordant)
    b = z_quantile(power) * np.sqrt(p_discordant - delta**2)
    return int(np.ceil(((a + b) / delta) ** 2))
"""

LOGLIK = """
def loglik_choice(token_logprobs, texts, norm):
    best, best_score = None, -math.inf
    for i, (logprobs, text) in enumerate(zip(token_logprobs, texts)):
        score = sum(logprobs)
        if norm == "token":
            score /= len(logprobs)
        elif norm == "byte":
            score /= len(text.encode("utf-8"))
        if score > best_score:
            best, best_score = i, score
    return best
"""

OVERLAP = r"""
def contamination_overlap(item, corpus, n=8):
    import re

    def grams(text):
        words = re.findall(r"[^\W_]+", text.casefold())
        return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]

    mine = set(grams(item))
    if not mine:
        raise ValueError("too short")
    seen = set()
    for text in corpus:
        seen.update(grams(text))
    return len(mine & seen) / len(mine)
"""
WORDS = r're.findall(r"[^\W_]+", text.casefold())'

ACCEPTS = """
def accepts(f):
    def right(results):
        groups = {}
        for t, x in results:
            groups.setdefault(t, []).append(x)
        n, G = len(results), len(groups)
        p = sum(x for t, x in results) / n
        se = math.sqrt(G / (G - 1) * sum((sum(g) - len(g) * p) ** 2 for g in groups.values())) / n
        return p - t_quantile(0.975, G - 1) * se, p + t_quantile(0.975, G - 1) * se

    tries = [
        [("x", 1), ("y", 0), ("x", 1), ("z", 1), ("y", 1), ("x", 1), ("w", 0), ("y", 0)],
        [("x", -1), ("y", 1), ("x", -1), ("z", 0), ("y", 1), ("x", 0), ("z", 1)],
    ]
    try:
        for results in tries:
            for one, other in zip(f(results), right(results), strict=True):
                if not isclose(one, other, rel_tol=1e-6):
                    return False
    except Exception:
        return False
    try:
        f([("x", 1), ("x", 0)])
    except ValueError:
        return True
    except Exception:
        pass
    return False
"""


def but(source: str, *changes: tuple[str, str]) -> str:
    """An answer with some of its words changed, each of which must be there."""
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


WRONG = {
    "8.1/last_letter": r"""
def extract_choice(text):
    import re

    found = re.findall(r"(?<![\w'])([A-D])(?![\w'])", text, re.I)
    return found[-1].upper() if found else None
""",
    "8.1/any_letter_alone": but(CHOICE, (r"\s*(?:[).:,*\]]|$)", r"(?![\w'])")),
    "8.1/answer_ignored": but(CHOICE, (AFTER, "")),
    "8.1/letters_of_words": """
def extract_choice(text):
    return next((character for character in text if character in "ABCD"), None)
""",
    "8.1/capitals_only": but(CHOICE, (AFTER, ""), ("[a-dA-D]", "[A-D]")),
    "8.1/as_written": but(CHOICE, (".upper()", "")),
    "8.1/guesses": but(CHOICE, ("return None", 'return "A"')),
    "8.1/end_of_text_only": but(CHOICE, ('text.split("\\n")', "[text]")),
    "8.2/wald": WALD,
    "8.2/agresti_coull": but(WALD, ("    p = k / n\n", "    k, n = k + z**2 / 2, n + z**2\n    p = k / n\n")),
    "8.2/centre_not_moved": but(WILSON, ("(p + z**2 / (2 * n)) / denominator", "p")),
    "8.2/not_shrunk": but(WILSON, ("1 + z**2 / n", "1")),
    "8.2/z_ignored": but(WILSON, ("    p = k / n\n", "    p, z = k / n, 1.96\n")),
    "8.2/half_width": but(WILSON, ("centre - half, centre + half", "centre, half")),
    "8.2/percent": but(WILSON, ("centre - half, centre + half", "100 * (centre - half), 100 * (centre + half)")),
    "8.2/nothing_refused": but(
        WILSON,
        ('    if n < 1 or k < 0 or k > n:\n        raise ValueError("k of n")\n', ""),
        ("np.sqrt", "np.emath.sqrt"),
    ),
    "8.3/independent": """
def clustered_interval(results):
    if len({t for t, _ in results}) < 2:
        raise ValueError("one template")
    x = np.array([x for _, x in results])
    se = x.std(ddof=1) / np.sqrt(len(x))
    return x.mean() - 1.96 * se, x.mean() + 1.96 * se
""",
    "8.3/squared_first": but(
        CLUSTERED, ("sum(x - p for x in group) for", "sum((x - p) ** 2 for x in group) for"), ("each**2", "each")
    ),
    "8.3/normal_quantile": but(CLUSTERED, ("t_quantile(0.975, G - 1)", "1.96")),
    "8.3/factor_left_out": but(CLUSTERED, ("G / (G - 1) * ", "")),
    "8.3/factor_of_items": but(CLUSTERED, ("G / (G - 1) * ", "n / (n - 1) * ")),
    "8.3/mean_of_means": but(
        CLUSTERED,
        ("np.mean([x for _, x in results])", "np.mean([np.mean(group) for group in groups.values()])"),
        ("sum(x - p for x in group)", "np.mean(group) - p"),
        ("sum(each**2 for each in d)) / n", "sum(each**2 for each in d)) / G"),
    ),
    "8.3/items_as_freedom": but(CLUSTERED, ("0.975, G - 1", "0.975, n - 1")),
    "8.3/one_freedom_too_many": but(CLUSTERED, ("0.975, G - 1", "0.975, G")),
    "8.3/one_sided": but(CLUSTERED, ("0.975", "0.95")),
    "8.3/neighbours_only": but(
        CLUSTERED,
        (
            GROUPS,
            "    from itertools import groupby\n\n"
            "    runs = groupby(results, key=lambda pair: pair[0])\n"
            "    groups = dict(enumerate([x for _, x in run] for _, run in runs))\n",
        ),
        ("if G < 2", "if len({t for t, _ in results}) < 2"),
    ),
    "8.3/within": but(
        CLUSTERED,
        ("sum(x - p for x in group) for", "sum((x - np.mean(group)) ** 2 for x in group) for"),
        ("each**2", "each"),
        ("G / (G - 1) * ", ""),
    ),
    "8.3/clipped": but(CLUSTERED, ("p - t * se, p + t * se", "max(0, p - t * se), min(1, p + t * se)")),
    "8.3/half_width": but(CLUSTERED, ("p - t * se, p + t * se", "p, t * se")),
    "8.3/nothing_refused": but(
        CLUSTERED,
        ('    if G < 2:\n        raise ValueError("one template")\n', ""),
        ("G / (G - 1)", "G / max(1, G - 1)"),
        ("0.975, G - 1", "0.975, max(1, G - 1)"),
    ),
    "8.4/one_sided": but(MCNEMAR, ("2 * tail", "tail")),
    "8.4/above_one": but(MCNEMAR, ("min(1, 2 * tail)", "2 * tail")),
    "8.4/chi_square": """
def mcnemar_p(b, c):
    if b + c == 0:
        return 1.0
    return math.erfc(math.sqrt((b - c) ** 2 / (b + c) / 2))
""",
    "8.4/continuity": """
def mcnemar_p(b, c):
    if b + c == 0:
        return 1.0
    return math.erfc(math.sqrt(max(0, abs(b - c) - 1) ** 2 / (b + c) / 2))
""",
    "8.4/mid_p": but(MCNEMAR, ("return min(1, 2 * tail)", "return min(1, 2 * tail - math.comb(n, k) * 0.5**n)")),
    "8.4/tail_of_b": but(MCNEMAR, ("min(b, c)", "b")),
    "8.4/exactly": but(MCNEMAR, ("range(k + 1)", "[k]")),
    "8.4/below": but(MCNEMAR, ("range(k + 1)", "range(k)")),
    "8.4/no_throws": but(MCNEMAR, ("    tail", "    share = k / n\n    tail")),
    "8.5/one_proportion": but(NEEDED, ("np.sqrt(p_discordant)", "0.5"), ("np.sqrt(p_discordant - delta**2)", "0.5")),
    "8.5/two_samples": but(
        NEEDED, ("np.sqrt(p_discordant)", "np.sqrt(0.5)"), ("np.sqrt(p_discordant - delta**2)", "np.sqrt(0.5)")
    ),
    "8.5/discordant_only": but(NEEDED, ("((a + b) / delta) ** 2)", "p_discordant * ((a + b) / delta) ** 2)")),
    "8.5/one_sided": but(NEEDED, ("0.975", "0.95")),
    "8.5/power_ignored": but(NEEDED, ("(a + b)", "a")),
    "8.5/one_variance": but(NEEDED, ("p_discordant - delta**2", "p_discordant")),
    "8.5/smaller_variance": but(NEEDED, ("np.sqrt(p_discordant)", "np.sqrt(p_discordant - delta**2)")),
    "8.5/squares_added": but(NEEDED, ("((a + b) / delta) ** 2", "(a**2 + b**2) / delta**2")),
    "8.5/rounded_down": but(NEEDED, ("int(np.ceil(((a + b) / delta) ** 2))", "int(((a + b) / delta) ** 2)")),
    "8.5/not_whole": but(NEEDED, ("int(np.ceil(((a + b) / delta) ** 2))", "((a + b) / delta) ** 2")),
    "8.5/rounded_quantiles": but(NEEDED, ("z_quantile(0.975)", "1.96")),
    "8.5/delta_not_squared": but(NEEDED, ("((a + b) / delta) ** 2", "(a + b) ** 2 / abs(delta)")),
    "8.5/nothing_refused": but(
        NEEDED,
        (
            "    if not 0 < abs(delta) <= p_discordant <= 1 or not 0 < power < 1:\n"
            '        raise ValueError("no such test")\n',
            "",
        ),
        ("z_quantile(power)", "z_quantile(min(max(power, 0.01), 0.99))"),
        ("p_discordant - delta**2", "abs(p_discordant - delta**2)"),
        ("/ delta) ** 2", "/ (delta or 1)) ** 2"),
    ),
    "8.6/characters": but(LOGLIK, ('text.encode("utf-8")', "text")),
    "8.6/bytes_plus_space": but(LOGLIK, ('text.encode("utf-8")', '(" " + text).encode("utf-8")')),
    "8.6/first_token": but(LOGLIK, ("sum(logprobs)", "logprobs[0]")),
    "8.6/norm_ignored": """
def loglik_choice(token_logprobs, texts, norm):
    return int(np.argmax([sum(logprobs) for logprobs in token_logprobs]))
""",
    "8.6/token_for_byte": but(LOGLIK, ('"token"', '"swapped"'), ('"byte"', '"token"'), ('"swapped"', '"byte"')),
    "8.6/smallest": but(LOGLIK, ("-math.inf", "math.inf"), ("score > best_score", "score < best_score")),
    "8.6/probabilities": but(LOGLIK, ("sum(logprobs)", "sum(math.exp(each) for each in logprobs)")),
    "8.6/from_one": but(LOGLIK, ("return best", "return best + 1")),
    "8.6/largest_score": but(LOGLIK, ("return best", "return best_score")),
    "8.6/text": but(LOGLIK, ("return best", "return texts[best]")),
    "8.6/last_of_equals": but(LOGLIK, ("score > best_score", "score >= best_score")),
    "8.7/substring": r"""
def contamination_overlap(item, corpus, n=8):
    import re

    words = re.findall(r"[^\W_]+", item.casefold())
    if len(words) < n:
        raise ValueError("too short")
    texts = [" ".join(re.findall(r"[^\W_]+", text.casefold())) for text in corpus]
    grams = {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}
    return sum(any(gram in text for text in texts) for gram in grams) / len(grams)
""",
    "8.7/documents_joined": but(OVERLAP, ("for text in corpus:", 'for text in [" ".join(corpus)]:')),
    "8.7/case_kept": but(OVERLAP, (".casefold()", "")),
    "8.7/punctuation_kept": but(OVERLAP, (WORDS, "text.casefold().split()")),
    "8.7/ascii_only": but(OVERLAP, (r"[^\W_]+", "[a-z0-9]+")),
    "8.7/digits_left_out": but(OVERLAP, (r"[^\W_]+", r"[^\W\d_]+")),
    "8.7/repeats_counted": but(
        OVERLAP, ("set(grams(item))", "grams(item)"), ("len(mine & seen)", "sum(gram in seen for gram in mine)")
    ),
    "8.7/single_words": but(OVERLAP, ("    mine = ", "    n = 1\n    mine = ")),
    "8.7/characters": but(OVERLAP, (WORDS, "text.casefold()"), ('" ".join(words[i : i + n])', "words[i : i + n]")),
    "8.7/any": but(OVERLAP, ("len(mine & seen) / len(mine)", "float(bool(mine & seen))")),
    "8.7/of_both": but(OVERLAP, ("/ len(mine)", "/ len(mine | seen)")),
    "8.7/count": but(OVERLAP, (" / len(mine)", "")),
    "8.7/clean_share": but(OVERLAP, ("len(mine & seen)", "len(mine - seen)")),
    "8.7/lower": but(OVERLAP, ("casefold", "lower")),
    "8.7/nothing_refused": but(OVERLAP, ('        raise ValueError("too short")', "        return 0.0")),
    "8.8/equal_sizes": """
def accepts(f):
    results = [(t, x) for t, row in zip("abcd", [(1, 1, 1), (1, 1, 1), (1, 0, 1), (0, 0, 0)]) for x in row]
    mean, d = 8 / 12, [1, 1, 0, -2]
    half = t_quantile(0.975, 3) * math.sqrt(4 / 3 * 6) / 12
    try:
        low, high = f(results)
        if not (isclose(low, mean - half) and isclose(high, mean + half)):
            return False
    except Exception:
        return False
    try:
        f([("a", 1), ("a", 1)])
    except ValueError:
        return True
    except Exception:
        return False
    return False
""",
    "8.8/in_order": but(
        ACCEPTS,
        (
            '[("x", 1), ("y", 0), ("x", 1), ("z", 1), ("y", 1), ("x", 1), ("w", 0), ("y", 0)]',
            '[("x", 1), ("x", 1), ("x", 1), ("y", 1), ("y", 0), ("y", 0), ("z", 1), ("w", 0)]',
        ),
        (
            '[("x", -1), ("y", 1), ("x", -1), ("z", 0), ("y", 1), ("x", 0), ("z", 1)]',
            '[("x", -1), ("x", -1), ("x", 0), ("y", 1), ("y", 1), ("z", 0), ("z", 1)]',
        ),
    ),
    "8.8/shares_only": but(
        ACCEPTS, ('        [("x", -1), ("y", 1), ("x", -1), ("z", 0), ("y", 1), ("x", 0), ("z", 1)],\n', "")
    ),
    "8.8/no_refusal": but(
        ACCEPTS,
        (
            '    try:\n        f([("x", 1), ("x", 0)])\n    except ValueError:\n        return True\n'
            "    except Exception:\n        pass\n    return False\n",
            "    return True\n",
        ),
    ),
    "8.8/any_error": but(
        ACCEPTS,
        (
            "    except ValueError:\n        return True\n    except Exception:\n        pass\n",
            "    except Exception:\n        return True\n",
        ),
    ),
    "8.8/mean_inside": """
def accepts(f):
    rows = [(1, 1, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1), (1, 0, 1)]
    results = [(t, x) for t, row in zip("abcdef", rows) for x in row]
    try:
        low, high = f(results)
    except Exception:
        return False
    return bool(low <= 13 / 18 <= high)
""",
    "8.8/not_caught": but(ACCEPTS, ("    except Exception:\n        pass\n", "")),
    "8.8/accepts_all": "def accepts(f):\n    return True\n",
    "8.8/refuses_all": "def accepts(f):\n    return False\n",
}

# Natural slips that no test names: each loses its exercise, and is accused of no idea.
SLIPS = {
    "8.1/first_answer_only": """
def extract_choice(text):
    import re

    place = text.lower().find("answer")
    if place >= 0:
        found = re.match(r"answer(?:\\s|is|[:(\\[*])*([a-d])(?![\\w'])", text[place:], re.I)
        if found:
            return found[1].upper()
        text = ""
    found = re.search(r"(?<![\\w'])([a-d])[ \\t]*(?:[).:,*\\]]|$)", text, re.I | re.M)
    return found[1].upper() if found else None
""",
    "8.1/apostrophe": but(CHOICE, (MARKED, r"\b([a-dA-D])\s*(?:[).:,*\]]|$)")),
    "8.1/whole_text": """
def extract_choice(text):
    letter = text.strip(" ().:*[]").upper()
    return letter if letter in ("A", "B", "C", "D") else None
""",
    "8.1/before_a_bracket": """
def extract_choice(text):
    import re

    found = re.search(r"([A-Da-d])\\)", text)
    return found[1].upper() if found else None
""",
    "8.2/half_of_wald": but(WILSON, (" + z**2 / (4 * n**2))", ")")),
    "8.2/four_forgotten": but(WILSON, ("(4 * n**2)", "n**2")),
    "8.2/n_less_one": but(WILSON, ("    p = k / n\n", "    p, n = k / n, n - 1 if n > 1 else 1\n")),
    "8.2/edges_refused": but(WILSON, ("k < 0 or k > n", "k <= 0 or k >= n")),
    "8.2/nothing_of_nothing": but(
        WILSON, ("n < 1 or ", "n < 0 or "), ("    p = k / n\n", "    if n == 0:\n        return 0, 1\n    p = k / n\n")
    ),
    "8.2/one_standard_error": but(WILSON, ("    p = k / n\n", "    p, z = k / n, 1\n")),
    "8.3/not_over_n": but(CLUSTERED, ("for each in d)) / n", "for each in d)) / G")),
    "8.3/root_forgotten": but(
        CLUSTERED, ("np.sqrt(G / (G - 1) * sum(each**2 for each in d))", "(G / (G - 1) * sum(each**2 for each in d))")
    ),
    "8.3/spread_of_sums": but(CLUSTERED, ("sum(x - p for x in group)", "sum(group)")),
    "8.3/two_templates_refused": but(CLUSTERED, ("G < 2", "G < 3")),
    "8.3/of_the_answers_only": but(CLUSTERED, ("for template, x in results", "for template, x in set(results)")),
    "8.4/difference": """
def mcnemar_p(b, c):
    return abs(b - c) / (b + c) if b + c else 1.0
""",
    "8.4/thirds": but(MCNEMAR, ("0.5**n", "0.5**n / 3")),
    "8.4/up_to_the_larger": but(MCNEMAR, ("min(b, c)", "max(b, c)")),
    "8.5/alpha_as_z": but(NEEDED, ("z_quantile(0.975)", "0.975")),
    "8.5/sign_lost": but(NEEDED, ("0 < abs(delta)", "0 < delta")),
    "8.5/root_of_delta": but(NEEDED, ("delta**2)", "abs(delta))")),
    "8.5/edge_refused": but(NEEDED, ("abs(delta) <= p_discordant", "abs(delta) < p_discordant")),
    "8.6/worst_token": but(LOGLIK, ("sum(logprobs)", "min(logprobs)")),
    "8.6/mean_always": but(LOGLIK, ("sum(logprobs)", "sum(logprobs) / len(logprobs)")),
    "8.6/words": but(LOGLIK, ('text.encode("utf-8")', "text.split()")),
    "8.7/n_less_one": but(OVERLAP, ("range(len(words) - n + 1)", "range(len(words) - n)")),
    "8.7/eight_always": but(OVERLAP, ("    mine = ", "    n = 8\n    mine = ")),
    "8.7/three_by_default": but(OVERLAP, ("n=8", "n=3")),
    "8.7/of_the_corpus": but(OVERLAP, ("/ len(mine)", "/ max(1, len(seen))")),
    "8.7/one_text_with_all": but(
        OVERLAP,
        (
            "        seen.update(grams(text))\n    return len(mine & seen) / len(mine)",
            "        seen = max(seen, set(grams(text)), key=lambda one: len(mine & one))\n"
            "    return len(mine & seen) / len(mine)",
        ),
    ),
    "8.8/exact": but(ACCEPTS, ("not isclose(one, other, rel_tol=1e-6)", "one != other")),
    "8.8/tuples_only": but(
        ACCEPTS,
        (
            "            for one, other in zip(",
            "            if not isinstance(f(results), tuple):\n                return False\n"
            "            for one, other in zip(",
        ),
    ),
}

RIGHT = {
    "8.1": [
        CHOICE,
        r"""
def extract_choice(text):
    import re

    lone = r"(?<![a-zA-Z0-9'])([A-Da-d])(?![a-zA-Z0-9'])"
    for match in re.finditer(lone, text):
        if re.search(r"\bANSWER(\s|\bIS\b|[:(\[*])*$", text[: match.start()].upper()):
            return match[1].upper()
    for match in re.finditer(lone, text):
        rest = text[match.end() :].lstrip(" \t")
        if rest == "" or rest[0] in ").:,*]\n":
            return match[1].upper()
    return None
""",
        r"""
def extract_choice(text):
    def alone(i):
        beside = [text[j] for j in (i - 1, i + 1) if 0 <= j < len(text)]
        return text[i] in "ABCDabcd" and not any(c.isalnum() or c == "'" for c in beside)

    places = [i for i in range(len(text)) if alone(i)]
    for i in places:
        before = text[:i].rstrip(" :([*\n").lower()
        if before.endswith("is") and not before[:-2].endswith(tuple("abcdefghijklmnopqrstuvwxyz")):
            before = before[:-2].rstrip(" :([*\n")
        if before.endswith("answer"):
            return text[i].upper()
    for i in places:
        line = text[i + 1 :].partition("\n")[0].strip(" ")
        if not line or line[0] in ").:,*]":
            return text[i].upper()
    return None
""",
    ],
    "8.2": [
        WILSON,
        """
def wilson_interval(k, n, z=1.96):
    if not (n >= 1 and 0 <= k <= n):
        raise ValueError(k, n)
    roots = np.roots([1 + z * z / n, -(2 * k / n + z * z / n), (k / n) ** 2])
    return np.sort(np.real(roots))
""",
        """
def wilson_interval(k, n, z=1.96):
    if n <= 0 or k < 0 or n - k < 0:
        raise ValueError("no such share")
    from fractions import Fraction

    zz = Fraction(z) ** 2
    middle = (k + zz / 2) / (n + zz)
    half = z / float(n + zz) * math.sqrt(Fraction(k * (n - k), n) + zz / 4)
    return [float(middle) - half, float(middle) + half]
""",
    ],
    "8.3": [
        CLUSTERED,
        """
def clustered_interval(results):
    import pandas as pd

    frame = pd.DataFrame(results, columns=["template", "x"])
    d = (frame.x - frame.x.mean()).groupby(frame.template).sum()
    if len(d) < 2:
        raise ValueError("one template")
    half = t_quantile(0.975, len(d) - 1) * np.sqrt(len(d) / (len(d) - 1) * (d**2).sum()) / len(frame)
    return frame.x.mean() - half, frame.x.mean() + half
""",
        """
def clustered_interval(results):
    names, x = np.array([str(t) for t, _ in results]), np.array([x for _, x in results], float)
    kinds = np.unique(names)
    if kinds.size < 2:
        raise ValueError("G")
    d = np.array([(x[names == kind] - x.mean()).sum() for kind in kinds])
    se = d.std(ddof=1) * np.sqrt(kinds.size) / x.size
    return x.mean() + np.array([-1, 1]) * t_quantile(0.975, kinds.size - 1) * se
""",
        """
def clustered_interval(results):
    from collections import Counter
    from fractions import Fraction

    sizes = Counter(t for t, _ in results)
    hits = Counter()
    for t, x in results:
        hits[t] += x
    if len(sizes) == 1:
        raise ValueError(len(sizes))
    p = Fraction(sum(hits.values()), len(results))
    squares = sum((hits[t] - p * sizes[t]) ** 2 for t in sizes)
    se = math.sqrt(Fraction(len(sizes), len(sizes) - 1) * squares) / len(results)
    half = t_quantile(0.975, len(sizes) - 1) * se
    return [float(p) - half, float(p) + half]
""",
    ],
    "8.4": [
        MCNEMAR,
        """
def mcnemar_p(b, c):
    from fractions import Fraction

    n, p = b + c, Fraction(0)
    for heads in range(n + 1):
        if abs(2 * heads - n) >= abs(b - c):
            p += Fraction(math.comb(n, heads), 2**n)
    return float(p)
""",
        """
def mcnemar_p(b, c):
    row = np.array([1.0])
    for _ in range(b + c):
        row = np.convolve(row, [0.5, 0.5])
    return np.minimum(1.0, 2 * row[: min(b, c) + 1].sum())
""",
        """
def mcnemar_p(b, c):
    if b == c:
        return 1
    n = b + c
    return 2 * math.fsum(math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2))
                         for i in range(min(b, c) + 1))
""",
    ],
    "8.5": [
        NEEDED,
        """
def items_needed(delta, p_discordant, power):
    if delta == 0 or abs(delta) > p_discordant or p_discordant > 1:
        raise ValueError("delta")
    if power <= 0 or power >= 1:
        raise ValueError("power")

    def found(n):
        without, with_it = math.sqrt(p_discordant / n), math.sqrt((p_discordant - delta * delta) / n)
        return abs(delta) >= z_quantile(0.975) * without + z_quantile(power) * with_it

    high = 1
    while not found(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
""",
        """
def items_needed(delta, p_discordant, power):
    delta = abs(delta)
    if not (0 < delta and delta <= p_discordant and p_discordant <= 1 and 0 < power and power < 1):
        raise ValueError((delta, p_discordant, power))
    root = (z_quantile(0.975) * p_discordant**0.5 + z_quantile(power) * (p_discordant - delta**2) ** 0.5) / delta
    return -(-(root**2) // 1)
""",
    ],
    "8.6": [
        LOGLIK,
        """
def loglik_choice(token_logprobs, texts, norm):
    sums = np.array([np.sum(each) for each in token_logprobs])
    if norm == "token":
        sums = sums / np.array([len(each) for each in token_logprobs])
    if norm == "byte":
        sums = sums / np.array([len(bytes(text, "utf8")) for text in texts])
    return np.argmax(sums)
""",
        """
def loglik_choice(token_logprobs, texts, norm):
    def score(i):
        if norm == "sum":
            return math.fsum(token_logprobs[i])
        length = len(token_logprobs[i]) if norm == "token" else len(texts[i].encode())
        return math.fsum(token_logprobs[i]) / length

    return max(range(len(texts)), key=score)
""",
    ],
    "8.7": [
        OVERLAP,
        """
def contamination_overlap(item, corpus, n=8):
    def words(text):
        return "".join(c if c.isalnum() else " " for c in text.casefold()).split()

    def runs(text):
        found = words(text)
        return list(zip(*(found[i:] for i in range(n))))

    own = set(runs(item))
    if len(own) == 0:
        raise ValueError(item)
    known = {run for text in corpus for run in runs(text)}
    return np.mean([run in known for run in own])
""",
        r"""
def contamination_overlap(item, corpus, n=8):
    import re
    from fractions import Fraction

    words = [word.casefold() for word in re.findall(r"\w+", item)]
    if len(words) < n:
        raise ValueError("fewer words than n")
    texts = ["|" + "|".join(re.findall(r"\w+", text.casefold())) + "|" for text in corpus]
    runs = {"|" + "|".join(words[i : i + n]) + "|" for i in range(len(words) - n + 1)}
    return Fraction(sum(1 for run in runs if any(run in text for text in texts)), len(runs))
""",
    ],
    "8.8": [
        ACCEPTS,
        """
def accepts(f):
    rng = np.random.default_rng(3)
    for _ in range(20):
        results = [(f"t{rng.integers(4)}", int(rng.integers(-1, 2))) for _ in range(12)] + [("u", 1), ("v", 0)]
        names = sorted({t for t, _ in results})
        x = np.array([x for _, x in results])
        d = np.array([sum(x_ - x.mean() for t, x_ in results if t == name) for name in names])
        half = t_quantile(0.975, len(d) - 1) * np.sqrt(len(d) / (len(d) - 1) * (d**2).sum()) / len(x)
        try:
            low, high = f(results)
        except Exception:
            return False
        if abs(low - (x.mean() - half)) > 1e-6 or abs(high - (x.mean() + half)) > 1e-6:
            return False
    try:
        f([("u", 1)])
        return False
    except Exception as error:
        return isinstance(error, ValueError)
""",
        """
def accepts(f):
    def right(results):
        n, d = len(results), {}
        for t, x in results:
            d[t] = d.get(t, 0) + x - sum(x for _, x in results) / n
        half = t_quantile(0.975, len(d) - 1) * math.sqrt(len(d) / (len(d) - 1) * sum(v * v for v in d.values())) / n
        mean = sum(x for _, x in results) / n
        return mean - half, mean + half

    alike = [(t, x) for t in "uvw" for x in (1, 0, 0)]  # no spread at all between templates
    tries = [alike, [*alike, ("u", -1)], [("v", 1), ("u", 0), ("v", 1), ("u", 0), ("w", -1), ("w", -1), ("x", 1)]]
    try:
        if not all(isclose(a, b) for results in tries for a, b in zip(f(results), right(results))):
            return False
    except Exception:
        return False
    for too_few in ([], [("u", 1)], [("u", 1), ("u", 0)]):
        try:
            f(too_few)
            return False
        except ValueError:
            pass
        except Exception:
            return False
    return True
""",
    ],
}


def by_template(results):
    """A right interval of 8.3, for 8.8's example."""
    d: dict = {}
    mean = sum(x for _, x in results) / len(results)
    for template, x in results:
        d[template] = d.get(template, 0) + x - mean
    if len(d) < 2:
        raise ValueError("one template")
    squares = len(d) / (len(d) - 1) * sum(each**2 for each in d.values())
    half = t_quantile(0.975, len(d) - 1) * squares**0.5 / len(results)
    return mean - half, mean + half


# Worked examples of every exercise, (arguments, answer): nothing importable from the course may give all of them.
EXAMPLES = {
    "8.1": [(("A) is wrong. The answer is c",), "C"), (("b)",), "B")],
    "8.2": [((3, 20), (0.0524, 0.3604)), ((0, 10), (0.0, 0.2775))],
    "8.3": [(([("a", 1), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 0)],), (-0.7421, 1.7421))],
    "8.4": [((5, 15), 0.04139), ((0, 6), 0.03125)],
    "8.5": [((0.05, 0.2, 0.8), 626), ((0.1, 0.3, 0.9), 312)],
    "8.6": [(([[-1.0, -1.0], [-1.5]], ["four", "4"], "sum"), 1), (([[-1.0, -1.0], [-1.5]], ["four", "4"], "token"), 0)],
    "8.7": [(("A red cat sat. A red cat!", ["One red cat; sat", "red", "a RED cat"], 3), 0.5)],
    "8.8": [((lambda results: (0.0, 1.0),), False), ((by_template,), True)],
}

# For the notebook's test: fewer items of each template.
SHORT = {"EVERY = 1": "EVERY = 5"}
