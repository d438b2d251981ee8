"""What holds of losses of token states beside what the suite of every loss checks."""

import pytest
import torch

from distill_rec.losses.attention_relation import attention_relation_loss
from distill_rec.losses.hidden import hidden_loss

MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]).bool()


def states(width, seed):
    return torch.randn(3, 4, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(width):
    return torch.linalg.qr(torch.randn(width, width, dtype=torch.float64, generator=torch.Generator().manual_seed(9))).Q


def test_relations_of_other_widths_are_compared_and_a_rotation_within_a_head_changes_none():
    student, teacher = states(8, 0), states(12, 1)
    one = attention_relation_loss(student, teacher, MASK, heads=2)
    turned = torch.cat([piece @ rotation(4) for piece in student.split(4, 2)], 2)
    assert torch.allclose(one, attention_relation_loss(turned, teacher, MASK, heads=2)) and one > 0
    across = attention_relation_loss(student @ rotation(8), teacher, MASK, heads=2)
    larger = attention_relation_loss(2 * student, teacher, MASK, heads=2)
    assert (one - across).abs() > 1e-3 and (one - larger).abs() > 1e-3


def test_relations_by_hand():
    student, teacher = torch.tensor([[[0.0], [0.0]]]), torch.tensor([[[1.0], [2.0]]])
    rows = torch.tensor([[1.0, 2.0], [2.0, 4.0]]).softmax(1)
    expected = (rows * (rows / 0.5).log()).sum(1).mean()
    assert torch.allclose(attention_relation_loss(student, teacher, torch.ones(1, 2).bool(), heads=1), expected)


def test_heads_that_do_not_divide_are_said():
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        attention_relation_loss(states(8, 0), states(12, 1), MASK, heads=3)


def test_cosine_knows_no_scale_and_mse_only_the_teachers():
    student, teacher = states(8, 0), states(8, 1)
    cosine, squared = (lambda *pair, by=by: hidden_loss(*pair, MASK, by) for by in ("cosine", "mse"))
    assert torch.allclose(cosine(student, teacher), cosine(3 * student, 0.1 * teacher))
    assert torch.allclose(squared(student, teacher), squared(5 * student, 5 * teacher))
    assert (squared(student, teacher) - squared(3 * student, teacher)).abs() > 1e-3


@pytest.mark.parametrize("by", ["cosine", "mse"])
def test_texts_count_alike_however_long(by):
    student, teacher = states(8, 0), states(8, 1)
    each = torch.stack([hidden_loss(student[n : n + 1], teacher[n : n + 1], MASK[n : n + 1], by) for n in range(3)])
    assert torch.allclose(hidden_loss(student, teacher, MASK, by), each.mean()) and each[2] == 0
