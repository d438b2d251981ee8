"""RecBole's atomic files: which are read, whether they are of the sequence form, and their rows to look at."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from distill_rec.cli.guesses.asked import Asked, Guess
from distill_rec.cli.guesses.columns import SHARED, shared_share
from distill_rec.cli.guesses.formats import is_clicks
from distill_rec.data.faults import Faults
from distill_rec.data.patterns import matching
from distill_rec.data.recbole import FORM, read_file
from distill_rec.data.rows import FILE, find_files, label, named, stream_rows, suffix_of
from distill_rec.data.table import files_of
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError

SEQUENCE = "token_seq"
TYPED = re.compile(r".+:(token|float)(_seq)?")
LIST = "_list"
"""What RecBole puts behind the name of the column that a list is of."""


def files(asked: Asked) -> dict[str, Any]:
    """`path`, and `clicks` and `items` where they are not all that the folder has.

    Raises:
        DataError: there is no file of items.
    """
    path = Path(asked.clicks).expanduser().absolute()
    if path.is_dir():
        folder, pattern = path, ""
        found = [one for one in path.iterdir() if is_clicks(one)]
    else:
        found, pattern = find_files(Path(), str(path)), str(path)
        folder = Path(os.path.commonpath([one.parent for one in found]))
    out = {"format": "recbole", "path": str(folder), "clicks": _key(folder, found, "*.inter", pattern)}
    if asked.items is None:
        out["items"] = _items_beside(folder, found)
    else:
        path = Path(asked.items).expanduser().absolute()
        beside = [one for one in path.iterdir() if suffix_of(one) == ".item"] if path.is_dir() else []
        out["items"] = _key(folder, beside or find_files(Path(), str(path)), "*.item", "" if beside else str(path))
    return {key: value for key, value in out.items() if value}


def _key(folder: Path, found: Sequence[Path], usual: str, pattern: str) -> str:
    """What names the found files from `folder` on; "" where that is what is read without a key."""
    if set(matching(folder, usual)) == set(found):
        return ""
    if not pattern:  # a folder's files: in another folder, or packed
        parent = found[0].parent
        name = next((one for one in (usual, f"{usual}.gz") if set(matching(parent, one)) == set(found)), f"{usual}*")
        pattern = str(parent / name)
    path = Path(pattern)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else pattern


def _items_beside(folder: Path, clicks: Sequence[Path]) -> str:
    """Items that are called as the clicks, or all of the folder."""
    found = [one for one in folder.iterdir() if suffix_of(one) == ".item" and one.is_file()]
    if not found:
        do = "Name it with --items."
        raise DataError(folder, "no file of items beside the clicks", "a file *.item, which has their texts", do)
    stems = {_stem(one) for one in clicks}
    own = [one for one in found if _stem(one) in stems]
    if len(stems) == 1 and len(own) == 1:
        return _key(folder, own, "*.item", str(own[0]))
    return _key(folder, found, "*.item", "")


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def look(found: Guess, encoding: str) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """All rows of clicks and items, with file and line, and the clicks' columns that hold lists.

    Raises:
        DataError: they cannot be read, or have no rows.
    """
    section = DataSection.model_validate({**found.data, "encoding": encoding})
    folder = Path(section.path)
    frames, lists = [], dict[str, None]()
    for key in ("clicks", "items"):
        paths = files_of(section, folder, key)
        parts = [read_file(path, section, Faults()).with_columns(pl.lit(label(path)).alias(FILE)) for path in paths]
        frames.append(pl.concat(parts, how="diagonal"))
        if not len(frames[-1]):
            raise DataError(paths[0], "no rows", "a header and rows")
        if key == "clicks":
            lists |= dict.fromkeys(name for path in paths for name in _lists_of(path, section))
            _tell_several(paths, found)
    return frames[0], frames[1], list(lists)


def refuse_typed(place: str, columns: Sequence[str]) -> None:
    """Raise a DataError where a table's header is that of RecBole's files, which their endings tell."""
    if columns and all(map(TYPED.fullmatch, columns)):
        found = f"columns with RecBole's types ({columns[0]!r}) in a file of another ending"
        raise DataError(place, found, "*.inter for clicks, *.item for items", "Rename the files so.")


def _lists_of(path: Path, section: DataSection) -> list[str]:
    header = next(stream_rows(path, Faults(), encoding=section.encoding, **FORM)).columns
    return [name.partition(":")[0] for name in header if name.partition(":")[2] == SEQUENCE]


def _tell_several(paths: Sequence[Path], found: Guess) -> None:
    if len(paths) > 1:
        found.notes.append(
            f"{', '.join(path.name for path in paths)} are read as one log: a split that they make is not kept, "
            "data.split makes one"
        )


def sequence_column(clicks: pl.DataFrame, items: pl.DataFrame, lists: Sequence[str]) -> str:
    """The list of earlier items: one that is called as the item's column, or whose entries are ids of the items."""
    for name in sorted(lists, key=lambda name: not name.endswith(LIST)):
        entries = clicks[name].fill_null("").str.split(" ").explode().to_frame(name).filter(named(name) != "")[name]
        own = name.removesuffix(LIST) in clicks.columns if name.endswith(LIST) else False
        columns = [name.removesuffix(LIST)] if own and name.removesuffix(LIST) in items.columns else items.columns
        if max(shared_share(entries, items[column]) for column in columns) >= SHARED:
            return name
    return ""
