"""Files of clicks and items that nothing has been made of yet: what `prepare`'s readers make of their first rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from distill_rec.data.faults import Fault, Faults
from distill_rec.data.mind import BEHAVIORS, NEWS
from distill_rec.data.recbole import FORM
from distill_rec.data.rows import OWN, stream_rows, suffix_of
from distill_rec.data.table import READERS
from distill_rec.doctor.damage import fault_of
from distill_rec.doctor.findings import Finding, Level, problem_of
from distill_rec.doctor.kinds import raw_files
from distill_rec.doctor.machine import size
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, DistillRecError

AREA = "raw data"
LOOKED_AT = 100_000
"""Rows that are looked at in each file of lines; a fault that stops a reader mostly stands early."""
MIND: dict[str, dict[str, Any]] = {
    name: {"delimiter": "\t", "quoted": False, "columns": columns}
    for name, columns in {"behaviors": BEHAVIORS, "news": NEWS}.items()
}
"""How MIND's files are written, which have no header."""


def raw(place: Path) -> list[Finding]:
    """Every file, then how to go on."""
    files = raw_files(place)
    names = {path: path.name if path == place else str(path.relative_to(place)) for path in files}
    return [*(finding for path, name in names.items() for finding in _file(path, name)), _next(files)]


def _file(path: Path, name: str) -> Iterator[Finding]:
    faults = Faults()
    try:
        count, columns = _parquet(path) if suffix_of(path) == ".parquet" else _lines(path, faults)
    except DistillRecError as error:
        yield replace(problem_of(AREA, error), what=name)
        return
    more = " or more" if count >= LOOKED_AT and suffix_of(path) not in READERS else ""
    told = f"{count:,}{more} rows, {size(path.stat().st_size)}: {', '.join(columns)}"
    yield Finding("ok", AREA, name, told)
    for reason, fault in faults.refused.items():
        yield _refused(name, reason, fault, count)


def _lines(path: Path, faults: Faults) -> tuple[int, list[str]]:
    """Rows that were looked at, and the columns."""
    reader, form = READERS.get(suffix_of(path)), FORM if suffix_of(path) in (".inter", ".item") else {}
    if reader is not None:
        frame = reader(path, DataSection(), faults)
    else:
        form = next((one for start, one in MIND.items() if path.name.startswith(start) and ".tsv" in path.name), form)
        blocks = stream_rows(path, faults, **form)
        frame = next(blocks)
        while faults.rows < LOOKED_AT and next(blocks, None) is not None:
            continue
    return faults.rows, [column for column in frame.columns if column not in OWN]


def _parquet(path: Path) -> tuple[int, list[str]]:
    if fault := fault_of(path):
        raise DataError(path, fault, "a Parquet file", "Fetch or write it again.")
    try:
        with path.open("rb") as opened:  # by its path, pyarrow would take `job:1/x.parquet` for an address
            file = pq.ParquetFile(opened)
    except Exception as error:  # pyarrow's errors have no base class of their own
        raise DataError(path, f"is damaged: {error}", "a Parquet file", "Fetch or write it again.") from error
    return int(file.metadata.num_rows), list(file.schema_arrow.names)


def _refused(name: str, reason: str, fault: Fault, count: int) -> Finding:
    found = f"{reason}: {fault.count:,} of {count:,} rows, first {', '.join(fault.first)}"
    # A few bad rows are counted and left out by `prepare`; more than data.max_refused of them stop it.
    many = fault.count > max(10, DataSection().max_refused * count) or fault.count >= count
    level: Level = "problem" if many else "note"
    of_encoding = "Set data.encoding, latin-1 for example."
    do = of_encoding if "encoding" in reason else "Mend these rows: `prepare` leaves them out, or stops."
    return Finding(level, AREA, name, found, do)


def _next(files: list[Path]) -> Finding:
    names, kinds = {path.name for path in files}, {path.suffix for path in files}
    if "behaviors.tsv" in names and "news.tsv" in names:
        found, do = "MIND", "distill-rec init --clicks FOLDER/train writes a recipe for them."
    elif ".inter" in kinds:
        found, do = "RecBole's files", "distill-rec init --clicks FOLDER writes a recipe for them."
    else:
        found = "tables"
        do = "distill-rec init --clicks FILE --items FILE (or --clicks FILE alone) writes a recipe for them."
    return Finding("ok", AREA, "what they look like", found, do)
