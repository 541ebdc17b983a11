import math

import pytest
import torch

from course.measure import tiny_runs
from course.measure.tiny_model import TinyModel, _turned, _turns
from course.measure.tiny_runs import ALPHABET, LENGTH, SHAPES, Run

SMALL = [Run(1, 16, 3e8, 2), Run(2, 32, 3e8, 2)]


@pytest.mark.parametrize(("n_layers", "d_model"), SHAPES)
def test_a_run_counts_the_parameters_of_its_matrices(n_layers: int, d_model: int) -> None:
    model = TinyModel(n_layers, d_model, len(ALPHABET), torch.Generator())
    assert Run(n_layers, d_model, 1e10, 4).n_params == sum(weights.numel() for weights in model.parameters())


def test_every_run_of_the_sweep_spends_its_budget_to_a_step() -> None:
    runs = tiny_runs.planned()
    assert len({run.name for run in runs}) == len(runs) == 15
    for run in runs:
        assert run.n_tokens == run.steps * run.sequences * LENGTH
        assert abs(6 * run.n_params * run.n_tokens / run.budget_flop - 1) <= 0.5 / run.steps


def test_a_share_of_the_budgets_keeps_shapes_and_batches() -> None:
    whole, part = tiny_runs.planned(), tiny_runs.planned(share=0.1)
    assert [(one.n_layers, one.d_model, one.sequences) for one in whole] == [
        (one.n_layers, one.d_model, one.sequences) for one in part
    ]
    assert all(math.isclose(b.budget_flop, a.budget_flop / 10) for a, b in zip(whole, part, strict=True))
    with pytest.raises(ValueError, match="share of a budget is positive; got 0"):
        tiny_runs.planned(share=0)


def test_runs_learn_and_the_best_comes_first() -> None:
    found = tiny_runs.losses(SMALL)
    assert list(found) == ["best", *(run.name for run in SMALL)]
    assert found["best"] == [min(found[run.name][0] for run in SMALL)]
    assert all(1 < loss < math.log(len(ALPHABET)) - 0.5 for [loss] in found.values())


def test_the_same_seed_gives_the_same_loss_and_another_seed_another() -> None:
    first, again, other = (tiny_runs.losses(SMALL[:1], seed=seed)["best"] for seed in (0, 0, 1))
    assert first == again != other


def test_it_says_how_far_it_is_and_leaves_the_threads_as_they_were() -> None:
    told: list[tuple[int, int]] = []
    before = torch.get_num_threads()
    tiny_runs.losses(SMALL, report=lambda done, total: told.append((done, total)))
    assert torch.get_num_threads() == before
    assert len(told) == sum(run.steps for run in SMALL)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (600_000_000, 600_000_000)


def test_nothing_to_train_is_refused() -> None:
    with pytest.raises(ValueError, match="no run to train"):
        tiny_runs.losses([])


def test_held_out_text_is_not_learnt_from() -> None:
    learnt, held_out = tiny_runs._text(torch)
    assert len(held_out) > tiny_runs.HELD_OUT_SEQUENCES * LENGTH
    assert learnt.max() < len(ALPHABET) and held_out.min() >= 0
    assert 0.09 < len(held_out) / (len(learnt) + len(held_out)) < 0.11


def test_a_width_that_is_no_whole_number_of_heads_is_refused() -> None:
    with pytest.raises(ValueError, match="got 1 layers of width 24"):
        TinyModel(1, 24, 96, torch.Generator())


def test_an_untrained_model_knows_nothing_and_a_later_token_changes_no_earlier_prediction() -> None:
    model = TinyModel(2, 32, 96, torch.Generator().manual_seed(0))
    torch.nn.init.normal_(model.out[0], generator=torch.Generator().manual_seed(1))
    tokens, targets = (torch.randint(96, (1, 8), generator=torch.Generator().manual_seed(i)) for i in (2, 3))
    early = model.loss(tokens[:, :5], targets[:, :5])
    tokens[0, 6] += 1
    whole = [model.loss(tokens[:, :n], targets[:, :n]).item() * n for n in (5, 8)]
    assert early.item() * 5 == pytest.approx(whole[0], rel=1e-5)
    assert 3 < early.item() < 8


def test_scores_depend_on_how_far_apart_two_positions_are() -> None:
    cos, sin = _turns(9)
    q, k = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    scores = [(_turned(q, cos[i], sin[i]) @ _turned(k, cos[j], sin[j])).item() for i, j in ((5, 2), (8, 5), (8, 2))]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)
    assert scores[0] != pytest.approx(scores[2], rel=1e-2)
