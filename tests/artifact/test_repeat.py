"""What an item's age is, and which number it gets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.artifact.repeat import BUCKETS, NAMES, bucket_of, buckets_at, repeated

HISTORIES = st.lists(st.lists(st.integers(0, 6), max_size=30), min_size=1, max_size=6)


def test_ages_by_bucket():
    found = {age: NAMES[bucket] for age, bucket in zip(range(19), bucket_of(np.arange(19)), strict=True)}
    assert found == {
        0: "0",
        1: "1",
        2: "2",
        **dict.fromkeys((3, 4), "3-4"),
        **dict.fromkeys((5, 6, 7, 8), "5-8"),
        **dict.fromkeys(range(9, 17), "9-16"),
        **dict.fromkeys((17, 18), "17+"),
    }
    assert bucket_of(np.array([5000]))[0] == BUCKETS - 1 == len(NAMES) - 1


def flat(histories):
    return np.concatenate([np.array(one, np.int32) for one in histories]), np.cumsum([0, *map(len, histories)])


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_each_item_of_a_history_stands_once_with_the_age_of_its_last_click(histories):
    row, item, bucket = repeated(*flat(histories))
    expected = [
        (number, one, bucket_of(np.array(history[::-1].index(one))))
        for number, history in enumerate(histories)
        for one in sorted(set(history))
    ]
    assert list(zip(row.tolist(), item.tolist(), bucket.tolist(), strict=True)) == expected


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=20))
def test_asked_items_have_their_bucket_or_none(histories, asked):
    asked = [(row % len(histories), item) for row, item in asked]
    row, items = (np.array([one[side] for one in asked], np.int64) for side in (0, 1))
    found = buckets_at(*flat(histories), row, items)
    for (at, item), bucket in zip(asked, found.tolist(), strict=True):
        history = histories[at][::-1]
        assert bucket == (bucket_of(np.array(history.index(item))) if item in history else BUCKETS)
