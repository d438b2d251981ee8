import pytest
import torch
from torch.nn import functional

from distill_rec.losses import TeacherScores, Term, catalogue_loss
from distill_rec.losses import catalogue as module
from distill_rec.losses.click import catalogue_click
from distill_rec.losses.kl import catalogue_kl
from distill_rec.losses.unkd import catalogue_unkd


def world(n=37, n_items=101, dim=8, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    users = torch.randn(n, dim, generator=generator, dtype=dtype, requires_grad=True)
    items = torch.randn(n_items, dim, generator=generator, dtype=dtype, requires_grad=True)
    targets = torch.randint(n_items, (n,), generator=generator)
    weights = torch.rand(n, generator=generator, dtype=dtype) + 0.1
    teacher = TeacherScores(
        torch.randn(n, dim + 3, generator=generator, dtype=dtype),
        torch.randn(n_items, dim + 3, generator=generator, dtype=dtype),
    )
    return users, items, targets, weights, teacher


def gradients(loss, users, items):
    return torch.autograd.grad(loss, (users, items))


def close(ours, theirs, tolerance):
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= tolerance * other.abs().max()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several chunks of users, and of each several blocks of items, the last ones ragged."""
    monkeypatch.setattr(module, "rows_per_chunk", lambda n_items, size: 16)
    monkeypatch.setattr(module, "PRODUCT_BYTES", 16 * 8 * 7)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_click_loss_and_gradients_are_those_of_cross_entropy(dtype, tolerance):
    users, items, targets, weights, _ = world(dtype=dtype)
    each = functional.cross_entropy(users @ items.t(), targets, reduction="none")
    expected = (each * weights).sum() / weights.sum()
    loss = catalogue_loss(users, items, targets, weights)
    assert loss.item() == pytest.approx(expected.item(), rel=tolerance * 10)
    close(gradients(loss, users, items), gradients(expected, users, items), tolerance)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_kl_and_gradients_are_those_of_autograd(temperature):
    users, items, targets, weights, teacher = world()
    terms = [Term(catalogue_click, 0.3), Term(catalogue_kl, 0.7, True, {"temperature": temperature})]
    student_log = torch.log_softmax(users @ items.t() / temperature, 1)
    teacher_log = torch.log_softmax(teacher.users @ teacher.items.t() / temperature, 1)
    kl = (teacher_log.exp() * (teacher_log - student_log)).sum(1) * temperature**2
    click = functional.cross_entropy(users @ items.t(), targets, reduction="none")
    expected = ((0.7 * kl + 0.3 * click) * weights).sum() / weights.sum()
    loss = catalogue_loss(users, items, targets, weights, terms, teacher)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    close(gradients(loss, users, items), gradients(expected, users, items), 1e-10)


@pytest.mark.parametrize("counted", [False, True])
def test_clicks_on_one_user_vector_are_scored_once_and_change_nothing(counted):
    users, items, targets, weights, teacher = world()
    generator = torch.Generator().manual_seed(3)
    same = torch.randint(2, (len(users),), generator=generator).cumsum(0)
    same = same - same[0]
    of = torch.stack([(same == one).nonzero()[0, 0] for one in same])
    targets[1] = targets[0]
    teacher = TeacherScores(teacher.users[of], teacher.items)
    real = torch.rand(len(users), generator=generator) > 0.3 if counted else None
    popular = {"popularity": torch.rand(len(items), generator=generator, dtype=items.dtype)}
    terms = [Term(catalogue_click, 0.3, False, {}, True, True), Term(catalogue_kl, 0.7, True, {}, False, True)]
    terms.append(Term(catalogue_unkd, 0.5, True, popular, False, True))
    asked = items, targets, weights, terms, teacher
    one = catalogue_loss(users[of], *asked, counted=real)
    other = catalogue_loss(users[of], *asked, counted=real, same=same)
    assert int(same[-1]) + 1 < len(users) and one.item() == pytest.approx(other.item(), rel=1e-12)
    close(gradients(other, users, items), gradients(one, users, items), 1e-12)
    terms[0] = Term(catalogue_click, 0.3, False, {}, True, False)  # one that does not allow it decides for all
    assert catalogue_loss(users[of], *asked, counted=real, same=same).item() == one.item()


def test_a_target_of_vanishing_probability_has_a_finite_loss():
    users = torch.tensor([[200.0]], requires_grad=True)
    items = torch.tensor([[1.0], [-1.0]], requires_grad=True)
    loss = catalogue_loss(users, items, torch.tensor([1]))
    assert loss.item() == pytest.approx(400.0)
    assert all(torch.isfinite(part).all() for part in gradients(loss, users, items))


def test_a_student_equal_to_its_teacher_has_no_kl_and_no_gradient():
    users, items, targets, _, _ = world()
    teacher = TeacherScores(users.detach(), items.detach())
    loss = catalogue_loss(users, items, targets, None, [Term(catalogue_kl, 1.0, True)], teacher)
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    assert max(part.abs().max().item() for part in gradients(loss, users, items)) < 1e-12


@pytest.mark.parametrize("n_items", [1_000, 20_000, 10**7])
def test_a_chunk_has_rows_enough_for_a_product_and_never_more_memory_than_is_said(n_items, monkeypatch):
    monkeypatch.undo()
    rows = module.rows_per_chunk(n_items, 4)
    assert rows >= module.FEWEST_ROWS
    assert rows == module.FEWEST_ROWS or rows * n_items * 4 <= module.WIDE_LOGITS_BYTES
    assert rows >= min(module.ENOUGH_ROWS, module.WIDE_LOGITS_BYTES // (n_items * 4))
