"""Times of many kinds on one line: seconds since 1970 in UTC."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.runtime.errors import RecipeError

MILLISECONDS_FROM = 1e11
MILLISECONDS_TO = 253402300800e3  # year 10000; what is beyond (microseconds, say) cannot be read
MISSING = np.iinfo(np.int64).min
MIND = "%m/%d/%Y %I:%M:%S %p"


def zone_of(name: str) -> ZoneInfo:
    """The time zone of `data.timezone`.

    Raises:
        RecipeError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise RecipeError("data.timezone", f"unknown zone {name!r}", "a name such as UTC or Europe/Paris") from error


def parse_times(values: pl.Series, zone: ZoneInfo) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Seconds of each value (`MISSING` where it is empty or unreadable), and how many there are of each kind.

    Numbers from 1e11 on are milliseconds. ISO times keep their own zone; one without is in `zone`.
    """
    if values.dtype in (pl.Datetime, pl.Date):
        return _of_dates(values, zone)
    texts = values.cast(pl.String)
    numbers = texts.cast(pl.Float64, strict=False).to_numpy()
    numeric = np.abs(numbers) < MILLISECONDS_TO
    milliseconds = numeric & (np.abs(numbers) >= MILLISECONDS_FROM)
    out = np.full(len(values), MISSING, dtype=np.int64)
    out[numeric] = np.floor(np.where(milliseconds, numbers / 1000, numbers)[numeric]).astype(np.int64)
    kinds = Counter({"seconds": int((numeric & ~milliseconds).sum()), "milliseconds": int(milliseconds.sum())})
    rest = np.flatnonzero(~numeric)
    for row, text in zip(rest, texts.gather(rest).to_list(), strict=True):
        moment, kind = _moment(text)
        if moment is not None:
            kinds[kind] += 1
            out[row] = int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() // 1)
    return out, {kind: count for kind, count in kinds.items() if count}


def _of_dates(values: pl.Series, zone: ZoneInfo) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Seconds of a column of dates; those without a zone are in `zone`."""
    moments = values.cast(pl.Datetime("us")) if values.dtype == pl.Date else values
    aware = getattr(moments.dtype, "time_zone", None) is not None
    if not aware:
        moments = moments.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
    seconds = moments.dt.epoch("s").fill_null(MISSING).to_numpy()
    read = int((seconds != MISSING).sum())
    return seconds, {"date with zone" if aware else "date without zone": read} if read else {}


def _moment(text: str | None) -> tuple[datetime | None, str]:
    """A time that is written out, and its kind; MIND's 11/14/2019 12:05:00 AM is five past midnight."""
    if not text:
        return None, ""
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text.strip())
        return moment, "ISO without zone" if moment.tzinfo is None else "ISO with zone"
    with contextlib.suppress(ValueError):
        return datetime.strptime(text.strip(), MIND), "month/day/year"
    return None, ""
