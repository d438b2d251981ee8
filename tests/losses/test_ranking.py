import math

import pytest
import torch

from distill_rec.losses.bce import bce_rows
from distill_rec.losses.contrastive import contrastive_loss
from distill_rec.losses.listwise import listwise_rows
from distill_rec.losses.margin_mse import margin_mse_rows
from distill_rec.losses.ranknet import ranknet_rows
from distill_rec.losses.relational import relational_loss

STUDENT = torch.tensor([[1.0, 0.5, 2.0, 9.0]])
TEACHER = torch.tensor([[0.0, 1.0, 3.0, 9.0]])
CLICKS = torch.tensor([[True, False, True, True]])
MASK = torch.tensor([[True, True, True, False]])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_margin_mse_is_the_mean_over_pairs_of_clicked_and_other():
    by_hand = [((1.0 - 0.5) - (0.0 - 1.0)) ** 2, ((2.0 - 0.5) - (3.0 - 1.0)) ** 2]
    assert margin_mse_rows(STUDENT, TEACHER, CLICKS, MASK).item() == pytest.approx(sum(by_hand) / 2)
    assert margin_mse_rows(STUDENT, TEACHER, CLICKS & False, MASK).item() == 0


def test_ranknet_is_the_mean_over_pairs_of_the_teachers_top():
    # the teacher's first two: items 2 and 1
    wanted, found = sigmoid(3.0 - 1.0), sigmoid(2.0 - 0.5)
    by_hand = -wanted * math.log(found) - (1 - wanted) * math.log(1 - found)
    assert ranknet_rows(STUDENT, TEACHER, None, MASK, top=2).item() == pytest.approx(by_hand)


@pytest.mark.parametrize("top", [2, 3, 20])
def test_listwise_is_the_likelihood_of_the_teachers_order(top):
    placed, by_hand = [2, 1, 0], 0.0
    scores = STUDENT[0].tolist()
    for k in range(min(top, 3)):
        by_hand += math.log(sum(math.exp(scores[item]) for item in placed[k:])) - scores[placed[k]]
    assert listwise_rows(STUDENT, TEACHER, None, MASK, top=top).item() == pytest.approx(by_hand / min(top, 3))


def test_bce_of_two_candidates():
    mask = torch.tensor([[True, True, False, False]])
    by_hand = [
        -sigmoid(t) * math.log(sigmoid(s)) - (1 - sigmoid(t)) * math.log(1 - sigmoid(s))
        for s, t in ((1.0, 0.0), (0.5, 1.0))
    ]
    assert bce_rows(STUDENT, TEACHER, None, mask).item() == pytest.approx(sum(by_hand) / 2)


def test_relational_compares_cosines_of_all_pairs_whatever_the_dimensions():
    student, teacher = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    assert relational_loss(student, teacher).item() == pytest.approx(2 * 0.5 / 4)


def test_contrastive_is_cross_entropy_of_cosines_within_blocks(monkeypatch):
    monkeypatch.setattr("distill_rec.losses.contrastive.BLOCK", 3)
    student, teacher = torch.randn(5, 4), torch.randn(5, 4)
    cosines = torch.nn.functional.cosine_similarity(student[:, None], teacher[None], dim=2) / 0.1
    parts = [torch.log_softmax(cosines[part, part], 1).diagonal() for part in (slice(3), slice(3, 5))]
    torch.testing.assert_close(contrastive_loss(student, teacher), -torch.cat(parts).mean())
