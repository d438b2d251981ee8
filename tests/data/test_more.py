"""Files beside those of an earlier run: overlaps are read once, later texts count, the newest clicks are the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distill_rec.data import Dataset, prepare, read_summary
from distill_rec.data.slices import whole
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

CUT = 100
"""Rows of the first file; the time of a row is its number."""


def write(folder: Path, format: str, name: str, rows: range) -> None:
    clicks = [(f"u{row % 7}", f"i{row % 11}" if row != CUT + 1 else "late", row) for row in rows]
    if format == "recbole":
        head, ending, sign = "user_id:token\titem_id:token\ttimestamp:float", "inter", "\t"
    else:
        head, ending, sign = "user_id,item_id,timestamp", "csv", ","
    lines = [head, *(sign.join(map(str, row)) for row in clicks)]
    (folder / f"{name}.{ending}").write_text("\n".join(lines) + "\n")


def items(folder: Path, format: str, name: str, rows: dict[str, str]) -> None:
    head, ending, sign = (
        ("item_id:token\ttitle:token", "item", "\t") if format == "recbole" else ("item_id,title", "csv", ",")
    )
    (folder / f"{name}.{ending}").write_text("\n".join([head, *(f"{i}{sign}{t}" for i, t in rows.items())]) + "\n")


@pytest.fixture(params=["recbole", "table"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, object]:
    """Keys of a data set of a hundred rows, and files beside it of thirty, of which ten stand in both."""
    form = request.param
    write(tmp_path, form, "clicks", range(CUT))
    write(tmp_path, form, "more", range(CUT - 10, CUT + 20))
    items(tmp_path, form, "items", {f"i{number}": f"title {number}" for number in range(11)})
    items(tmp_path, form, "later", {"late": "a late one", "i3": "another title"})
    clicks, catalogue = ("inter", "item") if form == "recbole" else ("csv", "csv")
    keys = {"format": form, "path": str(tmp_path), "clicks": f"clicks.{clicks}", "items": f"items.{catalogue}"}
    return {**keys, "more_clicks": [f"more.{clicks}"], "more_items": [f"later.{catalogue}"]}


def test_what_comes_later_is_added_and_marked(data: dict[str, object], tmp_path: Path) -> None:
    old = {key: value for key, value in data.items() if not key.startswith("more")}
    prepare(DataSection(**old), tmp_path / "old")  # type: ignore[arg-type]
    grown = DataSection(**data, newest_from=CUT, known=str(tmp_path / "old"))  # type: ignore[arg-type]
    prepare(grown, tmp_path / "new")
    found, before = Dataset.load(tmp_path / "new"), Dataset.load(tmp_path / "old")
    assert found.items["item_id"].to_list() == [*before.items["item_id"].to_list(), "late"]
    assert found.items["text"].to_list()[3] == "another title"
    assert read_summary(tmp_path / "new").interactions == CUT + 20
    times = whole(found.train.times).values  # type: ignore[union-attr]
    assert (len(times), found.validation.time.min(), found.test.time.min()) == (CUT + 14, CUT + 14, CUT + 16)
    assert found.fresh is not None
    assert np.array_equal(found.fresh, times >= before.validation.time.min())
    again = DataSection(**{**data, "more_clicks": [data["clicks"], *data["more_clicks"]]}, newest_from=CUT)  # type: ignore
    prepare(again, tmp_path / "again")  # a file that is named twice
    assert read_summary(tmp_path / "again").interactions == CUT + 20


def test_without_newer_clicks_it_is_said(data: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="newest_from"):
        prepare(DataSection(**data, newest_from=CUT + 20), tmp_path / "out")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "keys", [{"format": "mind", "known": "x"}, {"newest_from": 1, "split": "leave-last-out"}, {"more_items": ["x"]}]
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"known|newest_from|more_items"):
        DataSection(**keys)  # type: ignore[arg-type]
