"""Dates as people and programs write them, a column at a time: year first, or month or day first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

CLOCK = r"(?:(?:[T\s]|,\s*)\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?)?"
ZONE = r"\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?"
YEAR_FIRST = rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){CLOCK}{ZONE}$"
YEAR_LAST = rf"^(\d{{1,2}})([-/.])(\d{{1,2}})[-/.](\d{{4}}|\d{{2}}){CLOCK}{ZONE}$"
PIVOT = 69
"""Years of two digits from here on are of the last century, as POSIX has it."""


@dataclass(frozen=True)
class Dates:
    """What was read.

    Attributes:
        moments: Datetime as written, null where it cannot be read.
        offsets: Float64 seconds east of UTC, NaN where none is written.
        kinds: how many of each kind.
    """

    moments: pl.Series
    offsets: pl.Series
    kinds: dict[str, int]


def dates_of(texts: pl.Series, first: Literal["month", "day"] | None = None) -> Dates:
    """Read a column of texts.

    Args:
        first: what stands first in 1/2/2010; decided over the whole column where not given: the order that most of the
            dates fit, and where all fit both, the month before `/` and the day before `.` and `-`.
    """
    frame = texts.alias("text").to_frame()
    iso = _fields(frame, YEAR_FIRST, ("year", "month", "day", "hour", "minute", "second", "half", "zone"))
    last = _fields(frame, YEAR_LAST, ("a", "sign", "b", "year", "hour", "minute", "second", "half", "zone"))
    kind = "month/day/year"
    if last["year"].null_count() < len(last):
        kind, month, day = _ordered(last, first)
        last = last.with_columns(pl.col(month).alias("month"), pl.col(day).alias("day"), _full_year())
    else:
        last = last.with_columns(pl.lit(None, pl.String).alias("month"), pl.lit(None, pl.String).alias("day"))
    by_year, by_order = _moments(iso), _moments(last)
    zones = iso["zone"].fill_null(last["zone"])
    moments = by_year.fill_null(by_order)
    read = by_year.is_not_null()
    kinds = {
        "ISO with zone": int((read & zones.is_not_null()).sum()),
        "ISO without zone": int((read & zones.is_null()).sum()),
        kind: int(by_order.is_not_null().sum()),
    }
    return Dates(moments, _offsets(zones), {name: count for name, count in kinds.items() if count})


def _fields(frame: pl.DataFrame, pattern: str, names: tuple[str, ...]) -> pl.DataFrame:
    groups = frame.select(pl.col("text").str.extract_groups(pattern).alias("found"))["found"].struct.unnest()
    return groups.rename(dict(zip(groups.columns, names, strict=True)))


def _ordered(last: pl.DataFrame, first: str | None) -> tuple[str, str, str]:
    """The kind that a column of 1/2/2010 is, and which of its fields are month and day."""
    a, b = (last[name].cast(pl.Int64, strict=False) for name in ("a", "b"))
    as_month, as_day = int(((a <= 12) & (b <= 31)).sum()), int(((b <= 12) & (a <= 31)).sum())
    both = as_month == as_day
    chosen = first or ("month" if as_month > as_day else "day" if as_day > as_month else _usual(last["sign"]))
    name, other = ("month/day/year", "day/month/year") if chosen == "month" else ("day/month/year", "month/day/year")
    if both and first is None:
        name += f" (all fit {other} too; data.time_format decides)"
    return name, *(("a", "b") if chosen == "month" else ("b", "a"))


def _usual(signs: pl.Series) -> str:
    return "month" if bool((signs == "/").any()) else "day"


def _full_year() -> pl.Expr:
    year = pl.col("year").cast(pl.Int64, strict=False)
    two = pl.col("year").str.len_chars() == 2
    full = pl.when(two & (year >= PIVOT)).then(year + 1900).when(two).then(year + 2000).otherwise(year)
    return full.cast(pl.String).alias("year")


def _moments(fields: pl.DataFrame) -> pl.Series:
    """Null where a field is out of its range, as in 31 February."""
    hour = pl.col("hour").cast(pl.Int64, strict=False)
    half = pl.col("half").str.to_lowercase().str.slice(0, 1)
    of_twelve = (hour >= 1) & (hour <= 12)
    turned = (
        pl.when(half.is_null()).then(hour.fill_null(0))
        .when(of_twelve & (half == "a")).then(hour % 12)
        .when(of_twelve).then(hour % 12 + 12)
    )  # fmt: skip
    clock = [turned.cast(pl.String), *(pl.col(name).fill_null("00") for name in ("minute", "second"))]
    day = pl.concat_str(["year", "month", "day"], separator="-")
    whole = pl.concat_str([day, pl.concat_str(clock, separator=":")], separator=" ")
    text = fields.select(pl.when(pl.col("year").is_not_null()).then(whole).alias("x"))["x"]
    return text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")


def _offsets(zones: pl.Series) -> pl.Series:
    """Seconds east of UTC; NaN where none is written."""
    frame = zones.alias("zone").to_frame()
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1.0).otherwise(1.0)
    hours = pl.col("zone").str.slice(1, 2).cast(pl.Float64, strict=False)
    minutes = pl.col("zone").str.slice(-2).cast(pl.Float64, strict=False)
    named = pl.col("zone").str.contains(r"^(Z|z|UTC)$")
    offset = pl.when(named).then(0.0).otherwise(sign * (hours * 3600 + minutes * 60))
    return frame.select(offset.fill_null(float("nan")).alias("x"))["x"]
