"""`init` for tables whose rows hold a list of items: found, shown as clicks, accepted by `prepare`; never one id."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from init_called import accepted, call

DAY = 86400
QUOTED = '"Red kettle, large"'
IDS = [f"p{number}" for number in range(12)]
RANDOM = random.Random(0)
ROWS: list[dict[str, Any]] = [
    {
        "user": number,
        "items": RANDOM.choices(IDS, k=3 + number % 3),
        "timestamps": [1_600_000_000 + (number * 7 + step) * DAY for step in range(3 + number % 3)],
        "tags": ["new", "cheap"],
    }
    for number in range(30)
]
CLICKS = sum(len(row["items"]) for row in ROWS)


@pytest.fixture
def items(tmp_path: Path) -> Path:
    (tmp_path / "items.csv").write_text("sku,title\n" + "".join(f"{one},Thing {one}\n" for one in IDS))
    return tmp_path / "items.csv"


def as_csv(path: Path, columns: list[str], values: Callable[[dict[str, Any]], list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *(values(row) for row in ROWS)])
    return path


@pytest.mark.parametrize("form", ["jsonl", "parquet", "several files"])
def test_a_column_of_lists_is_a_users_clicks_with_their_times(form: str, items: Path, tmp_path: Path) -> None:
    place = tmp_path / "clicks.jsonl"
    if form == "jsonl":
        place.write_text("\n".join(map(json.dumps, ROWS)))
    elif form == "parquet":
        place = tmp_path / "clicks.parquet"
        pl.DataFrame(ROWS).write_parquet(place)
    else:
        place = tmp_path / "log"
        place.mkdir()
        for part in range(2):
            rows = [row | ({} if part else {"more": "x"}) for row in ROWS[part::2]]
            (place / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data, summary, said = accepted(tmp_path, "--clicks", place, "--items", items)
    assert (data["sequence_column"], data["item_column"], data["item_id_column"]) == ("items", "items", "sku")
    assert (data["user_column"], data["time_column"]) == ("user", "timestamps")
    assert "sequence_separator" not in data
    assert (summary.users, summary.clicks) == (30, CLICKS)
    rows = [line.split()[:3] for line in said.splitlines() if "Thing" in line]
    days = ("2020-09-13", "2020-09-14", "2020-09-15")
    assert rows == [["0", item, day] for item, day in zip(ROWS[0]["items"], days, strict=True)]
    assert "a row's list in items is its user's clicks in order, with an entry for each in timestamps" in said


@pytest.mark.parametrize("written", [" ", ",", "|", ", ", "python"])
@pytest.mark.parametrize("with_items", [True, False])
def test_lists_that_are_text_are_told_by_their_separator(
    written: str, with_items: bool, items: Path, tmp_path: Path
) -> None:
    def text(row: dict[str, Any]) -> str:
        return str(row["items"]) if written == "python" else written.join(row["items"])

    place = as_csv(tmp_path / "c.csv", ["user_id", "item_ids"], lambda row: [row["user"], text(row)])
    options = ["--items", items] if with_items else ["--text", "{item_ids}"]
    data, summary, said = accepted(tmp_path, "--clicks", place, *options)
    assert data["sequence_column"] == "item_ids" and data["time_column"] == ""
    assert data.get("sequence_separator", " ") == {"python": ",", ", ": ","}.get(written, written)
    assert (summary.users, summary.clicks, summary.items) == (30, CLICKS, 12)
    assert "NO COLUMN OF TIMES" not in said  # the list is the order


def test_one_time_of_all_of_a_users_clicks_orders_nothing_and_is_not_read(items: Path, tmp_path: Path) -> None:
    def values(row: dict[str, Any]) -> list[Any]:
        return [row["user"], " ".join(row["items"]), row["timestamps"][-1]]

    place = as_csv(tmp_path / "c.csv", ["user_id", "history", "updated_at"], values)
    data, summary, said = accepted(tmp_path, "--clicks", place, "--items", items)
    assert data["time_column"] == "" and data["split"] == "leave-last-out" and summary.test == 30
    assert "updated_at is one time for all clicks of a row and is not read" in said
    given = ("--items", items, "--time-column", "updated_at")
    asked = call("init", "--clicks", place, *given, "--out", tmp_path / "b.toml")
    assert 'data.time_column = "updated_at"' in asked and "none of them stands in another's history" in asked


def test_baskets_have_their_rows_times(items: Path, tmp_path: Path) -> None:
    def values(row: dict[str, Any]) -> list[Any]:
        return [row["user"] % 6, "|".join(row["items"]), row["timestamps"][0]]

    place = as_csv(tmp_path / "orders.csv", ["customer", "products", "ordered_at"], values)
    data, summary, _ = accepted(tmp_path, "--clicks", place, "--items", items)
    assert (data["time_column"], data["sequence_column"]) == ("ordered_at", "products")
    assert (summary.users, summary.clicks) == (6, CLICKS)


def test_lists_that_hold_the_ones_before_are_warned_of(items: Path, tmp_path: Path) -> None:
    place = tmp_path / "growing.jsonl"
    growing = [{"user": row["user"], "items": row["items"][:most]} for row in ROWS for most in (1, 2, 3)]
    place.write_text("\n".join(map(json.dumps, growing)))
    said = accepted(tmp_path, "--clicks", place, "--items", items)[2]
    assert "MOST LISTS BEGIN WITH THE ONE BEFORE" in said and "NO COLUMN OF TIMES" in said
    place.write_text("\n".join(json.dumps({"user": row["user"] % 6, "items": row["items"]}) for row in ROWS))
    said = accepted(tmp_path, "--clicks", place, "--items", items)[2]
    assert "MOST LISTS" not in said and "the lists follow each other as the rows of the file do" in said


def test_a_list_beside_the_item_of_a_click_is_told_and_can_be_asked_for(items: Path, tmp_path: Path) -> None:
    rows = [row | {"item_id": row["items"][0], "history": row["items"]} for row in ROWS]
    place = tmp_path / "c.jsonl"
    place.write_text("\n".join(json.dumps({k: row[k] for k in ("user", "item_id", "history")}) for row in rows))
    said = call("init", "--clicks", place, "--items", items, "--out", tmp_path / "one.toml")
    assert 'item_column = "item_id"' in said and "LISTS THAT ARE NOT READ: history" in said
    asked = ("--clicks", place, "--items", items, "--sequence-column", "history")
    data, summary, _ = accepted(tmp_path, *asked)
    assert data["sequence_column"] == "history" and summary.clicks == CLICKS
    said = call("init", *asked, "--item-column", "item_id", "--out", tmp_path / "two.toml", code=1)
    assert "--item-column: given beside 'history'" in said
    named = ("--clicks", place, "--items", items, "--item-column", "history")
    assert accepted(tmp_path, *named)[0]["sequence_column"] == "history"


def test_lists_of_other_things_make_no_clicks_of_them(items: Path, tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS).explode("items", "timestamps").rename({"items": "sku", "timestamps": "at"})
    frame.write_parquet(tmp_path / "c.parquet")
    data, summary, said = accepted(tmp_path, "--clicks", tmp_path / "c.parquet", "--items", items)
    assert "sequence_column" not in data and data["item_column"] == "sku" and summary.clicks == CLICKS
    assert "LISTS" not in said
    rows = [f"u{n % 5},{n % 2},{'Blue hose | new' if n % 2 else QUOTED},{n * DAY}" for n in range(40)]
    (tmp_path / "shop.csv").write_text("user_id,product_id,product_title,timestamp\n" + "\n".join(rows) + "\n")
    assert "sequence_column" not in accepted(tmp_path, "--clicks", tmp_path / "shop.csv")[0]


def test_no_list_is_taken_for_an_id_when_lists_are_declined(items: Path, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    declined = ("--sequence-column", "", "--item-column", "items", "--item-id-column", "sku")
    said = call(
        "init", "--clicks", tmp_path / "c.jsonl", "--items", items, *declined, "--out", tmp_path / "r.toml", code=1
    )
    assert "lists in column 'items'" in said and not (tmp_path / "r.toml").exists()
    said = call(
        "init", "--clicks", tmp_path / "c.jsonl", "--sequence-column", "no", "--out", tmp_path / "r.toml", code=1
    )
    assert "--sequence-column: no column 'no'" in said


def test_titles_in_a_list_beside_are_the_items_texts(tmp_path: Path) -> None:
    rows = [row | {"titles": [f"Thing {one}" for one in row["items"]], "note": "a row's own"} for row in ROWS]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data, summary, said = accepted(tmp_path, "--clicks", tmp_path / "c.jsonl")
    assert data["text"] == "{titles}" and summary.distinct_texts == 12
    assert "Thing p1" in said


def test_ids_that_may_be_lists_are_pointed_out_where_nothing_can_tell(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 9},p{3 * n} p{3 * n + 1} p{3 * n + 2}\n" for n in range(90))
    (tmp_path / "c.csv").write_text("user_id,item_ids\n" + rows)
    said = call("init", "--clicks", tmp_path / "c.csv", "--out", tmp_path / "r.toml")
    assert "IS THIS A LIST?" in said and "--sequence-column item_ids" in said
    asked = ("--clicks", tmp_path / "c.csv", "--sequence-column", "item_ids", "--text", "{item_ids}")
    assert accepted(tmp_path, *asked)[1].clicks == 270
    rows = "".join(f"u{n % 9},A song {n % 7},{n * DAY}\n" for n in range(90))
    (tmp_path / "songs.csv").write_text("user_id,track,timestamp\n" + rows)
    assert "LIST" not in call("init", "--clicks", tmp_path / "songs.csv", "--out", tmp_path / "s.toml")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_orders_with_a_list_of_objects_are_found(form: str, tmp_path: Path) -> None:
    rows = [
        {
            "customer": row["user"] % 6,
            "ordered_at": row["timestamps"][0],
            "items": [{"qty": 1, "id": one, "title": f"Thing {one}"} for one in row["items"]],
        }
        for row in ROWS
    ]
    (tmp_path / "c.jsonl").write_text(
        "\n".join(map(json.dumps, [*rows, {"customer": 1, "ordered_at": 1, "items": []}]))
    )
    pl.DataFrame(rows).write_parquet(tmp_path / "c.parquet")
    data, summary, _ = accepted(tmp_path, "--clicks", tmp_path / f"c.{form}")
    assert (data["sequence_column"], data["time_column"], data["text"]) == ("items.id", "ordered_at", "{items.title}")
    assert summary.clicks == CLICKS


def test_the_separator_can_be_named(items: Path, tmp_path: Path) -> None:
    place = as_csv(tmp_path / "c.csv", ["user_id", "history"], lambda row: [row["user"], "~".join(row["items"])])
    asked = ("--clicks", place, "--items", items, "--sequence-column", "history", "--sequence-separator", "~")
    data, summary, _ = accepted(tmp_path, *asked)
    assert data["sequence_separator"] == "~" and summary.clicks == CLICKS
    said = call("init", *asked[:4], "--sequence-separator", "~", "--out", tmp_path / "r.toml", code=1)
    assert "no column of lists was found" in said and "--sequence-column" in said


def test_lists_without_texts_ask_for_the_items(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps(row | {"title": "of the row"}) for row in ROWS))
    said = call("init", "--clicks", tmp_path / "c.jsonl", "--out", tmp_path / "r.toml", code=1)
    assert "column 'items' holds lists of items, and no list beside it has their texts" in said and "--items" in said
