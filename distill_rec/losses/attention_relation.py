"""How the tokens of a text relate in a layer's attention: a student's are to be the teacher's, whatever the widths."""

from __future__ import annotations

import torch
from torch import Tensor


def attention_relation_loss(student: Tensor, teacher: Tensor, mask: Tensor, heads: int = 16) -> Tensor:
    """KL from the teacher's relations to the student's (MiniLMv2, Wang et al. 2021, arXiv 2012.15828, eq. 4 to 6).

    Called with the queries of both, their keys, and their values; the sum of the three is the paper's loss of Q-Q, K-K
    and V-V. The relation of token i to the tokens j of its text is

        R_i = softmax_j(a_i . a_j / sqrt(d_r)),   a of `heads` pieces of d_r = width / heads numbers,

    and the loss is the mean over texts of the mean over relation heads and tokens of KL(R_teacher || R_student). Heads
    are cut anew, on both sides alike, so that neither widths nor attention heads need be the same. A rotation within
    the pieces of a head changes no relation, a factor does.

    Args:
        student: `[n, tokens, width]`.
        teacher: `[n, tokens, teacher_width]`.
        mask: bool `[n, tokens]`, false where padded.
        heads: relation heads.

    Returns:
        A scalar; a text without tokens counts as zero.

    Raises:
        ValueError: the heads do not divide a width.
    """
    student_log, teacher_log = (log_relations(one, mask, heads) for one in (student, teacher))
    apart = (teacher_log - student_log).masked_fill(~mask[:, None, None, :], 0.0)
    by_token = (teacher_log.exp() * apart).sum(3).mean(1)
    return ((by_token * mask).sum(1) / mask.sum(1).clamp_min(1)).mean()


def log_relations(states: Tensor, mask: Tensor, heads: int) -> Tensor:
    """Logarithms of a layer's relations `[n, heads, tokens, tokens]`; -infinity to padding, but for its own.

    Args:
        states: `[n, tokens, width]`.
    """
    n, tokens, width = states.shape
    if width % heads:
        raise ValueError(f"{heads} heads do not divide a width of {width}")
    pieces = states.view(n, tokens, heads, width // heads).transpose(1, 2)
    scores: Tensor = pieces @ pieces.transpose(2, 3) / (width // heads) ** 0.5
    # A token always sees itself, so that no row of padding is without any.
    seen = mask[:, None, None, :] | torch.eye(tokens, dtype=torch.bool, device=mask.device)
    return scores.masked_fill(~seen, -torch.inf).log_softmax(3)
