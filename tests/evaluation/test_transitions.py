"""The baseline of what came next: counts of the training log alone, by hand."""

from __future__ import annotations

import numpy as np
from tiny import make_dataset

from distill_rec.data.dataset import Sequences
from distill_rec.data.followers import Followers
from distill_rec.data.ragged import Ragged
from distill_rec.data.slices import whole
from distill_rec.evaluation.scorer import Scorer, catalogue_scores
from distill_rec.evaluation.transitions import Transitions


def test_scores_are_how_often_an_item_followed_the_last_click_then_popularity() -> None:
    dataset = make_dataset()
    model = Transitions.of(dataset)
    assert isinstance(model, Scorer)
    assert isinstance(dataset.train, Sequences)
    clicks = whole(dataset.train.items)
    pairs: dict[tuple[int, int], int] = {}
    for row in clicks:
        for before, after in zip(row[:-1].tolist(), row[1:].tolist(), strict=True):
            if before != after:
                pairs[before, after] = pairs.get((before, after), 0) + 1
    (last, follower), times = max(pairs.items(), key=lambda one: one[1])
    history = Ragged.from_rows([[follower, last], [last], []], np.int32)
    found = catalogue_scores(model, history, dataset.n_items)
    np.testing.assert_array_equal(found[0], found[1])  # the last click alone counts
    assert int(found[0, follower]) == times
    unseen = [item for item in range(dataset.n_items) if (last, item) not in pairs]
    assert (found[0, unseen] < 1).all()
    popular = np.asarray(dataset.train_clicks, dtype=float)
    assert (np.argsort(-found[2], kind="stable") == np.argsort(-popular, kind="stable")).all()
    asked = Ragged.from_rows([[follower, unseen[0]], [unseen[0]], [last]], np.int32)
    np.testing.assert_array_equal(
        model.scores(history, asked),
        [found[0, follower], found[0, unseen[0]], found[1, unseen[0]], found[2, last]],
    )
    assert Followers.of(dataset).starts[-1] == sum(pairs.values())
