"""Times of many kinds on one line: seconds since 1970 in UTC."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dates import dates_of
from distill_rec.runtime.errors import RecipeError

MILLISECONDS_FROM = 1e11
MILLISECONDS_TO = 253402300800e3  # year 10000; what is beyond (microseconds, say) cannot be read
MISSING = np.iinfo(np.int64).min
UNITS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
READABLE = (
    "seconds or milliseconds since 1970, 2010-01-13T08:26:00Z, 2010/1/13 8:26, 1/13/2010 8:26 AM or 13.1.2010 8:26; "
    "data.time_format tells any other"
)

Times = tuple[NDArray[np.int64], dict[str, int]]
Order = Literal["month", "day"] | None


def zone_of(name: str) -> ZoneInfo:
    """The time zone of `data.timezone`.

    Raises:
        RecipeError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise RecipeError("data.timezone", f"unknown zone {name!r}", "a name such as UTC or Europe/Paris") from error


def parse_times(values: pl.Series, zone: ZoneInfo, form: str = "", first: Order = None) -> Times:
    """Seconds of each value (`MISSING` where it is empty or unreadable), and how many there are of each kind.

    Numbers from 1e11 on are milliseconds. Times that carry a zone keep it; one without is in `zone`.

    Args:
        form: `data.time_format`, which all values have; "" for any of the known kinds.
        first: whether month or day stands first in 1/2/2010; decided over all values where not given.

    Raises:
        RecipeError: `form` cannot be read.
    """
    if values.dtype in (pl.Datetime, pl.Date):
        return _of_dates(values, zone, "date")
    texts = values.cast(pl.String).str.strip_chars()
    if form:
        return _of_form(texts, zone, form)
    found = texts.cast(pl.Float64, strict=False).to_numpy()
    numeric = np.abs(found) < MILLISECONDS_TO
    milliseconds = numeric & (np.abs(found) >= MILLISECONDS_FROM)
    out = np.full(len(values), MISSING, dtype=np.int64)
    out[numeric] = np.floor(np.where(milliseconds, found / 1000, found)[numeric]).astype(np.int64)
    kinds = Counter({"seconds": int((numeric & ~milliseconds).sum()), "milliseconds": int(milliseconds.sum())})
    rest = np.flatnonzero(~numeric)
    if len(rest):
        out[rest], more = _written(texts.gather(rest), zone, first)
        kinds.update(more)
    return out, {kind: count for kind, count in kinds.items() if count}


def _of_form(texts: pl.Series, zone: ZoneInfo, form: str) -> Times:
    """Values of the one format that a recipe names."""
    if form in UNITS:
        seconds = texts.cast(pl.Float64, strict=False).to_numpy() / UNITS[form]
        readable = np.abs(seconds) < MILLISECONDS_TO / 1000  # false for what is no number
        out = np.full(len(texts), MISSING, np.int64)
        out[readable] = np.floor(seconds[readable]).astype(np.int64)
        return out, {form: int(readable.sum())} if readable.any() else {}
    if "%" not in form:
        raise RecipeError(
            "data.time_format", f"{form!r}", f"directives as %d/%m/%Y %H:%M, or one of {', '.join(UNITS)}"
        )
    try:
        moments = texts.str.to_datetime(form, strict=False, time_unit="us", exact=True)
    except pl.exceptions.PolarsError as error:
        said = str(error).split("\n")[0]
        raise RecipeError("data.time_format", f"{form!r}: {said}", "directives as %d/%m/%Y %H:%M") from error
    return _of_dates(moments, zone, form)


def _of_dates(values: pl.Series, zone: ZoneInfo, kind: str) -> Times:
    """Seconds of a column of dates; those without a zone are in `zone`."""
    moments = values.cast(pl.Datetime("us")) if values.dtype == pl.Date else values
    aware = getattr(moments.dtype, "time_zone", None) is not None
    seconds = moments.dt.epoch("s") if aware else _local(moments, zone)
    out = seconds.fill_null(MISSING).to_numpy()
    read = int((out != MISSING).sum())
    named = f"{kind} with zone" if aware else f"{kind} without zone"
    return out, {named if kind == "date" else kind: read} if read else {}


def _local(moments: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Seconds of moments without a zone, read in `zone`; in an hour that summer time skips it has not begun."""

    def seconds(of: pl.Series) -> pl.Series:
        return of.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null").dt.epoch("s")

    found = seconds(moments)
    skipped = found.is_null() & moments.is_not_null()
    return found.fill_null(seconds(moments.dt.offset_by("1h"))) if skipped.any() else found


def _written(texts: pl.Series, zone: ZoneInfo, first: Order) -> Times:
    """Times that are written out: dates by columns, what is left one by one as Python reads ISO 8601."""
    found = dates_of(texts, first)
    local = _local(found.moments, zone).fill_null(MISSING).to_numpy()
    utc = found.moments.dt.epoch("s").fill_null(MISSING).to_numpy()
    offset = found.offsets.to_numpy()
    aware = ~np.isnan(offset)
    out = np.where(aware & (utc != MISSING), utc - np.nan_to_num(offset).astype(np.int64), local)
    kinds = Counter(found.kinds)
    rest = np.flatnonzero(out == MISSING)
    for row, text in zip(rest, texts.gather(rest).to_list(), strict=True):
        with contextlib.suppress(ValueError):
            moment = datetime.fromisoformat(text or "")
            out[row] = int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() // 1)
            kinds["ISO without zone" if moment.tzinfo is None else "ISO with zone"] += 1
    return out, dict(kinds)
