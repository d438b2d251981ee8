"""A job: the map from a shard's number to its rows, and the file that they go to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from distill_rec.progress import Progress, QuietTask, Task
from distill_rec.shards.rows import RowFile

Make = Callable[[int, Task], NDArray[Any]]
"""From a shard's number to its rows, `[n, width]`; tells the task the texts or samples as they are done. Rows are a
function of the number alone, so that it does not matter who makes a shard, or after which kill."""


@dataclass(frozen=True)
class Job:
    """What is made.

    Attributes:
        total: texts or samples.
        title: for progress.
    """

    file: RowFile
    total: int
    title: str
    make: Make

    @property
    def count(self) -> int:
        """Shards."""
        return -(-self.total // self.file.size)

    def length(self, shard: int) -> int:
        """Texts or samples of a shard."""
        return min(self.file.size, self.total - shard * self.file.size)

    def left(self) -> list[int]:
        """Shards that are not there."""
        return [] if self.file.finished else [shard for shard in range(self.count) if not self.file.has(shard)]

    def do(self, shard: int, task: Task | None = None, wait: bool = False) -> bool:
        """Make a shard, unless it is there or another process makes it; whether it is there now.

        Args:
            wait: for that other process, and make it where that one ended without.
        """
        with self.file.claim(shard, wait) as mine:
            if mine:
                self.file.write(shard, self.make(shard, task or QuietTask()))
                return True
        done = self.file.has(shard)
        if done and task is not None:
            task.advance(self.length(shard))
        return done


def make_all(job: Job, progress: Progress) -> None:
    """Make all shards that nobody makes, then wait for those of others."""
    if job.file.finished:
        return
    job.file.begin()
    with progress.task(job.title, job.total) as task:
        others = [shard for shard in range(job.count) if not job.do(shard, task)]
        for shard in others:
            job.do(shard, task, wait=True)


def rows_of(job: Job, progress: Progress) -> NDArray[Any]:
    """All rows, memory-mapped; what is not there is made, together with other processes that ask for the same."""
    make_all(job, progress)
    return job.file.collect(job.count)
