"""From a table's columns to clicks: ids as text, times on one line, ratings and events to positives and weights."""

from __future__ import annotations

import numpy as np
import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.ids import mended_by_catalogue, mended_by_column
from distill_rec.data.numbers import numbers
from distill_rec.data.ratings import MANY, propose_threshold, scale_of
from distill_rec.data.rows import FILE, LINE, named, places
from distill_rec.data.shown import shown
from distill_rec.data.times import MISSING, READABLE, parse_times, zone_of
from distill_rec.data.where import passes
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

NOTED = 0.01
"""Share of the rows from which on it is worth a warning that they are left out."""
TYPES = 20
"""Event types that are told one by one."""


def mend_users(table: pl.DataFrame, section: DataSection, faults: Faults) -> pl.DataFrame:
    """The table with the users' ids as text, blanks and the `.0` of floats taken off."""
    ids = table[section.user_column].cast(pl.String)
    return _mended(table, section.user_column, ids, mended_by_column(ids), "a user's id", faults)


def mend_items(table: pl.DataFrame, section: DataSection, known: pl.Series | None, faults: Faults) -> pl.DataFrame:
    """The same for the items' ids, which become those of the catalogue where it has one that is the same.

    Args:
        known: ids of the catalogue; None where the clicks themselves make it.
    """
    ids = table[section.item_column].cast(pl.String)
    mended = mended_by_column(ids) if known is None else mended_by_catalogue(ids, known)
    return _mended(table, section.item_column, ids, mended, "an item's id", faults)


def _mended(  # noqa: PLR0913
    table: pl.DataFrame, column: str, ids: pl.Series, mended: pl.Series, what: str, faults: Faults
) -> pl.DataFrame:
    changed = (ids != mended).fill_null(False)
    if changed.any():
        for file, part in places(table.filter(changed)):
            faults.mend(f"{what} that had blanks around it or was made a float (31.0)", file, part[LINE].to_list())
    return table.with_columns(mended.alias(column))


def leave_out(table: pl.DataFrame, section: DataSection, faults: Faults) -> tuple[pl.Series, pl.Series]:
    """Which rows pass `data.where`, and which of them are not left out by another setting either: bool `[n]` both.

    Rows of event types that the recipe does not name are left out, not refused: they are somebody's choice.
    """
    passing = passes(table, section.where) if section.where else pl.Series(np.ones(len(table), np.bool_))
    tests = {f"by data.where = {section.where!r}": ~passing} if section.where else {}
    if section.missing_user == "leave-out":
        missing = table[section.user_column].cast(pl.String).fill_null("") == ""
        tests["no user's id (data.missing_user)"] = missing
    if section.event_column and section.event_weights:
        tests |= _unnamed_types(table[section.event_column].cast(pl.String), section, faults)
    kept = pl.Series(np.ones(len(table), np.bool_))
    for reason, test in tests.items():
        for file, part in places(table.filter(test)):
            faults.leave_out(reason, file, part[LINE].to_list())
        kept &= ~test
    faults.left_out_rows += int((~kept).sum())
    return passing, kept


def _unnamed_types(events: pl.Series, section: DataSection, faults: Faults) -> dict[str, pl.Series]:
    """Rows of each event type that no weight names; a warning where they are many, or spelt like one that is."""
    counts = events.fill_null("").value_counts(sort=True, name="count")
    unnamed = [(str(kind), count) for kind, count in counts.iter_rows() if kind not in section.event_weights]
    if not unnamed:
        return {}
    column = events.fill_null("")
    tests = {_of_type(kind): column == kind for kind, _ in unnamed[:TYPES]}
    if rest := [kind for kind, _ in unnamed[TYPES:]]:
        tests["other event types, which data.event_weights does not name"] = column.is_in(rest)
    left = sum(count for _, count in unnamed)
    if left >= NOTED * len(events):
        told = ", ".join(f"{shown(kind)!r} {count:,}" for kind, count in unnamed[:5])
        faults.warnings.append(
            f"{left:,} of {len(events):,} rows ({left / len(events):.1%}) are of event types that data.event_weights "
            f"does not name and are left out: {told}. Give them a weight, or 0 where they are no clicks."
        )
    spelt = {name.lower().strip(): name for name in section.event_weights}
    for kind, count in unnamed:
        if (same := spelt.get(kind.lower().strip())) is not None:
            faults.warnings.append(
                f"{count:,} rows of event type {shown(kind)!r} are left out, while {same!r} has a weight: are these "
                "two spellings of one type?"
            )
    return tests


def _of_type(kind: str) -> str:
    return f"event type {shown(kind)!r}, which data.event_weights does not name"


