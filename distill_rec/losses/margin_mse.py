"""Margin-MSE: the student's margins between clicked and other candidates are to be the teacher's."""

from __future__ import annotations

from torch import Tensor


def margin_mse_rows(student: Tensor, teacher: Tensor, clicks: Tensor, mask: Tensor) -> Tensor:
    """Mean over pairs (clicked c, other n) of ((s_c - s_n) - (t_c - t_n))² (Hofstätter et al. 2020, arXiv 2010.02666,
    their Margin-MSE; there one pair per row, here all pairs of a row).

    With e = s - t the mean over pairs is var_c(e) + var_n(e) + (mean_c(e) - mean_n(e))²: linear in the candidates.

    Args:
        student, teacher: scores `[batch, n_candidates]`; a constant added to a row changes nothing.
        clicks: bool `[batch, n_candidates]`, true where clicked.
        mask: bool `[batch, n_candidates]`, false where padded.

    Returns:
        `[batch]`; zero for a row without both.
    """
    error = student - teacher
    clicked, clicked_spread = _moments(error, clicks & mask)
    other, other_spread = _moments(error, ~clicks & mask)
    both = (clicks & mask).any(1) & (~clicks & mask).any(1)
    return (clicked_spread + other_spread + (clicked - other).square()).masked_fill(~both, 0.0)


def _moments(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each row's entries in the mask, `[batch]`; zeros where there are none."""
    count = mask.sum(1).clamp_min(1)
    mean = values.masked_fill(~mask, 0.0).sum(1) / count
    spread = (values - mean[:, None]).masked_fill(~mask, 0.0).square().sum(1) / count
    return mean, spread
