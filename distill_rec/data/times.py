"""Times of many kinds on one line: seconds since 1970 in UTC."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.runtime.errors import RecipeError

MILLISECONDS_FROM = 1e11
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
    if values.dtype == pl.Datetime or values.dtype == pl.Date:
        values = values.cast(pl.Datetime("us")).dt.to_string("iso")
    texts = values.cast(pl.String)
    numbers = texts.cast(pl.Float64, strict=False).to_numpy()
    numeric = np.isfinite(numbers)
    milliseconds = numeric & (np.abs(numbers) >= MILLISECONDS_FROM)
    out = np.full(len(values), MISSING, dtype=np.int64)
    out[numeric] = np.floor(np.where(milliseconds, numbers / 1000, numbers)[numeric]).astype(np.int64)
    kinds = {"seconds": int((numeric & ~milliseconds).sum()), "milliseconds": int(milliseconds.sum())}
    rest = np.flatnonzero(~numeric)
    with_zone = without = 0
    strings = texts.gather(rest).to_list() if len(rest) else []
    for row, text in zip(rest, strings, strict=True):
        found = _iso(text)
        if found is None:
            continue
        if found.tzinfo is None:
            without += 1
            found = found.replace(tzinfo=zone)
        else:
            with_zone += 1
        out[row] = int(found.timestamp() // 1)
    kinds |= {"ISO with zone": with_zone, "ISO without zone": without}
    return out, {kind: count for kind, count in kinds.items() if count}


def _iso(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    try:
        return datetime.strptime(text.strip(), MIND)
    except ValueError:
        return None
