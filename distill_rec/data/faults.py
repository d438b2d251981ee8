"""Rows that are not taken as they stand: mended (kept), left out (by a setting), refused (too many fail)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from distill_rec.data.shown import LONGEST, shown
from distill_rec.runtime.errors import DataError

SHOWN = 5
FEW = 10
FIRST = 20
"""Refused rows that are told one by one."""
LONG = 300
REFUSED = {
    "file": pl.String,
    "line": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "expected": pl.String,
}


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
        refused: the row is left out, and should not have been there.
        left_out: the row is left out as a setting says; never counts toward the limit. A row that two settings leave
            out is in both.
        left_out_rows: rows that some setting left out.
        warnings: what is worth a look before anyone trains.
    """

    rows: int = 0
    mended: dict[str, Fault] = field(default_factory=dict)
    refused: dict[str, Fault] = field(default_factory=dict)
    left_out: dict[str, Fault] = field(default_factory=dict)
    left_out_rows: int = 0
    warnings: list[str] = field(default_factory=list)
    _pieces: list[pl.DataFrame] = field(default_factory=list)

    def mend(self, reason: str, file: str, lines: Iterable[int]) -> None:
        _add(self.mended, reason, file, lines)

    def note(self, reason: str, count: int, where: str) -> None:
        """Rows that were mended, told by their number and one place."""
        fault = self.mended.setdefault(reason, Fault())
        fault.count += count
        fault.first = fault.first or [where]

    def leave_out(self, reason: str, file: str, lines: Iterable[int]) -> None:
        _add(self.left_out, reason, file, lines)

    def refuse(  # noqa: PLR0913
        self,
        reason: str,
        file: str,
        lines: Iterable[int],
        values: Sequence[object] | pl.Series | None = None,
        column: str = "",
        expected: str = "",
    ) -> None:
        """Refuse rows.

        Args:
            values: what stood there, one per line.
        """
        lines = list(lines)
        if not lines:
            return
        _add(self.refused, reason, file, lines)
        texts = [None if value is None else str(value) for value in values] if values is not None else None
        content = {"line": lines, "value": texts if texts is not None else [None] * len(lines)}
        piece = pl.DataFrame(content, schema={"line": pl.Int64, "value": pl.String})
        told = {"file": file, "column": column, "reason": reason, "expected": expected}
        self._pieces.append(piece.with_columns(pl.lit(text).alias(name) for name, text in told.items()))

    def merge(self, other: Faults) -> None:
        """Add another input's faults."""
        self.rows += other.rows
        self.left_out_rows += other.left_out_rows
        self.warnings += other.warnings
        self._pieces += other._pieces
        for mine, theirs in (
            (self.mended, other.mended),
            (self.refused, other.refused),
            (self.left_out, other.left_out),
        ):
            for reason, fault in theirs.items():
                kept = mine.setdefault(reason, Fault())
                kept.count += fault.count
                kept.first += fault.first[: SHOWN - len(kept.first)]

    @property
    def refused_count(self) -> int:
        return sum(fault.count for fault in self.refused.values())

    def refused_rows(self) -> pl.DataFrame:
        """All refused rows, files in the order that they were read, lines in theirs: the columns of `REFUSED`."""
        if not self._pieces:
            return pl.DataFrame(schema=REFUSED)
        whole = pl.concat([piece.select(list(REFUSED)) for piece in self._pieces])
        names = whole["file"].unique(maintain_order=True)
        place = whole["file"].replace_strict(names, range(len(names)), return_dtype=pl.Int64).alias("__place__")
        return whole.with_columns(place).sort("__place__", "line", maintain_order=True).drop("__place__")

    def first_refused(self) -> list[dict[str, str]]:
        """The first of them, fit for a terminal."""
        rows = self.refused_rows().head(FIRST)
        most = {"value": LONGEST}
        return [
            {name: shown(value, most.get(name, LONG)) for name, value in row.items()}
            for row in rows.iter_rows(named=True)
        ]

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
        first = self.refused_rows().filter(pl.col("reason") == reason).row(0, named=True)
        value = f" '{shown(first['value'])}'" if first["value"] else ""
        wanted = f"{first['expected']}; and {expected}" if first["expected"] else expected
        raise DataError(fault.first[0], f"{reason}{value} ({share}{places})", wanted, f"{do}.")

    def to_dict(self) -> dict[str, Any]:
        """The counts, as `summary.json` has them."""
        kinds = {"mended": self.mended, "refused": self.refused, "left_out": self.left_out}
        return {name: {reason: asdict(fault) for reason, fault in kind.items()} for name, kind in kinds.items()}


def _add(kinds: dict[str, Fault], reason: str, file: str, lines: Iterable[int]) -> None:
    lines = list(lines)
    if not lines:
        return
    fault = kinds.setdefault(reason, Fault())
    fault.count += len(lines)
    fault.first += [f"{file}:{line}" for line in lines[: SHOWN - len(fault.first)]]


def listing(rows: list[dict[str, str]]) -> list[str]:
    """A line each: file, line, value, what was expected."""
    out = []
    for row in rows:
        value = f" {row['column']}='{row['value']}'" if row["column"] else f" '{row['value']}'" if row["value"] else ""
        wanted = f"; expected {row['expected']}" if row["expected"] else ""
        out.append(f"{row['file']}:{row['line']}:{value} {row['reason']}{wanted}")
    return out
