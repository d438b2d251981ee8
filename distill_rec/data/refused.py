"""All refused rows as a table that a spreadsheet opens: in the prepared folder, or beside it where that failed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from distill_rec.data.faults import FIRST, Faults, listing
from distill_rec.files import write_text
from distill_rec.runtime.errors import DataError

REFUSED_FILE = "refused.csv"


def write_refused(faults: Faults, path: Path) -> None:
    """File, line, column, value, reason and expectation of each refused row."""
    write_text(path, faults.refused_rows().write_csv())


@contextlib.contextmanager
def refused_beside(folder: Path, faults: Faults) -> Iterator[None]:
    """Where the block fails for rows that were refused, keep them beside the folder, tell the first and where all are.

    Raises:
        DataError: the block's own, with the rows.
    """
    path = folder.with_name(f"{folder.name}-{REFUSED_FILE}")
    try:
        yield
    except DataError as error:
        if not faults.refused_count:
            raise
        write_refused(faults, path)
        rows = faults.first_refused()
        shown = "\n".join(f"  {line}" for line in listing(rows))
        first = f"The first {FIRST}" if faults.refused_count > FIRST else "They are"
        told = f"{error.do} All {faults.refused_count:,} refused rows: {path}. {first}:\n{shown}"
        raise DataError(error.where, error.found, error.expected, told.strip()) from error
    path.unlink(missing_ok=True)
