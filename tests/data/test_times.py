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
        ("1/13/2010 8:26", 1_263_371_160),
        ("13.1.2010 8:26", 1_263_371_160),
        ("13-01-10, 8:26 am", 1_263_371_160),
        ("2010/1/13 8:26", 1_263_371_160),
        ("2010-01-13 09:26:00.250+0100", 1_263_371_160),
        ("20100113T082600Z", 1_263_371_160),
        ("2/30/2010 8:26", MISSING),
        ("13/13/2010", MISSING),
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


@pytest.mark.parametrize(
    ("texts", "kind", "month"),
    [
        (["12/1/2010 8:26", "1/13/2010 8:26"], "month/day/year", 12),
        (["12/1/2010 8:26", "13/1/2010 8:26"], "day/month/year", 1),
        (["12/1/2010", "1/2/2010"], "month/day/year (all fit day/month/year too; data.time_format decides)", 12),
        (["12.1.2010", "1.2.2010"], "day/month/year (all fit month/day/year too; data.time_format decides)", 1),
    ],
)
def test_month_or_day_first_is_decided_over_the_column(texts, kind, month):
    times, kinds = parse_times(pl.Series(texts), ZoneInfo("UTC"))
    assert kinds == {kind: 2}
    assert datetime.fromtimestamp(times[0], UTC).month == month


def test_a_date_against_the_columns_order_cannot_be_read():
    times, kinds = parse_times(pl.Series(["1/13/2010", "2/14/2010", "13/2/2010"]), ZoneInfo("UTC"))
    assert (times[2], kinds) == (MISSING, {"month/day/year": 2})


def test_a_format_of_the_recipe_decides():
    day_first = parse_times(pl.Series(["2/1/2010 8:26", "x", None]), PARIS, "%d/%m/%Y %H:%M")
    assert day_first[0].tolist() == [datetime(2010, 1, 2, 7, 26, tzinfo=UTC).timestamp(), MISSING, MISSING]
    assert day_first[1] == {"%d/%m/%Y %H:%M": 1}
    zoned = parse_times(pl.Series(["02 Jan 2010 08:26 +0100"]), ZoneInfo("UTC"), "%d %b %Y %H:%M %z")[0]
    assert zoned.tolist() == day_first[0][:1].tolist()
    micro, kinds = parse_times(pl.Series(["1711846800000000", "x"]), ZoneInfo("UTC"), "microseconds")
    assert (micro.tolist(), kinds) == ([1_711_846_800, MISSING], {"microseconds": 1})
    with pytest.raises(RecipeError, match=r"data\.time_format: 'dd/mm/yyyy'"):
        parse_times(pl.Series(["1"]), PARIS, "dd/mm/yyyy")


def test_an_hour_that_summer_time_skips_is_read():
    times, _ = parse_times(pl.Series(["31.3.2024 2:30"]), PARIS)
    assert times.tolist() == [datetime(2024, 3, 31, 1, 30, tzinfo=UTC).timestamp()]
