"""What a prepared data set says of itself in `manifest.json`."""

from __future__ import annotations

from typing import ClassVar, Literal

from distill_rec.records import Record


class DatasetRecord(Record):
    """The manifest, written last: a folder without one is not a data set.

    Version 1 had no log: histories and exclusions (now `seen`) are stored as rows of each query, and read as such.

    Attributes:
        test_new: queries on new items are there.
        item_ids: digest of the item ids in order; "" in older ones.
        log: the clicks are there as a log.
        repeated_targets: share of the test's targets that stood in their history; None where it is not known.
    """

    newest: ClassVar[int] = 2

    kind: Literal["clicks", "impressions"]
    max_history: int
    template: str
    unescape_html: bool = False
    fingerprint: str
    test_new: bool
    item_ids: str = ""
    log: bool = False
    repeated_targets: float | None = None
