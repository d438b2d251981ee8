"""Plain tables: ids, quotes, times, encodings, events, frames."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from distill_rec.data import Dataset, prepare
from distill_rec.data.prepare import read_log
from distill_rec.data.slices import whole
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, RecipeError

CSV = Path(__file__).parent.parent / "cases" / "csv"
COLUMNS = {"user_column": "customer", "item_column": "sku", "time_column": "when", "text": "{name} {brand}"}


def section(**changes):
    return DataSection(**{"path": str(CSV), "clicks": "clicks.csv", "items": "items.csv", **COLUMNS, **changes})


def test_items_are_text_and_quotes_are_read():
    items = read_log(section(), Path()).items
    assert items["item_id"].to_list() == ["00123", "123", "A-9", "B-1"]
    assert items["name"].to_list() == ["Kettle, 1.7 l", "Kettle lid", 'Tea "Assam" 250 g', ""]


def test_times_of_all_kinds_are_one_time_line():
    log = read_log(section(), Path())
    user = log.clicks.filter(pl.col("user_id") == "7").sort("time")
    assert user["item_id"].to_list() == ["00123", "A-9", "123"]
    assert log.time_kinds == {"seconds": 2, "milliseconds": 1, "ISO with zone": 1, "ISO without zone": 1}
    refused = {reason: fault.first for reason, fault in log.faults.refused.items()}
    assert refused == {
        "a missing or unreadable time": ["csv/clicks.csv:7"],
        "a click on an unknown item": ["csv/clicks.csv:6"],
    }


def test_a_time_without_zone_is_in_the_recipes():
    times = [read_log(section(timezone=zone), Path()).clicks["time"][1] for zone in ("UTC", "Europe/Paris")]
    assert times[0] - times[1] == 2 * 3600  # 31 March 2024, 03:10: summer time has begun


def test_another_encoding_fails_and_names_line_and_option():
    with pytest.raises(DataError, match=r"clicks-latin1\.csv:2: .*data\.encoding"):
        read_log(section(clicks="clicks-latin1.csv"), Path())
    assert read_log(section(clicks="clicks-latin1.csv", encoding="latin-1"), Path()).clicks["user_id"][0] == "Müller"


def test_one_line_of_another_encoding_is_refused(tmp_path):
    (tmp_path / "clicks.csv").write_bytes(b"customer;sku;when\n7;00123;1\nM\xfcller;123;2\n8;A-9;3\n")
    log = read_log(section(clicks=str(tmp_path / "clicks.csv")), Path())
    assert log.clicks["user_id"].to_list() == ["7", "8"]
    assert next(iter(log.faults.refused.values())).first == [f"{tmp_path.name}/clicks.csv:3"]


def test_an_item_without_text_is_counted(tmp_path):
    summary = prepare(section(split="leave-last-out", text="{name}"), tmp_path / "out")
    assert summary.mended["an item without text"] == {"count": 1, "first": ["csv/items.csv:5"]}
    assert summary.items_without_text == 1


def table(folder, clicks, items="item,title\na,A\nb,B\nc,C\n"):
    (folder / "clicks.csv").write_text(clicks)
    (folder / "items.csv").write_text(items)
    names = {"user_column": "user", "item_column": "item", "time_column": "time"}
    return {"path": str(folder), "clicks": "clicks.csv", "items": "items.csv", **names}


def test_more_than_one_percent_and_ten_refused_rows_fail(tmp_path):
    good = "".join(f"u{i % 9},a,{i}\n" for i in range(500))
    for bad, fails in ((10, False), (11, True)):
        settings = table(tmp_path, "user,item,time\n" + good + "u,zzz,1\n" * bad)
        if fails:
            with pytest.raises(DataError, match=r"clicks\.csv:502: a click on an unknown item .*11 of"):
                prepare(DataSection(**settings), tmp_path / "out")
            prepare(DataSection(**settings, max_refused=0.05), tmp_path / "out")
        else:
            prepare(DataSection(**settings), tmp_path / "out")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("item,title\na,A\na,Other\n", r"items\.csv:3: item 'a' again, with another title than at .*items\.csv:2"),
        ("sku,title\na,A\n", r"items\.csv: no column 'item'; expected one of 'sku', 'title'\. Set data\.item_column"),
        ("", r"items\.csv: an empty file"),
    ],
)
def test_bad_structure_says_where_and_what(tmp_path, items, message):
    settings = table(tmp_path, "user,item,time\nu,a,1\n", items)
    with pytest.raises(DataError, match=message):
        prepare(DataSection(**settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unknown_field_of_the_template_is_named_with_the_nearest(tmp_path):
    settings = table(tmp_path, "user,item,time\nu,a,1\nu,b,2\n")
    with pytest.raises(RecipeError, match=r"\{titel\}.*Did you mean \{title\}"):
        prepare(DataSection(**settings, text="{titel}"), tmp_path / "out")


@pytest.mark.parametrize(("repeats", "expected"), [("keep", "abba"), ("first", "ab"), ("last", "ba")])
def test_repeated_clicks(tmp_path, repeats, expected):
    clicks = "user,item,time\nu,a,1\nu,b,2\nu,a,3\nu,b,2\nu,c,8\nu,c,9\n"
    settings = table(tmp_path, clicks)
    prepare(DataSection(**settings, repeats=repeats, split="leave-last-out"), tmp_path / "out")
    dataset = Dataset.load(tmp_path / "out")
    ids = dataset.items["item_id"].to_list()
    history = "".join(ids[item] for item in dataset.test.history[0])
    assert history.replace("c", "") == expected


def test_event_weights_and_minimum_clicks(tmp_path):
    clicks = "user,item,time,event\nu,a,1,view\nu,b,2,buy\nu,c,3,spam\nu,c,4,view\nv,a,5,view\n"
    settings = table(tmp_path, clicks)
    options = {"event_column": "event", "event_weights": {"view": 0.5, "buy": 2.0}, "min_user_clicks": 2}
    prepare(DataSection(**settings, **options, split="leave-last-out"), tmp_path / "out")
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.users["user_id"].to_list() == ["u"]
    assert whole(dataset.train.weights).values.tolist() == [0.5]
    assert (len(dataset.validation), len(dataset.test)) == (1, 1)


def test_jsonl_parquet_gzip_globs_and_frames_say_the_same(tmp_path):
    rows = [{"user": f"u{i % 3}", "item": "abc"[i % 2], "time": i} for i in range(12)]
    frame = pl.DataFrame(rows)
    items = pl.DataFrame({"item": ["a", "b"], "title": ["Q &amp; A", "B"]})
    items.write_parquet(tmp_path / "items.parquet")
    frame.write_parquet(tmp_path / "clicks.parquet")
    (tmp_path / "clicks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for part in range(2):
        with gzip.open(tmp_path / f"part-{part}.csv.gz", "wt") as file:
            file.write(frame[part * 6 : part * 6 + 6].write_csv())
    names = {"user_column": "user", "item_column": "item", "time_column": "time", "path": str(tmp_path)}
    for number, clicks in enumerate(("clicks.parquet", "clicks.jsonl", "part-*.csv.gz")):
        prepare(DataSection(**names, clicks=clicks, items="items.parquet"), tmp_path / str(number))
    prepare(DataSection(**names), tmp_path / "3", clicks=frame.to_pandas(), items=items)
    prepare(DataSection(**names), tmp_path / "4", clicks=frame, items=pd.DataFrame(items.to_dict()))
    datasets = [Dataset.load(tmp_path / str(number)) for number in range(5)]
    assert datasets[0].texts == ["Q & A", "B"]
    for other in datasets[1:]:
        assert other.fingerprint == datasets[0].fingerprint
        assert np.array_equal(whole(other.train.items).values, whole(datasets[0].train.items).values)


def test_a_glob_without_files_is_named(tmp_path):
    settings = table(tmp_path, "user,item,time\nu,a,1\n")
    with pytest.raises(DataError, match=r"nothing-\*\.csv: no such file"):
        prepare(DataSection(**{**settings, "clicks": "nothing-*.csv"}), tmp_path / "out")


def test_a_quote_that_is_never_closed_is_named_and_swallows_nothing(tmp_path):
    settings = table(tmp_path, "user,item,time\nu,a,1\n", 'item,title\na,A\nb,"B\nc,C\n')
    with pytest.raises(DataError, match=r"items\.csv:3: a quote that is never closed"):
        prepare(DataSection(**settings), tmp_path / "out")


def test_rows_between_two_stray_quotes_are_refused_with_their_lines(tmp_path):
    settings = table(tmp_path, "user,item,time\nu,a,1\n", 'item,title\na,"A\nb,B\nc,"C"\nd,D\n"e","E\nof two lines"\n')
    log = read_log(DataSection(**settings), Path())
    assert log.items["item_id"].to_list() == ["d", "e"]
    fault = log.faults.refused["quotes that are not balanced"]
    assert (fault.count, fault.first) == (3, [f"{tmp_path.name}/items.csv:{line}" for line in (2, 3, 4)])
    assert log.items["__line__"].to_list() == [5, 6]


def test_a_truncated_archive_is_named(tmp_path):
    settings = table(tmp_path, "user,item,time\nu,a,1\n")
    (tmp_path / "clicks.csv.gz").write_bytes(gzip.compress(b"user,item,time\n" + b"u,a,1\n" * 9)[:-12])
    with pytest.raises(DataError, match=r"clicks\.csv\.gz: cannot be read"):
        prepare(DataSection(**{**settings, "clicks": "clicks.csv.gz"}), tmp_path / "out")


def test_a_frame_may_have_a_row_to_refuse():
    clicks = pl.DataFrame({"user_id": ["u", None, "u"], "item_id": [1, 1, 2], "timestamp": [1, 2, 3]})
    log = read_log(DataSection(), Path(), clicks, pl.DataFrame({"item_id": [1, 2], "title": ["a", "b"]}))
    assert log.clicks["item_id"].to_list() == ["1", "2"]
    assert log.faults.refused["a missing user id"].first == ["the frame of clicks:2"]


def test_an_item_listed_twice_with_one_text_is_mended(tmp_path):
    settings = table(tmp_path, "user,item,time\nu,a,1\n", "item,title,price\na,A,1\na,A,2\nb,B,1\n")
    log = read_log(DataSection(**settings), Path())
    assert log.items["item_id"].to_list() == ["a", "b"]
    assert log.faults.mended["an item that is listed again"].first == [f"{tmp_path.name}/items.csv:3"]


def test_ratings_below_the_threshold_are_seen_and_no_clicks(tmp_path):
    settings = table(tmp_path, "user,item,time,stars\nu,a,0,5\nu,a,1,5\nu,b,2,1\nu,c,3,4\nu,c,4,\n")
    options = {"rating_column": "stars", "split": "leave-last-out"}
    summary = prepare(DataSection(**settings, **options), tmp_path / "out")
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.test.target.tolist() == [2]
    assert dataset.test.history[0].tolist() == [0, 0]
    assert dataset.test.excluded(np.array([0]))[0].tolist() == [0, 1]
    assert summary.refused["an unreadable rating"]["count"] == 1
