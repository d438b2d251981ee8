"""Distillation experts: several small maps to a teacher's space, one of which is chosen for each vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Experts(nn.Module):
    """Σ_e g_e E_e(s), g = softmax((log softmax(W t) + gumbel) / T), s a student's vector and t the teacher's.

    DE (Kang et al. 2020, DE-RRD, arXiv 2012.04357, section 4.1): one map to a teacher of many more dimensions mixes up
    what it says of items that have little in common, so each expert learns its own kind of them. The gate reads the
    teacher's vector. As the temperature T falls the choice goes from a mixture to a single expert. The noise is of
    torch's own generator, as a dropout's is; in evaluation mode there is none and the likeliest expert alone answers.

    Args:
        dim, teacher_dim: of the student's and the teacher's vectors.
        count: of experts, each of two layers.

    Attributes:
        temperature: T.
    """

    def __init__(self, dim: int, teacher_dim: int, count: int) -> None:
        super().__init__()
        hidden = max(1, dim // 2 if dim == teacher_dim else (dim + teacher_dim) // 2)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, teacher_dim)) for _ in range(count)
        )
        self.gate = nn.Linear(teacher_dim, count)
        self.temperature = 1.0

    def choice(self, teacher: Tensor) -> Tensor:
        """Share of each expert `[n, count]`; a row adds up to one."""
        likely = torch.log_softmax(self.gate(teacher), 1)
        if not self.training:
            return nn.functional.one_hot(likely.argmax(1), likely.shape[1]).to(likely)
        noise = -torch.empty_like(likely).exponential_().log()
        return torch.softmax((likely + noise) / self.temperature, 1)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """`[n, teacher_dim]` from `[n, dim]` and the teacher's `[n, teacher_dim]`."""
        answers = torch.stack([expert(student) for expert in self.experts], 2)
        return (answers * self.choice(teacher)[:, None]).sum(2)


def anneal(module: nn.Module, temperature: float) -> None:
    """Give all experts within a module a temperature."""
    for one in module.modules():
        if isinstance(one, Experts):
            one.temperature = temperature
