"""What makes a result worthless is told before anyone trains."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from distill_rec.data import Dataset, prepare
from distill_rec.data.emptiness import between
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

SECOND = Path(__file__).parent.parent / "cases" / "second"
MANY = 100


def catalogue(count):
    return pl.DataFrame({"item_id": [str(i) for i in range(count)], "title": [f"t{i}" for i in range(count)]})


ITEMS = catalogue(40)


def summary(folder, user, item, time=None, items=MANY, **options):
    clicks = {"user_id": user, "item_id": item}
    if time is None:
        options |= {"time_column": "", "split": "leave-last-out"}
    else:
        clicks["timestamp"] = time
    prepare(DataSection(**options), folder / "out", clicks=pl.DataFrame(clicks), items=catalogue(items))
    return json.loads((folder / "out" / "summary.json").read_text())


def keys(found):
    return [caution["key"] for caution in found["cautions"]]


def log(users=200, each=10, seed=0):
    generator = np.random.default_rng(seed)
    return np.repeat(np.arange(users), each), generator.integers(0, 40, users * each), np.arange(users * each)


def test_an_ordinary_log_has_no_caution(tmp_path):
    user = np.random.default_rng(1).permutation(np.repeat(np.arange(200), 5))
    # nobody has an item twice
    item = pl.DataFrame({"user": user}).select(pl.int_range(pl.len()).over("user") * 7 % 40 + pl.col("user") % 5)
    assert keys(summary(tmp_path, user, item.to_series().to_numpy(), np.arange(1000))) == []


def test_a_user_with_more_than_a_hundredth_of_the_rows_is_named(tmp_path):
    user, item, time = log()
    user[np.random.default_rng(2).choice(len(user), 300, replace=False)] = 777
    found = summary(tmp_path, user, item, time)["cautions"]
    heavy = next(caution for caution in found if caution["key"] == "heavy-users")
    assert "'777' with 300 (15.0%)" in heavy["text"]
    assert heavy["share"] == 0.15


def test_targets_that_stood_in_their_own_history_are_counted_whatever_a_history_keeps(tmp_path):
    user = np.repeat(np.arange(10), 10)
    item = np.tile([0, 1, 2, 3, 4, 5, 6, 7, 8, 0], 10)  # the last click is the first item again
    item[user >= 4] = np.tile(np.arange(10), 6)
    options = {"time_column": "", "split": "leave-last-out", "max_history": 2}
    found = summary(tmp_path, user, item, **options)
    assert found["repeated_targets"] == 0.4
    told = next(caution["text"] for caution in found["cautions"] if caution["key"] == "repeated-targets")
    assert "40.0% of the test's targets" in told and 'repeat_term = "recency"' in told and "recommend --seen" in told
    assert Dataset.load(tmp_path / "out").repeated_targets == 0.4


@pytest.mark.parametrize(("items", "few"), [(54, True), (60, False)])
def test_a_ranking_among_few_items_that_are_left_is_told(tmp_path, items, few):
    user = np.repeat(np.arange(30), 11)
    # the five items of a history are seen twice each before the target, and count once
    found = summary(tmp_path, user, np.tile([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5], 30), items=items)
    assert ("few-candidates" in keys(found)) is few
    if few:
        (told,) = [caution["text"] for caution in found["cautions"] if caution["key"] == "few-candidates"]
        assert "49 of 54 items are left to rank" in told


def test_a_click_of_the_same_second_is_no_repetition(tmp_path):
    user = np.repeat(np.arange(10), 4)
    found = summary(tmp_path, user, np.tile([0, 1, 2, 2], 10), np.tile([0, 1, 2, 2], 10), split="leave-last-out")
    assert found["repeated_targets"] == 0.0


def test_users_with_one_item_and_ties_are_counted(tmp_path):
    user, item, _ = log(each=5)
    item[user < 50] = 3
    found = summary(tmp_path, user, item, np.tile([0, 0, 0, 0, 1], 200), split="leave-last-out")
    assert found["one_item_users"] == pytest.approx(0.25, abs=0.01)
    assert found["ties"] == 0.75
    assert {"one-item-users", "ties"} <= set(keys(found))


@pytest.mark.parametrize("ordered", ["ids as numbers", "ids as text", "catalogue", "not"])
def test_an_order_that_follows_the_items_is_no_order_of_time(tmp_path, ordered):
    user, item, _ = log()
    order = {"ids as numbers": item, "ids as text": item.astype(str), "catalogue": (39 - item), "not": np.arange(2000)}
    place = np.lexsort((order[ordered], user))
    items = ITEMS[::-1] if ordered == "catalogue" else ITEMS.sample(fraction=1.0, shuffle=True, seed=1)
    clicks = pl.DataFrame({"user_id": user[place], "item_id": item[place]})
    section = DataSection(time_column="", split="leave-last-out")
    prepare(section, tmp_path / "out", clicks=clicks, items=items)
    found = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert ("order-of-ids" in keys(found)) == (ordered != "not")
    assert "order-is-your-word" in keys(found)


def test_times_of_a_days_grain_are_refused_with_shares_that_work(tmp_path):
    section = DataSection(path=str(SECOND), clicks="three-days.csv", items="items.csv")
    with pytest.raises(DataError, match=r"validation: empty.*both begin at 2024-03-03.*leave-last-out") as error:
        prepare(section, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "data.test_share = 0.33 and data.validation_share = 0.33" in error.value.do
    cut = prepare(section.model_copy(update={"test_share": 0.33, "validation_share": 0.33}), tmp_path / "out")
    assert (cut.train, cut.validation, cut.test) == (200, 200, 200)
    last = prepare(section.model_copy(update={"split": "leave-last-out"}), tmp_path / "last")
    assert (last.validation, last.test) == (60, 60)


def test_shares_between_times_are_proposed_only_where_they_cut_there():
    days = np.repeat([0, 1, 2, 3], [500, 300, 150, 50])
    assert between(days, 3) == (0.05, 0.15)
    assert between(days, 1) is None
    assert between(np.repeat([0, 1, 2], [1000, 1000, 1]), 2) is None


@pytest.mark.parametrize(
    ("options", "part"),
    [({"rating_column": "rating", "split": "leave-last-out"}, "validation"), ({"rating_column": "rating"}, "test")],
)
def test_a_part_without_samples_is_refused_whatever_left_it_empty(tmp_path, options, part):
    # two users of two clicks each; or clicks before the test alone
    rows = [(0, 1, 5), (0, 2, 5), (1, 3, 5), (1, 4, 5)] if part == "validation" else [(0, i, 5) for i in range(16)]
    rows += [(0, 1, 1)] * (0 if part == "validation" else 4)
    clicks = pl.DataFrame(rows, schema=["user_id", "item_id", "rating"], orient="row")
    clicks = clicks.with_columns(timestamp=pl.int_range(pl.len()))
    with pytest.raises(DataError, match=f"the {part}: empty"):
        prepare(DataSection(**options), tmp_path / "out", clicks=clicks, items=ITEMS)


def test_sessions_whose_validation_tells_nothing_are_refused(tmp_path):
    hour = 3600
    rows = [(0, item, number * hour, 5 if item % 2 or number > 6 else 1) for number in range(10) for item in (1, 2)]
    clicks = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    with pytest.raises(DataError, match="the validation: empty"):
        prepare(DataSection(rating_column="rating", read_as="impressions"), tmp_path / "out", clicks=clicks,
                items=ITEMS)  # fmt: skip
