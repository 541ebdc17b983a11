# ---
# jupyter:
#   two_bills:
#     hides: [transformers]
# ---

# %% [markdown]
# # Where does 6ND come from?
#
# "Training takes six operations for each parameter and each token." After this lab you can count a model's parameters
# to the unit, say which of them compute, where the 6 comes from, how far 6ND is off and when, and how much memory it
# takes to train a model.
#
# **110 minutes, 1 GB of memory, no network.** You measure one layer on one core, with texts of 128 to 2,048 tokens.

# %% nbgrader={"grade_id": "start"}
import re
import time
from math import isclose

import matplotlib.pyplot as plt
import numpy as np
import torch

from course import data, lab, models, plots

lab.start("lab02", cohort="2026")
plots.use_style()

# %% [markdown]
# ## How this lab works
#
# An exercise is four cells: the task, your answer, a cell to try it in, and a check, which holds the worked example
# only. For the hidden tests press *Validate*, above the notebook.
#
# Each answer can be written without the others. Exercises marked *stretch* are worth one point, the others two. What
# you do not measure is filled in from a reference machine, and says so.

# %% [markdown]
# | in code | on paper | what it is |
# |---|---|---|
# | `n_layers` | | layers, one after another |
# | `d_model` | | numbers that stand for a token between the layers |
# | `n_heads` | | heads of attention for queries |
# | `n_kv_heads` | | heads of attention for keys and values |
# | `head_dim` | | numbers of one head |
# | `d_ff` | | width inside the feed-forward part |
# | `vocab_size` | | tokens that the model knows |
# | `n_tokens`, `seq_len` | T | tokens of a text |

# %% [markdown]
# ## 1 · What is inside a layer?
#
# Each token is a row of `d_model` numbers. *Attention* lets tokens look at one another. Three matrices turn the row
# into **queries**, for `n_heads` heads, and into **keys** and **values**, for `n_kv_heads` heads each; a head has
# `head_dim` numbers. Where there are fewer heads for keys and values, several query heads share one.

# %% [markdown]
# Each query head collects `head_dim` numbers from the tokens it looks at. A fourth matrix turns what all of them
# collected into a row of `d_model` again.

# %% [markdown] nbgrader={"grade_id": "ex-2-1-task"}
# **Exercise 2.1 (2 points).** `attention_params(d_model, n_heads, n_kv_heads, head_dim, bias=False)` returns the number
# of parameters of one layer's attention: its four matrices. With `bias`, queries, keys and values have a constant added
# to each of their numbers, too. Rows of 10 with 4 query heads, 2 KV heads and 3 numbers a head take 360, and 384 with
# constants.

# %% nbgrader={"grade_id": "ex-2-1"}
def attention_params(d_model, n_heads, n_kv_heads, head_dim, bias=False):
    """Parameters of the four matrices of attention, and of the biases of q, k, v."""
    ### BEGIN SOLUTION
    queries, keys = n_heads * head_dim, n_kv_heads * head_dim
    biases = queries + 2 * keys if bias else 0
    return d_model * (2 * queries + 2 * keys) + biases
    ### END SOLUTION


# %%
attention_params(10, 4, 2, 3), attention_params(10, 4, 2, 3, True)  # try it

# %% nbgrader={"grade_id": "test-2-1", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect_each
from course.cohort import rng

r = rng("2.1")


def attention(d, heads, kv, head, bias=False, *, biases=None):
    constants = (heads + 2 * kv) * head if biases is None else biases(d, heads, kv, head)
    return 2 * d * head * (heads + kv) + (constants if bias else 0)


def square(d, *_):
    return 4 * d * d


def drawn(kv, times):
    """A width, so many times as many heads as KV heads, and a head_dim that is not the width over the heads."""
    heads = kv * times
    head = 8 * r.whole(5, 9)
    return heads * 8 * r.whole(10, 20), heads, kv, head


