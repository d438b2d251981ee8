"""`init`: what is taken for what, what is said about it, and that `prepare` accepts what was written."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from distill_rec.cli.guesses import Asked, guess
from distill_rec.cli.guesses.preview import read_as_prepare_would
from distill_rec.cli.main import app
from distill_rec.cli.write_recipe import recipe_text
from distill_rec.data import prepare
from distill_rec.recipe_io import load_recipe

SECOND = Path(__file__).resolve().parent.parent / "cases" / "second"


def init(*arguments: object, code: int = 0) -> str:
    """What a call prints on both streams."""
    done = CliRunner().invoke(app, ["init", *map(str, arguments)], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


def of_second(clicks: str, items: str = "items.csv", **changes: Any) -> tuple[dict[str, Any], str]:
    found = guess(Asked(str(SECOND / clicks), str(SECOND / items) if items else None, **changes))
    return found.data, "\n".join(found.notes)


def written(tmp_path: Path, *arguments: object) -> Any:
    """The summary of what `prepare` makes of the recipe that `init` writes."""
    init(*arguments, "--out", tmp_path / "recipe.toml")
    return prepare(load_recipe(tmp_path / "recipe.toml").data, tmp_path / "out", base=tmp_path)


@pytest.mark.parametrize(
    ("clicks", "items", "expected", "users", "interactions"),
    [
        ("transactions.csv", "items.csv", {"user_column": "user_id", "event_column": ""}, 40, 400),
        ("sessions.csv", "items.csv", {"user_column": "user_id", "time_column": "timestamp"}, 40, 400),
        ("events.csv", "items.csv", {"event_column": "event"}, 40, 420),
        ("orders.csv", "products.csv", {"user_column": "CustomerID", "text": "{Product Name} {Category}"}, 40, 400),
        ("orders.csv", "items.csv", {"item_column": "ProductID", "item_id_column": "item_id"}, 40, 400),
        ("nested.jsonl", "items.csv", {"user_column": "user.id", "item_column": "product.sku"}, 30, 200),
        ("float-ids.csv", "items.csv", {"user_column": "user_id", "item_column": "item_id"}, 40, 399),
        ("stars10.csv", "items.csv", {"rating_column": "rating", "min_rating": 7.0}, 40, 400),
        ("thumbs.csv", "items.csv", {"rating_column": "rating", "min_rating": 1.0}, 40, 400),
        ("shop-export.csv", "", {"where": "Quantity > 0", "missing_user": "leave-out"}, 24, 383),
    ],
)
def test_columns_are_guessed_and_the_recipe_is_accepted(
    clicks: str, items: str, expected: dict[str, Any], users: int, interactions: int, tmp_path: Path
) -> None:
    data, _ = of_second(clicks, items)
    assert {key: data[key] for key in expected} == expected
    summary = written(tmp_path, "--clicks", SECOND / clicks, *(("--items", SECOND / items) if items else ()))
    assert (summary.users, summary.interactions) == (users, interactions)
    assert not summary.warnings


def test_what_was_taken_for_what_is_shown_with_three_rows(tmp_path: Path) -> None:
    shown = init("--clicks", SECOND / "shop-export.csv", "--out", tmp_path / "recipe.toml")
    assert 'data.user_column = "CustomerID"' in shown and 'data.where = "Quantity > 0"' in shown
    assert "22 rows with Quantity of 0 or less" in shown and "100 rows without a user are left out" in shown
    rows = [line.split("  ") for line in shown.splitlines() if "GARDEN HOSE 10 M" in line or "CANDLE" in line]
    assert len(rows) == 3 and "2010-01-02 09:01:00" in rows[0] and "12347" in rows[0]
    told = json.loads(init("--clicks", SECOND / "shop-export.csv", "--out", tmp_path / "r.toml", "--json"))
    assert [row["user"] for row in told["rows"]] == ["12347", "12348", "12349"]
    assert told["data"]["text"] == "{Description}"


@pytest.mark.parametrize(
    ("clicks", "out", "name"),
    [
        ("shop-export.csv", "films.toml", "films"),
        ("shop-export.csv", "recipe.toml", "shop-export"),
        ("clicks/part-*.csv.gz", "recipe.toml", "clicks"),
        ("clicks", "recipe.toml", "clicks"),
    ],
)
def test_a_recipe_is_called_as_its_file_or_as_the_clicks(clicks: str, out: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "clicks").mkdir()
    rows = (SECOND / "shop-export.csv").read_bytes()
    (tmp_path / "shop-export.csv").write_bytes(rows)
    (tmp_path / "clicks/part-1.csv.gz").write_bytes(gzip.compress(rows))
    init("--clicks", tmp_path / clicks, "--out", tmp_path / out)
    assert load_recipe(tmp_path / out).name == name


def test_where_people_come_back_the_recipe_says_what_to_do(tmp_path: Path) -> None:
    shown = init("--clicks", SECOND / "shop-export.csv", "--out", tmp_path / "recipe.toml")
    remedy = 'repeat_term = "recency" in [teacher] and [student]'
    assert remedy in shown and "`recommend --seen`" in shown
    text = (tmp_path / "recipe.toml").read_text()
    assert remedy in text and text.count('# repeat_term = "none"') == 2
    run = ["prepare", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, run, env={"COLUMNS": "900"})
    assert "68.8% of the test's targets stood in their own history" in done.output and remedy in done.output
    once = "".join(f"u{n // 5},thing {n % 5},{n}\n" for n in range(50))
    (tmp_path / "once.csv").write_text(f"user_id,title,timestamp\n{once}")
    init("--clicks", tmp_path / "once.csv", "--item-column", "title", "--out", tmp_path / "other.toml")
    assert remedy not in (tmp_path / "other.toml").read_text()


def test_event_types_of_the_whole_file_are_counted_and_spellings_pointed_out() -> None:
    data, notes = of_second("events.csv")
    assert data["event_weights"] == {"view": 1.0, "purchase": 1.0, "Purchase": 1.0, "remove_from_cart": 0.0}
    assert "view 330, purchase 30" in notes and "two spellings" in notes and "'Purchase' (30)" in notes
    asked, _ = of_second("events.csv", event_weights={"remove_from_cart": 0.5, "view": 0.1})
    assert (asked["event_weights"]["remove_from_cart"], asked["event_weights"]["view"]) == (0.5, 0.1)


def test_the_scale_of_ratings_is_told() -> None:
    assert "ratings from 2 to 10: a row is a click from 7 on (50% of the rows" in of_second("stars10.csv")[1]
    assert of_second("stars10.csv", min_rating=9.0)[0]["min_rating"] == 9.0


def test_every_guess_has_an_option(tmp_path: Path) -> None:
    (tmp_path / "clicks.csv").write_text(
        "a;b;c;d;e;q\n" + "".join(f"u{n % 3};{n % 4};{n + 1}.5.2020;3,5;x;1\n" for n in range(28))
    )
    (tmp_path / "items.csv").write_text("x,y\n" + "".join(f"{n},text\n" for n in range(4)))
    options = {
        "user-column": "a",
        "item-column": "b",
        "item-id-column": "x",
        "time-column": "c",
        "time-format": "%d.%m.%Y",
        "rating-column": "d",
        "min-rating": "3",
        "event-column": "e",
        "event-weight": "x=2",
        "where": "q = 1",
        "missing-user": "leave-out",
        "text": "{y}",
        "encoding": "latin-1",
    }
    flags = [part for key, value in options.items() for part in (f"--{key}", value)]
    files = ("--clicks", tmp_path / "clicks.csv", "--items", tmp_path / "items.csv")
    summary = written(tmp_path, *files, *flags)
    data = load_recipe(tmp_path / "recipe.toml").data.model_dump()
    same = {key.replace("-", "_"): value for key, value in options.items() if key not in ("event-weight", "min-rating")}
    assert {key: data[key] for key in same} == same
    assert (data["event_weights"], data["min_rating"], summary.clicks) == ({"x": 2.0}, 3.0, 28)
    for column in ("user", "item", "time", "rating", "event"):
        said = init(*files, "--out", tmp_path / "other.toml", f"--{column}-column", "nothing", code=1)
        assert f"--{column}-column: no column 'nothing'; expected one of 'a', 'b'" in said


@pytest.mark.parametrize(
    ("header", "user"),
    [
        ("session_id,visitorid,itemid,timestamp", "visitorid"),
        ("user_agent,CustomerID,StockCode,InvoiceDate", "CustomerID"),
        ("user_name,user_id,sku,at", "user_id"),
        ("sessionId,product,ts,country", "sessionId"),
        ("event_id,account,movie,created_at", "account"),
    ],
)
def test_users_are_told_from_sessions_names_and_agents(header: str, user: str, tmp_path: Path) -> None:
    dates = {"timestamp", "InvoiceDate", "at", "ts", "created_at"}
    names = header.split(",")
    rows = [[f"2020-01-{n + 1:02d}" if name in dates else f"{name[0]}{n}" for name in names] for n in range(9)]
    text = "\n".join(",".join([*row, "A thing"]) for row in rows)
    (tmp_path / "clicks.csv").write_text(f"{header},title\n{text}\n")
    assert guess(Asked(str(tmp_path / "clicks.csv"))).data["user_column"] == user


def test_songs_by_their_names_are_their_own_texts_and_an_address_is_a_user(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 9}@x.org,Song {n % 7},Band {n % 3},5,{1_600_000_000 + n * 9999}\n" for n in range(63))
    (tmp_path / "plays.csv").write_text("Email,track,artist,overall,played_at\n" + rows)
    data = guess(Asked(str(tmp_path / "plays.csv"))).data
    assert (data["user_column"], data["text"]) == ("Email", "{track}")
    assert written(tmp_path, "--clicks", tmp_path / "plays.csv").items == 7


def test_no_order_is_assumed_without_saying_so(tmp_path: Path) -> None:
    (tmp_path / "plays.csv").write_text(
        "user_id,item_id,title\n" + "".join(f"u{n % 9},{n % 7},song\n" for n in range(90))
    )
    said = init("--clicks", tmp_path / "plays.csv", "--out", tmp_path / "recipe.toml")
    assert "NO COLUMN OF TIMES was found" in said
    assert "NO COLUMN OF TIMES was found" in (tmp_path / "recipe.toml").read_text()
    said = init("--clicks", tmp_path / "plays.csv", "--time-column", "", "--out", tmp_path / "recipe.toml", "--force")
    assert "NO COLUMN" not in said


def test_a_time_that_cannot_be_read_is_shown_with_what_can(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 9},{n % 7},song,the {n}th\n" for n in range(90))
    (tmp_path / "plays.csv").write_text("user_id,item_id,title,timestamp\n" + rows)
    said = init("--clicks", tmp_path / "plays.csv", "--out", tmp_path / "recipe.toml", code=1)
    assert "'the 0th' is no time that can be read" in said and "1/13/2010 8:26" in said and "--time-format" in said
    assert not (tmp_path / "recipe.toml").exists()


@pytest.mark.parametrize("kind", ["folder of Parquet", "folder of packed CSV", "glob"])
def test_folders_and_globs_are_read(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "log [1]"
    folder.mkdir()
    frame = pl.DataFrame({"user_id": [f"u{n % 9}" for n in range(90)], "item_id": [n % 7 for n in range(90)]})
    frame = frame.with_columns(timestamp=1_600_000_000 + pl.int_range(90) * 86400, title=pl.lit("thing"))
    for part in range(2):
        rows = frame[part * 45 : part * 45 + 45]
        if "Parquet" in kind:
            rows.write_parquet(folder / f"part-{part}.parquet")
        else:
            with gzip.open(folder / f"part-{part}.csv.gz", "wb") as file:
                rows.write_csv(file)
    (folder / "_SUCCESS").write_text("")
    place = folder if "folder" in kind else tmp_path / "log ?1?" / "*.csv.gz"
    assert written(tmp_path, "--clicks", place).clicks == 90


@pytest.mark.parametrize("name", ["photo.csv", "book.xlsx"])
def test_no_binary_reaches_the_terminal(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes((b"PK\x03\x04" if "xlsx" in name else b"\x89PNG\x1b[2J") + bytes(range(256)) * 9)
    said = init("--clicks", tmp_path / name, "--out", tmp_path / "recipe.toml", code=1)
    assert said.replace("\n", "").isprintable() and "expected text" in said
    (tmp_path / "odd.csv").write_text("user_id,item_id,title,timestamp\n" + "u\x1b[2J,1,a\x07b,1\n" * 30)
    said = init("--clicks", tmp_path / "odd.csv", "--out", tmp_path / "recipe.toml")
    assert said.replace("\n", "").isprintable() and "\\x1b[2J" in said


NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NAME, min_size=6, max_size=6, unique=True), st.sampled_from(",;\t"))
def test_a_recipe_that_was_written_is_accepted_whatever_the_headers(names: list[str], delimiter: str) -> None:
    user, item, time, quantity, own, words = names
    columns = [user, item, time, f"quantity {quantity}", f"title {words}"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with (folder / "clicks.csv").open("w", newline="", encoding="utf-8") as file:
            rows = [[f"u{n % 5}", n % 4, 1_600_000_000 + n * 86400, n % 3, ""] for n in range(40)]
            csv.writer(file, delimiter=delimiter).writerows([columns, *rows])
        with (folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows(
                [[own, f"title {words}"], *([n, f"thing {n}"] for n in range(4))]
            )
        asked = Asked(str(folder / "clicks.csv"), str(folder / "items.csv"), user, item, own, time, text=None)
        found = guess(asked)
        read_as_prepare_would(found.data, found.notes)
        (folder / "recipe.toml").write_text(recipe_text(found.data, folder, found.notes), encoding="utf-8")
        summary = prepare(load_recipe(folder / "recipe.toml").data, folder / "out", base=folder)
        assert summary.users == 5 and summary.items_without_text == 0


def test_a_dry_run_counts_the_items_that_only_the_clicks_name(tmp_path: Path) -> None:
    init("--clicks", SECOND / "shop-export.csv", "--out", tmp_path / "recipe.toml")
    done = CliRunner().invoke(app, ["run", str(tmp_path / "recipe.toml"), "--dry-run"], env={"COLUMNS": "200"})
    assert "383 clicks of 500 rows, 10 items" in done.output  # as many as prepare has
    (tmp_path / "recipe.toml").write_text((tmp_path / "recipe.toml").read_text().replace("Quantity > 0", "Amount > 0"))
    done = CliRunner().invoke(app, ["run", str(tmp_path / "recipe.toml"), "--dry-run"], env={"COLUMNS": "200"})
    assert done.exit_code == 1 and "no column 'Amount'" in done.output and "Set data.where" in done.output


def test_refused_rows_warnings_and_where_the_list_lies_are_printed(tmp_path: Path) -> None:
    init("--clicks", SECOND / "events.csv", "--items", SECOND / "items.csv", "--out", tmp_path / "recipe.toml")
    odd = [(SECOND / "events.csv").read_text(), "u1,99\x07,view,1600000000\n", "u1,21,odd,soon\n" * 10]
    (tmp_path / "odd.csv").write_text("".join(odd))
    settings = {"data.clicks": tmp_path / "odd.csv", "teacher.text.trunk": tmp_path}
    flags = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    run = ["prepare", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "run"), *flags]
    shown = CliRunner().invoke(app, run, env={"COLUMNS": "200"}).output
    assert r"odd.csv:422: item_id='99\x07' a click on an unknown item; expected an id of the items" in shown
    assert f"all of them: {tmp_path / 'run' / 'prepare' / 'refused.csv'}" in shown
    assert "left out: event type 'odd'" in shown and "warning: 10 of 431 rows (2.3%)" in shown
    assert shown.replace("\n", "").isprintable()
    strict = ["--set", 'data.event_weights={"odd" = 1}', "--set", "data.item_column=event", "--restart", "prepare"]
    failed = CliRunner().invoke(app, [*run, *strict])
    assert failed.exit_code == 1 and "no column 'event'" in failed.output
    failed = CliRunner().invoke(app, [*run, "--set", "data.time_format=%Y", "--restart", "prepare"])
    assert failed.exit_code == 1 and f"421 refused rows: {tmp_path / 'run' / 'prepare-refused.csv'}" in failed.output
    assert failed.output.count("timestamp='16") == 20


def test_ids_that_may_be_nobody_are_pointed_out_and_kept(tmp_path: Path) -> None:
    rows = "".join(f"{'nan' if n % 3 else n % 9},{n % 7},song,{1_600_000_000 + n * 9999}\n" for n in range(90))
    (tmp_path / "plays.csv").write_text("user_id,item_id,title,timestamp\n" + rows)
    shown = init("--clicks", tmp_path / "plays.csv", "--out", tmp_path / "recipe.toml")
    assert "60 rows have the user 'nan'" in shown
    files = ("--clicks", tmp_path / "plays.csv", "--force")
    assert "the user '0'" not in shown  # users may be numbered from 0
    assert written(tmp_path, *files).interactions == 90
    assert written(tmp_path, *files, "--where", "user_id != 'nan'").interactions == 30


def test_times_of_a_days_grain_are_split_by_each_users_last_clicks(tmp_path: Path) -> None:
    rows = "".join(f"u{n % 9},{n % 7},song,2024-03-0{n // 30 + 1}\n" for n in range(90))
    (tmp_path / "plays.csv").write_text("user_id,item_id,title,timestamp\n" + rows)
    summary = written(tmp_path, "--clicks", tmp_path / "plays.csv")
    assert (summary.validation, summary.test) == (9, 9)
