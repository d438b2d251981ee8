"""Ranking distillation by hand: weights by place, and by what is among the student's first too."""

from __future__ import annotations

import math

import pytest
import torch

from distill_rec.losses.rd import rd_rows

TEACHER = torch.tensor([[9.0, 7.0, 8.0, 1.0, 99.0]], dtype=torch.float64)
STUDENT = torch.tensor([[-1.0, 3.0, 0.5, 2.0, 99.0]], dtype=torch.float64)
MASK = torch.tensor([[True, True, True, True, False]])


def fall(score: float) -> float:
    return math.log1p(math.exp(-score))


def test_weights_fall_with_the_teacher_s_places() -> None:
    found = rd_rows(STUDENT, TEACHER, None, MASK, top=2, decay=1.0)
    first, second = 1.0, math.exp(-1)
    expected = (first * fall(-1.0) + second * fall(0.5)) / (first + second)
    assert found.item() == pytest.approx(expected)


def test_a_share_goes_to_what_is_among_the_student_s_first_too() -> None:
    # Of the teacher's first three, 0 2 1, the student has 1 and 2 among its own: 1 3 2.
    whole = rd_rows(STUDENT, TEACHER, None, MASK, top=3, agreement=1.0)
    assert whole.item() == pytest.approx((fall(3.0) + fall(0.5)) / 2)
    none = rd_rows(STUDENT, TEACHER, None, MASK, top=1, agreement=1.0)
    assert none.item() == pytest.approx(fall(-1.0))  # it has another first: by place
    empty = rd_rows(STUDENT, TEACHER, None, torch.zeros_like(MASK), top=2, agreement=0.5)
    assert empty.item() == 0
