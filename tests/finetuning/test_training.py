"""The layers and the loop, on a tiny model."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from course.finetuning import layers
from course.finetuning import training as training_
from course.finetuning.recipe import EVERYTHING, PEFT, FinetuningError, Recipe
from tests.finetuning.brought import mask_prompt_labels


def test_only_the_factors_are_trained_and_the_loss_falls(training, recipe):
    run = training(replace(recipe, steps=12))
    frozen = {name: one.clone() for name, one in run.model.named_parameters() if not one.requires_grad}
    losses = list(run.steps(12))
    assert set(run.trainable) == {f"{name}.{factor}" for name in layers.pairs(run.model) for factor in "ab"}
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    for name, before in frozen.items():
        assert torch.equal(run.model.get_parameter(name), before)


def test_the_model_begins_as_it_was(training, recipe):
    run = training()
    ids = torch.arange(12)[None]
    with torch.no_grad():
        with_layers = run.model(ids).logits
        for name in layers.pairs(run.model):
            run.model.get_submodule(name)._forward = lambda x, w, a, b, alpha: x @ w.T
        assert torch.equal(run.model(ids).logits, with_layers)


def test_a_batch_in_parts_has_the_gradients_of_the_whole(training, recipe):
    def moved(micro):
        run = training(replace(recipe, micro=micro))
        return list(run.steps(3)), {name: one.detach().clone() for name, one in run.trainable.items()}

    (losses, factors), (parts, in_parts) = moved(4), moved(1)
    assert parts == pytest.approx(losses, rel=1e-5)
    for name, one in factors.items():
        assert torch.allclose(one, in_parts[name], atol=1e-4), name


def test_peft_gives_the_same_losses(training, recipe):
    pytest.importorskip("peft")
    ours, theirs = training(), training(replace(recipe, trains=PEFT))
    assert list(theirs.steps(4)) == pytest.approx(list(ours.steps(4)), rel=1e-4)
    assert theirs.n_trainable == ours.n_trainable


def test_all_parameters_can_be_trained(training, recipe):
    run = training(replace(recipe, trains=EVERYTHING))
    assert run.n_trainable == sum(one.numel() for one in run.model.parameters())
    losses = list(run.steps(4))
    assert losses[-1] < losses[0]


def test_an_interrupted_run_ends_as_one_that_was_not(training, recipe, tmp_path):
    whole = training()
    list(whole.steps(6))
    first = training()
    list(first.steps(4))
    first.save(tmp_path)
    second = training()
    second.restore(tmp_path)
    assert second.done == 4
    list(second.steps(6))
    assert second.progress.losses == pytest.approx(whole.progress.losses, rel=1e-6)
    for name, one in whole.trainable.items():
        assert torch.allclose(one, second.trainable[name], atol=1e-6)


def test_a_damaged_checkpoint_is_said(training, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 not whole")
    with pytest.raises(FinetuningError, match=r"checkpoint\.pt cannot be read \(.*\): delete it to begin anew"):
        training().restore(tmp_path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(training, tmp_path, monkeypatch):
    run = training()
    run.save(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(torch, "save", lambda state, file: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.save(tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_loss_that_is_no_number_ends_the_run_before_it_spoils_the_factors(training):
    run = training(forward=lambda x, w, a, b, alpha: (x @ w.T + (x @ a.T) @ b.T) * math.nan)
    with pytest.raises(FinetuningError, match="the loss of step 1 is nan: nothing is learnt"):
        list(run.steps(2))
    assert all(torch.isfinite(one).all() for one in run.trainable.values())


def test_the_loss_is_that_of_the_labels_alone(training):
    run = training()
    one = run._examples[0]
    ids, labels = torch.tensor([one.ids]), torch.tensor([one.labels])
    with torch.no_grad():
        logits = run.model(ids).logits[0].log_softmax(-1)
    wanted = [-logits[i, label].item() for i, label in enumerate(one.labels) if label != -100]
    assert training_.loss_of(run.model, ids, labels).item() == pytest.approx(np.sum(wanted), rel=1e-5)


def test_modules_that_the_model_lacks_are_said(training):
    with pytest.raises(FinetuningError, match="no linear layer called c_attn or c_proj"):
        training(Recipe(targets=("c_attn", "c_proj"), length=200))


def test_labels_of_other_positions_are_other_losses(training):
    shifted = training(labels=lambda ids, n, pad: [-100, *mask_prompt_labels(ids, n, pad)[:-1]])
    assert next(iter(shifted.steps(1))) != pytest.approx(next(iter(training().steps(1))), rel=1e-3)
