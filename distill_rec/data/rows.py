"""Rows of a text file with their line numbers: columns of strings, faults counted, nothing half-read.

Lines that are records of their own are split by columns (`fast_lines`). From the first chunk on that may hold others,
Python's `csv` reads line by line: it knows quotes, and tells line numbers, which a user needs to mend a file. Files
whose quotes are characters like any other (MIND, RecBole) are split at the delimiter and nowhere else.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import polars as pl
import polars.selectors as cs

from distill_rec.data.fast_lines import LINE as LINE
from distill_rec.data.fast_lines import fields_of_lines
from distill_rec.data.faults import Faults
from distill_rec.data.patterns import matching
from distill_rec.data.shown import shown
from distill_rec.encodings import encoding_of
from distill_rec.files import nearest_to
from distill_rec.runtime.errors import DataError

BLOCK = 65536
CHUNK = 1 << 22
FILE = "__file__"
OWN = (LINE, FILE)
"""Columns that are ours: where a row stands."""
DELIMITERS = ",;\t|"
LOOKED_AT = 4
"""Lines behind the header that decide the separator."""
MOST_SHOWN = 200
"""Characters of a faulty line that are kept."""


def find_files(folder: Path, pattern: str, key: str = "") -> list[Path]:
    """Files that a path or glob names, sorted.

    Args:
        key: of the recipe that the pattern is of, for the message.

    Raises:
        DataError: there is none.
    """
    found = [path for path in matching(folder, pattern) if path.is_file()]
    if found:
        return found
    missing, expected = folder / pattern, "a file, or a glob that matches one"
    do = f"Did you mean {near}?" if (near := nearest_to(missing)) else ""
    if not key:
        raise DataError(missing, "no such file", expected, do)
    raise DataError(f"key {key}", f"{missing}: no such file", expected, do or f"Set {key} to the right one.")


def suffix_of(path: Path) -> str:
    """What tells a file's form, in small letters: its ending, or the one before `.gz`."""
    return Path(path.stem if path.suffix == ".gz" else path.name).suffix.lower()


def label(path: Path) -> str:
    """How messages name a file: with its folder, because data sets have a `news.tsv` in each."""
    return f"{path.resolve().parent.name}/{path.name}"


def named(column: str) -> pl.Expr:
    """A column by its name and no other: `pl.col` reads `*` and `^a$` as patterns."""
    return cs.by_name(column).as_expr()


