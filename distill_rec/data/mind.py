"""Reader of MIND: `news.tsv` and `behaviors.tsv`, byte-exact (quotes are characters like any other)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.log import Log, unique_items
from distill_rec.data.rows import FILE, LINE, find_files, label, read_rows
from distill_rec.data.text import template_fields
from distill_rec.data.times import MISSING, parse_times, zone_of
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

NEWS = ["item_id", "category", "subcategory", "title", "abstract", "url", "title_entities", "abstract_entities"]
KEYS = {"train": "data.path", "test": "data.test"}
LABEL = r"-[01]$"
BEHAVIORS = ["impression_id", "user_id", "time", "history", "impressions"]


def read_mind(section: DataSection, base: Path, faults: Faults | None = None) -> Log:
    """Read a train folder and a test folder (`data.test`); the news of both are one catalogue.

    Raises:
        DataError: a file is missing, or too many rows are refused.
    """
    faults = Faults() if faults is None else faults
    folders = _folders(section, base)
    items = read_items(section, base, faults)
    faults.check(section.max_refused)
    impressions = {}
    kinds = Counter[str]()
    for part, folder in folders.items():
        path = find_files(folder, "behaviors.tsv", KEYS[part])[0]
        known, form = items["item_id"], section.time_format
        frame, found = read_behaviors(path, known, faults, section.encoding, section.timezone, form)
        if len(frame) and frame["labels"].null_count() == len(frame):
            raise DataError(
                label(path),
                "the file has no labels",
                "candidates as N1-1 N2-0",
                "Rank it: distill-rec rank --behaviors.",
            )
        impressions[part] = frame
        kinds.update(found)
        faults.check(section.max_refused)
    return Log(items, None, impressions, True, dict(kinds), faults)


def _folders(section: DataSection, base: Path) -> dict[str, Path]:
    train = base / section.path
    return {"train": train} | ({"test": train / section.test} if section.test else {})


def read_items(section: DataSection, base: Path, faults: Faults) -> pl.DataFrame:
    """The news of both folders, one row each."""
    folders = _folders(section, base)
    news = [read_news(folder / "news.tsv", faults, section.encoding, KEYS[part]) for part, folder in folders.items()]
    return unique_items(pl.concat(news), template_fields(section.text), faults)


def read_news(path: Path, faults: Faults, encoding: str = "utf-8", key: str = "") -> pl.DataFrame:
    """News as strings, with file and line; an empty abstract is "".

    Args:
        key: of the recipe that names the file, for messages.
    """
    path = find_files(path.parent, path.name, key)[0]
    rows = read_rows(path, faults, encoding=encoding, delimiter="\t", quoted=False, columns=NEWS)
    return rows.with_columns(pl.lit(label(path)).alias(FILE))


def read_behaviors(  # noqa: PLR0913
    path: Path, known: pl.Series, faults: Faults, encoding: str = "utf-8", timezone: str = "UTC", form: str = ""
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Impressions in the file's order, and how many times of each kind.

    Unknown items leave histories and labelled candidates and are counted; an impression without a click is counted
    and kept. `labels` is null where the file has none: then candidates are to be ranked, unknown ones too.

    Args:
        known: ids of the catalogue.
        form: `data.time_format`.
    """
    rows = read_rows(path, faults, encoding=encoding, delimiter="\t", quoted=False, columns=BEHAVIORS)
    times, kinds = parse_times(rows["time"], zone_of(timezone), form, first="month")
    rows = rows.with_columns(
        pl.col("time").alias("as_written"), pl.Series("time", times), _split("history"), _split("impressions")
    )
    labelled = _is_labelled(rows["impressions"])
    labels_read = pl.col("impressions").list.eval(pl.element().str.contains(LABEL)).list.all()
    tests = {
        ("a missing user id", "user_id", "an id"): pl.col("user_id") == "",
        ("a missing or unreadable time", "as_written", "11/14/2019 12:05:00 AM"): pl.col("time") == MISSING,
        ("a candidate without a label", "impressions", "N1-0 N2-1"): ~labels_read if labelled else pl.lit(False),
    }
    for (reason, column, expected), test in tests.items():
        bad = rows.filter(test)
        values = bad[column].list.join(" ") if column == "impressions" else bad[column]
        faults.refuse(reason, label(path), bad[LINE].to_list(), values, column.replace("as_written", "time"), expected)
        rows = rows.filter(~test)
    shown = rows["impressions"]
    rows = rows.select("user_id", "time", "history", pl.col(LINE).alias("line"))
    rows = rows.with_columns(_known_history(rows, known, path, faults))
    if not labelled:
        return rows.with_columns(shown.alias("candidates"), pl.lit(None, pl.List(pl.Int8)).alias("labels")), kinds
    rows = _known_candidates(rows, shown, known, path, faults)
    _count_labels(rows, path, faults)
    return rows, kinds


