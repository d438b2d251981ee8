"""Distillation experts: a mixture by hand, a choice that sharpens, and none of it left to chance in evaluation."""

from __future__ import annotations

import pytest
import torch

from distill_rec.nn.adapter import adapt, make_adapter
from distill_rec.nn.experts import Experts, anneal
from distill_rec.sections.experts import ExpertsSection

ROWS, DIM, TEACHER_DIM, COUNT = 500, 4, 6, 3


def made() -> tuple[Experts, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    experts = make_adapter("experts", DIM, TEACHER_DIM, COUNT)
    assert isinstance(experts, Experts)
    return experts, torch.randn(ROWS, DIM), torch.randn(ROWS, TEACHER_DIM)


def test_it_is_the_mixture_of_the_experts_by_the_gate_s_choice() -> None:
    experts, student, teacher = made()
    state = torch.get_rng_state()
    found = adapt(experts, student, teacher)
    torch.set_rng_state(state)
    noise = -torch.empty(ROWS, COUNT).exponential_().log()
    shares = torch.softmax(experts.gate(teacher) + noise, 1)
    by_hand = sum(shares[:, number, None] * expert(student) for number, expert in enumerate(experts.experts))
    torch.testing.assert_close(found, by_hand)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 1e-3, 1e-10])
def test_the_choice_sharpens_and_each_is_chosen_by_its_chance(temperature: float) -> None:
    experts, _, teacher = made()
    anneal(torch.nn.Sequential(experts), temperature)
    one = teacher[:1].expand(20_000, -1)
    shares = experts.choice(one)
    torch.testing.assert_close(shares.sum(1), torch.ones(len(shares)))
    chosen = shares.argmax(1).bincount(minlength=COUNT) / len(shares)
    torch.testing.assert_close(chosen, torch.softmax(experts.gate(one[0]), 0), atol=0.02, rtol=0)
    sure = (shares.amax(1) > 0.99).float().mean()
    assert sure > 0.98 if temperature <= 1e-3 else sure < 0.98


def test_in_evaluation_the_likeliest_alone_answers() -> None:
    experts, student, teacher = made()
    experts.eval()
    likeliest = experts.gate(teacher).argmax(1)
    by_hand = torch.stack([experts.experts[int(e)](row) for e, row in zip(likeliest, student, strict=True)])
    torch.testing.assert_close(adapt(experts, student, teacher), by_hand)
    assert torch.equal(adapt(experts, student, teacher), adapt(experts, student, teacher))


def test_the_gate_and_all_experts_learn_and_the_teacher_does_not() -> None:
    experts, student, teacher = made()
    student.requires_grad_()
    (adapt(experts, student, teacher) - teacher).square().mean().backward()
    assert all(one.grad is not None and one.grad.abs().max() > 0 for one in experts.parameters())
    assert student.grad is not None and student.grad.abs().max() > 0


def test_experts_tell_apart_what_one_linear_map_cannot() -> None:
    """Of two kinds of items the teacher's vectors are the student's, and the student's turned round."""
    torch.manual_seed(0)
    student = torch.randn(256, DIM)
    sign = torch.where(torch.arange(256) % 2 == 0, 1.0, -1.0)[:, None]
    teacher = torch.cat([student * sign, 2 * sign], 1)
    left = {}
    for kind, count in (("linear", 1), ("experts", 2)):
        torch.manual_seed(1)
        adapter = make_adapter(kind, DIM, DIM + 1, count)  # type: ignore[arg-type]
        optimizer = torch.optim.Adam(adapter.parameters(), lr=1e-2)
        for step in range(400):
            anneal(adapter, ExpertsSection().temperature(step / 400))
            optimizer.zero_grad()
            loss = (adapt(adapter, student, teacher) - teacher).square().mean()
            loss.backward()
            optimizer.step()
        left[kind] = adapt(adapter.eval(), student, teacher).sub(teacher).square().mean().item()
    assert left["experts"] < 0.5 * left["linear"]


def test_the_temperature_falls_geometrically() -> None:
    section = ExpertsSection(start=1.0, end=0.01)
    assert [section.temperature(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.1, 0.01])
