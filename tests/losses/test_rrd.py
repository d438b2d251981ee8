"""Relaxed ranking distillation: by hand where nothing is left to draw, and what is drawn where something is."""

from __future__ import annotations

import math

import pytest
import torch

from distill_rec.losses.listwise import listwise_rows
from distill_rec.losses.rrd import _drawn_places, rrd_rows

STUDENT = torch.tensor([[1.0, 0.5, 2.0, -1.0, 9.0]], dtype=torch.float64)
TEACHER = torch.tensor([[0.0, 1.0, 3.0, -2.0, 9.0]], dtype=torch.float64)
MASK = torch.tensor([[True, True, True, True, False]])
ALONE = 1e-9
"""A decay after which the first places alone are drawn."""


@pytest.mark.parametrize("top", [1, 2, 3, 4])
def test_it_is_the_likelihood_of_the_teachers_order_above_the_rest(top: int) -> None:
    placed, scores, by_hand = [2, 1, 0, 3], STUDENT[0].tolist(), 0.0
    for k in range(top):
        by_hand += math.log(sum(math.exp(scores[item]) for item in placed[k:])) - scores[placed[k]]
    found = rrd_rows(STUDENT, TEACHER, None, MASK, top=top, rest=9, decay=ALONE)
    assert found.item() == pytest.approx(by_hand / top)
    assert found.item() == pytest.approx(listwise_rows(STUDENT, TEACHER, None, MASK, top=top).item())


def test_the_rest_has_no_order_of_its_own() -> None:
    others = TEACHER.clone()
    others[0, 0], others[0, 3] = -2.0, 0.0
    values = [rrd_rows(STUDENT, one, None, MASK, top=2, rest=9, decay=ALONE).item() for one in (TEACHER, others)]
    assert values[0] == values[1]


def test_places_are_drawn_by_their_chance_and_rise() -> None:
    torch.manual_seed(0)
    valid = torch.ones(40_000, 4, dtype=torch.bool)
    valid[:, 3] = False
    drawn = _drawn_places(valid, 1, 2.0)[:, 0]
    chances = torch.softmax(-torch.arange(3) / 2.0, 0)
    assert torch.allclose(drawn.bincount(minlength=4)[:3] / len(drawn), chances, atol=0.01) and drawn.max() < 3
    two = _drawn_places(valid, 2, 2.0)
    assert (two[:, 0] < two[:, 1]).all()


def test_few_of_the_rest_are_drawn_from_below_what_is_ordered_and_pushed_down() -> None:
    torch.manual_seed(0)
    n, rest = 200, 10
    teacher = torch.arange(n, 0, -1.0).expand(64, n)
    student = torch.zeros(64, n, requires_grad=True)
    (slope,) = torch.autograd.grad(
        rrd_rows(student, teacher, None, torch.ones_like(teacher, dtype=torch.bool), top=3, rest=rest).sum(), student
    )
    up, down = slope < 0, slope > 0
    for row in range(64):
        pushed = down[row].nonzero()[:, 0]
        assert 0 < len(pushed) <= rest + 2 and 1 <= int(up[row].sum()) <= 3
        assert up[row].nonzero()[:, 0].max() < 15  # the first fivefold
        assert pushed.max() > up[row].nonzero()[:, 0].max()
    assert len(down.any(0).nonzero()) > 100  # another sample for each row


def test_the_same_state_of_the_generator_draws_the_same() -> None:
    torch.manual_seed(3)
    student, teacher = torch.randn(5, 300), torch.randn(5, 300)
    mask = torch.ones_like(student, dtype=torch.bool)
    state = torch.get_rng_state()
    one, other = rrd_rows(student, teacher, None, mask), rrd_rows(student, teacher, None, mask)
    assert not torch.equal(one, other)
    torch.set_rng_state(state)
    assert torch.equal(one, rrd_rows(student, teacher, None, mask))


def test_a_row_without_candidates_is_zero() -> None:
    assert rrd_rows(STUDENT, TEACHER, None, torch.zeros_like(MASK), rest=2).item() == 0
