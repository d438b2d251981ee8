"""The repeat term in the fused kernel, against dense logits under autograd."""

import pytest
import torch
from torch.nn import functional

from distill_rec.artifact.repeat import BUCKETS
from distill_rec.losses import TeacherScores, Term, catalogue_loss
from distill_rec.losses import catalogue as module
from distill_rec.losses.chunk import by_rows
from distill_rec.losses.click import catalogue_click
from distill_rec.losses.kl import catalogue_kl
from distill_rec.losses.margin_mse import margin_mse_rows
from distill_rec.losses.repeats import RepeatPlaces

N, ITEMS, DIM = 37, 53, 6


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(module, "rows_per_chunk", lambda n_items, size: 16)


@pytest.fixture
def world():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    users, items, numbers = (draw(*shape).requires_grad_() for shape in ((N, DIM), (ITEMS, DIM), (BUCKETS,)))
    targets = torch.randint(ITEMS, (N,), generator=generator)
    weights = torch.rand(N, generator=generator, dtype=torch.float64) + 0.1
    teacher = TeacherScores(draw(N, DIM), draw(ITEMS, DIM), draw(BUCKETS))
    # Dense first: the bucket of each item of each row, BUCKETS where it is not in the history; some rows have none.
    dense = torch.randint(BUCKETS + 1, (N, ITEMS), generator=generator)
    dense[torch.rand((N, ITEMS), generator=generator) < 0.7] = BUCKETS
    dense[::5] = BUCKETS
    row, item = torch.nonzero(dense < BUCKETS, as_tuple=True)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), (dense < BUCKETS).sum(1).cumsum(0)]).tolist()
    return users, items, numbers, targets, weights, teacher, dense, RepeatPlaces(starts, row, item, dense[row, item])


def of(numbers, dense):
    return functional.pad(numbers, (0, 1))[dense]


def test_click_loss_and_all_gradients_are_those_of_dense_logits(world):
    users, items, numbers, targets, weights, _, dense, places = world
    each = functional.cross_entropy(users @ items.t() + of(numbers, dense), targets, reduction="none")
    expected = (each * weights).sum() / weights.sum()
    loss = catalogue_loss(users, items, targets, weights, repeat=numbers, places=places)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    leaves = (users, items, numbers)
    for ours, theirs in zip(
        torch.autograd.grad(2 * loss, leaves), torch.autograd.grad(2 * expected, leaves), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("sides", ["both", "teacher", "student"])
def test_a_teachers_scores_have_its_own_term(world, sides):
    users, items, numbers, targets, weights, teacher, dense, places = world
    if sides == "student":
        teacher = TeacherScores(teacher.users, teacher.items)
    own = None if sides == "teacher" else numbers
    student = users @ items.t() + (0 if own is None else of(numbers, dense))
    taught = teacher.users @ teacher.items.t() + (0 if teacher.repeat is None else of(teacher.repeat, dense))
    margins = margin_mse_rows(student, taught, functional.one_hot(targets, ITEMS).bool(), torch.ones_like(dense).bool())
    kl = functional.kl_div(
        torch.log_softmax(student, 1), torch.log_softmax(taught, 1), reduction="none", log_target=True
    )
    click = functional.cross_entropy(student, targets, reduction="none")
    expected = ((0.7 * kl.sum(1) + 0.3 * click + 0.1 * margins) * weights).sum() / weights.sum()
    terms = [Term(catalogue_click, 0.3), Term(catalogue_kl, 0.7, True), Term(by_rows(margin_mse_rows, True), 0.1, True)]
    loss = catalogue_loss(users, items, targets, weights, terms, teacher, own, places)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    leaves = (users, items) if own is None else (users, items, numbers)
    for ours, theirs in zip(torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-13)


def test_numbers_of_zero_change_no_bit(world):
    users, items, numbers, targets, weights, teacher, _, places = world
    terms = [Term(catalogue_click, 0.3), Term(catalogue_kl, 0.7, True)]
    plain = TeacherScores(teacher.users, teacher.items)
    zero = torch.zeros_like(numbers)
    one = catalogue_loss(users, items, targets, weights, terms, plain)
    other = catalogue_loss(users, items, targets, weights, terms, plain, zero, places)
    assert torch.equal(one, other)
    pairs = zip(torch.autograd.grad(one, (users, items)), torch.autograd.grad(other, (users, items)), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
