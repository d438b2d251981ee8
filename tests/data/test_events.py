"""Slices of a log."""

import numpy as np
import pytest

from distill_rec.data import events
from distill_rec.data.events import slices_without


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_slices_without_their_value_are_the_same_in_blocks_of_any_size(monkeypatch, block):
    monkeypatch.setattr(events, "BLOCK", block)
    generator = np.random.default_rng(0)
    values = generator.integers(0, 4, 50).astype(np.int32)
    begin = generator.integers(0, 40, 30)
    end = begin + generator.integers(-2, 10, 30)
    value = generator.integers(0, 4, 30).astype(np.int32)
    rows = slices_without(values, begin, end, value)
    for row in range(30):
        assert rows[row].tolist() == [v for v in values[begin[row] : max(end[row], begin[row])] if v != value[row]]
    assert len(slices_without(values, begin[:0], end[:0], value[:0])) == 0
