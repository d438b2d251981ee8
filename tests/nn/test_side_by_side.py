"""Models side by side: the sum of their scores, in torch and in numpy, whatever one of them does not know."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distill_rec.nn.side_by_side import SideBySide, joined
from distill_rec.nn.user_encoders import AttentionUserEncoder, CausalUserEncoder, UserEncoder
from distill_rec.runtime.loading import _encoder_of

WEIGHTS = [0.7, 0.2]
SETTINGS = {
    "kind": "side-by-side",
    "weights": WEIGHTS,
    "parts": [
        {"kind": "causal", "dim": 6, "max_history": 5, "layers": 1, "heads": 2},
        {"kind": "attention", "dim": 4, "max_history": 5},
    ],
}


@pytest.fixture
def parts() -> list[UserEncoder]:
    torch.manual_seed(0)
    found: list[UserEncoder] = [CausalUserEncoder(6, 5, layers=1), AttentionUserEncoder(4, 5)]
    for part in found:
        for weight in part.parameters():
            torch.nn.init.normal_(weight, std=0.3)
        part.eval().requires_grad_(False)
    return found


def test_scores_are_the_weighted_sum_and_renormalised_where_one_does_not_know(parts: list[UserEncoder]) -> None:
    generator = np.random.default_rng(0)
    blocks = [generator.normal(size=(9, part.dim)).astype(np.float32) for part in parts]
    blocks[1][7:] = 0
    known = np.ones((9, 2), bool)
    known[7:, 1] = False
    items = joined(blocks, known, WEIGHTS)
    history = torch.tensor([[0, 3, 8], [5, 0, 0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    both = SideBySide(parts, WEIGHTS)
    users = both(torch.from_numpy(items)[history], mask)
    # what each says by itself, of a history with the item that it does not know as its own zero vector
    own = [part(torch.from_numpy(block)[history], mask) for part, block in zip(parts, blocks, strict=True)]
    scores = [user @ torch.from_numpy(block).T for user, block in zip(own, blocks, strict=True)]
    expected = WEIGHTS[0] * scores[0] + WEIGHTS[1] * scores[1]
    expected[:, 7:] = sum(WEIGHTS) * scores[0][:, 7:]
    torch.testing.assert_close(users @ torch.from_numpy(items).T, expected, rtol=1e-4, atol=1e-4)


def test_numpy_is_the_same_map(parts: list[UserEncoder]) -> None:
    both = SideBySide(parts, WEIGHTS)
    items = np.random.default_rng(1).normal(size=(5, 10)).astype(np.float32)
    items[4, 6:] = 0  # the second does not know it
    twin = _encoder_of(SETTINGS, {name: value.numpy() for name, value in both.state_dict().items()})
    for length in range(6):
        history = torch.from_numpy(items[:length])[None]
        expected = both(history, torch.ones(1, length, dtype=torch.bool))[0]
        np.testing.assert_allclose(twin.encode(items[:length], None), expected, rtol=1e-4, atol=1e-5)
        if length:
            assert twin.shares(items[:length], None).shape == (length,)
