"""Leakage is checked, not assumed."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from distill_rec.data import Dataset, prepare, read_summary
from distill_rec.data.slices import whole
from distill_rec.data.splits import draw_new
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, RecipeError
from distill_rec.training.batches import make_batches

COLUMNS = {"user_column": "user", "item_column": "item", "time_column": "time", "rating_column": "rating"}
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 30), st.integers(1, 5)), min_size=12, max_size=60
)


def make(rows, folder, **options):
    clicks = pl.DataFrame(rows, schema=["user", "item", "time", "rating"], orient="row")
    items = pl.DataFrame({"item": [str(i) for i in range(8)], "title": [f"t{i}" for i in range(8)]})
    prepare(DataSection(**COLUMNS, max_history=6, **options), folder, clicks=clicks, items=items)
    return Dataset.load(folder)


def earlier(rows, user, time, banned, least=1):
    """Items of a user strictly before a time, by going through all rows."""
    found = [row for row in rows if row[0] == user and row[2] < time and row[3] >= least and row[1] not in banned]
    return [row[1] for row in sorted(found, key=lambda row: row[2])]


def check_queries(dataset, part, rows, banned):
    users = dataset.users["user_id"].to_list()
    for row in range(len(part)):
        user, time, target = int(users[part.user[row]]), int(part.time[row]), int(part.target[row])
        assert part.history[row].tolist() == earlier(rows, user, time, banned, 4)[-6:]
        assert set(part.excluded(np.array([row]))[0].tolist()) == set(earlier(rows, user, time, banned)) - {target}


def targets(dataset, part):
    users = dataset.users["user_id"].to_list()
    return sorted((int(users[u]), int(i), int(t)) for u, i, t in zip(part.user, part.target, part.time, strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(ROWS, st.sampled_from([0.0, 0.25]))
def test_cuts_hold_and_histories_and_exclusions_are_what_came_strictly_before(tmp_path_factory, rows, new_items):
    rows = rows[: len(rows) // 10 * 10]
    times = sorted(row[2] for row in rows)
    first, second = times[len(rows) * 7 // 10], times[len(rows) * 8 // 10]
    positive = [row for row in rows if row[3] >= 4]
    assume(len({row[1] for row in positive if row[2] < first}) > 2)
    try:
        dataset = make(rows, tmp_path_factory.mktemp("d") / "out", new_items=new_items)
    except DataError:  # a part would be empty
        reject()
    banned = set(np.flatnonzero(dataset.new).tolist())
    old = [row for row in positive if row[1] not in banned]
    for part, low, high in ((dataset.validation, first, second), (dataset.test, second, 1 << 40)):
        assert targets(dataset, part) == sorted(row[:3] for row in old if low <= row[2] < high)
        check_queries(dataset, part, rows, banned)
    assert len(banned) == 8 * new_items
    users = dataset.users["user_id"].to_list()
    trained = [
        (int(users[user]), int(item), int(time))
        for user, items, moments in zip(dataset.train.user, dataset.train.items, dataset.train.times, strict=True)
        for item, time in zip(items, moments, strict=True)
    ]
    assert sorted(trained) == sorted(row[:3] for row in old if row[2] < first)
    assert all(np.all(np.diff(moments) >= 0) for moments in dataset.train.times)
    assert dataset.train_clicks.tolist() == np.bincount([row[1] for row in trained], minlength=8).tolist()
    if new_items:
        novel = [row for row in positive if row[1] in banned and row[2] >= second]
        found = targets(dataset, dataset.test_new)
        assert {(user, time) for user, _, time in found} == {
            (user, min(row[2] for row in novel if row[0] == user)) for user in {row[0] for row in novel}
        }
        assert set(found) <= {row[:3] for row in novel}
        check_queries(dataset, dataset.test_new, rows, banned)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.sampled_from([0.0, 0.25]))
def test_leave_last_out_takes_the_last_of_each_user(tmp_path_factory, rows, new_items):
    rows = [(user, item, time, 5) for time, (user, item, _, _) in enumerate(rows)]
    columns = {"split": "leave-last-out", "new_items": new_items}
    dataset = make(rows, tmp_path_factory.mktemp("d") / "out", **columns)
    banned = set(np.flatnonzero(dataset.new).tolist())
    own = {user: [row for row in rows if row[0] == user] for user in {row[0] for row in rows}}
    last = [clicks[-1] for clicks in own.values() if len(clicks) >= 2]
    before = [clicks[-2] for clicks in own.values() if len(clicks) >= 3]
    for part, wanted in ((dataset.test, last), (dataset.validation, before)):
        assert targets(dataset, part) == sorted(row[:3] for row in wanted if row[1] not in banned)
        check_queries(dataset, part, rows, banned)
    kept = [row[1] for row in rows if row not in last and row not in before and row[1] not in banned]
    assert sorted(whole(dataset.train.items).values.tolist()) == sorted(kept)


def test_leave_last_out_by_hand(tmp_path):
    rows = [(0, 1, 5, 5), (0, 2, 6, 5), (0, 3, 7, 5), (0, 4, 7, 5), (1, 5, 1, 5), (1, 6, 2, 5), (2, 7, 1, 5)]
    dataset = make(rows, tmp_path / "out", split="leave-last-out")
    assert sorted(whole(dataset.train.items).values.tolist()) == [1, 2, 5, 7]
    assert dataset.validation.target.tolist() == [3]
    assert sorted(dataset.test.target.tolist()) == [4, 6]
    # Item 3 is of the same second as the target: strictly earlier leaves it out.
    row = dataset.test.target.tolist().index(4)
    assert dataset.test.history[row].tolist() == [1, 2]


def test_recbole_sequence_form_keeps_the_validation_item_in_the_test_history(tmp_path):
    (tmp_path / "x.inter").write_text(
        "user_id:token\titem_id_list:token_seq\titem_id:token\n7\ta b\tc\n7\ta b c\td\n8\tb\ta\n"
    )
    (tmp_path / "x.item").write_text("item_id:token\ttitle:token_seq\n" + "".join(f"{i}\tT{i}\n" for i in "abcd"))
    section = DataSection(format="recbole", path=str(tmp_path), sequence_column="item_id_list", time_column="",
                          split="leave-last-out")  # fmt: skip
    prepare(section, tmp_path / "out")
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.test.history[0].tolist() == [0, 1, 2]
    assert dataset.test.target.tolist() == [3, 0]
    assert dataset.test.time.tolist() == [0, 0]
    assert sorted(whole(dataset.train.items).values.tolist()) == [0, 1, 1]
    assert dataset.validation.target.tolist() == [2]
    with pytest.raises(RecipeError, match="no times"):
        prepare(section.model_copy(update={"split": "time"}), tmp_path / "other")


def test_sessions_become_impressions_with_real_negatives(tmp_path):
    hour = 3600
    rows = [(0, 0, 0, 5), (0, 1, 60, 2), (0, 1, 120, 4)]
    rows += [(0, 2, 10 * hour, 5), (0, 3, 10 * hour + 1, 1), (0, 4, 90 * hour, 1), (0, 7, 90 * hour + 1, 5)]
    rows += [(0, 5, 99 * hour, 5), (0, 6, 99 * hour + 9, 2), (1, 0, 99 * hour, 3), (1, 1, 99 * hour, 4)]
    dataset = make(rows, tmp_path / "out", read_as="impressions", test_share=0.4, validation_share=0.18)
    # 0 and 1 in one session, 1 by its last rating: all clicks, so nothing to learn from it.
    assert [row.tolist() for row in dataset.train.candidates] == [[2, 3]]
    assert [row.tolist() for row in dataset.train.history] == [[0, 1]]
    assert [row.tolist() for row in dataset.test.candidates] == [[5, 6], [0, 1]]
    assert [row.tolist() for row in dataset.test.labels] == [[1, 0], [0, 1]]
    assert [row.tolist() for row in dataset.test.history] == [[0, 1, 2, 7], []]


def test_new_items_are_a_share_of_every_tenth_of_popularity():
    clicks = np.random.default_rng(0).permutation(200)  # all different, so that the tenths are known
    new = draw_new(clicks, DataSection(new_items=0.1, seed=3))
    assert [int(new[(clicks >= low) & (clicks < low + 20)].sum()) for low in range(0, 200, 20)] == [2] * 10
    assert np.array_equal(new, draw_new(clicks, DataSection(new_items=0.1, seed=3)))
    assert not np.array_equal(new, draw_new(clicks, DataSection(new_items=0.1, seed=4)))


def test_equal_texts_are_one_text(tmp_path):
    rows = [(0, i, i, 5) for i in range(8)]
    clicks = pl.DataFrame(rows, schema=["user", "item", "time", "rating"], orient="row")
    items = pl.DataFrame({"item": [str(i) for i in range(8)], "title": ["a", "b"] * 4})
    shares = {"test_share": 0.25, "validation_share": 0.25}
    prepare(DataSection(**COLUMNS, **shares), tmp_path / "out", clicks=clicks, items=items)
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.texts == ["a", "b"]
    assert dataset.item_text.tolist() == [0, 1] * 4


def test_users_with_one_and_two_clicks(tmp_path):
    rows = [(0, 1, 1, 5), (1, 2, 2, 5), (1, 3, 3, 5), (2, 4, 4, 5), (2, 5, 5, 5), (2, 6, 6, 5)]
    dataset = make(rows, tmp_path / "out", split="leave-last-out")
    assert dataset.validation.target.tolist() == [5]
    assert dataset.test.target.tolist() == [3, 6]
    assert read_summary(tmp_path / "out").mended["a user with one click"] == {"count": 1, "first": ["user:0"]}


def test_impressions_of_ratings_keep_them_and_older_ones_go_without(tmp_path):
    hour = 3600
    rows = [(0, 0, 0, 5), (0, 2, 10 * hour, 5), (0, 3, 10 * hour + 1, 1), (0, 3, 10 * hour + 2, 2)]
    rows += [(0, 4, 90 * hour, 1), (0, 7, 90 * hour + 1, 5), (0, 5, 99 * hour, 5), (0, 6, 99 * hour + 9, 2)]
    dataset = make(rows, tmp_path / "out", read_as="impressions", test_share=0.25, validation_share=0.25)
    assert [row.tolist() for row in dataset.train.grades] == [[5.0, 2.0]]
    assert [row.tolist() for row in dataset.test.grades] == [[5.0, 2.0]]
    batch = make_batches(dataset, 4, seed=0).make(np.array([0]))
    assert batch.grades.tolist() == [[5.0, 2.0]] and batch.candidates.tolist() == [[2, 3]]
    for path in (tmp_path / "out").glob("*.grades.*"):
        path.unlink()
    older = Dataset.load(tmp_path / "out")
    assert older.train.grades is None and older.train.digest() == dataset.train.digest()
    assert make_batches(older, 4, seed=0).make(np.array([0])).grades is None
