"""What a file's first bytes say: UTF-16, text, or no text at all."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

from distill_rec.runtime.errors import DataError

LOOKED_AT = 4096
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte-order marks, the longer first: that of UTF-32 begins with that of UTF-16."""
EXCEL = (
    "Save it as CSV (in Excel: Save as, CSV UTF-8), or read it in Python and give the frame: "
    "distill_rec.run(recipe, clicks=pandas.read_excel(...))."
)
KINDS = {
    b"PK\x03\x04": ("an Excel workbook or another zip archive", EXCEL),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook of the old form", EXCEL),
    b"PAR1": ("a Parquet file under another name", "Rename it: its name has to end in .parquet."),
    b"\x1f\x8b": ("a packed file under another name", "Rename it: its name has to end in .gz."),
    b"SQLite format 3": ("a database", "Write its tables as CSV or Parquet."),
}
"""What other files begin with, what they are, and the way out."""


def first_bytes(path: Path) -> bytes:
    """The beginning of a file, `.gz` unpacked.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read or unpacked.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return file.read(LOOKED_AT)


def marked(begin: bytes) -> str | None:
    """The encoding that a byte-order mark tells; None where there is none (that of UTF-8 is left to its codec)."""
    return next((name for mark, name in MARKS.items() if begin.startswith(mark)), None)


def binary(begin: bytes) -> tuple[str, str] | None:
    """What a file is that is no text, and the way out; None for text."""
    known = next((told for sign, told in KINDS.items() if begin.startswith(sign)), None)
    if known is not None or marked(begin) is not None or b"\0" not in begin:
        return known
    zeros = {begin[0::2].count(b"\0"): "utf-16-be", begin[1::2].count(b"\0"): "utf-16-le"}
    if len(zeros) == 2 and max(zeros) > len(begin) / 4 and not min(zeros):
        return "text in UTF-16 without its mark", f"Set data.encoding to {zeros[max(zeros)]}."
    return "a binary file", "Write it as CSV, TSV, JSONL or Parquet."


def encoding_of(path: Path, encoding: str) -> str:
    """The codec of a text file: what its mark says, else the encoding that a recipe names.

    Raises:
        DataError: it is no text, or no such encoding.
        OSError, EOFError, zlib.error: it cannot be read or unpacked.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise DataError("data.encoding", f"unknown encoding {encoding!r}", "a name such as utf-8 or latin-1") from error
    begin = first_bytes(path)
    wide = name.startswith(("utf-16", "utf-32"))
    if not wide and (found := binary(begin)) is not None:
        raise DataError(path, found[0], "text (CSV, TSV, JSONL) or Parquet", found[1])
    if not wide and (of_mark := marked(begin)) is not None:
        return of_mark
    return "utf-8-sig" if name == "utf-8" else encoding
