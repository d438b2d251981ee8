"""KL within popularity groups: by hand, by the plain KL of each group, and groups of equal clicks."""

from __future__ import annotations

import numpy as np
import torch

from distill_rec.data.popularity import popularity_shares
from distill_rec.losses.kl import kl_loss
from distill_rec.losses.unkd import unkd_rows


def test_popularity_shares_by_hand() -> None:
    found = popularity_shares(np.array([0, 4, 1, 1, 2], np.int32))
    assert found.tolist() == np.float32([0, 4 / 8, 0, 0, 2 / 8]).tolist()
    assert popularity_shares(np.zeros(3, np.int32)).tolist() == [0, 0, 0]


def test_it_is_the_mean_of_each_group_s_own_kl_and_blind_between_them() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(3, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    popularity = torch.tensor([0.0, 0.1, 0.3, 0.6, 0.7, 0.9], dtype=torch.float64)
    mask = torch.ones(3, 6, dtype=torch.bool)
    found = unkd_rows(student, teacher, None, mask, popularity, groups=2, temperature=2.0)
    parts = [kl_loss(student[:, own], teacher[:, own], None, mask[:, own], 2.0) for own in (slice(3), slice(3, None))]
    assert torch.isclose(found.mean(), (parts[0] + parts[1]) / 2)
    lifted = torch.where(popularity < 0.5, student + 5, student)
    assert torch.allclose(unkd_rows(lifted, teacher, None, mask, popularity, 2, 2.0), found)