def clean_clicks(
    table: pl.DataFrame, section: DataSection, known: pl.Series, kept: pl.Series, faults: Faults
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Clicks of all files, and how many times of each kind they have.

    Rows without user, item or readable time, and clicks on unknown items, are refused.

    Args:
        table: the columns that the section names, with file and line.
        known: ids of the catalogue.
        kept: bool `[n]`, rows that no setting leaves out.
    """
    kinds: dict[str, int] = {}
    if section.time_column:
        # Whether month or day stands first is a question to the whole column, what is left out included.
        times, kinds = parse_times(table[section.time_column], zone_of(section.timezone), section.time_format)
    else:
        times = np.arange(len(table), dtype=np.int64)
    table = table.with_columns(pl.Series("__time__", times)).filter(kept)
    frame = table.select(
        pl.col(FILE),
        pl.col(LINE),
        named(section.user_column).cast(pl.String).alias("user_id"),
        named(section.item_column).cast(pl.String).alias("item_id"),
        pl.col("__time__").alias("time"),
    )
    signals, ratings_read = _signals(table, section, faults)
    frame = _refuse(frame.hstack(signals), table, section, known, ratings_read, faults)
    return frame.drop(FILE, LINE), kinds


def _refuse(  # noqa: PLR0913
    frame: pl.DataFrame,
    table: pl.DataFrame,
    section: DataSection,
    known: pl.Series,
    ratings_read: np.ndarray,
    faults: Faults,
) -> pl.DataFrame:
    """The rows that can be read; each of the others is refused for the first reason that holds."""
    user, item, time, rating = section.user_column, section.item_column, section.time_column, section.rating_column
    wanted = section.time_format or READABLE
    tests = {
        ("a missing user id", user, "an id"): pl.col("user_id").fill_null("") == "",
        ("a missing item id", item, "an id"): pl.col("item_id").fill_null("") == "",
        ("a missing or unreadable time", time, wanted): pl.col("time") == MISSING,
        ("an unreadable rating", rating, "a number"): ~pl.lit(pl.Series(ratings_read)),
        ("a click on an unknown item", item, "an id of the items"): ~pl.col("item_id").is_in(known.implode()),
    }
    names = list(tests)
    reason = pl.lit(None, dtype=pl.Int8)
    for number, test in reversed(list(enumerate(tests.values()))):
        reason = pl.when(test).then(pl.lit(number, pl.Int8)).otherwise(reason)
    found = frame.select(reason.alias("reason"))["reason"]
    for number in found.drop_nulls().unique().sort():
        name, column, expected = names[number]
        for file, part in places(table.filter(found == number)):
            faults.refuse(name, file, part[LINE].to_list(), part[column].cast(pl.String), column, expected)
    return frame.filter(found.is_null())


def _signals(table: pl.DataFrame, section: DataSection, faults: Faults) -> tuple[pl.DataFrame, np.ndarray]:
    """Which rows are clicks, their weight and (for impressions) rating; and which ratings could be read."""
    n = len(table)
    rating: list[pl.Series] = []
    positive, read = np.ones(n, np.bool_), np.ones(n, np.bool_)
    if section.rating_column:
        ratings, commas = numbers(table[section.rating_column])
        read = ratings.is_finite().fill_null(False).to_numpy()
        if section.read_as == "impressions":
            rating = [ratings.cast(pl.Float32).fill_null(0.0).alias("rating")]
        positive = read & (ratings.fill_null(0.0).to_numpy() >= section.min_rating)
        _look_at_threshold(ratings.filter(pl.Series(read)), int(positive.sum()), section, faults)
        if commas:
            faults.note("a rating with a decimal comma", commas, f"column {section.rating_column}")
    weight = pl.Series(np.ones(n, np.float32))
    if section.event_column and section.event_weights:
        events = table[section.event_column].cast(pl.String).fill_null("")
        weight = events.replace_strict(section.event_weights, default=0.0, return_dtype=pl.Float32)
        positive &= weight.to_numpy() > 0
    columns = [pl.Series("positive", positive), weight.cast(pl.Float32).alias("weight"), *rating]
    return pl.DataFrame(columns), read


def _look_at_threshold(ratings: pl.Series, positive: int, section: DataSection, faults: Faults) -> None:
    """A threshold of another scale makes every row a click, or none.

    Raises:
        DataError: none is one.
    """
    if not len(ratings):
        return
    best = propose_threshold(ratings)
    do = f"Set data.min_rating = {best:g}." if best is not None and best != section.min_rating else ""
    if positive == 0:
        found = f"{section.min_rating:g} makes none of {len(ratings):,} rows a click: {scale_of(ratings)}"
        raise DataError("data.min_rating", found, "a threshold within the scale", do)
    if positive > MANY * len(ratings):
        faults.warnings.append(
            f"data.min_rating = {section.min_rating:g} makes {positive / len(ratings):.1%} of the rows a click: "
            f"{scale_of(ratings)}. {do}".rstrip()
        )
