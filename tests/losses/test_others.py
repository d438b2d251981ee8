import math

import pytest
import torch

from distill_rec.losses import impression_click_loss
from distill_rec.losses.cosine import cosine_loss
from distill_rec.losses.kl import kl_loss
from distill_rec.losses.mse import mse_loss


def test_impression_loss_sets_each_click_against_the_candidates_not_clicked():
    scores = torch.tensor([[1.0, 0.5, 2.0, 9.0]])
    labels = torch.tensor([[True, False, True, False]])
    mask = torch.tensor([[True, True, True, False]])
    by_hand = [-math.log(math.exp(s) / (math.exp(s) + math.exp(0.5))) for s in (1.0, 2.0)]
    assert impression_click_loss(scores, None, labels, mask).item() == pytest.approx(sum(by_hand) / 2)


def test_impression_without_negatives_costs_nothing_and_has_a_finite_gradient():
    scores = torch.zeros(1, 2, requires_grad=True)
    loss = impression_click_loss(scores, None, torch.tensor([[True, False]]), torch.tensor([[True, False]]))
    loss.backward()
    assert loss.item() == 0 and torch.isfinite(scores.grad).all()


def test_kl_ignores_padding_and_is_zero_for_equal_scores():
    scores, mask = torch.tensor([[1.0, 2.0, 7.0]]), torch.tensor([[True, True, False]])
    assert kl_loss(scores, torch.tensor([[1.0, 2.0, -3.0]]), None, mask, 2.0).item() == pytest.approx(0.0, abs=1e-7)
    p, q = 1 / (1 + math.e), 0.5
    by_hand = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    assert kl_loss(scores, torch.tensor([[3.0, 3.0, 0.0]]), None, mask).item() == pytest.approx(by_hand, rel=1e-5)


def test_representation_losses_of_a_hand_worked_pair():
    student, teacher = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
    assert cosine_loss(student, teacher).item() == pytest.approx(1 - 24 / 25)
    assert mse_loss(student, teacher).item() == pytest.approx(2 / 25)
