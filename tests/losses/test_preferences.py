"""Losses of preference tuning, against hand-worked numbers, finite differences and the enumeration of all rankings."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch

from distill_rec.losses.click import impression_click_loss
from distill_rec.losses.dpo import NONE, dpo_loss, draw_rejected
from distill_rec.losses.plackett_luce import (
    first_choice_kl,
    normalised_gains,
    pl_rank,
    ranking_loss,
    sampled_rankings,
)
from distill_rec.losses.s_dpo import s_dpo_loss

CLICKS = torch.tensor([[True, False, False, True], [False, True, False, False]])
MASK = torch.tensor([[True, True, True, True], [True, True, True, False]])
REJECTED = torch.tensor([[1, 2], [2, NONE]])


def draw(seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 4, generator=generator, dtype=torch.float64) for _ in range(2)]


def test_dpo_and_s_dpo_of_a_worked_impression():
    policy, reference = torch.tensor([[1.0, 0.5, 2.0]]), torch.tensor([[0.0, 0.5, 0.0]])
    clicks, rejected = torch.tensor([[True, False, False]]), torch.tensor([[1, 2]])
    # margins 1, 0 and 2
    pairs = [math.log1p(math.exp(0.5 * (lost - 1))) for lost in (0, 2)]
    assert dpo_loss(policy, reference, clicks, rejected, 0.5).item() == pytest.approx(sum(pairs) / 2)
    both = math.log1p(math.exp(0.5 * (0 - 1)) + math.exp(0.5 * (2 - 1)))
    assert s_dpo_loss(policy, reference, clicks, rejected, 0.5).item() == pytest.approx(both)


@pytest.mark.parametrize("loss", [dpo_loss, s_dpo_loss])
def test_gradients_are_those_of_finite_differences_and_ignore_a_rows_constant(loss):
    policy, reference = draw(0)
    policy.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: loss(s, reference, CLICKS, REJECTED, 0.7), policy)
    moved = loss(policy + 3.0, reference - 2.0, CLICKS, REJECTED, 0.7)
    assert moved.item() == pytest.approx(loss(policy, reference, CLICKS, REJECTED, 0.7).item())


@pytest.mark.parametrize("loss", [dpo_loss, s_dpo_loss])
def test_a_row_without_a_rejected_candidate_is_nothing(loss):
    policy, reference = draw(1)
    policy.requires_grad_()
    value = loss(policy, reference, CLICKS, torch.full((2, 2), NONE), 0.7)
    value.backward()
    assert value.item() == 0 and not policy.grad.any()
    one = loss(policy[:1], reference[:1], CLICKS[:1], REJECTED[:1], 0.7).item()
    both = loss(policy, reference, CLICKS, torch.tensor([[1, 2], [NONE, NONE]]), 0.7).item()
    assert both == pytest.approx(one)


def test_s_dpo_of_one_rejected_candidate_is_dpo_and_of_all_it_is_the_click_loss():
    policy, reference = draw(2)
    one = torch.tensor([[2], [0]])
    assert s_dpo_loss(policy, reference, CLICKS, one, 0.3).item() == pytest.approx(
        dpo_loss(policy, reference, CLICKS, one, 0.3).item()
    )
    every = torch.tensor([[1, 2], [0, 2]])
    assert s_dpo_loss(policy, torch.zeros_like(policy), CLICKS, every, 1.0).item() == pytest.approx(
        impression_click_loss(policy, None, CLICKS, MASK).item()
    )


def test_rejected_candidates_are_different_ones_that_were_shown_and_not_clicked():
    clicks, shown = CLICKS.numpy(), MASK.numpy()
    found = [draw_rejected(clicks, shown, 2, np.random.default_rng(seed)) for seed in range(30)]
    assert {tuple(sorted(row)) for row in np.array(found)[:, 0].tolist()} == {(1, 2)}
    assert {tuple(sorted(row)) for row in np.array(found)[:, 1].tolist()} == {(0, 2)}
    assert {row[0] for row in np.array(found)[:, 0].tolist()} == {1, 2}, "the first drawn is never another one"
    three = draw_rejected(clicks, shown, 3, np.random.default_rng(0))
    assert (three[:, 2] == NONE).all()


def chance_of(ranking, scores):
    chance = 1.0
    for place in range(len(ranking)):
        chance = chance * torch.exp(scores[ranking[place]]) / torch.exp(scores[list(ranking[place:])]).sum()
    return chance


@pytest.mark.parametrize("top", [1, 2, 4, 9])
def test_pl_rank_is_on_average_the_gradient_of_the_exact_expectation(top):
    scores = torch.tensor([0.3, -1.0, 1.2, 0.0], dtype=torch.float64, requires_grad=True)
    gains = torch.tensor([1.0, 0.0, 0.5, 2.0], dtype=torch.float64)
    rankings = list(permutations(range(4)))
    worth = [sum(gains[item] / math.log2(rank + 2) for rank, item in enumerate(one[:top])) for one in rankings]
    expected = sum(chance_of(one, scores) * value for one, value in zip(rankings, worth, strict=True))
    expected.backward()
    # A fifth place is padding.
    padded, mask = torch.cat([scores.detach(), torch.tensor([7.0])])[None], torch.tensor([[True] * 4 + [False]])
    paid = torch.cat([gains, torch.tensor([9.0])])[None]
    reward, slope = 0.0, 0.0
    for one in rankings:
        order = torch.tensor([[[*one, 4]]])
        value, gradient = pl_rank(padded, paid, mask, order, top)
        reward, slope = reward + chance_of(one, scores.detach()) * value, slope + chance_of(one, scores) * gradient
    assert reward.item() == pytest.approx(expected.item())
    assert torch.allclose(slope[0, :4].detach(), scores.grad) and slope[0, 4] == 0


def test_sampled_rankings_are_drawn_by_plackett_luce():
    scores, mask = torch.tensor([[1.0, 0.0, -0.5, 5.0]]), torch.tensor([[True, True, True, False]])
    many = 20_000
    noise = torch.from_numpy(np.random.default_rng(0).gumbel(size=(1, many, 4)))
    order = sampled_rankings(scores, mask, noise)[0]
    assert (order[:, 3] == 3).all()
    for one in permutations(range(3)):
        share = (order[:, :3] == torch.tensor(one)).all(1).double().mean().item()
        chance = chance_of(one, scores[0].double()).item()
        assert abs(share - chance) < 5 * math.sqrt(chance * (1 - chance) / many)


def test_scores_far_apart_leave_the_estimate_finite():
    scores, mask = torch.tensor([[300.0, -300.0, 0.0]]), torch.ones(1, 3, dtype=torch.bool)
    order = torch.tensor([[[0, 2, 1], [1, 0, 2]]])
    reward, slope = pl_rank(scores, torch.tensor([[0.0, 1.0, 0.0]]), mask, order, 2)
    assert torch.isfinite(reward).all() and torch.isfinite(slope).all()


def test_the_ranking_loss_is_minus_the_reward_and_leads_down_its_gradient():
    scores, rewards = draw(3)
    scores.requires_grad_()
    order = sampled_rankings(scores.detach(), MASK, torch.zeros(2, 1, 4))
    gains = normalised_gains(rewards, MASK, 3)
    loss = ranking_loss(scores, gains, MASK, order, 3)
    loss.backward()
    reward, slope = pl_rank(scores.detach(), gains, MASK, order, 3)
    assert loss.item() == pytest.approx(-reward.mean().item())
    assert torch.allclose(scores.grad, -slope / 2)


def test_gains_have_an_ideal_dcg_of_one_and_none_where_all_were_rated_alike():
    gains = normalised_gains(torch.tensor([[3.0, 5.0, 1.0, -9.0], [4.0, 4.0, 4.0, 4.0]]), MASK[1:].expand(2, 4), 2)
    assert gains[0].tolist() == pytest.approx([2 / (4 + 2 / math.log2(3)), 4 / (4 + 2 / math.log2(3)), 0, 0])
    assert not gains[1].any()


def test_the_divergence_is_that_of_the_first_place():
    policy, reference = draw(4)
    p, q = (torch.softmax(one[1, :3], 0) for one in (policy, reference))
    assert first_choice_kl(policy[1:], reference[1:], MASK[1:]).item() == pytest.approx(
        (p * (p / q).log()).sum().item()
    )
