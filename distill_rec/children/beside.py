"""Trainings that do not wait for each other, each in a process of its own with its share of the threads.

Small models gain little from a second core; two of them at once gain all of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from distill_rec.children.peaks import children
from distill_rec.children.run import Job, run_jobs
from distill_rec.progress import Progress


def run_beside(jobs: Sequence[Job], threads: int, progress: Progress, *, share: int = 1) -> None:
    """Run jobs, as many at once as the threads allow.

    Args:
        threads: of all jobs that run at once.
        share: of each; the same in a command that goes on where another stopped, so that results are too.

    Raises:
        DistillRecError: what a job raised; the others are ended, and go on from their checkpoints another time.
        TrainingError: a job's process ended without a word.
    """
    at_once = max(1, threads // share)
    peaks = []
    with contextlib.closing(run_jobs(jobs, progress, at_once=at_once, threads=share)) as ended:
        for one in ended:
            if one.error is not None:
                raise one.error
            peaks.append(one.peak_bytes)
    children.note(sum(sorted(peaks)[-at_once:]))


def share_of(threads: int, trainings: int) -> int:
    """Threads of each of so many trainings that run beside each other."""
    return max(1, threads // trainings)
