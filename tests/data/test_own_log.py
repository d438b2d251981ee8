"""Logs that people have: every file of `cases/second` is read for what it is, and what is not taken is counted."""

import json
from pathlib import Path

import polars as pl
import pytest

from distill_rec.data import Dataset, prepare
from distill_rec.data.prepare import read_log
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, RecipeError

SECOND = Path(__file__).parent.parent / "cases" / "second"


def section(clicks, items="items.csv", **changes):
    return DataSection(path=str(SECOND), clicks=clicks, items=items, **changes)


SHOP = section(
    "shop-export.csv",
    "",
    user_column="CustomerID",
    item_column="StockCode",
    time_column="InvoiceDate",
    where="Quantity > 0",
    missing_user="leave-out",
    text="{Description}",
)


def test_one_shops_export_is_clicks_and_items(tmp_path):
    summary = prepare(SHOP, tmp_path / "out")
    counts = {reason: fault["count"] for reason, fault in summary.left_out.items()}
    assert counts == {"by data.where = 'Quantity > 0'": 22, "no user's id (data.missing_user)": 100}
    assert (summary.rows, summary.left_out_rows, summary.interactions) == (500, 117, 383)
    assert (summary.users, summary.items, summary.refused) == (24, 10, {})
    assert summary.mended["an item with more than one text: the commonest is taken"]["count"] == 8
    texts = Dataset.load(tmp_path / "out").items.select("item_id", "text").rows()
    assert dict(texts)["25"] == "PAPER LANTERN" and dict(texts)["26"] == "CANDLE, VANILLA"
    told = dict(summary.lines())
    assert told["left out in all"].startswith("117 rows")


def test_rows_without_a_user_are_refused_where_no_setting_leaves_them_out(tmp_path):
    with pytest.raises(DataError, match=r"a missing user id \(95 of 500 rows were refused"):
        prepare(SHOP.model_copy(update={"missing_user": "refuse"}), tmp_path / "out")


@pytest.mark.parametrize("repeated", [["a", "b", "b"], ["b", "a", "b"], ["", "b", ""], ["b", None, None]])
def test_the_commonest_text_that_is_none_empty_is_taken(repeated):
    clicks = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["1"] * 3, "timestamp": [1, 2, 3], "title": repeated})
    log = read_log(DataSection(), Path(), clicks)
    assert log.items["title"].to_list() == ["b"]


def test_clicks_without_texts_say_that_items_are_missing():
    clicks = pl.DataFrame({"user_id": ["u"], "item_id": ["1"], "timestamp": [1]})
    with pytest.raises(RecipeError, match=r"\{title\}.*data\.items names no file"):
        read_log(DataSection(), Path(), clicks)


def test_ids_that_were_made_floats_are_those_of_the_items():
    log = read_log(section("float-ids.csv"), Path())
    assert len(log.clicks) == 399 and log.clicks["user_id"].n_unique() == 40
    assert set(log.clicks["item_id"]) == {str(item) for item in range(21, 31)}
    assert {reason: fault.count for reason, fault in log.faults.refused.items()} == {"a missing user id": 1}
    assert [fault.count for fault in log.faults.mended.values()] == [399, 400]


@pytest.mark.parametrize(
    ("ids", "items", "expected"),
    [
        (["00123", "123", "123.0", " 123 "], ["00123", "123"], ["00123", "123", "123", "123"]),
        (["31", "31 "], ["31.0", "32.0"], ["31.0", "31.0"]),
        (["1.0", "1"], ["1.0", "1"], ["1.0", "1"]),  # both are there: two items
        (["a.0"], ["a"], []),
        (["1.5"], ["1"], []),
    ],
)
def test_only_an_id_that_is_the_same_number_is_mended(ids, items, expected):
    clicks = pl.DataFrame({"user_id": ["u"] * len(ids), "item_id": ids, "timestamp": range(len(ids))})
    log = read_log(DataSection(), Path(), clicks, pl.DataFrame({"item_id": items, "title": items}))
    assert log.clicks["item_id"].to_list() == expected


def test_files_of_one_log_have_one_form_of_a_users_id(tmp_path):
    (tmp_path / "1.csv").write_text("user_id,item_id,timestamp\n7.0,1,1\n,1,2\n8.0,1,3\n")
    (tmp_path / "2.csv").write_text("user_id,item_id,timestamp\n7,1,4\n")
    (tmp_path / "items.tsv").write_text("item_id\ttitle\n1\ta\n")
    log = read_log(DataSection(path=str(tmp_path), clicks="*.csv", items="items.tsv"), Path())
    assert log.clicks["user_id"].to_list() == ["7", "8", "7"]


