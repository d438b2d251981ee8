"""Rows of a text file with their line numbers: columns of strings, faults counted, nothing half-read.

Python's `csv` reads a million rows in about a second, knows quotes, and tells line numbers, which a user needs
to mend a file; the columns go into polars in blocks. Files whose quotes are characters like any other (MIND, RecBole)
are split at the delimiter and nowhere else.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import polars as pl

from distill_rec.data.faults import Faults
from distill_rec.data.patterns import matching
from distill_rec.runtime.errors import DataError

BLOCK = 65536
LINE = "__line__"
FILE = "__file__"
DELIMITERS = ",;\t|"


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Files that a path or glob names, sorted.

    Raises:
        DataError: there is none.
    """
    found = [path for path in matching(folder, pattern) if path.is_file()]
    if not found:
        raise DataError(folder / pattern, "no such file", "a file, or a glob that matches one")
    return found


def suffix_of(path: Path) -> str:
    """What tells a file's form, in small letters: its ending, or the one before `.gz`."""
    return Path(path.stem if path.suffix == ".gz" else path.name).suffix.lower()


def label(path: Path) -> str:
    """How messages name a file: with its folder, because data sets have a `news.tsv` in each."""
    return f"{path.resolve().parent.name}/{path.name}"


@contextlib.contextmanager
def open_text(path: Path, encoding: str, newline: str = "\n") -> Iterator[IO[str]]:
    """Open a text file, `.gz` unpacked; bytes that are not of the encoding become lone surrogates.

    Raises:
        DataError: the encoding has no such name, or the file cannot be read or unpacked.
    """
    name = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        codecs.lookup(name)
    except LookupError as error:
        raise DataError("data.encoding", f"unknown encoding {encoding!r}", "a name such as utf-8 or latin-1") from error
    try:
        raw: Any = (gzip.open if path.suffix == ".gz" else open)(path, "rb")
        with io.TextIOWrapper(raw, encoding=name, errors="surrogateescape", newline=newline) as file:
            yield file
    except (OSError, EOFError, zlib.error, UnicodeError) as error:
        raise DataError(path, f"cannot be read: {error}", f"a whole file in {encoding}") from error


def is_broken(text: str) -> bool:
    """Whether some byte of the text could not be decoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def detect_delimiter(header: str) -> str:
    """The separator that stands most often in the header line."""
    return max(DELIMITERS, key=header.count)


def read_rows(  # noqa: PLR0913
    path: Path,
    faults: Faults,
    *,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quoted: bool = True,
    columns: list[str] | None = None,
) -> pl.DataFrame:
    """Read a delimited file as strings.

    Args:
        faults: rows with another number of columns, or with bytes of another encoding, are refused there.
        delimiter: detected from the first line where not given.
        quoted: double quotes enclose fields; otherwise every character is the field's own.
        columns: names where the file has no header.

    Returns:
        A frame of strings, with the line number of each row (its first line) in `__line__`.

    Raises:
        DataError: the file is empty, no row of it can be read, or a quote is never closed.
    """
    own = Faults()
    blocks = list(stream_rows(path, own, encoding=encoding, delimiter=delimiter, quoted=quoted, columns=columns))
    own.check_readable()
    faults.merge(own)
    return pl.concat(blocks)


def stream_rows(  # noqa: PLR0913
    path: Path,
    faults: Faults,
    *,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quoted: bool = True,
    columns: list[str] | None = None,
    block: int = BLOCK,
) -> Iterator[pl.DataFrame]:
    """The same in frames of at most `block` rows, for files that outgrow the memory; the first has no row."""
    csv.field_size_limit(1 << 27)
    with open_text(path, encoding, "" if quoted else "\n") as file:
        first = file.readline()
        if not first:
            raise DataError(path, "an empty file", "rows")
        delimiter = delimiter or detect_delimiter(first)
        lines = itertools.chain([first], file)
        parsed = _quoted(lines, delimiter, path, faults) if quoted else _unquoted(lines, delimiter)
        names = columns if columns is not None else _header(next(parsed, (1, []))[1], path)
        yield pl.DataFrame(schema={**dict.fromkeys(names, pl.String), LINE: pl.Int64})
        yield from _blocks(parsed, names, path, encoding, faults, block)


def _header(names: list[str], path: Path) -> list[str]:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice or not names:
        raise DataError(f"{label(path)}:1", f"column {twice[0]!r} twice" if twice else "no header", "a name a column")
    return names


def _unquoted(lines: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line that is not blank."""
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if text:
            yield number, text.split(delimiter)


def _quoted(lines: Iterable[str], delimiter: str, path: Path, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """The same with quotes; a quote that is not balanced costs the lines that it encloses, and they are counted."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise DataError(f"{label(path)}:{line}", "a quote that is never closed", "balanced quotes") from error
            lost = range(line, reader.line_num + 1)
            faults.rows += len(lost)
            faults.refuse("quotes that are not balanced", label(path), lost)
            continue
        if row:
            yield line, row


def _blocks(  # noqa: PLR0913
    parsed: Iterator[tuple[int, list[str]]], names: list[str], path: Path, encoding: str, faults: Faults, most: int
) -> Iterator[pl.DataFrame]:
    width = len(names)
    while block := list(itertools.islice(parsed, most)):
        faults.rows += len(block)
        lines, rows = zip(*block, strict=True)
        if set(map(len, rows)) != {width} or is_broken("".join(itertools.chain.from_iterable(rows))):
            good = [len(row) == width and not is_broken("".join(row)) for row in rows]
            _refuse(rows, lines, width, path, encoding, faults)
            rows, lines = tuple(itertools.compress(rows, good)), tuple(itertools.compress(lines, good))
        values = list(zip(*rows, strict=True)) if rows else [()] * width
        content = {name: pl.Series(name, column, dtype=pl.String) for name, column in zip(names, values, strict=True)}
        yield pl.DataFrame({**content, LINE: pl.Series(LINE, lines, dtype=pl.Int64)})


def _refuse(  # noqa: PLR0913
    rows: Iterable[list[str]], lines: Iterable[int], width: int, path: Path, encoding: str, faults: Faults
) -> None:
    for row, line in zip(rows, lines, strict=True):
        if is_broken("".join(row)):
            faults.refuse(f"bytes that are not {encoding} (see data.encoding)", label(path), [line])
        elif len(row) != width:
            faults.refuse(f"expected {width} columns, found {len(row)}", label(path), [line])
