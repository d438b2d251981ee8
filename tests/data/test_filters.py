"""The past does not know the future (behaviour 17): what came later decides nothing earlier."""

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from distill_rec.data import Dataset, prepare
from distill_rec.data.slices import whole
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=20, max_size=50)
FUTURES = st.lists(st.integers(0, 5), min_size=50, max_size=50)
FILTERS = st.sampled_from(
    [{"repeats": "last"}, {"repeats": "first"}, {"min_item_clicks": 3}, {"min_user_clicks": 4}, {"repeats": "last",
     "min_item_clicks": 2, "min_user_clicks": 2}]
)  # fmt: skip


def make(rows, folder, **options):
    """Rows of user and item, one per second."""
    clicks = pl.DataFrame({"user_id": [r[0] for r in rows], "item_id": [r[1] for r in rows]})
    clicks = clicks.with_columns(timestamp=pl.int_range(pl.len()))
    items = pl.DataFrame({"item_id": [str(i) for i in range(8)], "title": [f"t{i}" for i in range(8)]})
    prepare(DataSection(**options), folder, clicks=clicks, items=items)
    return Dataset.load(folder)


def trained(dataset):
    """Each user's training clicks by id."""
    users = dataset.users["user_id"].to_list()
    return {users[user]: items.tolist() for user, items in zip(dataset.train.user, dataset.train.items, strict=True)}


def histories(dataset, part):
    rows = part.history.take(np.arange(len(part)))
    return {int(target): row.tolist() for target, row in zip(part.target, rows, strict=True)}


@settings(max_examples=60, deadline=None)
@given(ROWS, FUTURES, FILTERS)
def test_other_clicks_after_the_cut_leave_training_as_it_is(tmp_path_factory, rows, future, filters):
    rows = rows[: len(rows) // 10 * 10]
    cut = len(rows) * 7 // 10
    other = [(user, item if time < cut else future[time]) for time, (user, item) in enumerate(rows)]
    try:
        found = [make(log, tmp_path_factory.mktemp("d") / "out", **filters) for log in (rows, other)]
    except DataError:
        assume(False)
    assert trained(found[0]) == trained(found[1])
    assert found[0].train_clicks.tolist() == found[1].train_clicks.tolist()


@settings(max_examples=40, deadline=None)
@given(ROWS, FUTURES, st.sampled_from([{"repeats": "last"}, {"min_item_clicks": 3}]))
def test_other_last_clicks_of_the_users_leave_training_as_it_is(tmp_path_factory, rows, future, filters):
    users = [user for user, _ in rows]
    last = {user: time for time, user in enumerate(users) if users.count(user) > 1}
    other = [(user, item if time != last.get(user) else future[time]) for time, (user, item) in enumerate(rows)]
    try:
        found = [
            make(log, tmp_path_factory.mktemp("d") / "out", split="leave-last-out", **filters) for log in (rows, other)
        ]
    except DataError:
        assume(False)
    assert trained(found[0]) == trained(found[1])


def test_the_last_of_repeated_clicks_is_the_last_of_what_came_before(tmp_path):
    # ten seconds: training to 6, validation 7, test 8 and 9
    rows = [(0, item) for item in (1, 2, 1, 3, 3, 4, 2, 3, 1, 2)]
    dataset = make(rows, tmp_path / "out", repeats="last")
    assert trained(dataset) == {"0": [1, 3, 4, 2]}
    assert histories(dataset, dataset.validation) == {3: [1, 3, 4, 2]}
    assert histories(dataset, dataset.test) == {1: [1, 4, 2, 3], 2: [4, 2, 3, 1]}
    short = make(rows, tmp_path / "short", repeats="last", max_history=2)
    assert histories(short, short.test) == {1: [2, 3], 2: [3, 1]}


def test_a_session_keeps_the_click_that_a_later_part_repeats(tmp_path):
    hour = 3600
    rows = [(0, 0, 5), (0, 1, 1), (hour * 2, 2, 5), (hour * 2, 3, 1), (hour * 4, 4, 5), (hour * 4, 5, 1),
            (hour * 6, 0, 5), (hour * 6, 1, 1), (hour * 8, 2, 5), (hour * 8, 3, 1)]  # fmt: skip
    clicks = pl.DataFrame(rows, schema=["timestamp", "item_id", "rating"], orient="row").with_columns(user_id=0)
    items = pl.DataFrame({"item_id": [str(i) for i in range(6)], "title": [f"t{i}" for i in range(6)]})
    options = {"read_as": "impressions", "rating_column": "rating", "repeats": "last", "validation_share": 0.2}
    prepare(DataSection(**options), tmp_path / "out", clicks=clicks, items=items)
    dataset = Dataset.load(tmp_path / "out")
    assert [row.tolist() for row in dataset.train.candidates] == [[0, 1], [2, 3], [4, 5]]
    assert [row.tolist() for row in dataset.validation.candidates] == [[0, 1]]
    assert [row.tolist() for row in dataset.test.history] == [[2, 4, 0]]


@pytest.mark.parametrize(("least", "left"), [(1, ["0", "1", "2"]), (2, ["0", "1"]), (3, ["0"])])
def test_minimum_clicks_of_a_user_are_counted_before_validation(tmp_path, least, left):
    early = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (0, 4)]
    dataset = make([*early, (0, 5), (2, 2), (0, 6)], tmp_path / "out", min_user_clicks=least)
    assert dataset.users["user_id"].to_list() == left
    assert set(dataset.test.user.tolist()) <= set(range(len(left)))
    assert len(whole(dataset.train.items).values) == sum(str(user) in left for user, _ in early)
