import numpy as np
import pytest
import torch

from distill_rec.data.ragged import Ragged
from distill_rec.nn.recommender import user_vectors
from distill_rec.nn.user_encoders import make_user_encoder

ITEMS = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
ROWS = [[], [0], [0, 0], [3, 4], [], [0], list(range(30)), list(range(4, 30)), [3, 4], [5, *range(11, 30)]]


def encoder(kind, layers=2):
    torch.manual_seed(0)
    module = make_user_encoder(kind, dim=8, max_history=20, layers=layers, heads=2, dropout=0.3).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module


@pytest.mark.parametrize(("kind", "layers"), [("attention", 1), ("causal", 1), ("causal", 3), ("mean", 1)])
def test_user_vectors_are_each_rows_own_whatever_rows_are_beside_it(kind, layers):
    module = encoder(kind, layers)
    found = user_vectors(module, Ragged.from_rows(ROWS), ITEMS, batch=3)
    for row, vector in zip(ROWS, found, strict=True):
        clicked = ITEMS[torch.tensor(row[-20:], dtype=torch.int64)][None]
        with torch.no_grad():
            alone = module(clicked, torch.ones(1, clicked.shape[1], dtype=torch.bool))[0].numpy()
        assert np.linalg.norm(vector - alone) <= 1e-5 * np.linalg.norm(alone)


def test_equal_histories_are_encoded_once():
    module, seen = encoder("causal"), []
    module.register_forward_pre_hook(lambda *_: pytest.fail("every position was computed"))
    module.blocks[0].register_forward_pre_hook(lambda _, arguments: seen.append(len(arguments[0])))
    found = user_vectors(module, Ragged.from_rows(ROWS), ITEMS)
    # the two empty, the two [0] and the two [3, 4] are one each, and of the longest rows the last 20 count
    assert sum(seen) == len(ROWS) - 4
    for one, other in [(0, 4), (1, 5), (3, 8), (6, 7)]:
        assert np.array_equal(found[one], found[other])
    assert not np.array_equal(found[1], found[2])


def test_no_histories_have_no_vectors():
    assert user_vectors(encoder("causal"), Ragged.from_rows([]), ITEMS).shape == (0, 8)
    assert user_vectors(encoder("causal"), Ragged.from_rows([[], []]), ITEMS).shape == (2, 8)
