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
        self.check_readable()
        count = self.refused_count
        if count > FEW and count > max_refused * self.rows:
            limit = f"at most {100 * max_refused:g} % refused rows"
            self._fail(f"{count} of {self.rows} rows were refused", limit, "Mend the file, or raise data.max_refused")

    def check_readable(self) -> None:
        """Fail when every row was refused: nothing of a file could be read."""
        if 0 < self.rows <= self.refused_count:
            self._fail("no row could be read", "rows that can be read", "Look at data.format and its columns")

    def _fail(self, share: str, expected: str, do: str) -> None:
        reason, fault = max(self.refused.items(), key=lambda item: item[1].count)
        if "encoding" in reason:
            do += "; set data.encoding where the bytes are of another encoding, latin-1 for example"
        places = f"; {fault.count} rows for this reason, first at {', '.join(fault.first)}" if fault.count > 1 else ""
        raise DataError(fault.first[0], f"{reason} ({share}{places})", expected, f"{do}.")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _add(kinds: dict[str, Fault], reason: str, file: str, lines: Iterable[int]) -> None:
    lines = list(lines)
    if not lines:
        return
    fault = kinds.setdefault(reason, Fault())
    fault.count += len(lines)
    fault.first += [f"{file}:{line}" for line in lines[: SHOWN - len(fault.first)]]
