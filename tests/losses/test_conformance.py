from dataclasses import replace

import pytest
import torch

from distill_rec.losses.registry import every_loss
from distill_rec.losses.spec import SCORES, LossSpec
from distill_rec.testing.losses import CHECKS, check_loss, forms_of

CASES = [(spec, form) for spec in every_loss().values() for form in forms_of(spec)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize(("spec", "form"), CASES, ids=[f"{spec.name}-{form.name}" for spec, form in CASES])
def test_every_loss_conforms(spec, form, check):
    check(spec, form)


def faulty(student, teacher, clicks, mask, fault="none"):
    """Mean squared difference of scores, with one thing wrong."""
    difference = (student - teacher).square()
    if fault == "gradient":
        difference = difference.detach() + 0 * student
    if fault == "at_teacher":
        difference = (student - teacher - 1).square()
    if fault == "permutation":
        difference = difference * torch.arange(1.0, len(student) + 1, dtype=student.dtype)[:, None]
    if fault == "extremes":
        difference = (student - teacher).exp().square() - 2 * (student - teacher) - 1
    if fault != "padding":
        difference = difference.masked_fill(~mask, 0.0)
    return difference.mean(1)


@pytest.mark.parametrize("fault", ["none", "gradient", "at_teacher", "permutation", "extremes", "padding"])
def test_the_suite_finds_each_fault(fault, monkeypatch):
    monkeypatch.setitem(globals(), "one", lambda *arguments: faulty(*arguments, fault=fault))
    spec = LossSpec("one", "a test's", frozenset({SCORES}), rows=f"{__name__}:one", at_teacher="zero")
    if fault == "none":
        check_loss(spec)
        return
    with pytest.raises(AssertionError, match="loss one"):
        check_loss(spec)


def by_rows_alone(chunk, weight):
    """Mean squared difference over rows, each counted once whatever it is the row of."""
    difference = chunk.logits - chunk.take_teacher()
    share = torch.full_like(chunk.share, 1 / len(chunk.share))
    chunk.add(difference, 2 / difference.shape[1] * weight * share)
    return weight * (difference.square().mean(1, keepdim=True) * share).sum()


def test_the_suite_finds_a_loss_that_does_not_join_as_it_says():
    spec = LossSpec("one", "a test's", frozenset({SCORES}), catalogue=f"{__name__}:by_rows_alone")
    check_loss(spec)
    with pytest.raises(AssertionError, match="joined"):
        check_loss(replace(spec, joins=True))