published = data.load("model_shapes").set_index("id")
sizes = ["d_model", "n_heads", "n_kv_heads", "head_dim"]
known = [tuple(published.loc[name, sizes].astype(int).tolist()) for name in ("llama-3.1-8b", "qwen3-0.6b", "mistral-7b")]
plain = [drawn(r.whole(2, 9), r.whole(2, 8)), (*drawn(1, r.whole(3, 9)), False), (r.whole(3, 9), 1, 1, r.whole(10, 20)), *known]
expect_each(attention_params, plain).equals(attention, wrong={
    "2.1/square": ("four square matrices hold only where the heads together are as wide as the row, and share no keys", square),
    "2.1/head_dim": ("a head need not have d_model over n_heads numbers: head_dim says how many",
                     lambda d, heads, kv, head, bias=False: attention(d, heads, kv, d // heads),
                     lambda d, heads, kv, head, bias=False: attention(d, heads, kv, d / heads)),
    "2.1/all_heads": ("keys and values have n_kv_heads heads, not n_heads",
                      lambda d, heads, kv, head, bias=False: attention(d, heads, heads, head)),
    "2.1/no_output": ("what the heads collected goes through a fourth matrix",
                      lambda d, heads, kv, head, bias=False: d * head * (heads + 2 * kv)),
    "2.1/narrow_output": ("the fourth matrix takes what all query heads collected",
                          lambda d, heads, kv, head, bias=False: d * head * (heads + 3 * kv)),
    "2.1/one_head": ("each head has its own numbers: multiply by the heads", lambda d, heads, kv, head, bias=False: 4 * d * head),
    "2.1/always_bias": ("constants are there only if bias is true", lambda d, heads, kv, head, bias=False: attention(d, heads, kv, head, True)),
})
qwen = tuple(published.loc["qwen2.5-0.5b", sizes].astype(int).tolist())
with_bias = [(*drawn(r.whole(2, 9), r.whole(2, 8)), True), (*drawn(1, r.whole(3, 9)), True), (*qwen, True)]


def by(biases):
    """What is given by who counts the constants in some way."""
    return lambda *a: attention(*a, biases=biases)


expect_each(attention_params, with_bias).equals(attention, wrong={
    "2.1/no_bias": ("with bias there is a constant for each number of queries, keys and values", by(lambda *a: 0)),
    "2.1/bias_of_output": ("queries, keys and values have constants; the fourth matrix has none", by(lambda d, h, kv, n: (h + 2 * kv) * n + d)),
    "2.1/bias_of_all_heads": ("keys and values have fewer constants than queries: n_kv_heads heads", by(lambda d, h, kv, n: 3 * h * n)),
    "2.1/bias_of_rows": ("a constant is added to what comes out of a matrix, not to what goes in", by(lambda d, h, kv, n: 3 * d)),
    "2.1/one_bias": ("a constant for each number, not for each matrix or head", by(lambda d, h, kv, n: 3), by(lambda d, h, kv, n: h + 2 * kv)),
})
### END HIDDEN TESTS
assert attention_params(10, 4, 2, 3) == 360, "120 for queries, 60 + 60, 120 back"
assert attention_params(10, 4, 2, 3, True) == 384, "12 + 6 + 6 constants"

# %% [markdown]
# ### The rest of a model
#
# After attention comes the **feed-forward** part: a matrix from `d_model` up to `d_ff`, and one down again. In most
# newer models it is *gated*: two matrices go up, what they give is multiplied element by element, and one goes down.
#
# Before either part the row is **normalised**: RMSNorm has one weight for each of its numbers, LayerNorm a weight and a
# constant. One more normalisation comes after the last layer.

# %% [markdown]
# Before the layers a table of `vocab_size` rows turns each token into its row: the **embedding**. It is looked up, not
# multiplied. After the layers the **output head**, a matrix, gives a score, the *logit*, to each token that could be
# next. If both are *tied*, the table serves as the head, too, and is stored once.
#
# Some models normalise the queries and the keys of each head (*q-k norm*). GPT-2 adds a row of a second table, by
# position.

# %% [markdown]
# ## 2 · Read a model from its file
#
# A model's file is a list of named arrays. This course trained a small model of its own, in a widespread form: the
# names are those of Llama in Hugging Face's library `transformers`. A matrix is stored as (what comes out, what goes
# in).

# %% nbgrader={"grade_id": "given-shapes"}
from safetensors import safe_open


def shapes_of(path):
    """{name: shape} of all arrays in a model's file."""
    with safe_open(path, "np") as file:
        names = file.keys()
        return {name: tuple(file.get_slice(name).get_shape()) for name in names}


OURS = shapes_of(models.folder_of("two-bills-code") / "model.safetensors")
shown = [name for name in OURS if not re.search(r"layers\.[1-9]", name)]
for name in shown:
    print(f"{name:50s} {OURS[name]}")
print(f"… {len(OURS)} arrays in all: the other layers have the same")

# %% [markdown]
# Other models have more: `lm_head.weight` if the output head is not tied; `q_norm` and `k_norm` beside `q_proj`, with
# `head_dim` weights each; a `.bias` beside the `.weight` of some matrices. A feed-forward part that is not gated has no
# `gate_proj`.

# %% [markdown] nbgrader={"grade_id": "ex-2-2-task"}
# **Exercise 2.2 (2 points).** `config_from_shapes(shapes, head_dim)` returns a dict with exactly `n_layers`, `d_model`,
# `n_heads`, `n_kv_heads`, `d_ff`, `vocab_size`; `gated`, `tied`, `qk_norm` (True or False); and `bias`: `"none"`,
# `"qkv"`, or `"all"` if every matrix of the layers has one.
#
# `shapes` is like `OURS`, with names in any order; layers are counted from 0. Do not change it. `OURS` with a
# `head_dim` of 64 has 4 layers, 4 heads and 2 KV heads.
#
# <details><summary>Hint</summary>`re.findall(r"layers\.(\d+)\.", name)` finds the layer of a name.</details>

# %% nbgrader={"grade_id": "ex-2-2"}
def config_from_shapes(shapes, head_dim):
    """A model's sizes, from the shapes of its arrays."""
    ### BEGIN SOLUTION
    layer = "model.layers.0."
    vocab_size, d_model = shapes["model.embed_tokens.weight"]
    biases = {"o_proj": "all", "q_proj": "qkv"}
    return {
        "n_layers": len({found for name in shapes for found in re.findall(r"layers\.(\d+)\.", name)}),
        "d_model": d_model,
        "n_heads": shapes[f"{layer}self_attn.q_proj.weight"][0] // head_dim,
        "n_kv_heads": shapes[f"{layer}self_attn.k_proj.weight"][0] // head_dim,
        "d_ff": shapes[f"{layer}mlp.up_proj.weight"][0],
        "vocab_size": vocab_size,
        "gated": f"{layer}mlp.gate_proj.weight" in shapes,
        "tied": "lm_head.weight" not in shapes,
        "qk_norm": f"{layer}self_attn.q_norm.weight" in shapes,
        "bias": next((kind for matrix, kind in biases.items() if f"{layer}self_attn.{matrix}.bias" in shapes), "none"),
    }
    ### END SOLUTION


# %%
config_from_shapes(OURS, 64)  # try it

# %% nbgrader={"grade_id": "test-2-2", "points": 2}
### BEGIN HIDDEN TESTS
from course import data
from course.checking import expect, expect_each
from course.cohort import rng

r = rng("2.2")
KEYS = ("n_layers", "d_model", "n_heads", "n_kv_heads", "d_ff", "vocab_size", "gated", "tied", "qk_norm", "bias")


def named(c):
    """The shapes of a model's arrays, by name, in an order of chance."""
    d, q, kv, ff = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"], c["d_ff"]
    matrices = {"self_attn.q_proj": (q, d), "self_attn.k_proj": (kv, d), "self_attn.v_proj": (kv, d), "self_attn.o_proj": (d, q),
                "mlp.up_proj": (ff, d), "mlp.down_proj": (d, ff)} | ({"mlp.gate_proj": (ff, d)} if c["gated"] else {})
    biased = {"none": (), "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "all": tuple(matrices)}[c["bias"]]
    layer = {f"{name}.weight": shape for name, shape in matrices.items()} | {f"{name}.bias": matrices[name][:1] for name in biased}
    layer |= {"input_layernorm.weight": (d,), "post_attention_layernorm.weight": (d,)}
    layer |= {f"self_attn.{x}_norm.weight": (c["head_dim"],) for x in "qk" if c["qk_norm"]}
    found = {f"model.layers.{i}.{name}": shape for i in range(c["n_layers"]) for name, shape in layer.items()}
    found |= {"model.embed_tokens.weight": (c["vocab_size"], d), "model.norm.weight": (d,)}
    found |= {} if c["tied"] else {"lm_head.weight": (c["vocab_size"], d)}
    names = list(found)
    last = f"model.layers.{c['n_layers'] - 1}." if c["n_layers"] > 2 else ""  # is neither the first nor the last in the dict
    while True:
        order = [names[i] for i in r.permutation(len(names))]
        layers = [name for name in order if ".layers." in name]
        if not last or not (layers[0].startswith(last) or layers[-1].startswith(last)):
            return {name: found[name] for name in order}


def drawn(n_layers, *, same=False, **more):
    kv = r.whole(2, 6)
    heads, head = kv * (1 if same else r.whole(2, 5)), 8 * r.whole(4, 12)
    d = heads * head if same else (heads + r.whole(2, 9)) * head
    return {"n_layers": n_layers, "d_model": d, "n_heads": heads, "n_kv_heads": kv, "head_dim": head, "d_ff": d + 8 * r.whole(9, 99),
            "vocab_size": r.whole(5000, 90_000), "gated": True, "tied": False, "qk_norm": False, "bias": "none", **more}


def real(name):
    row = data.row(f"model_shapes/{name}")
    texts = {"bias": row.bias, **{key: row[key] == "yes" for key in ("gated", "tied", "qk_norm")}}
    return {key: texts.get(key, int(row[key]) if key not in texts else None) for key in (*KEYS, "head_dim")}


made = {
    "a model whose heads share keys": drawn(r.whole(11, 19)),
    "a model that is not gated, with constants everywhere": drawn(r.whole(3, 9), same=True, gated=False, bias="all"),
    "a gated model with constants everywhere": drawn(r.whole(21, 29), bias="all", tied=True),
    "a model of one layer": drawn(1, qk_norm=True),
    "Qwen3-0.6B": real("qwen3-0.6b"),
    "Qwen2.5-0.5B": real("qwen2.5-0.5b"),
    "Mistral 7B": real("mistral-7b"),
}
cases = {f"the shapes of {label}": (named(c), c["head_dim"]) for label, c in made.items()}
right = [{key: c[key] for key in KEYS} for c in made.values()]


def but(**changed):
    """What is given by who reads some of the keys differently."""
    return [{**answer, **{key: read(c, *case) for key, read in changed.items()}}
            for answer, c, case in zip(right, made.values(), cases.values(), strict=True)]


def layers_in(shapes):
    return [int(name.split(".")[2]) for name in shapes if ".layers." in name]


expect_each(config_from_shapes, cases).equals(right, wrong={
    "2.2/last_name": ("names are texts in any order, and as a text 9 comes after 10: count the layers, or take the largest number",
                      but(n_layers=lambda c, s, _: int(max(map(str, layers_in(s)))) + 1), but(n_layers=lambda c, s, _: layers_in(s)[-1] + 1),
                      but(n_layers=lambda c, s, _: layers_in(dict(sorted(s.items())))[-1] + 1)),
    "2.2/off_by_one": ("layers are counted from 0: the last of twelve is 11", but(n_layers=lambda c, *_: c["n_layers"] - 1)),
    "2.2/head_dim": ("n_heads times head_dim need not be d_model: look at how much comes out of q_proj",
                     but(n_heads=lambda c, *_: c["d_model"] // c["head_dim"])),
    "2.2/columns": ("a matrix is stored as (what comes out, what goes in)",
                    but(n_heads=lambda c, *_: c["d_model"] // c["head_dim"], n_kv_heads=lambda c, *_: c["d_model"] // c["head_dim"],
                        d_ff=lambda c, *_: c["d_model"])),
    "2.2/all_heads": ("keys and values may have fewer heads: look at k_proj", but(n_kv_heads=lambda c, *_: c["n_heads"])),
    "2.2/widths": ("that is how many numbers all heads have; a head has head_dim",
                   but(n_heads=lambda c, *_: c["n_heads"] * c["head_dim"], n_kv_heads=lambda c, *_: c["n_kv_heads"] * c["head_dim"])),
    "2.2/untied_always": ("without lm_head.weight the table is the head, too: tied", but(tied=lambda *_: False)),
    "2.2/tied_always": ("a model with an lm_head.weight is not tied", but(tied=lambda *_: True)),
    "2.2/inverted": ("tied means that there is no lm_head.weight", but(tied=lambda c, *_: not c["tied"])),
    "2.2/gated": ("gated is a model with a gate_proj, and no other", but(gated=lambda *_: True), but(gated=lambda *_: False)),
    "2.2/qkv_for_all": ("if o_proj and the feed-forward part have constants, too, bias is \"all\"",
                        but(bias=lambda c, *_: "none" if c["bias"] == "none" else "qkv")),
    "2.2/all_for_qkv": ("if only queries, keys and values have constants, bias is \"qkv\"",
                        but(bias=lambda c, *_: "none" if c["bias"] == "none" else "all")),
    "2.2/bias_or_not": ("bias is one of the three words", but(bias=lambda c, *_: c["bias"] != "none")),
})
expect(config_from_shapes, *next(iter(cases.values()))).keeps_arguments()
### END HIDDEN TESTS
assert (
    config_from_shapes(OURS, 64)["n_kv_heads"] == 2
), "128 numbers of keys in heads of 64"

# %% tags=["raises-exception"]
import json

text = (models.folder_of("two-bills-code") / "config.json").read_text()
read, theirs = config_from_shapes(OURS, 64), json.loads(text)
named = {"n_layers": "num_hidden_layers", "d_model": "hidden_size",
         "n_heads": "num_attention_heads", "n_kv_heads": "num_key_value_heads",
         "d_ff": "intermediate_size", "vocab_size": "vocab_size",
         "tied": "tie_word_embeddings", "bias": "attention_bias"}
for ours, other in named.items():
    print(f"{ours:11s} from the shapes {read[ours]!s:6s} config.json: {theirs[other]}")

# %% [markdown]
# ## 3 · Count, to the unit
#
# The table `model_shapes` has the sizes of published models. `TOY` is for trying.

# %% nbgrader={"grade_id": "given-configs"}
SHAPES = data.load("model_shapes").set_index("name")
COUNTS = ["n_layers", "d_model", "n_heads", "n_kv_heads", "head_dim", "d_ff",
          "vocab_size", "n_positions"]


def config_of(name):
    """A published model's sizes."""
    row = SHAPES.loc[name]
    told = {key: bool(row[key] == "yes") for key in ("gated", "tied", "qk_norm")}
    words = {key: str(row[key]) for key in ("bias", "norm")}
    return {**{key: int(row[key]) for key in COUNTS}, **told, **words}


CONFIGS = {name: config_of(name) for name in SHAPES.index}
TOY = {"n_layers": 2, "d_model": 8, "n_heads": 3, "n_kv_heads": 1, "head_dim": 4,
       "d_ff": 10, "vocab_size": 20, "n_positions": 0, "gated": True, "tied": True,
       "qk_norm": False, "bias": "none", "norm": "rms"}
for name in ("GPT-2", "Qwen3-0.6B"):
    print(name, CONFIGS[name])

# %% [markdown]
# | key | values |
# |---|---|
# | `norm` | `"rms"`: a weight for each number of the row; `"layer"`: a weight and a constant |
# | `qk_norm` | if true, each layer has `head_dim` weights for queries and as many for keys |
# | `bias` | which matrices of a layer add a constant to each number that comes out: `"none"`, `"qkv"`, `"all"` |
# | `n_positions` | rows of the table of positions; 0 if there is none |
#
# The output head never has constants.

# %% [markdown]
# **Predict** how many per cent of Qwen2.5-0.5B's parameters its embedding has: `lab.predict("embedding_share", low,
# high, "%")`, an interval that you are 80 % sure of. Nobody is graded for being right.

# %% nbgrader={"grade_id": "predict-embedding_share"}
### BEGIN SOLUTION
lab.predict("embedding_share", 10, 40, "%")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-2-3-task"}
# **Exercise 2.3 (2 points).** `count_params(config)` returns a dict with exactly `total`, `embedding` (token table,
# output head if it is not tied, table of positions) and `non_embedding` (the rest). `TOY` has 1,192, 160 and 1,032.
#
# <details><summary>Where to start</summary>A layer of `TOY`: 256 for attention, 240 for the feed-forward part, 16 for
# its two normalisations.</details>

# %% nbgrader={"grade_id": "ex-2-3"}
def count_params(config):
    """Parameters of a model: total, embedding, non_embedding."""
    ### BEGIN SOLUTION
    c = config
    d, queries, keys = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    n_up = 2 if c["gated"] else 1
    norm = d if c["norm"] == "rms" else 2 * d
    layer = 2 * d * (queries + keys) + (n_up + 1) * d * c["d_ff"] + 2 * norm
    if c["qk_norm"]:
        layer += 2 * c["head_dim"]
    if c["bias"] != "none":
        layer += queries + 2 * keys
    if c["bias"] == "all":
        layer += d + n_up * c["d_ff"] + d
    non_embedding = c["n_layers"] * layer + norm
    embedding = d * (c["vocab_size"] * (1 if c["tied"] else 2) + c["n_positions"])
    return {"total": embedding + non_embedding, "embedding": embedding, "non_embedding": non_embedding}
    ### END SOLUTION


# %%
count_params(TOY)  # try it

# %% nbgrader={"grade_id": "test-2-3", "points": 2}
### BEGIN HIDDEN TESTS
from functools import partial

from course.checking import expect_each
from course.cohort import rng

r = rng("2.3")


def counted(c, *, kv="n_kv_heads", head=None, n_up=None, tied=None, norms=2, last=1, shift=1, qk=2, biases=None, positions=1, inside=("head", "positions")):
    d, n = c["d_model"], head(c) if head else c["head_dim"]
    q, k = c["n_heads"] * n, c[kv] * n
    up = n_up or (2 if c["gated"] else 1)
    norm = d + (shift * d if c["norm"] == "layer" else 0)
    constants = {"none": 0, "qkv": q + 2 * k, "all": q + 2 * k + d + up * c["d_ff"] + d}[biases or c["bias"]]
    layer = 2 * d * (q + k) + (up + 1) * d * c["d_ff"] + norms * norm + constants + (qk * n if c["qk_norm"] else 0)
    table = c["vocab_size"] * d
    outside = {"head": 0 if (c["tied"] if tied is None else tied) else table, "positions": positions * c["n_positions"] * d}
    embedding = table + sum(outside[what] for what in inside)
    total = c["n_layers"] * layer + last * norm + table + sum(outside.values())
    return {"total": total, "embedding": embedding, "non_embedding": total - embedding}


def reference_drawn(r, **more):
    kv = r.whole(2, 6)
    heads, head = kv * r.whole(2, 6), 8 * r.whole(4, 20)
    d = 64 * r.whole(5, 60)
    while d == heads * head:
        d += 64
    return {"n_layers": r.whole(3, 40), "d_model": d, "n_heads": heads, "n_kv_heads": kv, "head_dim": head, "d_ff": d + 8 * r.whole(9, 999),
            "vocab_size": r.whole(5000, 90_000), "n_positions": 0, "gated": True, "tied": False, "qk_norm": False, "bias": "none", "norm": "rms", **more}


drawn = partial(reference_drawn, r)


def by(**how):
    """What is given by who counts in some way."""
    return lambda c: counted(c, **how)


cases = [(c,) for c in (
    drawn(qk_norm=True), drawn(tied=True, bias="qkv"), drawn(gated=False, norm="layer", bias="all", n_positions=r.whole(100, 9000)),
    drawn(bias="all", n_layers=1), drawn(norm="layer", n_positions=r.whole(100, 9000), tied=True), *CONFIGS.values(),
)]
expect_each(count_params, cases).equals(counted, wrong={
    "2.3/tied_twice": ("a tied head is the table itself: it is stored once", by(tied=False)),
    "2.3/no_head": ("a head that is not tied is a matrix of its own", by(tied=True)),
    "2.3/plain": ("a gated feed-forward part has three matrices", by(n_up=1)),
    "2.3/always_gated": ("a feed-forward part that is not gated has two matrices", by(n_up=2)),
    "2.3/all_heads": ("keys and values have n_kv_heads heads", by(kv="n_heads")),
    "2.3/head_dim": ("a head need not have d_model over n_heads numbers",
                     by(head=lambda c: c["d_model"] // c["n_heads"]), by(head=lambda c: c["d_model"] / c["n_heads"])),
    "2.3/no_norms": ("each normalisation has weights", by(norms=0, last=0, qk=0), by(norms=0, last=0)),
    "2.3/no_last_norm": ("one more normalisation comes after the last layer", by(last=0)),
    "2.3/one_norm": ("a layer has two normalisations: before attention, and before the feed-forward part", by(norms=1)),
    "2.3/no_qk_norm": ("a model with q-k norm has weights for it", by(qk=0)),
    "2.3/one_qk_norm": ("queries and keys have weights of their own for the q-k norm", by(qk=1)),
    "2.3/no_shift": ("LayerNorm has a weight and a constant for each number of the row", by(shift=0)),
    "2.3/no_bias": ("bias says which matrices add constants", by(biases="none")),
    "2.3/bias_of_attention": ("\"all\" are all matrices of the layer, those after q, k and v, too",
                              lambda c: counted(c, biases="qkv" if c["bias"] == "all" else None)),
    "2.3/no_positions": ("the table of positions has parameters, too", by(positions=0)),
    "2.3/positions_elsewhere": ("the table of positions belongs to the embedding", by(inside=("head",))),
    "2.3/head_elsewhere": ("a head that is not tied belongs to the embedding", by(inside=("positions",))),
    "2.3/table_only": ("the embedding holds the token table, a head that is not tied, and the table of positions", by(inside=())),
})
### END HIDDEN TESTS
assert count_params(TOY) == {
    "total": 1192, "embedding": 160, "non_embedding": 1032
}, "2 · (256 + 240 + 16) + 8 in the layers and after them, 20 · 8 in the table"

# %% tags=["raises-exception"]
qwen = count_params(CONFIGS["Qwen2.5-0.5B"])
share = 100 * qwen["embedding"] / qwen["total"]
lab.reveal("embedding_share", share, "%", "your formula on its published shape");

# %% [markdown]
# ### Does it reconcile?
#
# Beside your count stand the table's and that of `transformers`. The library builds the whole model, here on the
# *meta* device, where arrays have a shape and no memory: 405 billion parameters weigh nothing.

# %%
def built(c):
    """A model of that shape as transformers makes it, without memory."""
    import transformers as hf

    if c["n_positions"]:
        config = hf.GPT2Config(n_embd=c["d_model"], n_layer=c["n_layers"],
                               n_head=c["n_heads"], n_positions=c["n_positions"],
                               n_inner=c["d_ff"], vocab_size=c["vocab_size"])
    else:
        kind = hf.Qwen3Config if c["qk_norm"] else hf.LlamaConfig
        config = (hf.Qwen2Config if c["bias"] == "qkv" else kind)(
            hidden_size=c["d_model"], intermediate_size=c["d_ff"],
            num_hidden_layers=c["n_layers"], num_attention_heads=c["n_heads"],
            num_key_value_heads=c["n_kv_heads"], head_dim=c["head_dim"],
            vocab_size=c["vocab_size"], tie_word_embeddings=c["tied"],
        )
    with torch.device("meta"):
        return hf.AutoModelForCausalLM.from_config(
            config, attn_implementation="eager"
        )


# %% tags=["raises-exception"]
for name, config in CONFIGS.items():
    yours = count_params(config)["total"]
    theirs, published = built(config).num_parameters(), SHAPES.loc[name, "n_params"]
    same = "all three agree" if yours == theirs == published else "they differ"
    print(f"{name:14s} yours {yours:15,}   transformers {theirs:15,}   {same}")

# %% [markdown]
# And if a model's own page shows another number? Qwen3-0.6B's is said to. The table has a note on it.

# %% tags=["raises-exception"]
print(SHAPES.loc["Qwen3-0.6B", "note"])
untied = count_params({**CONFIGS["Qwen3-0.6B"], "tied": False})
print(f"yours, if it were not tied: {untied['total']:,}")

# %% tags=["raises-exception"]
print("share of the parameters that is embedding, and what is left:")
for name, config in CONFIGS.items():
    n = count_params(config)
    share = n["embedding"] / n["total"]
    print(f"{name:14s} {share:6.1%}  {n['non_embedding']:15,}")

# %% [markdown]
# In small models the tables are a large share. Whoever writes "N parameters" has to say which: a law that was fitted to
# the ones without embedding does not hold for the others. Lab 3 comes back to that.

# %% [markdown]
# ## 4 · What computes?
#
# One pass over a text of T tokens multiplies each token's row by each matrix: 2 FLOP for a weight (lab 1). Besides,
# attention multiplies tokens by tokens. In each query head every query is multiplied with every key: T × T *scores*.
# And for every query the values of all T tokens are added up, each times its score.

# %% [markdown]
# A token must not see those after it, so only the scores of itself and earlier tokens count. Many programs compute all
# of them all the same, and throw half away.

# %% [markdown] nbgrader={"grade_id": "ex-2-4-task"}
# **Exercise 2.4 (2 points).** `forward_flop(config, n_tokens, causal=False)` returns the FLOP of one pass over one text:
# all matrix products, logits at every position included; no normalisation, no constants, no exponentials. With
# `causal`, attention between tokens counts only the pairs of a token with itself and with each earlier one. `TOY` with
# 5 tokens takes 13,920, and 12,960 with `causal`.

# %% nbgrader={"grade_id": "ex-2-4"}
def forward_flop(config, n_tokens, causal=False):
    """FLOP of a forward pass over one text of n_tokens."""
    ### BEGIN SOLUTION
    c = config
    width = c["n_heads"] * c["head_dim"]
    attention = 2 * c["d_model"] * c["head_dim"] * (c["n_heads"] + c["n_kv_heads"])
    feed_forward = (3 if c["gated"] else 2) * c["d_model"] * c["d_ff"]
    weights = c["n_layers"] * (attention + feed_forward) + c["vocab_size"] * c["d_model"]
    pairs = n_tokens * (n_tokens + 1) // 2 if causal else n_tokens**2
    return 2 * weights * n_tokens + 2 * 2 * c["n_layers"] * width * pairs
    ### END SOLUTION


# %%
forward_flop(TOY, 5), forward_flop(TOY, 5, True)  # try it

# %% nbgrader={"grade_id": "test-2-4", "points": 2}
### BEGIN HIDDEN TESTS
from functools import partial

from course.checking import expect_each
from course.cohort import rng

r = rng("2.4")


def flop(c, T, causal=False, *, kv="n_kv_heads", score_heads="n_heads", width=None, n_up=None, logits=None, looked_up=0, parts=2, pairs=None, per=2, more=0):
    d, n = c["d_model"], c["head_dim"]
    layer = 2 * d * n * (c["n_heads"] + c[kv]) + ((n_up or (2 if c["gated"] else 1)) + 1) * d * c["d_ff"]
    count = pairs(T) if pairs else T * (T + 1) // 2 if causal else T * T
    products = (c["n_layers"] * layer + more) * T + c["vocab_size"] * d * ((T if logits is None else logits) + looked_up * T)
    return per * (products + parts * c["n_layers"] * (width(c) if width else c[score_heads] * n) * count)


def rest(c):
    """The parameters that are in no product: normalisations, constants, the table of positions."""
    d, q, k = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    up = 2 if c["gated"] else 1
    norm = d * (2 if c["norm"] == "layer" else 1)
    constants = {"none": 0, "qkv": q + 2 * k, "all": q + 2 * k + 2 * d + up * c["d_ff"]}[c["bias"]]
    return c["n_layers"] * (2 * norm + constants + (2 * c["head_dim"] if c["qk_norm"] else 0)) + norm + c["n_positions"] * d


drawn = partial(reference_drawn, r)


def by(**how):
    """What is given by who counts in some way."""
    return lambda *a: flop(*a, **how)


def lengths(*causal):
    models = [drawn(), drawn(gated=False, tied=True), CONFIGS["GPT-2"], CONFIGS["GPT-2"], CONFIGS["SmolLM2-135M"], CONFIGS["Qwen3-0.6B"]]
    return [(c, T, *causal) for c, T in zip(models, (r.whole(1000, 9000), r.whole(20, 99), 1024, 256, 2048, 1), strict=True)]


expect_each(forward_flop, [*lengths(), *lengths(False)[:2]]).equals(flop, wrong={
    "2.4/look_up": ("a row of the embedding is looked up: nothing is multiplied", by(looked_up=1),
                    lambda c, T, causal=False: flop(c, T, logits=T if c["tied"] else 2 * T)),
    "2.4/no_logits": ("the output head is a matrix product, too, at every position", by(logits=0)),
    "2.4/last_logits": ("logits at every position are asked, not at the last alone", by(logits=1)),
    "2.4/head_if_untied": ("a tied table is multiplied all the same when it serves as the head",
                           lambda c, T, causal=False: flop(c, T, logits=0 if c["tied"] else T)),
    "2.4/no_scores": ("attention also multiplies tokens by tokens", by(parts=0)),
    "2.4/linear": ("every query meets every key: T times T pairs", by(pairs=lambda T: T)),
    "2.4/scores_alone": ("for each pair first a score, then a value times it: two products, 2 FLOP a multiply-add", by(parts=1)),
    "2.4/kv_scores": ("every query head has scores of its own, also where heads share keys", by(score_heads="n_kv_heads")),
    "2.4/d_for_heads": ("the heads together need not be as wide as the row: n_heads times head_dim", by(width=lambda c: c["d_model"])),
    "2.4/one_head": ("every query head has scores of its own", by(width=lambda c: c["head_dim"])),
    "2.4/multiply_add": ("a multiplication and its addition are 2 FLOP", by(per=1)),
    "2.4/all_heads": ("keys and values come from n_kv_heads heads", by(kv="n_heads")),
    "2.4/plain": ("a gated feed-forward part has three matrices", by(n_up=1)),
    "2.4/always_gated": ("a feed-forward part that is not gated has two matrices", by(n_up=2)),
    "2.4/all_params": ("parameters that only shift and scale are in no matrix product",
                       lambda c, T, causal=False: flop(c, T, more=rest(c)),
                       lambda c, T, causal=False: flop(c, T, more=rest(c) + (0 if c["tied"] else c["vocab_size"] * c["d_model"]))),
    "2.4/always_causal": ("without causal all pairs count", by(pairs=lambda T: T * (T + 1) // 2)),
})
expect_each(forward_flop, lengths(True)).equals(flop, wrong={
    "2.4/half": ("a token meets itself, too: T (T + 1) / 2 pairs", by(pairs=lambda T: T * T / 2), by(pairs=lambda T: T * T // 2)),
    "2.4/without_itself": ("a token meets itself, too: T (T + 1) / 2 pairs", by(pairs=lambda T: T * (T - 1) // 2)),
    "2.4/causal_ignored": ("with causal, pairs with later tokens do not count", by(pairs=lambda T: T * T)),
    "2.4/all_halved": ("only attention between tokens has fewer pairs; the weights meet each token as before",
                       lambda *a: flop(*a, pairs=lambda T: T * T) / 2, lambda *a: flop(*a, pairs=lambda T: T * T) // 2),
})
### END HIDDEN TESTS
assert forward_flop(TOY, 5) == 13_920, "1,152 weights for each token, 25 pairs"
assert (
    forward_flop(TOY, 5, True) == 12_960
), "15 pairs: 5 with itself, 10 with earlier ones"

# %% [markdown]
# ### Who tests the counter?
#
# PyTorch can count: `FlopCounterMode` adds up the FLOP of every product that runs. Let it look on while our small model
# reads 512 tokens, as `transformers` runs it by default. **Predict** how many per cent of your `forward_flop` it finds:
# `lab.predict("flop_counted", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-flop_counted"}
### BEGIN SOLUTION
lab.predict("flop_counted", 70, 101, "%")
### END SOLUTION

# %%
from torch.utils.flop_counter import FlopCounterMode

CODE = {**CONFIGS["SmolLM2-135M"], "n_layers": 4, "d_model": 256, "n_heads": 4,
        "n_kv_heads": 2, "head_dim": 64, "d_ff": 768, "vocab_size": 4096}


def counted(attention, n_tokens=512):
    """FLOP by operation, as PyTorch counts them in a pass (any weights will do)."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(models.folder_of("two-bills-code"))
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.arange(n_tokens)[None])
    found = counter.get_flop_counts()["Global"]
    return {str(operation).split(".")[-1]: flop for operation, flop in found.items()}


# %% tags=["raises-exception"]
yours = forward_flop(CODE, 512)
flop = {way: counted(way) for way in (None, "eager")}
share = 100 * sum(flop[None].values()) / yours
lab.reveal("flop_counted", share, "%", "PyTorch's counter over your formula")
for way, found in flop.items():
    told = ", ".join(f"{name} {n:,}" for name, n in found.items())
    print(f"{way or 'by default':10s} {sum(found.values()):13,} FLOP: {told}")
print(f"{'yours':10s} {yours:13,} FLOP")

# %% [markdown]
# By default attention between tokens runs as one fused program, and on a processor the counter does not know that
# program: it counts nothing for it, and says nothing. Asked to run the same attention as separate products (*eager*),
# it counts them as `bmm`, products of many matrices at once. If the first line is short of yours and the second is not,
# your formula has found an error in the counter, not the other way round.

# %% [markdown]
# ## 5 · And in seconds?
#
# One part grows with T, the other with T². You are about to time one layer, of our model's size, on one core.

# %% nbgrader={"grade_id": "given-layer"}
LENGTHS = (2048, 1024, 512, 256, 128)
LAYER = {**CODE, "n_layers": 1, "vocab_size": 0}


def weights():
    """The seven matrices of a layer, as (in, out)."""
    d, ff, q, kv = 256, 768, 256, 128
    sizes = {"q": (d, q), "k": (d, kv), "v": (d, kv), "o": (q, d),
             "gate": (d, ff), "up": (d, ff), "down": (ff, d)}
    return {name: torch.randn(size) / size[0] ** 0.5 for name, size in sizes.items()}


def layer(x, w):
    """A row for each token: what went in, plus attention, plus feed-forward."""
    q, k, v = x @ w["q"], x @ w["k"], x @ w["v"]
    later = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
    heads = []
    for n in range(4):  # two query heads share a head of keys and values
        own, shared = (slice(64 * i, 64 * (i + 1)) for i in (n, n // 2))
        scores = q[:, own] @ k[:, shared].T / 64**0.5
        scores = scores.masked_fill_(later, -torch.inf).softmax(-1)
        heads.append(scores @ v[:, shared])
    x = x + torch.cat(heads, 1) @ w["o"]
    return x + (torch.nn.functional.silu(x @ w["gate"]) * (x @ w["up"])) @ w["down"]


# %% [markdown]
# **Predict** the seconds for 2,048 tokens: `lab.predict("layer_seconds", low, high, "s")`. Your formula gives the FLOP;
# lab 1 gave the speed of matrix products.

# %% tags=["raises-exception"]
matmul = lab.record("matmul")
speed = np.median(matmul["values"]["n = 1024"])
print(f"lab 1: {matmul['threads']} threads multiply at {speed / 1e9:.0f} GFLOP/s")
print(f"2,048 tokens through the layer: {forward_flop(LAYER, 2048) / 1e9:.2f} GFLOP")

# %% nbgrader={"grade_id": "predict-layer_seconds"}
### BEGIN SOLUTION
lab.predict("layer_seconds", 0.05, 0.6, "s")
### END SOLUTION

# %% tags=["raises-exception"]
@torch.inference_mode()
def timing():
    """Seconds by length; in turns of 0.1 s at least, so that all meet the same."""
    before, w = torch.get_num_threads(), weights()
    torch.set_num_threads(1)
    seconds = {f"{n} tokens": [] for n in LENGTHS}
    for repetition in range(8):
        for n in LENGTHS:
            x, done, start = torch.randn(n, 256), 0, time.perf_counter()
            while (spent := time.perf_counter() - start) < 0.1 or not done:
                layer(x, w)
                done += 1
            if repetition:  # the first warms up
                seconds[f"{n} tokens"].append(spent / done)
    torch.set_num_threads(before)
    return seconds


lab.measure("layer_seconds", timing, unit="s", threads=1);

# %% [markdown]
# Which part is which? Let the time be a·T + b·T², with a and b as close to your medians as they can be, in proportion.
# Where both are the same, at T = a / b, attention between tokens takes half of the time. Your formula says where it
# takes half of the FLOP.

# %% tags=["raises-exception"]
def parts(n):
    """FLOP of one pass of the layer: those that grow with T, those with its square."""
    once, twice = forward_flop(LAYER, n), forward_flop(LAYER, 2 * n)
    square = (twice - 2 * once) / 2  # doubling T doubles the one, quadruples the other
    return once - square, square


linear, square = parts(1024)
by_flop = 1024 * linear / square
print(f"half of the FLOP are between tokens at T = {by_flop:,.0f}")

# %% [markdown]
# **Predict** the T at which it is half of the *time*: `lab.predict("layer_crossover", low, high, "tokens of text")`.

# %% nbgrader={"grade_id": "predict-layer_crossover"}
### BEGIN SOLUTION
lab.predict("layer_crossover", 300, 2000, "tokens of text")
### END SOLUTION

# %%
from scipy.optimize import nnls

record = lab.record("layer_seconds")
whose = lab.whose(record)
timed = {int(label.split()[0]): s for label, s in record["values"].items()}
T = np.array(sorted(timed), float)
middle = np.array([np.median(timed[n]) for n in T])
(a, b), _ = nnls(np.column_stack([T / middle, T**2 / middle]), np.ones(len(T)))
crossover = float(a / max(b, a / 1e6))
half = f"T = {crossover:,.0f}" if min(a, b) > 0 else "no T seen"
source = f"fit to what {whose} took"
lab.reveal("layer_crossover", crossover, "tokens of text", source);

# %%
grid = np.geomspace(100, 2600, 100)
lines = {"together": (a * grid + b * grid**2, plots.BLUE, "-"),
         "weights: a·T": (a * grid, plots.GREEN, "--"),
         "between tokens: b·T²": (b * grid**2, plots.ORANGE, "--")}
fig, ax = plt.subplots()
for n, seconds in timed.items():
    x = [n] * len(seconds)
    ax.plot(x, 1e3 * np.array(seconds), "o", color=plots.BLUE, alpha=0.5)
for y, colour, style in lines.values():
    ax.plot(grid, 1e3 * y, style, marker="", color=colour, lw=1.5)
ms = [1e3 * s for seconds in timed.values() for s in seconds]
ax.set(xscale="log", yscale="log", xlim=(100, 2600), ylim=(min(ms) / 3, 2 * max(ms)))
ax.set(xlabel="length of the text (tokens)", ylabel="one layer, one core (ms)")
plots.ticks(ax.xaxis, sorted(timed))
ax.yaxis.set_major_formatter("{x:g}")
plots.label_ends(ax, [(grid[-1], 1e3 * y[-1], text, colour)
                      for text, (y, colour, _) in lines.items() if y[-1] > 0])
ax.set_title(f"{whose.capitalize()}: half of the time is between tokens at {half}")
plots.show(fig, alt="Seconds of one layer by the length of the text, with the fit's "
           "two parts: one grows with the length, the other with its square.")

# %% tags=["raises-exception"]
products, between = parts(1.0)
for part, flop, seconds in (("weights", products, a), ("between tokens", between, b)):
    if seconds > 0:
        print(f"{part:14s} {flop / seconds / 1e9:6.1f} GFLOP/s")

# %% tags=["raises-exception"]
grid = np.geomspace(100, 20_000, 100)
linear, square = np.array([parts(n) for n in grid]).T
no_feed_forward = {**LAYER, "d_ff": 0}
attention = np.array([forward_flop(no_feed_forward, n) for n in grid]) - square
whole = linear + square
shares = [100 * part / whole for part in (linear - attention, attention, square)]

fig, ax = plt.subplots()
colours = (plots.GREEN, plots.BLUE, plots.ORANGE)
ax.stackplot(grid, *shares, colors=colours, alpha=0.55, lw=0)
ax.text(105, 35, "feed-forward")
ax.text(105, 72.5, "queries, keys, values, output", fontsize=9)
halves = {"FLOP": (by_flop, f"T = {by_flop:,.0f}", 92),
          "time": (crossover, half, 84)}
box = {"color": "white", "alpha": 0.6, "lw": 0, "pad": 1.5}
ax.text(4500, 55, "attention\nbetween tokens", bbox=box)
for what, (x, where, y) in halves.items():
    line = "solid" if what == "FLOP" else "dotted"
    if grid[0] < x < grid[-1]:
        ax.axvline(x, color="black", lw=1.2, ls=line, marker="")
    ax.text(1800, y, f"{line}: half of the {what}, {where}", bbox=box)
ax.set(xscale="log", xlim=(100, 20_000), ylim=(0, 100))
ax.set(xlabel="length of the text (tokens)", ylabel="share of the layer's FLOP (%)")
plots.ticks(ax.xaxis, [100, 300, 1000, 3000, 10_000])
ax.grid(visible=False)
ax.set_title(f"Half of the FLOP at T = {by_flop:,.0f}, half of the time at {half}")
plots.show(fig, alt="Shares of a layer's FLOP by the length of the text, stacked, with "
           "the lengths at which attention between tokens is half of the FLOP, "
           "and half of the time.")

# %% [markdown]
# If the time's half comes earlier than that of the FLOP: scores are masked, exponentiated and normalised. Those T × T
# numbers go through memory several times, and none of that is counted as FLOP. FLOP say what has to be multiplied, not
# what has to be waited for. If it comes later, what else took time?

# %% [markdown]
# ## 6 · Where is the 6?
#
# To learn, a model goes backward, too. PyTorch's counter can look on, on the meta device, where nothing is computed.

# %%
def passes(c, n_tokens):
    """FLOP of the forward and of the backward pass, as PyTorch counts them."""
    model = built(c)
    ids = torch.zeros(1, n_tokens, dtype=torch.long, device="meta")
    mask = torch.zeros(1, 1, n_tokens, n_tokens, device="meta")
    with FlopCounterMode(display=False) as counter:
        out = model(ids, position_ids=ids, attention_mask=mask)
        forward = counter.get_total_flops()
        out.logits.sum().backward()
    return forward, counter.get_total_flops() - forward


for name in ("GPT-2", "SmolLM2-135M"):
    forward, backward = passes(CONFIGS[name], 1024)
    print(f"{name:12s} forward {forward:,}, backward {backward:,}: "
          f"{backward / forward:.2f} times")

# %% [markdown]
# For each product of the forward pass there are two in the backward pass: one says how each of the weights should
# change, the other how what went in should have been different. That holds for attention between tokens, too: both
# factors of its products were computed from weights, so both have to be told.
#
# N in 6ND stands for the weights of all matrix products. Which of a model's parameters are that?

# %% [markdown] nbgrader={"grade_id": "ex-2-5-task"}
# **Exercise 2.5 (2 points).** `train_flop_per_token(config, seq_len)` returns the FLOP of training per token, in texts
# of `seq_len` tokens: forward and backward, all pairs of tokens counted, nothing computed twice. Normalisations and
# constants may be counted as weights or not: 0.1 % is allowed. GPT-2 with 1,024 takes 854 million.

# %% nbgrader={"grade_id": "ex-2-5"}
def train_flop_per_token(config, seq_len):
    """FLOP of training, forward and backward, per token."""
    ### BEGIN SOLUTION
    c = config
    attention = 2 * c["d_model"] * c["head_dim"] * (c["n_heads"] + c["n_kv_heads"])
    feed_forward = (3 if c["gated"] else 2) * c["d_model"] * c["d_ff"]
    n = c["n_layers"] * (attention + feed_forward) + c["vocab_size"] * c["d_model"]
    return 6 * n + 12 * c["n_layers"] * c["n_heads"] * c["head_dim"] * seq_len
    ### END SOLUTION


# %%
train_flop_per_token(CONFIGS["GPT-2"], 1024)  # try it

# %% nbgrader={"grade_id": "test-2-5", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("2.5")


def flop(c, T, *, per=6, between=None, width=None, head=1, more=lambda c: 0):
    d, n = c["d_model"], c["head_dim"]
    layer = 2 * d * n * (c["n_heads"] + c["n_kv_heads"]) + (3 if c["gated"] else 2) * d * c["d_ff"]
    weights = c["n_layers"] * layer + head * c["vocab_size"] * d + more(c)
    pairs = 2 * per if between is None else between
    return per * weights + pairs * c["n_layers"] * (width(c) if width else c["n_heads"] * n) * T


def table(c):
    """A look-up table counted beside the head."""
    return (0 if c["tied"] else c["vocab_size"] * c["d_model"]) + c["n_positions"] * c["d_model"]


def small(c):
    """Normalisations and constants."""
    d, q, k = c["d_model"], c["n_heads"] * c["head_dim"], c["n_kv_heads"] * c["head_dim"]
    norm = d * (2 if c["norm"] == "layer" else 1)
    constants = {"none": 0, "qkv": q + 2 * k, "all": q + 2 * k + 2 * d + (2 if c["gated"] else 1) * c["d_ff"]}[c["bias"]]
    return c["n_layers"] * (2 * norm + constants + (2 * c["head_dim"] if c["qk_norm"] else 0)) + norm


def drawn(**more):
    kv = r.whole(2, 6)
    heads, head = kv * r.whole(3, 6), 8 * r.whole(8, 20)
    d = 64 * r.whole(24, 60)
    while abs(d / (heads * head) - 1) < 0.05:
        d += 64
    return {"n_layers": r.whole(8, 40), "d_model": d, "n_heads": heads, "n_kv_heads": kv, "head_dim": head, "d_ff": 2 * d + 8 * r.whole(9, 999),
            "vocab_size": r.whole(40_000, 190_000), "n_positions": 0, "gated": True, "tied": False, "qk_norm": False, "bias": "none", "norm": "rms", **more}


cases = [(drawn(), r.whole(1000, 9000)), (drawn(tied=True, gated=False), r.whole(20_000, 90_000)), (drawn(tied=True), r.whole(500, 900)),
         (CONFIGS["GPT-2"], 1024), (CONFIGS["Llama 3.1 8B"], 8192), (CONFIGS["SmolLM2-135M"], 2048)]
expect_each(train_flop_per_token, cases).close_to(flop, rel_tol=1e-3, wrong={
    "2.5/recompute": ("that is 8 for each weight: it counts the forward pass twice",
                      lambda *a: flop(*a, per=8), lambda *a: flop(*a, per=8, between=12)),
    "2.5/forward_only": ("that is the forward pass alone", lambda *a: flop(*a, per=2)),
    "2.5/backward_only": ("that is the backward pass alone", lambda *a: flop(*a, per=4)),
    "2.5/look_up": ("a table that is looked up multiplies nothing: count the output head, once", lambda *a: flop(*a, more=table),
                    lambda *a: flop(*a, head=2), lambda *a: flop(*a, more=lambda c: (0 if c["tied"] else c["vocab_size"] * c["d_model"]))),
    "2.5/no_head": ("the output head is a matrix product, too, also where it is tied", lambda *a: flop(*a, head=0),
                    lambda *a: flop(*a, head=0, more=small), lambda c, T: flop(c, T, head=0 if c["tied"] else 1)),
    "2.5/no_attention": ("6N leaves out attention between tokens", lambda *a: flop(*a, between=0),
                         lambda *a: flop(*a, between=0, more=lambda c: table(c) + small(c)),
                         lambda *a: flop(*a, between=0, head=0, more=small)),
    "2.5/halved": ("all pairs of tokens count here, also those that are thrown away", lambda *a: flop(*a, between=6)),
    "2.5/between_forward_only": ("attention between tokens goes backward, too", lambda *a: flop(*a, between=4)),
    "2.5/d_model": ("the heads together need not be as wide as the row", lambda *a: flop(*a, width=lambda c: c["d_model"])),
    "2.5/kv_heads": ("every query head has scores of its own", lambda *a: flop(*a, width=lambda c: c["n_kv_heads"] * c["head_dim"])),
    "2.5/whole_text": ("that is for all tokens of the text; per token is asked", lambda c, T: T * flop(c, T)),
})
### END HIDDEN TESTS
assert isclose(
    train_flop_per_token(CONFIGS["GPT-2"], 1024), 854_438_400, rel_tol=1e-3
), "123.5 million weights, and 12 layers of 12 heads of 64 numbers"

# %% tags=["raises-exception"]
for name, n_tokens in (("GPT-2", 1024), ("SmolLM2-135M", 2048), ("Qwen3-0.6B", 1024)):
    pytorch = sum(passes(CONFIGS[name], n_tokens)) / n_tokens
    yours = train_flop_per_token(CONFIGS[name], n_tokens)
    print(f"{name:12s} T = {n_tokens}: yours {yours:13,.0f} a token, "
          f"PyTorch {pytorch:13,.0f}, ratio {yours / pytorch:.5f}")

# %% [markdown]
# ### How wrong is 6ND?
#
# People take N to be all parameters and leave attention between tokens out. **Predict** by how many per cent that is
# off for SmolLM2-135M with 2,048 tokens, negative if it is too low: `lab.predict("error_of_6nd", low, high, "%")`.

# %% nbgrader={"grade_id": "predict-error_of_6nd"}
### BEGIN SOLUTION
lab.predict("error_of_6nd", -45, -5, "%")
### END SOLUTION

# %% tags=["raises-exception"]
def error(name, seq_len):
    """6 · all parameters over what training takes, minus 1."""
    n = count_params(CONFIGS[name])["total"]
    return 6 * n / train_flop_per_token(CONFIGS[name], seq_len) - 1


percent = 100 * error("SmolLM2-135M", 2048)
lab.reveal("error_of_6nd", percent, "%", "your two formulae")
for name in ("GPT-2", "SmolLM2-135M", "Llama 3.1 8B", "Llama 3.1 405B"):
    errors = [f"{error(name, n):+.2%} at {n:,}" for n in (1024, 2048, 8192, 32_768)]
    print(f"{name:14s} {', '.join(errors)}")

# %% tags=["raises-exception"]
grid = np.geomspace(128, 131_072, 120)
shown = {"SmolLM2-135M": (-36, "right"), "GPT-2": (-55, "left"),
         "Llama 3.1 8B": (-27, "right"), "Llama 3.1 405B": (-19, "left")}
fig, ax = plt.subplots(figsize=(8, 4.4))
ax.axhspan(-10, 10, color="grey", alpha=0.15, lw=0)
ax.axhline(0, color="grey", lw=1, ls="-", marker="")
limit = {}
for n, (name, (height, side)) in enumerate(shown.items()):
    percent, colour = np.array([100 * error(name, t) for t in grid]), plots.COLOURS[n]
    ax.plot(grid, percent, "-", marker="", color=colour, lw=2)
    inside = grid[np.abs(percent) <= 10]
    limit[name] = inside.max() if len(inside) else 0
    at = int(np.argmin(np.abs(percent - height)))
    shift = (6, 1) if side == "left" else (-9, -8)
    place = (grid[at], percent[at])
    plots.label(ax, name, place, shift=shift, colour=colour, side=side)
plots.label(ax, "grey: within 10 %", (140, 12.5))
ax.set(xscale="log", xlim=(128, 131_072), ylim=(-100, 25))
ax.set(xlabel="length of the texts (tokens)", ylabel="error of 6 × all parameters (%)")
plots.ticks(ax.xaxis, [128, 512, 2048, 8192, 32_768, 131_072])
first, last = limit["SmolLM2-135M"], limit["Llama 3.1 405B"]
ax.set_title(f"6ND holds within 10 % up to T = {first:,.0f} for SmolLM2, "
             f"{last:,.0f} for Llama 405B", fontsize=11)
plots.show(fig, alt="By how many per cent 6 times all parameters misses the FLOP of "
           "training a token, against the length of the texts, for four models.")

# %% [markdown]
# Two errors work against each other: attention between tokens is left out, and a token table that is only looked up is
# counted. Llama's 8B has a table beside its head, so that at some length both cancel. A formula can be right for a
# wrong reason. In wide models, 6ND is good as long as texts are short: products with weights grow with the square of
# the width, attention with the width alone.

# %% [markdown]
# ### Which convention?
#
# For this course an H100 trained models on texts of 2,048 tokens; the table has the utilisation (MFU, lab 1) with and
# without attention between tokens. Their ratio tells how attention was counted.

# %% tags=["raises-exception"]
trained = data.load("h100_training").set_index("id")
timed_shapes = data.load("h100_models").set_index("id")
for model in ("125m", "350m", "1.3b", "2.6b"):
    row, s = trained.loc[f"{model}-compiled"], timed_shapes.loc[model]
    sizes = {key: int(s[key]) for key in COUNTS if key != "n_positions"}
    six_n = 6 * int(s.n_matmul_params)
    yours = train_flop_per_token({**CODE, **sizes}, int(row.length))
    half = (yours + six_n) / 2
    print(f"{model:5s} {100 * row.mfu_6n:.1f} % by 6N, {100 * row.mfu:.1f} % with "
          f"attention: ratio {row.mfu / row.mfu_6n:.3f}; yours {yours / six_n:.3f}, "
          f"with half of the pairs {half / six_n:.3f}")

# %% [markdown]
# So that table counts only pairs that are needed. Neither is wrong. But a utilisation with all pairs is higher than one
# with half of them, on the same machine in the same second. And papers? Here are published FLOP over N · D.

# %%
runs = data.load("training_runs").set_index("name")
runs["per_nd"] = runs.flop_published / runs.n_active_params / runs.n_tokens
runs = runs.dropna(subset="per_nd")
for name, row in runs.sort_values("per_nd").iterrows():
    print(f"{row.per_nd:5.2f} {name:20s} {row.year}")

# %% [markdown]
# Most say 6: they counted with the formula that you would check by them. Those near 8 computed the forward pass twice
# to save memory, and counted it both times; some add attention. Of those below 6 some were published
# rounded, such as "about 1e23"; of the rest the table does not say why. A utilisation that counts the second pass, too,
# is called HFU, with the hardware's H. What was done twice is work, but not progress.

# %% [markdown]
# ## 7 · At what length does it matter?
#
# In training, one part per token is fixed, and attention between tokens grows with the context.

# %% [markdown] nbgrader={"grade_id": "ex-2-6-task"}
# **Exercise 2.6 (stretch, 1 point).** `context_for_share(config, share)` returns the length of the texts at which
# attention between tokens is that share of the FLOP of training, counted as in 2.5. Do not round; 0.1 % is allowed, as
# there. Raise `ValueError` unless 0 < share < 1. For GPT-2, half is at 6,702.

# %% nbgrader={"grade_id": "ex-2-6"}
def context_for_share(config, share):
    """The context at which attention between tokens is a share of the training FLOP."""
    ### BEGIN SOLUTION
    if not 0 < share < 1:
        raise ValueError(f"a share is between 0 and 1, got {share}")
    c = config
    attention = 2 * c["d_model"] * c["head_dim"] * (c["n_heads"] + c["n_kv_heads"])
    feed_forward = (3 if c["gated"] else 2) * c["d_model"] * c["d_ff"]
    n = c["n_layers"] * (attention + feed_forward) + c["vocab_size"] * c["d_model"]
    return share / (1 - share) * 6 * n / (12 * c["n_layers"] * c["n_heads"] * c["head_dim"])
    ### END SOLUTION


# %%
context_for_share(CONFIGS["GPT-2"], 0.5)  # try it

# %% nbgrader={"grade_id": "test-2-6", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each
from course.cohort import rng

r = rng("2.6")


def context(c, share, *, odds=lambda share: share / (1 - share), width=None, head=1, more=0, halves=1):
    d, n = c["d_model"], c["head_dim"]
    layer = 2 * d * n * (c["n_heads"] + c["n_kv_heads"]) + (3 if c["gated"] else 2) * d * c["d_ff"]
    weights = c["n_layers"] * layer + head * c["vocab_size"] * d + more
    return halves * odds(share) * weights / (2 * c["n_layers"] * (width(c) if width else c["n_heads"] * n))


def drawn(**more):
    kv = r.whole(2, 6)
    heads, head = kv * r.whole(3, 6), 8 * r.whole(8, 20)
    d = 64 * r.whole(24, 60)
    while abs(d / (heads * head) - 1) < 0.05:
        d += 64
    return {"n_layers": r.whole(8, 40), "d_model": d, "n_heads": heads, "n_kv_heads": kv, "head_dim": head, "d_ff": 2 * d + 8 * r.whole(9, 999),
            "vocab_size": r.whole(40_000, 190_000), "n_positions": 0, "gated": True, "tied": False, "qk_norm": False, "bias": "none", "norm": "rms", **more}


def by(**how):
    """What is given by who computes it in some way."""
    return lambda *a: context(*a, **how)


cases = [(drawn(), r.number(0.6, 0.95)), (drawn(gated=False, tied=True), r.number(0.01, 0.1)), (drawn(tied=True), 0.5),
         (CONFIGS["SmolLM2-135M"], 0.5), (CONFIGS["Llama 3.1 405B"], 0.5), (CONFIGS["GPT-2"], r.number(0.1, 0.4))]
expect_each(context_for_share, cases).close_to(context, rel_tol=1e-3, wrong={
    "2.6/share": ("a share of the whole is asked, not the ratio of the two parts", by(odds=lambda share: share)),
    "2.6/inverse": ("a larger share needs longer texts", by(odds=lambda share: (1 - share) / share)),
    "2.6/kv_heads": ("every query head has scores of its own", by(width=lambda c: c["n_kv_heads"] * c["head_dim"])),
    "2.6/d_model": ("the heads together need not be as wide as the row", by(width=lambda c: c["d_model"])),
    "2.6/halved": ("all pairs of tokens count, as in 2.5", by(halves=2)),
    "2.6/no_head": ("the output head is a matrix product, too, also where it is tied", by(head=0)),
    "2.6/look_up": ("a table that is looked up multiplies nothing",
                    lambda c, share: context(c, share, more=(0 if c["tied"] else c["vocab_size"] * c["d_model"]) + c["n_positions"] * c["d_model"]),
                    lambda c, share: context(c, share, more=0 if c["tied"] else c["vocab_size"] * c["d_model"])),
    "2.6/forward_and_backward": ("count both parts the same way: the forward pass alone (2 and 4), or with the backward pass (6 and 12)", by(halves=3), by(halves=1 / 3)),
})
nonsense = [(CONFIGS["GPT-2"], share) for share in (-0.1, 1.2, 40, 0, 1)]
expect_each(context_for_share, nonsense).raises(ValueError, wrong={
    "2.6/nothing_refused": ("a share that is not between 0 and 1 is refused by a ValueError", NOTHING_REFUSED),
    "2.6/ends_let_through": ("0 and 1 are no shares that a text can have: refuse them, too",
                             *([ValueError] * 3 + [0.0, one] for one in (ZeroDivisionError, np.inf))),
})
### END HIDDEN TESTS
assert isclose(
    context_for_share(CONFIGS["GPT-2"], 0.5), 6702, rel_tol=1e-3
), "where 12 · layers · heads · head_dim · T is as much as 6N"

# %% tags=["raises-exception"]
for name, config in CONFIGS.items():
    told = ", ".join(f"{share:.0%} at {context_for_share(config, share):9,.0f}"
                     for share in (0.1, 0.5))
    print(f"{name:14s} {told}")

# %% [markdown]
# ## 8 · And in bytes?
#
# AdamW, the usual optimizer, keeps two *moments* for each weight: `m`, an average of its past gradients, and `v`, of
# their squares. So training holds weights, gradients, and both. In 32 bits each of them has 4 bytes.
#
# Matrix products are faster in 16 bits. Why not keep everything in 16 bits, then?

# %%
weight = torch.tensor(1.0, dtype=torch.bfloat16)  # 16 bits
for _ in range(1000):
    weight = weight + 0.001
print(f"1.0, and a thousand times 0.001: {weight.item()}")

# %% [markdown]
# Small steps vanish in a 16-bit weight. So *mixed precision* computes with weights in 16 bits, with gradients in 16 or in
# 32 bits, and keeps besides a **master** copy of the weights in 32 bits, to which steps are added. The moments, sums of
# many small numbers as well, stay in 32 bits.

# %% [markdown]
# | recipe | products in | gradients in |
# |---|---|---|
# | `"fp32"` | 32 bits | 32 bits |
# | `"mixed"` | 16 bits | 16 bits |
# | `"mixed_fp32_grads"` | 16 bits | 32 bits |
#
# **Predict** what training Llama 3.1 8B holds with the recipe `"mixed"`, before a single token has been read:
# `lab.predict("training_state", low, high, "GB")`.

# %% nbgrader={"grade_id": "predict-training_state"}
### BEGIN SOLUTION
lab.predict("training_state", 40, 160, "GB")
### END SOLUTION

# %% [markdown] nbgrader={"grade_id": "ex-2-7-task"}
# **Exercise 2.7 (2 points).** `training_state_bytes(n_params, recipe)` returns a dict with exactly `weights`, `grads`,
# `m`, `v` and `master`, whole bytes; what a recipe does not keep takes 0. A million parameters in 32 bits take 16
# million bytes together.

# %% nbgrader={"grade_id": "ex-2-7"}
def training_state_bytes(n_params, recipe):
    """Bytes that training with AdamW holds, by what they are."""
    ### BEGIN SOLUTION
    sizes = {"fp32": (4, 4, 4, 4, 0), "mixed": (2, 2, 4, 4, 4), "mixed_fp32_grads": (2, 4, 4, 4, 4)}
    names = ("weights", "grads", "m", "v", "master")
    return {name: n_params * size for name, size in zip(names, sizes[recipe], strict=True)}
    ### END SOLUTION


# %%
training_state_bytes(10**6, "fp32")  # try it

# %% nbgrader={"grade_id": "test-2-7", "points": 2}
### BEGIN HIDDEN TESTS
from course.checking import expect_each
from course.cohort import rng

r = rng("2.7")
PARTS = ("weights", "grads", "m", "v", "master")
RECIPES = {"fp32": (4, 4, 4, 4, 0), "mixed": (2, 2, 4, 4, 4), "mixed_fp32_grads": (2, 4, 4, 4, 4)}


def state(n, recipe, **changed):
    held = dict(zip(PARTS, RECIPES[recipe], strict=True))
    return {part: n * (changed[part](recipe) if part in changed else size) for part, size in held.items()}


def by(**changed):
    """What is given by who takes other sizes for some parts."""
    return lambda *a: state(*a, **changed)


def short(recipe):
    return 4 if recipe == "fp32" else 2


cases = [(r.whole(10**6, 10**11), recipe) for recipe in RECIPES] + [(1, "mixed"), (int(SHAPES.loc["Llama 3.1 8B", "n_params"]), "mixed")]
expect_each(training_state_bytes, cases).equals(state, wrong={
    "2.7/no_master": ("mixed precision keeps a master copy of the weights in 32 bits", by(master=lambda recipe: 0)),
    "2.7/always_master": ("weights in 32 bits need no master copy", by(master=lambda recipe: 4)),
    "2.7/moments_16": ("the moments stay in 32 bits", by(m=short, v=short)),
    "2.7/moments_and_master_16": ("moments and master copy are in 32 bits", by(m=short, v=short, master=lambda recipe: 0 if recipe == "fp32" else 2)),
    "2.7/grads_32": ("\"mixed\" keeps its gradients in 16 bits", by(grads=lambda recipe: 4)),
    "2.7/grads_16": ("\"mixed_fp32_grads\" keeps its gradients in 32 bits", by(grads=short)),
    "2.7/weights_32": ("mixed precision computes with weights in 16 bits", by(weights=lambda recipe: 4)),
    "2.7/recipe_ignored": ("the recipe says what is in 16 bits", lambda n, recipe: state(n, "fp32"),
                           lambda n, recipe: state(n, "fp32", master=lambda recipe: 4), lambda n, recipe: state(n, "mixed")),
    "2.7/bits": ("bytes are asked, not bits", lambda *a: {part: 8 * n for part, n in state(*a).items()}),
    "2.7/each": ("that is for one parameter: multiply by n_params", lambda n, recipe: state(1, recipe)),
})
### END HIDDEN TESTS
assert training_state_bytes(10**6, "fp32") == {
    **dict.fromkeys(["weights", "grads", "m", "v"], 4_000_000), "master": 0
}, "four numbers of 4 bytes for each parameter"

# %% tags=["raises-exception"]
LLAMA_8B = int(SHAPES.loc["Llama 3.1 8B", "n_params"])
gb = sum(training_state_bytes(LLAMA_8B, "mixed").values()) / 1e9
lab.reveal("training_state", gb, "GB", "your formula on its published parameters")
h100 = data.row("accelerators/h100-sxm")
print(f"An {h100['name']} has {h100.memory_bytes / 1e9:.1f} GB: "
      f"{gb / (h100.memory_bytes / 1e9):.1f} of them, before anything is computed.")

# %% [markdown]
# ### Ask an optimizer
#
# PyTorch's AdamW, one step on our small model in both ways; then add up what is held.

# %%
def held(mixed):
    """Bytes that a real step of AdamW leaves behind, by what they are."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(models.folder_of("two-bills-code"))
    model = AutoModelForCausalLM.from_config(config)
    model = model.to(torch.bfloat16 if mixed else torch.float32)
    weights, ids = list(model.parameters()), torch.arange(16)[None]
    stepped = [w.detach().float() for w in weights] if mixed else weights
    optimizer = torch.optim.AdamW(stepped)
    model(ids, labels=ids).loss.backward()
    for master, w in zip(stepped, weights, strict=True):
        master.grad = w.grad.float() if mixed else w.grad
    optimizer.step()
    kept = {"weights": weights, "grads": [w.grad for w in weights],
            "m": [optimizer.state[w]["exp_avg"] for w in stepped],
            "v": [optimizer.state[w]["exp_avg_sq"] for w in stepped],
            "master": stepped if mixed else []}
    return {name: sum(t.nbytes for t in found) for name, found in kept.items()}


# %% tags=["raises-exception"]
n_params = count_params(CODE)["total"]
for recipe in ("fp32", "mixed"):
    real, yours = held(recipe == "mixed"), training_state_bytes(n_params, recipe)
    print(f"{recipe:6s} AdamW {real}\n{'':6s} yours {yours}")

# %% [markdown]
# And on the H100? Its runs kept weights in 32 bits and let PyTorch make 16-bit copies for the products. Beside the peak
# of memory stands your `"fp32"`.

# %% tags=["raises-exception"]
for row in data.load("h100_training").dropna(subset="peak_memory_gib").itertuples():
    n = int(timed_shapes.loc[row.model, "n_params"])
    state = sum(training_state_bytes(n, "fp32").values())
    peak = row.peak_memory_gib * 2**30
    n_tokens = row.sequences * row.length
    print(f"{row.model:5s} {row.mode:8s} {n_tokens:6,} tokens a step: "
          f"{peak / 1e9:5.1f} GB at most, {state / 1e9:5.1f} of them by your formula")

# %% [markdown]
# What is left is what the forward pass leaves for the backward pass, *activations*, and the logits of all tokens. It
# grows with the tokens of a step, not with the model alone: for the smallest it is nine tenths. Computing the forward
# pass twice is how people save it: the 8 above.

# %% [markdown]
# ## 9 · GB or GiB?
#
# That table's column is in GiB, 2³⁰ bytes, and what the box of an H100 calls GB are GiB, too. Your formula's GB are 10⁹
# bytes. Who mixes them up is off by 7 %. A program that reads and writes both helps.

# %% [markdown] nbgrader={"grade_id": "ex-2-8-task"}
# **Exercise 2.8 (stretch, 1 point).** `format_bytes(n, binary)` writes n whole bytes, `0 <= n < 10**18`, as
# `f"{x:.4g} {unit}"` in the largest unit with x ≥ 1: B, kB, MB, GB, TB, PB, powers of 1,000, or if `binary` B, KiB,
# MiB, GiB, TiB, PiB, powers of 1,024. 0 is `"0 B"`, 999,999 is `"1000 kB"`.
#
# `parse_bytes(s)` reads a decimal number (17, 6.25, .5) and any of these units, with or without a space between, and
# gives the nearest whole number of bytes. Case counts. Raise `ValueError` for a missing or another unit and for a
# negative number.

# %% nbgrader={"grade_id": "ex-2-8"}
def format_bytes(n, binary):
    """n bytes as text, such as "6.25 GiB"."""
    ### BEGIN SOLUTION
    step, units = (1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]) if binary else (1000, ["B", "kB", "MB", "GB", "TB", "PB"])
    power = max((p for p in range(6) if n >= step**p), default=0)
    return f"{n / step**power:.4g} {units[power]}"
    ### END SOLUTION


def parse_bytes(s):
    """Whole bytes of a text such as "6.25 GiB"."""
    ### BEGIN SOLUTION
    sizes = {"B": 1} | {f"{prefix}B": 1000 ** (i + 1) for i, prefix in enumerate("kMGTP")}
    sizes |= {f"{prefix}iB": 1024 ** (i + 1) for i, prefix in enumerate("KMGTP")}
    found = re.fullmatch(r"(\d+\.?\d*|\.\d+) ?([A-Za-z]+)", s)
    if not found or found[2] not in sizes:
        raise ValueError(f"{s!r} is no number of bytes such as '6.25 GiB'")
    return round(float(found[1]) * sizes[found[2]])
    ### END SOLUTION


# %%
format_bytes(6_710_886_400, True), parse_bytes("6.25GiB")  # try it

# %% nbgrader={"grade_id": "test-2-8", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import NOTHING_REFUSED, expect_each
from course.cohort import rng

r = rng("2.8")
DECIMAL, BINARY = ("B", "kB", "MB", "GB", "TB", "PB"), ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def written(n, binary, *, step=None, units=None, over=lambda n, size: n >= size):
    each, names = step or (1024 if binary else 1000), units or (BINARY if binary else DECIMAL)
    power = max((p for p in range(6) if over(n, each**p)), default=0)
    return f"{n / each**power:.4g} {names[power]}"


def read(s, *, kilo=1000, kibi=1024, whole=round):
    value, unit = re.fullmatch(r"(-?[\d.]+) ?(\w+)", s).groups()
    power = max(DECIMAL.index(unit) if unit in DECIMAL else 0, BINARY.index(unit) if unit in BINARY else 0)
    return whole(float(value) * (kibi if unit in BINARY else kilo) ** power)


numbers = [(r.whole(2 * 1000**p, 900 * 1000**p), binary) for p in range(1, 6) for binary in (True, False)]
edges = [(n, binary) for n in (0, 1, 999, 1000, 1023, 1024, 999_999, 10**6, 2**20 - 1, 2**20, 1000**5, 2**50, 6_710_886_400) for binary in (True, False)]
expect_each(format_bytes, [*numbers, *edges]).equals(written, wrong={
    "2.8/decimal_steps": ("binary units are powers of 1,024", lambda n, binary: written(n, binary, step=1000)),
    "2.8/binary_steps": ("kB, MB and GB are powers of 1,000", lambda n, binary: written(n, binary, step=1024)),
    "2.8/decimal_names": ("with binary the units are KiB, MiB and so on", lambda n, binary: written(n, binary, units=DECIMAL)),
    "2.8/binary_ignored": ("binary says which units", lambda n, binary: written(n, False), lambda n, binary: written(n, True)),
    "2.8/above_one": ("1,000 bytes are 1 kB: the largest unit with x ≥ 1", lambda n, binary: written(n, binary, over=lambda n, size: n > size)),
    "2.8/letters": ("a decimal kilobyte is a kB, a binary one a KiB",
                    lambda n, binary: written(n, binary, units=("B", "KB", *DECIMAL[2:]) if not binary else None),
                    lambda n, binary: written(n, binary, units=("B", "kiB", *BINARY[2:]) if binary else None)),
})
units = [*DECIMAL[1:], *BINARY[1:]]
texts = [f"{r.number(1.5, 900)}{r.choice(['', ' '])}{unit}" for unit in units] + ["0 B", "0.0B", "17B", "1000 kB", "6.711 GB", "6.25 GiB", ".5 KiB",
         f"{r.whole(3, 9)}.2346 kB", f"{r.whole(2, 9)}.0007 kB", "0.3 B"]
expect_each(parse_bytes, [(text,) for text in texts]).close_to(read, rel_tol=1e-12, wrong={
    "2.8/reads_1000": ("KiB, MiB and GiB are powers of 1,024", lambda s: read(s, kibi=1000)),
    "2.8/reads_1024": ("kB, MB and GB are powers of 1,000", lambda s: read(s, kilo=1024)),
    "2.8/truncates": ("the nearest whole number is asked, not the one below", lambda s: read(s, whole=int)),
    "2.8/not_whole": ("bytes are whole: round", lambda s: read(s, whole=float)),
})
alien = ["6.711", "12", "5 Gb", "7 KB", "7 kiB", "3 gb", "3 GIB", "5 parsecs", "4 bytes", "GB", ""]
expect_each(parse_bytes, [(text,) for text in alien]).raises(ValueError, wrong={
    "2.8/nothing_refused": ("a missing or an unknown unit is refused by a ValueError", NOTHING_REFUSED),
    "2.8/any_case": ("case counts: Gb are bits, and neither KB nor GIB is one of the units",
                     [ValueError, ValueError, 5 * 10**9, 7000, 7 * 1024, 3 * 10**9, 3 * 2**30, *[ValueError] * 4]),
    "2.8/no_unit": ("a number without a unit is refused: bytes, or what?", [7, 12, *[ValueError] * 9]),
})
expect_each(parse_bytes, [("-1 GB",), ("-0.5KiB",), ("-3 B",)]).raises(ValueError, wrong={
    "2.8/negative": ("there is no negative number of bytes: refuse it", [-(10**9), -512, -3]),
})
### END HIDDEN TESTS
assert format_bytes(6_710_886_400, True) == "6.25 GiB", "6,710,886,400 / 1,024³"
assert parse_bytes("6.25GiB") == 6_710_886_400, "6.25 · 1,024³"

# %% tags=["raises-exception"]
total = sum(training_state_bytes(LLAMA_8B, "mixed").values())
for n in (2 * LLAMA_8B, total, int(h100.memory_bytes)):
    print(f"{format_bytes(n, False):>9s} = {format_bytes(n, True)}")

# %% [markdown]
# ## 10 · Who tests the test?
#
# A colleague's version of exercise 2.3 goes by a rule of thumb: twelve times the width squared for each layer.

# %% nbgrader={"grade_id": "given-colleague"}
def colleagues_count_params(config):
    inside = 12 * config["n_layers"] * config["d_model"] ** 2
    outside = config["vocab_size"] * config["d_model"]
    return {"total": inside + outside, "embedding": outside, "non_embedding": inside}


# %% [markdown] nbgrader={"grade_id": "ex-2-9-task"}
# **Exercise 2.9 (stretch, 1 point).** `accepts(f)` is given somebody's `count_params(config)` and returns `True` if it is
# right, `False` if not. It must refuse the colleague's and accept your own. It is tried on fifteen that you do not see;
# those that are wrong are wrong for at least one of the models in `CONFIGS`. A count in floats is the same count. A
# hundred calls are enough.

# %% nbgrader={"grade_id": "ex-2-9"}
def accepts(f):
    """Whether `f` computes count_params rightly."""
    ### BEGIN SOLUTION
    for name, c in CONFIGS.items():
        tables = c["vocab_size"] * (1 if c["tied"] else 2) + c["n_positions"]
        embedding, total = c["d_model"] * tables, int(SHAPES.loc[name, "n_params"])
        if f(c) != {"total": total, "embedding": embedding, "non_embedding": total - embedding}:
            return False
    return True
    ### END SOLUTION


# %%
accepts(colleagues_count_params), accepts(count_params)  # try it: False, True

# %% nbgrader={"grade_id": "test-2-9", "points": 1}
### BEGIN HIDDEN TESTS
from course.checking import Bank


def counted(c, *, kv="n_kv_heads", head=None, n_up=None, tied=None, last=1, shift=1, qk=2, biases=None, positions=1, inside=("head", "positions")):
    d, n = c["d_model"], head(c) if head else c["head_dim"]
    q, k = c["n_heads"] * n, c[kv] * n
    up = n_up or (2 if c["gated"] else 1)
    norm = d + (shift * d if c["norm"] == "layer" else 0)
    constants = {"none": 0, "qkv": q + 2 * k, "all": q + 2 * k + d + up * c["d_ff"] + d}[biases or c["bias"]]
    layer = 2 * d * (q + k) + (up + 1) * d * c["d_ff"] + 2 * norm + constants + (qk * n if c["qk_norm"] else 0)
    table = c["vocab_size"] * d
    outside = {"head": 0 if (c["tied"] if tied is None else tied) else table, "positions": positions * c["n_positions"] * d}
    embedding = table + sum(outside[what] for what in inside)
    total = c["n_layers"] * layer + last * norm + table + sum(outside.values())
    return {"total": total, "embedding": embedding, "non_embedding": total - embedding}


def somebodys(**how):
    return lambda c: counted(c, **how)


bank = Bank(
    "count_params(config)",
    example=(TOY,),
    right={
        "one that names the rest first": lambda c: dict(reversed(counted(c).items())),
        "one that counts in floats": lambda c: {key: float(n) for key, n in counted(c).items()},
        "one that counts in millions first": lambda c: {key: round(n / 1e6 * 1e6) for key, n in counted(c).items()},
    },
    wrong={
        "one that counts a tied table twice": somebodys(tied=False),
        "one that forgets a head that is not tied": somebodys(tied=True),
        "one that forgets the last normalisation": somebodys(last=0),
        "one that forgets the q-k norm": somebodys(qk=0),
        "one that gives each query head keys of its own": somebodys(kv="n_heads"),
        "one that divides d_model by the heads": somebodys(head=lambda c: c["d_model"] // c["n_heads"]),
        "one that takes every model for gated": somebodys(n_up=2),
        "one that takes no model for gated": somebodys(n_up=1),
        "one that forgets the constants": somebodys(biases="none"),
        "one that forgets the table of positions": somebodys(positions=0),
        "one that counts positions outside of the embedding": somebodys(inside=("head",)),
        "one that counts the head outside of the embedding": somebodys(inside=("positions",)),
    },
    hints={"one that names the rest first": "the order of a dict's keys means nothing",
           "one that counts in floats": "a count in floats is the same count: 2.0 == 2"},
)


def tries(*names, keys=("total", "embedding", "non_embedding")):
    """Who tries these models, and looks at these counts."""
    return lambda f: all(f(CONFIGS[name])[key] == counted(CONFIGS[name])[key] for name in names for key in keys)


llamas = [name for name, c in CONFIGS.items() if c["gated"] and not c["qk_norm"]]
some = [*([name] for name in CONFIGS), llamas, [name for name in llamas if "Llama" in name],
        *([name for name in CONFIGS if name != left_out] for left_out in ("GPT-2", "Qwen3-0.6B"))]
bank.judged_by(accepts, wrong={
    "2.9/some_models": ("no model has everything that models have: GPT-2 has positions, Qwen3 a q-k norm, Llama a head of its own",
                        lambda f: f(TOY) == counted(TOY), *(tries(*names) for names in some), *(tries(*names, keys=["total"]) for names in some)),
    "2.9/total_only": ("look at embedding and non_embedding, too", tries(*CONFIGS, keys=["total"])),
    "2.9/accepts_all": ("it accepts every implementation", lambda f: True),
    "2.9/refuses_all": ("it refuses the right ones, too", lambda f: False),
})
### END HIDDEN TESTS
assert not accepts(
    colleagues_count_params
), "no model of the table has the rule's count"

# %% [markdown]
# ## Summary
#
# - A model's parameters follow from its shape, to the unit. Which ones "N" means has to be said.
# - A weight takes 2 FLOP forward and 4 backward: that is the 6. What is looked up, or only shifts and scales, takes
#   none.
# - Attention between tokens comes on top, and grows with the length of the text. What it takes in time you measured:
#   FLOP alone do not tell.
# - Training with AdamW holds 16 bytes or more for each parameter, and activations besides.

# %% [markdown]
# ## What would change the answer?
#
# - **Longer texts**: 6ND misses more, even for large models.
# - **A mixture of experts**: N is what a token meets; memory holds all of it.
# - **Recomputing**: 8 for 6 in time, fewer activations in memory.
# - **Attention as one fused program**: as many FLOP, less traffic through memory.
# - **Training a few weights only**: gradients and moments for those alone. Lab 9 does that.
#
# Now press *Validate*. Then lab 3: how large, and for how long?
