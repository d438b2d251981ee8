"""Times of many kinds on one line."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from distill_rec.data.times import MISSING, parse_times, zone_of
from distill_rec.runtime.errors import RecipeError

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("99999999999", 99_999_999_999),
        ("100000000000", 100_000_000),
        ("1711846800.75", 1_711_846_800),
        ("-1.5", -2),
        ("1970-01-02", 86_400),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01Z", 1),
        ("11/14/2019 12:05:00 AM", 1_573_689_900),
        ("11/14/2019 12:05:00 PM", 1_573_733_100),
        ("1711846800000000", MISSING),
        ("nan", MISSING),
        ("inf", MISSING),
        ("", MISSING),
        (None, MISSING),
        ("yesterday", MISSING),
    ],
)
def test_a_time_is_seconds_since_1970(text, seconds):
    times, kinds = parse_times(pl.Series([text], dtype=pl.String), ZoneInfo("UTC"))
    assert times.tolist() == [seconds]
    assert sum(kinds.values()) == (seconds != MISSING)


def test_dates_of_a_frame_keep_their_zone_or_take_the_recipes():
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    aware = pl.Series([noon]).dt.convert_time_zone("Asia/Tokyo")
    assert parse_times(aware, PARIS)[0].tolist() == [noon.timestamp()]
    assert parse_times(aware.dt.replace_time_zone(None), PARIS)[0].tolist() == [noon.timestamp() + 7 * 3600]
    assert parse_times(pl.Series([date(1970, 1, 2), None]), ZoneInfo("UTC"))[0].tolist() == [86_400, MISSING]


def test_an_unknown_zone_names_the_key():
    with pytest.raises(RecipeError, match=r"data\.timezone: unknown zone 'Mars'"):
        zone_of("Mars")
