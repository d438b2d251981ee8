"""Users in parts of equal size, each of which can be read alone, in bounded memory, by any process.

Parquet of histories is read where it lies. Everything else is written once as such Parquet, below `_work`, so that
a job that goes on, or a worker on another machine, never reads from the beginning.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from distill_rec.data.faults import FEW, Faults
from distill_rec.files import read_json, write_json, writing
from distill_rec.progress import Progress, Task
from distill_rec.runtime.errors import DataError
from distill_rec.scoring.clicks import buckets_for, grouped
from distill_rec.scoring.inputs import HISTORY, USER, Input, as_ids, as_lists, is_parquet, open_parquet, require, stream

MAX_REFUSED = 0.01
SCHEMA = pa.schema([(USER, pa.string()), (HISTORY, pa.list_(pa.string()))])


@dataclass(frozen=True)
class RowRange:
    """Rows `start` to `start + count` of a Parquet file with these columns."""

    path: str
    start: int
    count: int
    user: str = USER
    history: str = HISTORY


@dataclass(frozen=True)
class Users:
    """What is to be scored.

    Attributes:
        clicks: rows that were clicks; 0 where the input has histories.
        refused: rows that were left out on the way, by reason.
    """

    parts: list[RowRange]
    clicks: int
    refused: dict[str, int]

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)


def find_users(source: Input, size: int, work: Path, progress: Progress) -> Users:
    """Divide the input into parts of `size` users, by way of `work` where it is no Parquet of histories.

    Raises:
        DataError: more than 1 % (and more than 10) of the rows lack an id or a time, or cannot be read.
    """
    if source.form == "lists" and is_parquet(source):
        return Users([part for path in source.files for part in _divided(path, source, size)], 0, {})
    record = work / "users.json"
    if not record.exists():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        faults = Faults()
        with progress.task("reading users") as task:
            counts = _spool_all(_users(source, work, faults, task), work, size)
        _check(faults, source)
        refused = {reason: fault.count for reason, fault in faults.refused.items()}
        clicks = faults.rows if source.form == "clicks" else 0
        write_json(record, {"counts": counts, "clicks": clicks, "refused": refused})
    content = read_json(record)
    parts = [RowRange(str(_spool(work, number)), 0, count) for number, count in enumerate(content["counts"])]
    return Users(parts, content["clicks"], content["refused"])


def _users(source: Input, work: Path, faults: Faults, task: Task) -> Iterator[pl.DataFrame]:
    """Users and histories of the input, a frame at a time."""

    def with_progress() -> Iterator[tuple[pl.DataFrame, str]]:
        for frame, file in stream(source, faults):
            task.advance(len(frame))
            yield frame, file

    if source.form == "lists":
        yield from (frame for frame, _ in with_progress())
        return
    folder = work / "clicks"
    folder.mkdir()
    yield from grouped(with_progress(), folder, buckets_for(source), faults)
    folder.rmdir()


def _spool(work: Path, number: int) -> Path:
    return work / f"users-{number:05d}.parquet"


def _spool_all(frames: Iterable[pl.DataFrame], work: Path, size: int) -> list[int]:
    """Write the users in files of `size`; return how many are in each."""
    counts = []
    for number, pieces in itertools.groupby(_cut(frames, size), key=itemgetter(0)):
        counts.append(0)
        with writing(_spool(work, number)) as file, pq.ParquetWriter(file, SCHEMA) as writer:
            for _, piece in pieces:
                writer.write_table(piece.select(USER, HISTORY).to_arrow().cast(SCHEMA))
                counts[-1] += len(piece)
    return counts


def _cut(frames: Iterable[pl.DataFrame], size: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Frames with the number of their part, none of which reaches into the next part."""
    done = 0
    for frame in frames:
        while len(frame):
            room = size - done % size
            yield done // size, frame.head(room)
            done += min(room, len(frame))
            frame = frame.slice(room)


def _check(faults: Faults, source: Input) -> None:
    count = faults.refused_count
    if not count or (count <= max(FEW, MAX_REFUSED * faults.rows) and count < faults.rows):
        return
    reason, fault = max(faults.refused.items(), key=lambda item: item[1].count)
    raise DataError(
        fault.first[0] if fault.first else source.files[0],
        f"{reason} ({count} of {faults.rows} rows were refused, {fault.count} for this reason, "
        f"first at {', '.join(fault.first)})",
        f"at most {100 * MAX_REFUSED:g} % refused rows",
        "Mend the file, or name its right columns.",
    )


def _divided(path: Path, source: Input, size: int) -> Iterator[RowRange]:
    with open_parquet(path) as file:
        require(file.schema_arrow.names, source.wanted, path)
        rows = file.metadata.num_rows
    for start in range(0, rows, size):
        count = min(size, rows - start)
        yield RowRange(str(path.resolve()), start, count, source.columns.user, source.columns.history)


def read_part(part: RowRange, batch: int) -> Iterator[pl.DataFrame]:
    """The part's rows in frames of at most `batch` users, `user_id` and `history`; users without an id are null.

    Raises:
        DataError: the file is no Parquet, or its columns hold no ids.
    """
    with open_parquet(Path(part.path)) as file:
        groups, first = _row_groups(file.metadata, part)
        skip, left = part.start - first, part.count
        for block in file.iter_batches(batch, row_groups=groups, columns=[part.user, part.history]):
            piece = block.slice(min(skip, len(block)), left)
            skip, left = max(0, skip - len(block)), left - len(piece)
            if len(piece):
                frame = pl.DataFrame(pl.from_arrow(piece))
                users = as_ids(frame[part.user], part.path).alias(USER)
                yield pl.DataFrame([users, as_lists(frame[part.history], part.path).alias(HISTORY)])
            if not left:
                return


def _row_groups(metadata: Any, part: RowRange) -> tuple[list[int], int]:
    """Row groups that hold the part, and the file's row at which the first of them begins."""
    ends = np.cumsum([metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)])
    starts = np.concatenate([[0], ends[:-1]])
    inside = np.flatnonzero((ends > part.start) & (starts < part.start + part.count))
    return inside.tolist(), int(starts[inside[0]])
