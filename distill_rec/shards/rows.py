"""A flat file of rows that is made in shards, in any order, by any number of processes that see its folder.

Each shard is a file of its own until all are there; then they are put one after the other, each removed once its rows
are safe, so that the disk holds them about once. A lock says who makes a shard. It goes with the process, so that a
killed one's shard is made by another, or by the next command.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.files import alone, claimed, read_json, write_bytes, write_json


class RowFile:
    """Rows `[n, width]` in a folder.

    Args:
        size: texts or samples of a shard; what was begun with another size begins anew.
    """

    def __init__(self, folder: Path, dtype: type[np.generic], width: int, size: int) -> None:
        self.folder, self.dtype, self.width, self.size = folder, np.dtype(dtype), width, size
        self.part, self.whole, self.state = folder / "rows.part", folder / "rows.bin", folder / "progress.json"
        self._shards = folder / "shards"

    @property
    def finished(self) -> bool:
        return self.whole.exists()

    def begin(self) -> None:
        """Have the folder there, without what was begun with shards of another size."""
        with alone(self.folder):
            if self.finished:
                return
            self._shards.mkdir(parents=True, exist_ok=True)
            if self._state().get("size") != self.size:
                shutil.rmtree(self._shards)
                self._shards.mkdir()
                self.part.write_bytes(b"")
                write_json(self.state, {"size": self.size, "shards": 0, "bytes": 0})

    def has(self, shard: int) -> bool:
        """Whether a shard is safely on disk."""
        return self._path(shard).exists() or self._state().get("shards", 0) > shard or self.finished

    @contextlib.contextmanager
    def claim(self, shard: int, wait: bool) -> Iterator[bool]:
        """Hold a shard while it is made; False where it is there already, or another process has it.

        Args:
            wait: for that process; then False means that the shard is there.
        """
        with contextlib.ExitStack() as held:
            try:
                mine = held.enter_context(alone(self._path(shard)) if wait else claimed(self._path(shard)))
            except FileNotFoundError:
                if not self.finished:  # else the shards' folder has gone, as it is needed no more
                    raise
                mine = False
            yield mine is not False and not self.has(shard)

    def write(self, shard: int, rows: NDArray[Any]) -> None:
        write_bytes(self._path(shard), rows.astype(self.dtype, copy=False).tobytes())

    def collect(self, count: int) -> NDArray[Any]:
        """All rows, memory-mapped, once every one of `count` shards is there."""
        with alone(self.folder):
            if not self.finished:
                state = self._state()
                if not self.part.exists() or self.part.stat().st_size < state["bytes"]:
                    raise FileNotFoundError(f"{self.part}: rows that were there have gone")
                os.truncate(self.part, state["bytes"])
                for shard in range(state["shards"], count):
                    self._append(shard)
                os.replace(self.part, self.whole)
                shutil.rmtree(self._shards, ignore_errors=True)
        if self.whole.stat().st_size == 0:
            return np.empty((0, self.width), self.dtype)
        return np.memmap(self.whole, dtype=self.dtype, mode="r").reshape(-1, self.width)

    def _append(self, shard: int) -> None:
        path = self._path(shard)
        with self.part.open("ab") as file:
            file.write(path.read_bytes())
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        write_json(self.state, {"size": self.size, "shards": shard + 1, "bytes": size})
        path.unlink()

    def _path(self, shard: int) -> Path:
        return self._shards / f"{shard:06d}.bin"

    def _state(self) -> dict[str, Any]:
        return dict(read_json(self.state)) if self.state.exists() else {}
