"""One part of the users, read, ranked and written as one Parquet file; runs here or on a worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from distill_rec.files import writing
from distill_rec.scoring.batch_ranker import SCHEMA, BatchRanker, Counts
from distill_rec.scoring.job import PartRecord, Settings
from distill_rec.scoring.users import RowRange, read_part

GROUP = 1 << 17
"""Recommendations of a row group at most, and held before they are written."""


def score_part(
    ranker: BatchRanker,
    part: RowRange,
    settings: Settings,
    path: Path,
    done: Callable[[int], None] = lambda users: None,
) -> PartRecord:
    """Write the recommendations of a part; the file is whole or absent.

    Args:
        done: told how many users were ranked, after each batch.
    """
    counts = Counts()
    held: list[pa.Table] = []
    with writing(path) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for table, own in _mapped(ranker, read_part(part, settings.batch), settings.threads):
            counts.add(own)
            held.append(table)
            if sum(map(len, held)) + len(table) > GROUP:
                writer.write_table(pa.concat_tables(held))
                held = []
            done(own.users + own.refused)
        if held:
            writer.write_table(pa.concat_tables(held))
    return PartRecord(path.name, counts)


def write_empty(path: Path) -> None:
    """A file without rows, so that readers of the folder find its columns."""
    with writing(path) as file:
        pq.write_table(SCHEMA.empty_table(), file)


def _mapped(ranker: BatchRanker, frames: Iterable[pl.DataFrame], threads: int) -> Iterator[tuple[pa.Table, Counts]]:
    """Results in the frames' order; no more frames are read ahead than threads can take."""
    if threads == 1:
        yield from map(ranker, frames)
        return
    waiting: deque[Future[tuple[pa.Table, Counts]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for frame in frames:
            waiting.append(pool.submit(ranker, frame))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
