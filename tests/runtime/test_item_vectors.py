"""Stored vectors read as slices and searched are what their rows are, whatever was added or replaced."""

import numpy as np
import pytest

from distill_rec.artifact.layout import STORED
from distill_rec.artifact.stored import store
from distill_rec.runtime.topk import best_of_many, slack_of
from distill_rec.runtime.vectors import ItemVectors


def variants(precision: str) -> dict[str, ItemVectors]:
    random = np.random.default_rng(0)
    draw = lambda n: random.standard_normal((n, 8)).astype(np.float32)  # noqa: E731
    plain = ItemVectors.of(store(draw(9000), precision))
    longer = plain.replaced(np.arange(9000, 9010), draw(10))
    return {"plain": plain, "longer": longer, "replaced": longer.replaced(np.array([3, 8000, 9004]), draw(3))}


@pytest.mark.parametrize("precision", STORED)
@pytest.mark.parametrize("kind", ["plain", "longer", "replaced"])
def test_a_slice_and_a_search_are_those_of_the_rows(precision, kind):
    vectors = variants(precision)[kind]
    whole = vectors[np.arange(len(vectors))]
    for part in (slice(0, 4096), slice(4096, 20_000), slice(None, None, 7), slice(2, 9, 3)):
        assert np.array_equal(vectors[part], whole[part])
    users = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
    longest = float(np.linalg.norm(whole, axis=1).max())
    slacks, out = [slack_of(8, longest, user) for user in users], [np.arange(row * 3) for row in range(5)]
    hidden = np.arange(100, len(vectors), 3)
    for part in (slice(0, 5), slice(2, 3)):  # many, and one alone
        found = best_of_many(vectors, users[part], 10, slacks[part], out[part], hidden)
        expected = best_of_many(whole, users[part], 10, slacks[part], [np.union1d(one, hidden) for one in out[part]])
        for (rows, scores), (same, exact) in zip(found, expected, strict=True):
            assert rows.tolist() == same.tolist()
            assert scores.tolist() == exact.tolist()


def test_an_unchanged_slice_is_no_copy():
    vectors = variants("fp32")["longer"]
    assert np.shares_memory(vectors[slice(0, 4096)], vectors.base.values)
