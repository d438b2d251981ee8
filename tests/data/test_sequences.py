"""Tables with a list of items a row: each entry is a click, and what does not go together is told with its place."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from distill_rec.data import prepare
from distill_rec.data.columns import require_columns
from distill_rec.data.log import Log
from distill_rec.data.prepare import decisive, read_log
from distill_rec.data.sequences import entries
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, RecipeError

ITEMS = pl.DataFrame({"item_id": ["a", "b", "c d"], "title": ["A", "B", "C"]})
ROWS = [
    {"user_id": 1, "items": ["a", "c d", "b"], "times": [10, 20, 30], "at": 99},
    {"user_id": 2, "items": ["b"], "times": [5], "at": 98},
    {"user_id": 1, "items": ["a"], "times": [15], "at": 97},
]
CLICKS = [("1", "a", 10), ("1", "c d", 20), ("1", "b", 30), ("2", "b", 5), ("1", "a", 15)]


def section(folder: Path, clicks: str, **changes: Any) -> DataSection:
    (folder / "items.csv").write_text(ITEMS.write_csv())
    given = {"sequence_column": "items", "time_column": "times"} | changes
    return DataSection(path=str(folder), clicks=clicks, items="items.csv", **given)


def clicks_of(log: Log) -> list[tuple[str, str, int]]:
    assert log.clicks is not None
    return log.clicks.select("user_id", "item_id", "time").rows()


@pytest.mark.parametrize("form", ["parquet", "array", "datetimes", "jsonl", "frame", "csv"])
def test_each_entry_is_a_click_with_its_own_time(form: str, tmp_path: Path) -> None:
    frame, given = pl.DataFrame(ROWS), None
    name = "clicks.parquet"
    if form == "parquet":
        frame.write_parquet(tmp_path / name)
    elif form == "array":
        frame[1:].with_columns(pl.col("items", "times").list.to_array(1)).write_parquet(tmp_path / name)
    elif form == "datetimes":
        moments = pl.col("times").list.eval(pl.from_epoch(pl.element()))
        frame.with_columns(moments).write_parquet(tmp_path / name)
    elif form == "jsonl":
        name = "clicks.jsonl"
        (tmp_path / name).write_text("\n".join(map(json.dumps, ROWS)))
    elif form == "frame":
        given = frame.to_pandas()
    else:
        name = "clicks.csv"
        lists = [pl.col("items").list.join("|"), pl.col("times").cast(pl.List(pl.String)).list.join(" | ")]
        frame.with_columns(lists).write_csv(tmp_path / name)
    chosen = section(tmp_path, name, sequence_separator="|" if form == "csv" else " ")
    log = read_log(chosen, Path(), given)
    assert clicks_of(log) == (CLICKS[3:] if form == "array" else CLICKS)
    assert log.timed and not log.faults.refused
    if given is None:
        require_columns(chosen, Path())
        assert sizes_of(chosen, Path()).clicks == len(clicks_of(log))


def test_one_time_is_of_all_clicks_of_its_row_and_without_any_the_lists_are_in_order() -> None:
    chosen = DataSection(sequence_column="items", time_column="at")
    assert clicks_of(read_log(chosen, Path(), pl.DataFrame(ROWS), ITEMS)) == [
        *(("1", item, 99) for item in ("a", "c d", "b")), ("2", "b", 98), ("1", "a", 97),
    ]  # fmt: skip
    log = read_log(chosen.model_copy(update={"time_column": ""}), Path(), pl.DataFrame(ROWS), ITEMS)
    assert clicks_of(log) == [(user, item, place) for place, (user, item, _) in enumerate(CLICKS)]
    assert not log.timed
    dated = pl.DataFrame(ROWS).with_columns(at=pl.lit(datetime(2020, 1, 1)))
    assert {row[2] for row in clicks_of(read_log(chosen, Path(), dated, ITEMS))} == {1577836800}


def test_ratings_and_events_may_be_lists_too_or_one_for_the_row() -> None:
    clicks = pl.DataFrame(
        {"user_id": [1, 2], "items": [["a", "b"], ["a", "b"]], "stars": [[5, 1], [2, 4]], "event": ["view", "buy"]}
    )
    chosen = DataSection(
        sequence_column="items",
        time_column="",
        rating_column="stars",
        event_column="event",
        event_weights={"view": 0.5, "buy": 1.0},
        where="event != 'x' and items != 'z'",
    )
    log = read_log(chosen, Path(), clicks, ITEMS)
    assert log.clicks is not None
    assert log.clicks.select("item_id", "positive", "weight").rows() == [
        ("a", True, 0.5), ("b", False, 0.5), ("a", False, 1.0), ("b", True, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "separator", "expected"),
    [
        ("a b  c ", " ", ["a", "b", "c"]),
        ("a, b,c d,", ",", ["a", "b", "c d"]),
        ("a||b", "|", ["a", "", "b"]),
        ("['a', 'b c']", ",", ["a", "b c"]),
        ('["a", "b"]', ",", ["a", "b"]),
        ("['a' 'b'\n 'c']", " ", ["a", "b", "c"]),
        ("[]", ",", []),
        (" ", " ", []),
        (None, ",", []),
        ("'a'|[b", "|", ["'a'", "[b"]),
    ],
)
def test_lists_that_are_text(text: str | None, separator: str, expected: list[str]) -> None:
    assert entries(pl.Series("x", [text], dtype=pl.String), separator).to_list() == [expected]


def test_rows_that_do_not_go_together_are_refused_with_file_line_and_value(tmp_path: Path) -> None:
    good = "".join(f"{n},a b,{n} {n + 1}\n" for n in range(200))
    (tmp_path / "clicks.csv").write_text(f"user_id,items,times\n{good}7,a b,1 2 3\n8,,\n9,a zz,1 2\n,b a,1 2\n")
    summary = prepare(section(tmp_path, "clicks.csv"), tmp_path / "out")
    assert summary.rows == 3 + 404 + 2 and summary.interactions == 401
    place = f"{tmp_path.name}/clicks.csv"
    told = [(row["file"], row["line"], row["column"], row["value"], row["reason"]) for row in summary.refused_rows]
    assert told == [
        (place, "202", "times", "1 2 3", "a list of another length than that of 'items'"),
        (place, "204", "item_id", "zz", "a click on an unknown item"),
        (place, "205", "user_id", "", "a missing user id"),
        (place, "205", "user_id", "", "a missing user id"),
    ]
    assert summary.mended["a row without an item in its list"] == {"count": 1, "first": [f"{place}:203"]}


@pytest.mark.parametrize("form", ["parquet", "jsonl", "frame"])
@pytest.mark.parametrize("items", [True, False])
def test_a_list_is_never_one_id(form: str, items: bool, tmp_path: Path) -> None:
    chosen = section(tmp_path, f"clicks.{form}", sequence_column="", item_column="items", time_column="at")
    changes = {"item_id_column": "item_id"} if items else {"items": "", "text": "{items}"}
    chosen = chosen.model_copy(update=changes)
    pl.DataFrame(ROWS).write_parquet(tmp_path / "clicks.parquet")
    (tmp_path / "clicks.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    frame = pl.DataFrame(ROWS) if form == "frame" else None
    said = r"lists in column 'items'; expected one item's id a row\. Set data\.sequence_column = 'items'"
    with pytest.raises(DataError, match=said):
        read_log(chosen, Path(), frame)
    if form == "parquet":
        with pytest.raises(DataError, match=said):
            require_columns(chosen, Path())


def test_an_id_beside_the_lists_is_not_left_out_in_silence(tmp_path: Path) -> None:
    pl.DataFrame(ROWS).with_columns(item_id=pl.lit("b")).write_parquet(tmp_path / "clicks.parquet")
    chosen = section(tmp_path, "clicks.parquet")
    for read in (read_log, require_columns):
        with pytest.raises(DataError, match=r"a column 'item_id' beside the lists of 'items'"):
            read(chosen, Path())
    named = chosen.model_copy(update={"item_column": "items", "item_id_column": "item_id"})
    assert clicks_of(read_log(named, Path())) == CLICKS


def test_texts_come_from_a_list_beside_or_are_the_entries_themselves(tmp_path: Path) -> None:
    rows = [{"user_id": 1, "items": ["a", "b"], "titles": ["A", "B"]}, {"user_id": 2, "items": ["b"], "titles": ["B"]}]
    (tmp_path / "clicks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    chosen = section(tmp_path, "clicks.jsonl", time_column="").model_copy(update={"items": "", "text": "{titles}"})
    assert read_log(chosen, Path()).items.select("item_id", "titles").rows() == [("a", "A"), ("b", "B")]
    own = chosen.model_copy(update={"item_column": "items", "text": "{items}"})
    assert read_log(own, Path()).items["items"].to_list() == ["a", "b"]
    assert sizes_of(own, Path()).items == 2
    pl.DataFrame(rows).write_parquet(tmp_path / "clicks.parquet")
    for one in (chosen, own, chosen.model_copy(update={"text": "{item_id}"})):
        require_columns(one.model_copy(update={"clicks": "clicks.parquet"}), Path())
    with pytest.raises(RecipeError, match="unknown field"):
        read_log(chosen.model_copy(update={"text": "{name}"}), Path())


def test_a_later_export_of_longer_lists_adds_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("user_id,items,times\n1,a b,1 2\n2,b,3\n")
    (tmp_path / "2.csv").write_text("user_id,items,times\n1,a b a,1 2 9\n3,b a,3 4\n")
    chosen = section(tmp_path, "1.csv", more_clicks=["2.csv"])
    assert clicks_of(read_log(chosen, Path())) == [
        ("1", "a", 1), ("1", "b", 2), ("2", "b", 3), ("1", "a", 9), ("3", "b", 3), ("3", "a", 4),
    ]  # fmt: skip


def test_data_that_were_prepared_before_the_separator_stay_prepared() -> None:
    assert "sequence_separator" not in decisive(DataSection())
    assert decisive(DataSection(sequence_separator="|"))["sequence_separator"] == "|"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_of_a_list_of_objects_each_field_is_a_list(form: str, tmp_path: Path) -> None:
    first = [{"product": {"id": "a"}, "at": 3, "title": "A"}, {"product": {"id": "b"}, "at": 4, "title": "B"}]
    rows = [
        {"user": {"id": 1}, "items": first},
        {"user": {"id": 2}, "items": []},
        {"user": {"id": 2}, "items": first[1:]},
    ]
    (tmp_path / "clicks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pl.DataFrame(rows).write_parquet(tmp_path / "clicks.parquet")
    chosen = DataSection(
        path=str(tmp_path),
        clicks=f"clicks.{form}",
        user_column="user.id",
        sequence_column="items.product.id",
        time_column="items.at",
        text="{items.title}",
    )
    log = read_log(chosen, Path())
    assert clicks_of(log) == [("1", "a", 3), ("1", "b", 4), ("2", "b", 4)]
    assert log.items["items.title"].to_list() == ["A", "B"]
    assert [fault.count for fault in log.faults.mended.values()] == [1]
    require_columns(chosen, Path())
