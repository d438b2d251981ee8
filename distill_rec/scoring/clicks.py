"""From a log of clicks in any order to one history per user, out of core.

Clicks are dealt to buckets on disk by their user's hash, then one bucket at a time is read and grouped. So the memory
is that of a bucket, about four times `BUCKET` bytes of the log; of a log larger than `BUCKET * MOST_BUCKETS` (16 GiB),
four times its `MOST_BUCKETS`-th part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from distill_rec.data.faults import Faults
from distill_rec.data.times import MISSING, parse_times, zone_of
from distill_rec.scoring.inputs import BLOCK, HISTORY, ITEM, USER, WHEN, Input, open_parquet

BUCKET = 1 << 25
MOST_BUCKETS = 512
CLICK_BYTES = 32
"""Of a click in Parquet, once it is text again."""
GZIP = 8
"""How much larger a log may be, unpacked."""
SCHEMA = pa.schema([(USER, pa.large_string()), (ITEM, pa.large_string()), (WHEN, pa.int64())])


def buckets_for(source: Input) -> int:
    """How many buckets keep each at about `BUCKET` bytes."""
    total = 0
    for path in source.files:
        if path.suffix == ".parquet":
            with open_parquet(path) as file:
                total += file.metadata.num_rows * CLICK_BYTES
        else:
            total += path.stat().st_size * (GZIP if path.suffix == ".gz" else 1)
    return min(MOST_BUCKETS, max(1, -(-total // BUCKET)))


def grouped(
    frames: Iterable[tuple[pl.DataFrame, str]], folder: Path, buckets: int, faults: Faults
) -> Iterator[pl.DataFrame]:
    """Users with their items, oldest first, equal times in the file's order; users as they first come in a bucket.

    Args:
        folder: for the buckets; empty.
        faults: clicks whose time cannot be read are refused.
    """
    _deal(frames, folder, buckets, faults)
    for bucket in range(buckets):
        path = folder / f"{bucket}.arrow"
        yield from _group(path)
        path.unlink()


def _deal(frames: Iterable[tuple[pl.DataFrame, str]], folder: Path, buckets: int, faults: Faults) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with contextlib.ExitStack() as stack:
        writers = [
            stack.enter_context(pa.ipc.new_stream(str(folder / f"{bucket}.arrow"), SCHEMA, options=options))
            for bucket in range(buckets)
        ]
        for frame in _gathered(_timed(frame, file, faults) for frame, file in frames):
            if buckets == 1:
                writers[0].write_table(_arrow(frame))
                continue
            own = (frame[USER].hash() % buckets).to_numpy()
            for bucket in np.unique(own).tolist():
                writers[bucket].write_table(_arrow(frame.filter(pl.Series(own == bucket))))


def _gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Frames of several blocks: dealt among many buckets, a block alone leaves crumbs."""
    held: list[pl.DataFrame] = []
    for frame in frames:
        held.append(frame)
        if sum(map(len, held)) >= 8 * BLOCK:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _timed(frame: pl.DataFrame, file: str, faults: Faults) -> pl.DataFrame:
    """Times in seconds; all zero where the file's order counts."""
    if WHEN not in frame.columns:
        return frame.select(USER, ITEM, pl.lit(0, dtype=pl.Int64).alias(WHEN))
    seconds, _ = parse_times(frame[WHEN], zone_of("UTC"), first="month")  # a block is not the whole column
    lost = seconds == MISSING
    if lost.any():
        faults.refuse("no time that can be read", file, frame.filter(pl.Series(lost))["__line__"].to_list())
    return frame.select(USER, ITEM, pl.Series(WHEN, seconds)).filter(pl.Series(~lost))


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow().cast(SCHEMA)


def _group(path: Path) -> Iterator[pl.DataFrame]:
    with pa.ipc.open_stream(str(path)) as reader:
        clicks = pl.DataFrame(pl.from_arrow(reader.read_all()))
    history = pl.col(ITEM).sort_by(WHEN, maintain_order=True).alias(HISTORY)
    users = clicks.group_by(USER, maintain_order=True).agg(history)
    yield from users.iter_slices(BLOCK)
