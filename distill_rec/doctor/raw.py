"""Files of clicks and items that nothing has been made of yet: can they be read, and what is in them?"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from distill_rec.doctor.damage import fault_of
from distill_rec.doctor.findings import Finding, Level, lacking
from distill_rec.doctor.kinds import raw_files
from distill_rec.doctor.machine import size
from distill_rec.encodings import binary, first_bytes, marked

AREA = "raw data"
LOOKED_AT = 100_000
"""Lines that are looked at in each file; a fault that stops a reader mostly stands early."""
SHOWN = 3
MIND = {"behaviors": 5, "news": 8}
"""Columns of MIND's files, which have no header."""
SEPARATORS = "\t;,|"


@dataclass
class Lines:
    """What the first lines of a file are like; faults by kind, with the first line numbers."""

    count: int = 0
    columns: list[str] = field(default_factory=list)
    faults: dict[str, list[int]] = field(default_factory=dict)
    whole: bool = True

    def fault(self, kind: str, line: int) -> None:
        self.faults.setdefault(kind, []).append(line)


def raw(place: Path) -> list[Finding]:
    """Every file, then how to go on."""
    files = raw_files(place)
    out = [finding for path in files for finding in _file(path, place)]
    return [*out, _next(files)]


def _file(path: Path, place: Path) -> list[Finding]:
    name = path.name if path == place else str(path.relative_to(place))
    if path.stat().st_size == 0:
        return [Finding("problem", AREA, name, "empty", "Fetch or write it again.")]
    if path.suffix == ".parquet":
        return [_parquet(path, name)]
    try:
        begin = first_bytes(path)
        if (other := binary(begin)) is not None:
            return [Finding("problem", AREA, name, other[0], other[1])]
        if (encoding := marked(begin)) is not None:
            return [Finding("ok", AREA, name, f"text in {encoding}, which is read by its mark")]
        lines = look(path)
    except (OSError, EOFError, zlib.error) as error:
        return [Finding("problem", AREA, name, f"cannot be unpacked: {error}", "Fetch it again.")]
    rows = f"{lines.count:,}{'' if lines.whole else ' or more'} lines, {size(path.stat().st_size)}"
    columns = f": {', '.join(lines.columns)}" if lines.columns else ""
    out = [Finding("ok", AREA, name, f"{rows}{columns}")]
    return out + [_fault(name, kind, at, lines.count) for kind, at in lines.faults.items()]


def _fault(name: str, kind: str, at: list[int], count: int) -> Finding:
    found = f"{kind}: {len(at):,} of {count:,} lines, first {', '.join(map(str, at[:SHOWN]))}"
    # A few bad lines are counted and left out by `prepare`; more than data.max_refused of them stop it.
    level: Level = "problem" if len(at) > max(10, 0.01 * count) or len(at) >= count - 1 else "note"
    do = (
        "Set data.encoding, latin-1 for example."
        if "UTF-8" in kind
        else "Mend these lines: `prepare` leaves them out, or stops."
    )
    return Finding(level, AREA, name, found, do)


def _parquet(path: Path, name: str) -> Finding:
    if fault := fault_of(path):
        return Finding("problem", AREA, name, fault, "Fetch or write it again.")
    try:
        import pyarrow.parquet as pq

        with path.open("rb") as opened:  # by its path, pyarrow would take `job:1/x.parquet` for an address
            file = pq.ParquetFile(opened)
    except ModuleNotFoundError as error:
        return lacking(AREA, name, error)
    except Exception as error:  # pyarrow's errors have no base class of their own
        return Finding("problem", AREA, name, f"is damaged: {error}", "Fetch or write it again.")
    return Finding("ok", AREA, name, f"{file.metadata.num_rows:,} rows: {', '.join(file.schema_arrow.names)}")


def look(path: Path) -> Lines:
    """The first lines of a text file, packed or not.

    Raises:
        OSError, EOFError: it cannot be unpacked.
    """
    lines = Lines()
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    opener = gzip.open if path.suffix == ".gz" else open
    with cast("IO[bytes]", opener(path, "rb")) as file:
        texts = _decoded(file, lines)
        if kind in ("jsonl", "json", "ndjson"):
            _json_lines(texts, lines)
        elif kind == "tsv" and (of_mind := [count for start, count in MIND.items() if path.name.startswith(start)]):
            _columns(texts, lines, "\t", of_mind[0])
        elif kind in ("inter", "item", "tsv"):
            _columns(texts, lines, "\t", None)
        else:
            _separated(texts, lines)
    return lines


def _decoded(file: IO[bytes], lines: Lines) -> Iterator[tuple[int, str]]:
    for number, raw_line in enumerate(file, 1):
        if number > LOOKED_AT:
            lines.whole = False
            return
        lines.count += 1
        try:
            text = raw_line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            lines.fault("bytes that are not UTF-8", number)
            continue
        if text:
            yield number, text


def _json_lines(texts: Iterator[tuple[int, str]], lines: Lines) -> None:
    for number, text in texts:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            lines.fault("no JSON", number)
            continue
        if not isinstance(row, dict):
            lines.fault("no JSON object", number)
        elif not lines.columns:
            lines.columns = list(row)


def _columns(texts: Iterator[tuple[int, str]], lines: Lines, separator: str, expected: int | None) -> None:
    for number, text in texts:
        found = text.split(separator)
        if expected is None:
            expected, lines.columns = len(found), found
        elif len(found) != expected:
            lines.fault(f"other than {expected} columns", number)


def _separated(texts: Iterator[tuple[int, str]], lines: Lines) -> None:
    """CSV: quoted fields may hold the separator and line breaks, so a reader counts the columns."""
    first = next(texts, None)
    if first is None:
        return
    separator = max(SEPARATORS, key=first[1].count)
    lines.columns = next(csv.reader([first[1]], delimiter=separator))
    reader = csv.reader((text + "\n" for _, text in texts), delimiter=separator)
    try:
        for row in reader:
            if row and len(row) != len(lines.columns):
                lines.fault(f"other than {len(lines.columns)} columns", reader.line_num + 1)
    except csv.Error as error:
        lines.fault(f"no CSV ({error})", reader.line_num + 1)


def _next(files: list[Path]) -> Finding:
    names = {path.name for path in files}
    kinds = {path.suffix for path in files}
    if "behaviors.tsv" in names and "news.tsv" in names:
        found, do = "MIND", 'data.format = "mind" in the recipe; students/static/mind is one to copy.'
    elif ".inter" in kinds:
        found, do = "RecBole's files", 'data.format = "recbole" in the recipe.'
    else:
        found = "tables"
        do = "distill-rec init --clicks FILE --items FILE (or --clicks FILE alone) writes a recipe for them."
    return Finding("ok", AREA, "what they look like", found, f"{do} To read them: pip install 'distill-rec[train]'.")