def _is_labelled(shown: pl.Series) -> bool:
    """Whether most candidates carry a label."""
    return float(shown.explode().drop_nulls().str.contains(LABEL).mean() or 0) > 0.5  # type: ignore[arg-type]


def _split(name: str) -> pl.Expr:
    return pl.col(name).str.split(" ").list.eval(pl.element().filter(pl.element() != ""))


def _flat(lists: pl.Series, lines: pl.Series, name: str) -> pl.DataFrame:
    """One row an entry: the row's number, its line, the entry."""
    lengths = lists.list.len().to_numpy()
    row = np.repeat(np.arange(len(lists)), lengths)
    values = lists.explode(keep_nulls=False, empty_as_null=False) if len(lists) else pl.Series([], dtype=pl.String)
    return pl.DataFrame({"row": row, LINE: lines.to_numpy()[row], name: values})


def _gather(flat: pl.DataFrame, name: str, rows: int, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """Entries back to one list per row."""
    grouped = flat.group_by("row", maintain_order=True).agg(pl.col(name))
    whole = pl.DataFrame({"row": np.arange(rows)}).join(grouped, on="row", how="left", maintain_order="left")
    return whole[name].fill_null([]).cast(pl.List(dtype)).alias(name)


def _known_history(rows: pl.DataFrame, known: pl.Series, path: Path, faults: Faults) -> pl.Series:
    flat = _flat(rows["history"], rows["line"], "history")
    is_known = flat["history"].is_in(known.implode())
    faults.mend("an unknown item in a history", label(path), flat.filter(~is_known)[LINE].to_list())
    return _gather(flat.filter(is_known), "history", len(rows), pl.String)


def _known_candidates(
    rows: pl.DataFrame, shown: pl.Series, known: pl.Series, path: Path, faults: Faults
) -> pl.DataFrame:
    """Rows with `candidates` and `labels`, of known items."""
    flat = _flat(shown, rows["line"], "candidates").with_columns(
        pl.col("candidates").str.slice(-1).cast(pl.Int8).alias("labels"), pl.col("candidates").str.replace(LABEL, "")
    )
    is_known = flat["candidates"].is_in(known.implode())
    clicked = flat["labels"] == 1
    faults.mend("an unknown candidate", label(path), flat.filter(~is_known & ~clicked)[LINE].to_list())
    faults.mend("a clicked candidate that is unknown", label(path), flat.filter(~is_known & clicked)[LINE].to_list())
    flat = flat.filter(is_known)
    return rows.with_columns(
        _gather(flat, "candidates", len(rows), pl.String), _gather(flat, "labels", len(rows), pl.Int8)
    )


def _count_labels(rows: pl.DataFrame, path: Path, faults: Faults) -> None:
    clicks = rows["labels"].list.sum().fill_null(0)
    none = rows.filter(clicks == 0)["line"].to_list()
    every = rows.filter((clicks > 0) & (clicks == rows["labels"].list.len()))["line"].to_list()
    faults.mend("an impression with no click", label(path), none)
    faults.mend("an impression with only clicks", label(path), every)
