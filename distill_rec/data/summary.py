"""What `prepare` read, for people and for the record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from distill_rec.records import Record, read_record, write_record


class Summary(Record):
    """Counts of a prepared data set.

    Attributes:
        mended, refused, left_out: by reason: how many, and where the first stand.
        left_out_rows: rows that some setting left out; one that two settings leave out is in both their counts.
        refused_rows: the first of the refused rows, one by one; all are in `refused.csv`.
        warnings: what is worth a look before anyone trains.
        repeated_targets, ties, one_item_users: shares of the test's targets, of a user's neighbouring clicks, of users
            with several clicks; None where they are not known.
        cautions: `key`, `text` and `share` of what makes a result worth little.
    """

    kind: str
    users: int
    items: int
    interactions: int
    clicks: int
    distinct_texts: int
    items_without_text: int
    first_time: int | None
    last_time: int | None
    time_kinds: dict[str, int]
    train: int
    validation: int
    test: int
    test_new: int
    new_items: int
    empty_histories: float
    items_without_training_click: int
    rows: int
    mended: dict[str, dict[str, Any]] = Field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = Field(default_factory=dict)
    repeated_targets: float | None = None
    ties: float | None = None
    one_item_users: float | None = None
    cautions: list[dict[str, Any]] = Field(default_factory=list)
    left_out: dict[str, dict[str, Any]] = Field(default_factory=dict)
    left_out_rows: int = 0
    refused_rows: list[dict[str, str]] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each line of the table."""
        unit = "impressions" if self.kind == "impressions" else "clicks"
        out = [
            ("users", f"{self.users:,}"),
            ("items", f"{self.items:,}"),
            ("interactions", f"{self.interactions:,}, of which {self.clicks:,} clicks"),
            ("texts", f"{self.distinct_texts:,} distinct; {self.items_without_text:,} items without text"),
            ("time", self._times()),
            ("train / validation / test", f"{self.train:,} / {self.validation:,} / {self.test:,} {unit}"),
            ("test histories that are empty", f"{self.empty_histories:.1%}"),
            ("items without a training click", f"{self.items_without_training_click:,}"),
        ]
        shares = {
            "test targets that stood in their history": self.repeated_targets,
            "users whose clicks are all on one item": self.one_item_users,
            "neighbouring clicks with equal times": self.ties,
        }
        out += [(name, f"{share:.1%}") for name, share in shares.items() if share is not None]
        if self.new_items:
            out.append(("new items", f"{self.new_items:,} kept out of training; {self.test_new:,} tests on them"))
        out += _counts("left out", self.left_out)
        if sum(fault["count"] for fault in self.left_out.values()) > self.left_out_rows:
            out.append(("left out in all", f"{self.left_out_rows:,} rows: some for more than one reason"))
        out += _counts("mended", self.mended) + _counts("refused", self.refused)
        return out + [("look at", caution["text"]) for caution in self.cautions]

    def _times(self) -> str:
        if self.first_time is None or self.last_time is None:
            return "none; the file's order"
        first, last = (f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M}" for t in (self.first_time, self.last_time))
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.time_kinds.items())
        return f"{first} to {last} UTC (times given as: {kinds})"

    def write(self, folder: Path) -> None:
        write_record(folder / "summary.json", self)


def _counts(name: str, kinds: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (f"{name}: {reason}", f"{fault['count']:,} ({', '.join(fault['first'])})") for reason, fault in kinds.items()
    ]


def read_summary(folder: Path) -> Summary:
    """The summary of a prepared folder."""
    return read_record(Summary, folder / "summary.json")
