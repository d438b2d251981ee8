"""Scores that were made once: found by sample and item, whole on disk or refused."""

import numpy as np
import pytest
from tiny import make_dataset

from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores, sample_counts, top_of
from distill_rec.runtime.errors import RunError


def table():
    row, item = np.array([2, 0, 0, 2]), np.array([7, 5, 1, 3])
    return ListedScores.of(row, item, np.array([0.7, 0.5, 0.1, 0.3], np.float32), 4)


def test_scores_are_found_by_sample_and_item_whatever_the_order():
    asked = Ragged.from_rows([[3, 9, 7], [], [1], [5, 1, 5]])
    found = table().at(np.array([2, 3, 1, 0]), asked)
    np.testing.assert_array_equal(found, np.array([0.3, np.nan, 0.7, np.nan, 0.5, 0.1, 0.5], np.float32))


def test_the_mass_of_the_rest_is_that_of_all_items_not_listed():
    scores = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    few, every = top_of(scores, 3), top_of(scores, 20)
    for row in range(6):
        best = np.sort(np.argsort(-scores[row])[:3])
        np.testing.assert_array_equal(few.items[row], best)
        listed = np.logaddexp.reduce(scores[row][best].astype(float))
        assert np.logaddexp(listed, few.rest[row]) == pytest.approx(np.log(np.exp(scores[row].astype(float)).sum()))
    assert (every.rest == -np.inf).all() and len(every.scores) == 54


def test_what_is_written_is_read_and_what_does_not_fit_is_refused(tmp_path):
    table().write(tmp_path, "test")
    found = ListedScores.read(tmp_path, "test", 4, 8)
    np.testing.assert_array_equal(found.at(np.array([2]), Ragged.from_rows([[7]])), np.array([0.7], np.float32))
    for samples, n_items, told in ((5, 8, "4 rows"), (4, 7, "name item 7")):
        with pytest.raises(RunError, match=told):
            ListedScores.read(tmp_path, "test", samples, n_items)
    np.save(tmp_path / "test.scores.npy", np.array([0.1, np.nan, 0.2, 0.3], np.float32))
    with pytest.raises(RunError, match="not finite"):
        ListedScores.read(tmp_path, "test", 4, 8)
    (tmp_path / "test.rest.npy").unlink()
    with pytest.raises(RunError, match="cannot be read"):
        ListedScores.read(tmp_path, "test", 4, 8)


def test_a_sample_of_a_log_is_a_click():
    clicks, shown = make_dataset("clicks"), make_dataset("impressions")
    assert sample_counts(clicks) == {"train": clicks.train.items.lengths.sum(), "validation": 80, "test": 80}
    assert sample_counts(shown) == {"train": 80, "validation": 80, "test": 80}
