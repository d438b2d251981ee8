"""A teacher that scores a few items and the mass of the rest, against dense formulas by autograd."""

import pytest
import torch

from distill_rec.losses.active import Active
from distill_rec.losses.catalogue import catalogue_loss
from distill_rec.losses.listed import Listed
from distill_rec.losses.registry import losses

N_ITEMS, USERS, K, DIM = 23, 40, 5, 4


def world(seed=0):
    generator = torch.Generator().manual_seed(seed)
    users, items = (torch.randn(n, DIM, generator=generator, dtype=torch.float64) for n in (USERS, N_ITEMS))
    teacher = 2 * torch.randn(USERS, N_ITEMS, generator=generator, dtype=torch.float64)
    target = torch.randint(N_ITEMS, (USERS,), generator=generator)
    return users.requires_grad_(), items.requires_grad_(), teacher, target


def top(teacher, k=K, rest=True):
    scores, items = teacher.topk(k, 1)
    left = teacher.scatter(1, items, float("-inf")).logsumexp(1)
    return Listed(items, scores, torch.ones_like(items, dtype=torch.bool), left if rest else left * float("nan"))


def loss_of(name, listed, users, items, target, **settings):
    spec = losses()[name]
    given = {key.removeprefix(f"{name}_"): field.default for key, (_, field) in spec.settings.items()} | settings
    return catalogue_loss(users, items, target, terms=[Active(spec, 1.0, given).listed_term(listed)])


def lumped(logits, listed, temperature):
    """The formula of the module, densely."""
    inside = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, listed.items, True)
    lump = (logits / temperature).masked_fill(inside, float("-inf")).logsumexp(1, keepdim=True)
    student = torch.cat([logits.gather(1, listed.items) / temperature, lump], 1).log_softmax(1)
    others = torch.tensor(float(N_ITEMS - K)).log()
    rest = others + (listed.rest[:, None] - others) / temperature
    teacher = torch.cat([listed.scores / temperature, rest], 1).log_softmax(1)
    return temperature**2 * (teacher.exp() * (teacher - student)).sum(1).mean()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_kl_with_the_rest_as_one_outcome_is_the_formula(temperature):
    users, items, teacher, target = world()
    listed = top(teacher)
    ours, theirs = (
        loss_of("kl", listed, users, items, target, temperature=temperature),
        lumped(users @ items.t(), listed, temperature),
    )
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9)
    for found, expected in zip(*(torch.autograd.grad(one, (users, items)) for one in (ours, theirs)), strict=True):
        torch.testing.assert_close(found, expected)


def test_kl_is_at_most_the_whole_one_and_with_every_item_listed_it_is_the_whole_one():
    users, items, teacher, target = world(1)
    p, q = teacher.log_softmax(1), (users @ items.t()).log_softmax(1)
    whole = (p.exp() * (p - q)).sum(1).mean().item()
    every = loss_of("kl", top(teacher, N_ITEMS), users, items, target)
    assert every.item() == pytest.approx(whole, rel=1e-9)
    assert all(torch.isfinite(slope).all() for slope in torch.autograd.grad(every, (users, items)))
    assert loss_of("kl", top(teacher), users, items, target).item() < whole


def test_where_the_rest_is_not_known_only_the_listed_items_are_moved():
    users, items, teacher, target = world(2)
    listed = top(teacher, rest=False)
    p, q = listed.scores.log_softmax(1), (users @ items.t()).gather(1, listed.items).log_softmax(1)
    theirs = (p.exp() * (p - q)).sum(1).mean()
    ours = loss_of("kl", listed, users, items, target)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-9)
    torch.testing.assert_close(*(torch.autograd.grad(one, users)[0] for one in (ours, theirs)))


@pytest.mark.parametrize("name", ["kl", "ranknet", "listwise", "margin_mse", "bce"])
def test_a_user_without_scores_is_zero_and_padding_changes_nothing(name):
    users, items, teacher, target = world(3)
    listed = top(teacher)
    target = listed.items[:, 0]  # so that every loss has what it compares
    some = listed.mask.clone()
    some[::2] = False
    padded = Listed(
        torch.cat([torch.where(some, listed.items, 0), torch.zeros(USERS, 2, dtype=torch.int64)], 1),
        torch.cat([listed.scores, torch.zeros(USERS, 2, dtype=torch.float64)], 1),
        torch.cat([some, torch.zeros(USERS, 2, dtype=torch.bool)], 1),
        torch.where(some.any(1), listed.rest, float("nan")),
    )
    ours = loss_of(name, padded, users, items, target)
    (slope,) = torch.autograd.grad(ours, users, retain_graph=True)
    assert not slope[::2].any() and slope[1::2].any()
    odd = [one[1::2] for one in (listed.items, listed.scores, listed.mask, listed.rest)]
    half = users.detach()[1::2].clone().requires_grad_()
    alone = loss_of(name, Listed(*odd), half, items, target[1::2])
    assert ours.item() == pytest.approx(alone.item() / 2, rel=1e-9)
    torch.testing.assert_close(slope[1::2], torch.autograd.grad(alone, half)[0] / 2)