def test_event_types_that_no_weight_names_are_counted_and_warned_of(tmp_path):
    events = section("events.csv", event_column="event", event_weights={"view": 1.0, "purchase": 5.0})
    summary = prepare(events, tmp_path / "out")
    assert [fault["count"] for fault in summary.left_out.values()] == [30, 30]
    assert summary.clicks == 360
    assert "60 of 420 rows (14.3%)" in summary.warnings[0] and "'Purchase' 30" in summary.warnings[0]
    assert "two spellings of one type" in summary.warnings[1]
    every = {"view": 1.0, "purchase": 5.0, "Purchase": 5.0, "remove_from_cart": 0.0}
    summary = prepare(events.model_copy(update={"event_weights": every}), tmp_path / "out")
    assert (summary.left_out, summary.warnings) == ({}, [])
    assert (summary.interactions, summary.clicks) == (420, 390)


def test_few_unnamed_events_are_counted_without_a_warning():
    rows = [("u", "1", time, "view") for time in range(199)] + [("u", "1", 200, "odd")]
    clicks = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "event"], orient="row")
    options = DataSection(event_column="event", event_weights={"view": 1.0})
    log = read_log(options, Path(), clicks, pl.DataFrame({"item_id": ["1"], "title": ["a"]}))
    assert [fault.count for fault in log.faults.left_out.values()] == [1]
    assert log.faults.warnings == []


def test_columns_with_blanks_and_two_names_of_an_items_id(tmp_path):
    orders = section(
        "orders.csv",
        "products.csv",
        user_column="CustomerID",
        item_column="ProductID",
        time_column="OrderDate",
        text="{Product Name} ({Category})",
    )
    prepare(orders, tmp_path / "out")
    assert Dataset.load(tmp_path / "out").texts[0] == "Red kettle (kitchen)"
    other = {"items": "items.csv", "item_id_column": "item_id", "text": "{title}"}
    assert len(read_log(orders.model_copy(update=other), Path()).clicks) == 400
    with pytest.raises(DataError, match=r"no column 'id'; .* Set data\.item_id_column"):
        read_log(orders.model_copy(update=other | {"item_id_column": "id"}), Path())


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_nested_fields_are_named_with_a_dot(form, tmp_path):
    path = SECOND / "nested.jsonl"
    if form == "parquet":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path = tmp_path / "nested.parquet"
        pl.DataFrame(rows).write_parquet(path)
    names = {"user_column": "user.id", "item_column": "product.sku", "item_id_column": "item_id", "time_column": "at"}
    log = read_log(section(str(path), **names), Path())
    assert (len(log.clicks), log.clicks["user_id"].n_unique()) == (200, 30)


def test_quotes_within_a_field_are_text():
    items = read_log(section("sessions.csv", "quotes.tsv", max_refused=1.0), Path()).items
    assert items["title"].to_list() == ['"Weird" kettle', 'Hose 10" long', "plain"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('a,"B" c', '"B" c'),
        ('a,"B, C" d', '"B, C" d'),
        ('a,"say ""x""" d', '"say ""x""" d'),
        ('a,"B, C"', "B, C"),
        ('"a","say ""x"""', 'say "x"'),
    ],
)
def test_only_a_field_that_is_quoted_whole_is_unquoted(line, field, tmp_path):
    (tmp_path / "items.csv").write_text(f"item_id,title\n{line}\n")
    clicks = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": [1]})
    log = read_log(DataSection(path=str(tmp_path), items="items.csv"), Path(), clicks)
    assert log.items["title"].to_list() == [field]


@pytest.mark.parametrize(("file", "wrong", "right"), [("stars10.csv", 2, 7), ("thumbs.csv", 0, 1)])
def test_a_threshold_of_another_scale_is_warned_of(file, wrong, right, tmp_path):
    ratings = section(file, rating_column="rating", min_rating=wrong)
    assert f"Set data.min_rating = {right}." in prepare(ratings, tmp_path / "out").warnings[0]
    assert prepare(ratings.model_copy(update={"min_rating": right}), tmp_path / "out").warnings == []


def test_a_threshold_that_no_rating_reaches_names_the_scale(tmp_path):
    with pytest.raises(DataError, match=r"none of 400 rows a click: ratings of 0 and 1; .* Set data\.min_rating = 1"):
        prepare(section("thumbs.csv", rating_column="rating"), tmp_path / "out")


