"""A run in a process of its own: through, interrupted, killed, refused."""

import os
import signal
from dataclasses import replace

import numpy as np
import psutil
import pytest

from course.finetuning import run, shipped, training
from course.finetuning.recipe import FinetuningError, Recipe
from course.llama import session
from tests.finetuning import brought

LABELS = "def mask_prompt_labels(ids, prompt_len, pad_id):\n    return ids\n"


@pytest.fixture
def children():
    """Whatever a test starts is gone after it."""
    yield lambda: [one for one in psutil.Process().children() if "course.finetuning.worker" in one.cmdline()]
    assert [one for one in psutil.Process().children() if "course.finetuning.worker" in " ".join(one.cmdline())] == []


def test_a_run_ends_with_an_adapter_whose_logits_llama_cpp_gives(tmp_path, recipe, bringing, children):
    told = []
    made = run.train(tmp_path, recipe, **bringing, report=lambda done, of: told.append((done, of)))
    assert told[0] == (0, 6) and told[-1] == (6, 6)
    assert len(made.losses) == len(made.step_s) == len(made.cpu_s) == 6
    assert run.finished(tmp_path) == made
    assert 50e6 < made.bare_bytes < made.peak_bytes
    kept = np.load(tmp_path / "logits.npz")
    tokens = kept["tokens"]
    with session.opened(bringing["model"], adapter=tmp_path / "adapter.gguf", n_context=256, exact=True) as running:
        running.feed(tokens, logits_for=slice(None))
        assert np.abs(running.logits(len(tokens)) - kept["logits"]).max() < 1e-3
    again = run.train(tmp_path, recipe, **bringing)
    assert (again.losses, again.step_s) == (made.losses, made.step_s)  # nothing is trained twice


def test_a_run_that_was_killed_goes_on_from_its_checkpoint(tmp_path, recipe, bringing, children):
    def kill_after_four(done, of):
        if done == 4:
            (one,) = children()
            os.kill(one.pid, signal.SIGKILL)

    long = replace(recipe, steps=400)
    with pytest.raises(
        FinetuningError, match=r"was killed, .* after step \d+: run it again, and it goes on from there"
    ):
        run.train(tmp_path, long, **bringing, report=kill_after_four)
    with pytest.raises(run.NotTrained, match="there is no trained adapter in"):
        run.finished(tmp_path)
    told = []
    run.train(tmp_path, long, **bringing, until=8, report=lambda done, of: told.append(done))
    assert told[0] in (4, 6, 8, 10)
    with pytest.raises(FinetuningError, match="was begun with rank 2, not 3: name another folder, or delete this one"):
        run.train(tmp_path, replace(long, rank=3), **bringing)
    other = bringing | {"mask_prompt_labels": brought.cell(LABELS)["mask_prompt_labels"]}
    with pytest.raises(FinetuningError, match="was begun with another mask_prompt_labels than you have now"):
        run.train(tmp_path, long, **other)


def test_an_error_of_whoever_trains_is_told(tmp_path, recipe, bringing, children):
    cell = brought.cell("def lora_forward(x, w, a, b, alpha):\n    return scale * x\n")
    with pytest.raises(FinetuningError, match=r"lora_forward raised NameError: .* at `return scale"):
        run.train(tmp_path, recipe, **bringing | {"lora_forward": cell["lora_forward"]})


def test_a_worker_ends_with_whoever_started_it(tmp_path, recipe, bringing, children):
    class Enough(Exception):
        pass

    def stop(done, of):
        raise Enough

    with pytest.raises(Enough):
        run.train(tmp_path, recipe, **bringing, report=stop)
    assert children() == []


def test_the_shipped_checkpoint_goes_on(tmp_path, recipe, bringing, children):
    run.train(tmp_path / "one", recipe, **bringing, until=4)
    kept = shipped.keep(tmp_path / "one", tmp_path / "kept.npz")
    assert shipped.put(tmp_path / "two", recipe, file=kept) == 4
    made = run.train(tmp_path / "two", recipe, **bringing)
    assert len(made.losses) == 6 and len(made.step_s) == 2
    with pytest.raises(FinetuningError, match="a run is in two/ already"):
        shipped.put(tmp_path / "two", recipe, file=kept)
    with pytest.raises(FinetuningError, match="the checkpoint is of another recipe: rank 2, not 3"):
        shipped.put(tmp_path / "three", replace(recipe, rank=3), file=kept)


def test_the_checkpoint_that_is_shipped_is_of_the_lab_s_recipe(tmp_path):
    assert shipped.put(tmp_path, Recipe()) == 50
    losses = training.read(tmp_path)["progress"]["losses"]
    assert losses[0] > 1 > 0.1 > losses[-1]
