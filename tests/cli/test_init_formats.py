"""`init` for data sets that are no tables: RecBole's and MIND; `prepare` and a dry run take what it writes."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from init_called import accepted, call

from distill_rec.data import Dataset
from distill_rec.recipe_io import load_recipe

SEQUENCES = "user_id:token\titem_id_list:token_seq\titem_id:token\n" + "".join(
    f"u{n}\t{' '.join(f'i{(n + k) % 7}' for k in range(4))}\ti{(n + 4) % 7}\n" for n in range(20)
)
RATED = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(
    f"u{n % 9}\ti{n % 7}\t{n % 10 + 1}\t{1_600_000_000 + n * 86400}\n" for n in range(90)
)
ITEMS = "item_id:token\ttitle:token_seq\tclass:token_seq\n" + "".join(f"i{n}\tThing {n}\tred blue\n" for n in range(7))


def recbole(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize("named", ["folder", "file", "both files", "glob"])
def test_recboles_sequence_form_is_seen_and_read_whole(named: str, tmp_path: Path) -> None:
    folder = recbole(tmp_path / "set [1]", x__inter=SEQUENCES, x__item=ITEMS)
    clicks = {"folder": folder, "glob": tmp_path / "*" / "*.inter"}.get(named, folder / "x.inter")
    items = ["--items", folder / "x.item"] if named == "both files" else []
    data, summary, said = accepted(tmp_path, "--clicks", clicks, *items)
    expected = {
        "format": "recbole",
        "path": str(folder),
        "sequence_column": "item_id_list",
        "time_column": "",
        "split": "leave-last-out",
        "text": "{title} {class}",
    }
    assert data == expected
    assert (summary.users, summary.clicks, summary.items) == (20, 100, 7)
    rows = [line.split()[:2] for line in said.splitlines() if "Thing" in line]
    assert rows == [["u0", "i0"], ["u0", "i1"], ["u0", "i2"]]  # of the list, as the reader unrolls it
    assert "NO COLUMN OF TIMES" not in said and "without times" in said


def test_recboles_plain_form_has_the_scale_and_times_of_any_table(tmp_path: Path) -> None:
    folder = recbole(tmp_path / "ml", ml__inter=RATED, ml__item=ITEMS)
    data, summary, said = accepted(tmp_path, "--clicks", folder)
    expected = {"format": "recbole", "path": str(folder), "rating_column": "rating", "min_rating": 7.0}
    assert data == expected | {"text": "{title} {class}"}
    assert summary.interactions == 90 and summary.clicks == 36
    assert "ratings from 1 to 10" in said and "2020-09-19 12:26:40" in said
    data, summary, _ = accepted(
        tmp_path, "--clicks", folder, "--where", "rating > 1", "--min-rating", "2", "--text", "{class}",
        "--time-column", "",
    )  # fmt: skip
    assert (data["where"], data["min_rating"], data["time_column"], data["text"]) == ("rating > 1", 2.0, "", "{class}")
    assert summary.clicks == 81


def test_a_list_that_is_no_list_of_items_makes_no_sequence_form(tmp_path: Path) -> None:
    lines = RATED.splitlines()
    clicks = "\n".join([f"{lines[0]}\ttags:token_seq", *(f"{line}\tnew cheap" for line in lines[1:])]) + "\n"
    data, summary, said = accepted(tmp_path, "--clicks", recbole(tmp_path / "ml", ml__inter=clicks, ml__item=ITEMS))
    assert "sequence_column" not in data and summary.interactions == 90
    assert "lists that are not read: tags" in said


def test_a_sequences_list_may_be_called_anything_and_be_left_out(tmp_path: Path) -> None:
    clicks = SEQUENCES.replace("item_id_list", "before")
    folder = recbole(tmp_path / "set", x__inter=clicks, x__item=ITEMS)
    assert accepted(tmp_path, "--clicks", folder)[0]["sequence_column"] == "before"
    said = call("init", "--clicks", folder, "--sequence-column", "", "--out", tmp_path / "other.toml")
    assert "sequence_column" not in said and "NO COLUMN OF TIMES" in said
    assert "u0    i4    row 1" in said  # a click a row: the list is left out, as was asked for
    _, summary, _ = accepted(tmp_path, "--clicks", folder, "--where", "user_id != 'u1'")
    assert summary.clicks == 95
    _, summary, _ = accepted(tmp_path, "--clicks", folder, "--where", "before != 'i0 i1 i2 i3'")
    assert summary.clicks == 85


@pytest.mark.parametrize("option", ["--time-column=item_id", "--rating-column=item_id", "--min-rating=3"])
def test_the_sequence_form_refuses_what_it_has_not(option: str, tmp_path: Path) -> None:
    folder = recbole(tmp_path / "set", x__inter=SEQUENCES, x__item=ITEMS)
    said = call("init", "--clicks", folder, option, "--out", tmp_path / "recipe.toml", code=1)
    assert f"{option.partition('=')[0]}: given for the sequence form (item_id_list" in said


def test_a_benchmarks_files_are_one_log_in_order_of_time(tmp_path: Path) -> None:
    head, *rows = SEQUENCES.splitlines()
    files = {}
    for place, name in enumerate(("train", "valid", "test")):
        # In each file a user's last click but two, but one, and the last, each with those before it.
        cut = [row.replace("\t", " ").split() for row in rows]
        lines = [f"{u}\t{' '.join(items[: place + 2])}\t{items[place + 2]}" for u, *items in cut]
        files[f"x__{name}__inter"] = "\n".join([head, *lines]) + "\n"
    _, summary, said = accepted(tmp_path, "--clicks", recbole(tmp_path / "set", **files, x__item=ITEMS))
    assert summary.clicks == 100  # once each, not once in every file
    assert "x.test.inter, x.train.inter, x.valid.inter are read as one log" in said
    plain = RATED.splitlines()
    parts = {"train": plain[1:50], "valid": plain[50:70], "test": plain[70:]}
    files = {f"y__{name}__inter": "\n".join([plain[0], *part]) + "\n" for name, part in parts.items()}
    folder = recbole(tmp_path / "plain", **files, y__item=ITEMS)
    accepted(tmp_path, "--clicks", folder, "--time-column", "", "--rating-column", "")
    log = Dataset.load(tmp_path / "out").log
    assert log is not None
    items = [int(row.split("\t")[1][1:]) for row in plain[1:] if row.startswith("u0\t")]
    assert log.item[: len(items)].tolist() == items


def test_items_are_those_that_are_called_as_the_clicks(tmp_path: Path) -> None:
    folder = recbole(tmp_path / "sets", a__inter=SEQUENCES, a__item=ITEMS, b__inter=RATED, b__item=ITEMS)
    data, summary, _ = accepted(tmp_path, "--clicks", folder / "a.inter")
    assert (data["clicks"], data["items"], summary.clicks) == ("a.inter", "a.item", 100)
    other = recbole(tmp_path / "elsewhere", all__item=ITEMS)
    data, _, _ = accepted(tmp_path, "--clicks", folder / "b.inter", "--items", other)
    assert data["items"] == str(other / "*.item")
    (tmp_path / "packed").mkdir()
    for name, text in (("c.inter.gz", SEQUENCES), ("c.item.gz", ITEMS)):
        (tmp_path / "packed" / name).write_bytes(gzip.compress(text.encode()))
    assert accepted(tmp_path, "--clicks", tmp_path / "packed")[1].clicks == 100
    (folder / "a.item").unlink()
    (folder / "b.item").unlink()
    said = call("init", "--clicks", folder, "--out", tmp_path / "other.toml", code=1)
    assert "no file of items beside the clicks" in said and "--items" in said


def test_recboles_columns_in_a_table_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text(SEQUENCES)
    said = call("init", "--clicks", tmp_path / "x.tsv", "--out", tmp_path / "recipe.toml", code=1)
    assert "RecBole's types ('user_id:token')" in said and "*.inter" in said


def mind(root: Path, train: str = "train", test: str = "dev") -> Path:
    """Three days of training and one of test."""
    news = "".join(f"N{n}\tnews\tlocal\tTitle {n}\tAbstract\thttps://x\t[]\t[]\n" for n in range(9))
    for folder, days in ((train, range(9, 12)), (test, range(12, 13))):
        (root / folder).mkdir(parents=True)
        (root / folder / "news.tsv").write_text(news)
        rows = [
            f"{day * 10 + n}\tU{n}\t11/{day}/2019 8:0{n}:00 AM\tN1 N2\tN{3 + n % 3}-0 N{4 + n % 3}-1 N8-0\n"
            for day in days
            for n in range(6)
        ]
        (root / folder / "behaviors.tsv").write_text("".join(rows))
    return root / train


@pytest.mark.parametrize(("train", "test"), [("train", "dev"), ("MINDsmall_train", "MINDsmall_dev"), ("t", "dev")])
@pytest.mark.parametrize("named", ["folder", "behaviors.tsv", "above"])
def test_minds_folder_is_seen_with_its_test(train: str, test: str, named: str, tmp_path: Path) -> None:
    place = mind(tmp_path / "mind", train, test)
    if named == "above" and train == "t":
        pytest.skip("nothing says which of the folders is the one to train on")
    clicks = {"above": place.parent, "behaviors.tsv": place / "behaviors.tsv"}.get(named, place)
    data, summary, said = accepted(tmp_path, "--clicks", clicks)
    assert data == {
        "format": "mind",
        "path": str(place),
        "test": f"../{test}",
        "split": "given",
        "read_as": "impressions",
    }
    assert (summary.kind, summary.train, summary.validation, summary.test) == ("impressions", 12, 6, 6)
    rows = [line.split() for line in said.splitlines() if "Title" in line]
    assert [row[:2] for row in rows] == [["U0", "N4"], ["U1", "N5"], ["U2", "N6"]]
    assert rows[0][2:6] == ["2019-11-09", "08:00:00", "2", "3"]  # clicks before, items shown


def test_minds_columns_are_fixed_and_its_options_say_so(tmp_path: Path) -> None:
    train = mind(tmp_path / "mind")
    refused = {
        "--items": train / "news.tsv",
        "--user-column": "user_id",
        "--item-column": "x",
        "--item-id-column": "x",
        "--sequence-column": "history",
        "--sequence-separator": " ",
        "--time-column": "time",
        "--event-column": "x",
        "--event-weight": "a=1",
        "--rating-column": "x",
        "--min-rating": "3",
        "--where": "x = 1",
        "--missing-user": "leave-out",
    }
    for option, value in refused.items():
        said = call("init", "--clicks", train, option, value, "--out", tmp_path / "r.toml", code=1)
        assert f"{option}: given for MIND" in said
    kept = ("--text", "{title} {category}", "--time-format", "%m/%d/%Y %I:%M:%S %p", "--encoding", "latin-1")
    data, _, said = accepted(tmp_path, "--clicks", train, *kept)
    assert (data["text"], data["time_format"], data["encoding"]) == (kept[1], kept[3], kept[5])
    assert "Title 4 news" in said


def test_minds_test_is_named_where_it_is_not_found(tmp_path: Path) -> None:
    train = mind(tmp_path / "mind", test="later")
    said = call("init", "--clicks", train, "--out", tmp_path / "r.toml", code=1)
    assert "no folder of test behaviours" in said and "--test" in said and not (tmp_path / "r.toml").exists()
    assert accepted(tmp_path, "--clicks", train, "--test", train.parent / "later")[0]["test"] == "../later"
    said = call("init", "--clicks", train, "--test", tmp_path, "--out", tmp_path / "r.toml", code=1)
    assert "has no behaviors.tsv" in said
    rows = pl.DataFrame({"user_id": ["u"], "item_id": ["1"], "title": ["a"], "timestamp": [1]})
    rows.write_csv(tmp_path / "a.csv")
    said = call("init", "--clicks", tmp_path / "a.csv", "--test", train, "--out", tmp_path / "r.toml", code=1)
    assert "--test: given for a log of clicks" in said


def test_a_train_folder_of_one_day_is_refused_before_a_recipe_is_written(tmp_path: Path) -> None:
    train = mind(tmp_path / "mind")
    rows = (train / "behaviors.tsv").read_text().splitlines(keepends=True)
    (train / "behaviors.tsv").write_text("".join(rows[:6]))
    said = call("init", "--clicks", train, "--out", tmp_path / "r.toml", code=1)
    assert "impressions of one day" in said and not (tmp_path / "r.toml").exists()


def test_a_recipe_for_mind_is_called_as_the_data_set(tmp_path: Path) -> None:
    accepted(tmp_path, "--clicks", mind(tmp_path / "mind-sample"))
    assert load_recipe(tmp_path / "recipe.toml").name == "mind-sample"
