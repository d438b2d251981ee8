"""Rows that are places in a log."""

import numpy as np

from distill_rec.data.dataset import Queries
from distill_rec.data.slices import Slices, whole


def test_rows_of_overlapping_slices_are_read_when_asked_for():
    generator = np.random.default_rng(0)
    source = generator.integers(0, 4, 50).astype(np.int32)
    begin = generator.integers(0, 40, 30)
    rows = Slices(source, begin, begin + generator.integers(0, 10, 30))
    chosen = generator.permutation(30)[:12]
    wanted = [source[rows.begin[row] : rows.end[row]].tolist() for row in chosen]
    assert [row.tolist() for row in rows.take(chosen)] == wanted
    assert [row.tolist() for row in rows.subset(chosen)] == wanted
    assert rows.subset(chosen).source is source
    assert rows.take(chosen[:0]).offsets.tolist() == [0]
    assert whole(rows).lengths.tolist() == rows.lengths.tolist()


def test_a_target_is_never_left_out_of_its_own_ranking():
    seen = Slices(np.array([3, 1, 2, 0], np.int32), np.array([0, 0, 1]), np.array([4, 2, 1]))
    user, time, target = np.zeros(3, np.int32), np.zeros(3, np.int64), np.array([2, 0, 1], np.int32)
    queries = Queries(user, time, target, seen, seen)
    assert [row.tolist() for row in queries.excluded(np.array([2, 0, 1]))] == [[], [3, 1, 0], [3, 1]]
