"""Faulty rows: mended (kept, shown) or refused (left out, shown, too many fail)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from distill_rec.runtime.errors import DataError

SHOWN = 5
FEW = 10


@dataclass
class Fault:
    """One kind of fault: how many rows, and where the first of them stand ("file:line")."""

    count: int = 0
    first: list[str] = field(default_factory=list)


@dataclass
class Faults:
    """What was wrong with the rows of an input.

    Attributes:
        rows: rows looked at.
        mended: the row is kept; never counts toward the limit.
        refused: the row is left out.
    """

    rows: int = 0
    mended: dict[str, Fault] = field(default_factory=dict)
    refused: dict[str, Fault] = field(default_factory=dict)

    def mend(self, reason: str, file: str, lines: Iterable[int]) -> None:
        _add(self.mended, reason, file, lines)

    def refuse(self, reason: str, file: str, lines: Iterable[int]) -> None:
        _add(self.refused, reason, file, lines)

    def merge(self, other: Faults) -> None:
        """Add another input's faults."""
        self.rows += other.rows
        for mine, theirs in ((self.mended, other.mended), (self.refused, other.refused)):
            for reason, fault in theirs.items():
                kept = mine.setdefault(reason, Fault())
                kept.count += fault.count
                kept.first += fault.first[: SHOWN - len(kept.first)]

    @property
    def refused_count(self) -> int:
        return sum(fault.count for fault in self.refused.values())

    def check(self, max_refused: float) -> None:
        """Fail when more than this share of rows, and more than ten, were refused, or when none was left.

        Raises:
            DataError: with the most frequent reason and its first lines.
        """
        count = self.refused_count
        if count == 0:
            return
        nothing_left = count >= self.rows
        if not nothing_left and (count <= FEW or count <= max_refused * self.rows):
            return
        reason, fault = max(self.refused.items(), key=lambda item: item[1].count)
        share = "no row could be read" if nothing_left else f"{count} of {self.rows} rows were refused"
        raise DataError(
            fault.first[0],
            f"{reason} ({share}; {fault.count} rows for this reason, first at {', '.join(fault.first)})",
            f"at most {max_refused:.0%} refused rows",
            "Mend the file; or raise data.max_refused, or set data.encoding where the bytes are of another encoding.",
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _add(kinds: dict[str, Fault], reason: str, file: str, lines: Iterable[int]) -> None:
    lines = list(lines)
    if not lines:
        return
    fault = kinds.setdefault(reason, Fault())
    fault.count += len(lines)
    fault.first += [f"{file}:{line}" for line in lines[: SHOWN - len(fault.first)]]
