"""RecBole's atomic files."""

from pathlib import Path

import pytest

from distill_rec.data import prepare, read_summary
from distill_rec.data.prepare import read_log
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

ITEMS = 'item_id:token\ttitle:token_seq\n1\tThe "Quoted\n01\tB\n'
CLICKS = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def write(folder, clicks, items=ITEMS):
    (folder / "x.inter").write_text(clicks)
    (folder / "x.item").write_text(items)
    return DataSection(format="recbole", path=str(folder), rating_column="rating")


def test_ids_are_text_and_quotes_are_kept(tmp_path):
    log = read_log(write(tmp_path, CLICKS + "7\t1\t5\t3\n7\t01\t2\t1.0\n"), Path())
    assert log.items.select("item_id", "title").rows() == [("1", 'The "Quoted'), ("01", "B")]
    assert log.clicks.select("item_id", "time", "positive").rows() == [("1", 3, True), ("01", 1, False)]


def test_a_header_without_types_is_named(tmp_path):
    section = write(tmp_path, CLICKS.replace(":token", ""))
    with pytest.raises(DataError, match=r"x\.inter:1: column 'user_id'; expected name:type"):
        read_log(section, Path())


def test_the_summary_is_read_back(tmp_path):
    section = write(tmp_path, CLICKS + "".join(f"7\t{item}\t5\t{t}\n" for t, item in enumerate(["1", "01"] * 5)))
    summary = prepare(section, tmp_path / "out")
    assert read_summary(tmp_path / "out") == summary
    assert dict(summary.lines())["train / validation / test"] == "7 / 1 / 2 clicks"
    assert dict(summary.lines())["time"] == "1970-01-01 00:00 to 1970-01-01 00:00 UTC (times given as: 10 seconds)"