def places(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each file of the rows, and its rows."""
    for (file,), part in frame.group_by(FILE, maintain_order=True):
        yield str(file), part


@contextlib.contextmanager
def open_text(path: Path, encoding: str, newline: str = "\n") -> Iterator[IO[str]]:
    """Open a text file, `.gz` unpacked; bytes that are not of the encoding become lone surrogates.

    A mark of UTF-16 or UTF-32 at its beginning counts before `encoding`.

    Raises:
        DataError: the encoding has no such name, or the file is no text, or cannot be read or unpacked.
    """
    try:
        name = encoding_of(path, encoding)
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


def detect_delimiter(lines: list[str]) -> str:
    """The separator that parts the first lines into equally many columns, else the one most frequent in the header.

    A header may hold other separators in its names.
    """

    def columns(delimiter: str) -> int:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
        return widths.pop() if len(widths) == 1 else 0

    best = max(DELIMITERS, key=columns)
    return best if len(lines) > 1 and columns(best) > 1 else max(DELIMITERS, key=lines[0].count)


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
        delimiter: detected from the first lines where not given.
        quoted: double quotes enclose fields; otherwise every character is the field's own.
        columns: names where the file has no header.

    Returns:
        A frame of strings, with the line number of each row (its first line) in `__line__`.

    Raises:
        DataError: the file is empty, no row of it can be read, or a quote is never closed.
    """
    own = Faults()
    blocks = list(stream_rows(path, own, encoding=encoding, delimiter=delimiter, quoted=quoted, columns=columns))
    faults.merge(own)
    own.check_readable()
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
        begin = [first, *itertools.islice(file, LOOKED_AT)]
        delimiter = delimiter or detect_delimiter(begin)

        def one_by_one(lines: Iterable[str], before: int) -> Iterator[tuple[int, list[str]]]:
            return _quoted(lines, delimiter, path, faults, before) if quoted else _unquoted(lines, delimiter, before)

        of_one_line = not quoted or not first.count('"') % 2
        lines = itertools.chain(begin, file)
        parsed = one_by_one([first] if of_one_line and first.strip() else lines, 0)
        names = columns if columns is not None else _header(next(parsed, (1, []))[1], path, encoding)
        yield pl.DataFrame(schema={**dict.fromkeys(names, pl.String), LINE: pl.Int64})
        if not of_one_line or not first.strip():
            yield from _blocks(parsed, names, path, encoding, faults, block)
            return
        done = 0 if columns is not None else 1
        pending = "".join(begin[done:])
        while chunk := pending + file.read(CHUNK) + file.readline():
            pending = ""
            fields = fields_of_lines(chunk, done + 1, delimiter, quoted)
            if fields is None:
                lines = itertools.chain(io.StringIO(chunk, newline="" if quoted else "\n"), file)
                yield from _blocks(one_by_one(lines, done), names, path, encoding, faults, block)
                return
            yield from _frames(fields, names, path, faults, block)
            done += chunk.count("\n")


def _header(names: list[str], path: Path, encoding: str) -> list[str]:
    if is_broken("".join(names)):
        do = "Set data.encoding, latin-1 for example."
        raise DataError(f"{label(path)}:1", f"bytes that are not {encoding} (see data.encoding)", f"{encoding}", do)
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice or not names:
        raise DataError(f"{label(path)}:1", f"column {twice[0]!r} twice" if twice else "no header", "a name a column")
    if taken := [name for name in names if name in OWN]:
        raise DataError(f"{label(path)}:1", f"a column called {taken[0]!r}", "another name: this one is ours")
    return names


def _frames(fields: pl.DataFrame, names: list[str], path: Path, faults: Faults, most: int) -> Iterator[pl.DataFrame]:
    """Fields by column; lines with another number of them are refused."""
    width = len(names)
    faults.rows += len(fields)
    found = fields["fields"].list.len()
    if (other := found != width).any():
        for (count,), part in (
            fields.with_columns(found.alias("count")).filter(other).group_by("count", maintain_order=True)
        ):
            texts = [shown(" | ".join(row), MOST_SHOWN) for row in part["fields"].to_list()]
            faults.refuse(_other_width(width, int(count)), label(path), part[LINE].to_list(), texts)
        fields = fields.filter(~other)
    columns = {name: fields["fields"].list.get(place) for place, name in enumerate(names)}
    yield from pl.DataFrame({**columns, LINE: fields[LINE]}).iter_slices(most)


def _unquoted(lines: Iterable[str], delimiter: str, before: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each line that is not blank; `before` lines stand before them."""
    for number, line in enumerate(lines, before + 1):
        text = line.rstrip("\r\n")
        if text:
            yield number, text.split(delimiter)


def _quoted(
    lines: Iterable[str], delimiter: str, path: Path, faults: Faults, before: int
) -> Iterator[tuple[int, list[str]]]:
    """The same with quotes; a quote that is not balanced costs the lines that it encloses, and they are counted.

    A field that begins with a quote and goes on behind it (`"Weird" kettle`) is text as it stands, within one line.
    """
    record: list[str] = []
    reader = csv.reader(_remembered(lines, record), delimiter=delimiter, strict=True)
    loose = _loose_fields(delimiter)
    while True:
        line = before + reader.line_num + 1
        record.clear()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise DataError(f"{label(path)}:{line}", "a quote that is never closed", "balanced quotes") from error
            if len(record) == 1:
                yield line, loose(record[0])
                continue
            lost = range(line, before + reader.line_num + 1)
            faults.rows += len(lost)
            values = [text.rstrip("\r\n")[:MOST_SHOWN] for text in record]
            faults.refuse("quotes that are not balanced", label(path), lost, values, "", "a closing quote")
            continue
        if row:
            yield line, row


def _remembered(lines: Iterable[str], record: list[str]) -> Iterator[str]:
    """The lines, each also added to `record`."""
    for line in lines:
        record.append(line)
        yield line


def _loose_fields(delimiter: str) -> Callable[[str], list[str]]:
    """Fields of a line whose quotes are not those of CSV: only a field that is quoted whole is unquoted."""
    end = f"(?={re.escape(delimiter)}|$)"
    quoted = r'"((?:[^"]|"")*)"' + end
    # Next a quoted beginning, which may hold the delimiter; then whatever stands before the next one.
    text = rf'"(?:[^"]|"")*"[^{re.escape(delimiter)}]*{end}|[^{re.escape(delimiter)}]*'
    field = re.compile(f"(?:{quoted}|({text}))(?:{re.escape(delimiter)}|$)")

    def fields(line: str) -> list[str]:
        line, out, at = line.rstrip("\r\n"), [], 0
        while True:
            match = field.match(line, at)
            assert match is not None  # the last alternative matches anything
            out.append(match[2] if match[1] is None else match[1].replace('""', '"'))
            if match.end() == len(line) and not match[0].endswith(delimiter):
                return out
            at = match.end()

    return fields


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
    found: dict[str, tuple[list[int], list[str]]] = {}
    for row, line in zip(rows, lines, strict=True):
        text = " | ".join(row)
        broken = is_broken(text)
        if not broken and len(row) == width:
            continue
        reason = f"bytes that are not {encoding} (see data.encoding)" if broken else _other_width(width, len(row))
        at, values = found.setdefault(reason, ([], []))
        at.append(line)
        values.append(shown(text, MOST_SHOWN))
    for reason, (at, values) in found.items():
        faults.refuse(reason, label(path), at, values)


def _other_width(width: int, found: int) -> str:
    return f"expected {width} columns, found {found}"