def test_decimal_commas_are_read_and_counted():
    clicks = pl.DataFrame(
        {"user_id": ["u"] * 3, "item_id": ["1"] * 3, "timestamp": [1, 2, 3], "stars": ["4,5", "3", "x"]}
    )
    log = read_log(DataSection(rating_column="stars"), Path(), clicks, pl.DataFrame({"item_id": [1], "title": ["a"]}))
    assert log.clicks["positive"].to_list() == [True, False]
    assert log.faults.mended["a rating with a decimal comma"].count == 1
    assert log.faults.refused["an unreadable rating"].count == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_utf_16_is_read_by_its_mark(encoding, tmp_path):
    text = (SECOND / "items.csv").read_text()
    (tmp_path / "items.csv").write_bytes((("\ufeff" if encoding == "utf-16-le" else "") + text).encode(encoding))
    log = read_log(DataSection(path=str(SECOND), clicks="sessions.csv", items=str(tmp_path / "items.csv")), Path())
    assert log.items["title"][5] == "Candle, vanilla"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + bytes(60), r"an Excel workbook .*Save it as CSV"),
        (b"PAR1" + bytes(60), r"a Parquet file under another name.*\.parquet"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), r"a binary file"),
        ("a,b\n1,2\n".encode("utf-16-be"), r"UTF-16 without its mark.* Set data\.encoding to utf-16-be"),
    ],
)
def test_what_is_no_text_is_told_with_the_way_out(content, said, tmp_path):
    (tmp_path / "clicks.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_log(DataSection(path=str(tmp_path), clicks="clicks.xlsx", items="clicks.xlsx"), Path())
    assert str(error.value).isprintable()


BAD = "user_id,item_id,timestamp\nu,1,1\nu,\x1b[31mred,2\nu,1,soon\nu,1\n,1,3\n"


def test_refused_rows_are_told_with_value_and_expectation(tmp_path):
    (tmp_path / "clicks.csv").write_text(BAD + "".join(f"v,1,{n}\n" for n in range(500)))
    (tmp_path / "items.csv").write_text("item_id,title\n1,a\n")
    folder = tmp_path.name
    summary = prepare(DataSection(path=str(tmp_path), clicks="clicks.csv", items="items.csv"), tmp_path / "out")
    found = [(row["line"], row["column"], row["value"]) for row in summary.refused_rows]
    assert found == [
        ("3", "item_id", "\\x1b[31mred"),
        ("4", "timestamp", "soon"),
        ("5", "", "u | 1"),
        ("6", "user_id", ""),
    ]
    assert "1/13/2010 8:26" in summary.refused_rows[1]["expected"]
    table = pl.read_csv(tmp_path / "out" / "refused.csv")
    assert table.columns == ["file", "line", "column", "value", "reason", "expected"]
    assert table["file"].to_list() == [f"{folder}/clicks.csv"] * 4 and table["line"].to_list() == [3, 4, 5, 6]


def test_too_many_refused_rows_leave_their_list_beside_the_folder(tmp_path):
    (tmp_path / "clicks.csv").write_text("user_id,item_id,timestamp\n" + "u,9,1\n" * 30 + "u,1,1\nu,2,2\nu,3,3\n")
    (tmp_path / "items.csv").write_text("item_id,title\n1,a\n2,b\n3,c\n")
    options = DataSection(path=str(tmp_path), clicks="clicks.csv", items="items.csv", split="leave-last-out")
    with pytest.raises(DataError) as error:
        prepare(options, tmp_path / "run" / "prepare")
    path = tmp_path / "run" / "prepare-refused.csv"
    assert f"All 30 refused rows: {path}" in str(error.value)
    assert str(error.value).count("item_id='9'") == 20
    assert len(pl.read_csv(path)) == 30
    prepare(options.model_copy(update={"max_refused": 1.0, "max_history": 5}), tmp_path / "run" / "prepare")
    assert not path.exists() and len(pl.read_csv(tmp_path / "run" / "prepare" / "refused.csv")) == 30


def test_a_text_cannot_use_a_column_that_is_called_as_the_ids_are(tmp_path):
    clicks = pl.DataFrame({"user_id": ["u"], "sku": ["1"], "timestamp": [1]})
    items = pl.DataFrame({"sku": ["1"], "item_id": ["A thing"]})
    with pytest.raises(RecipeError, match=r"data\.text: \{item_id\}, while the ids are those of 'sku'"):
        prepare(DataSection(item_column="sku", text="{item_id}"), tmp_path / "out", clicks=clicks, items=items)


def test_a_filter_of_minds_impressions_is_refused():
    with pytest.raises(RecipeError, match=r"data\.where: set, for MIND's files"):
        read_log(DataSection(format="mind", where="a > 0"), Path())
