"""A whole job: find the users, rank part by part, leave a folder of Parquet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill_rec.files import locked
from distill_rec.progress import Progress, Quiet, Task
from distill_rec.runtime import Student
from distill_rec.scoring.batch_ranker import BatchRanker, RankingOptions
from distill_rec.scoring.inputs import open_input
from distill_rec.scoring.job import Folder, PartRecord, Settings, identity
from distill_rec.scoring.part import score_part, write_empty
from distill_rec.scoring.users import RowRange, Users, find_users


def score(
    artifact: str | Path,
    users: str,
    out: Path,
    settings: Settings | None = None,
    *,
    ray: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Rank for every user of a file; go on where a killed job stopped; do nothing where it is finished.

    Args:
        artifact: an exported student.
        users: a file or glob: Parquet, JSONL, CSV or TSV of histories or clicks, see `Columns`.
        out: gets `part-00000.parquet`, ... with the columns user_id, item_id, score, rank, and `_SUCCESS`.
        ray: address of a Ray cluster whose nodes see the same paths, or "local"; in this process where not given.
        workers: of Ray; one per CPU where not given.

    Returns:
        What `_SUCCESS` says.

    Raises:
        ArtifactError: the student cannot be loaded.
        DataError: the users cannot be read; k or an id of `only` is not the catalogue's.
        ModuleNotFoundError: ray is asked for and not installed.
        RunError: `out` is in use, or was begun with other settings; no cluster of Ray answers.
    """
    settings, progress = settings or Settings(), progress or Quiet()
    if ray is not None:
        from distill_rec.ray_cluster import require_cluster

        require_cluster(ray)
    student = Student.load(artifact, threads=settings.threads, dim=settings.dim)
    ranker = BatchRanker(student, RankingOptions(settings.k, settings.seen, settings.only))
    source = open_input(users, settings.columns)
    folder = Folder(out)
    with locked(out):
        job = identity(source, settings, student.info.digest)
        finished = folder.begin(job)
        if not folder.finished:
            found = find_users(source, settings.part_users, folder.work, progress)
            left = {number: part for number, part in enumerate(found.parts) if number not in finished}
            with progress.task("ranking users", found.count) as task:
                task.advance(found.count - sum(part.count for part in left.values()))
                ranked = (
                    _here(ranker, left, settings, folder, task)
                    if ray is None
                    else _on_ray(student, left, settings, folder, task, ray, workers)
                )
                for number, record in ranked:
                    finished[number] = record
                    folder.write(job, finished)
            if not found.parts:
                write_empty(folder.part(0))
            folder.succeed(job, finished, _input_counts(found))
        shutil.rmtree(folder.work, ignore_errors=True)
    return folder.summary()


def _input_counts(found: Users) -> dict[str, Any]:
    return {"clicks": found.clicks, "refused": found.refused}


def _here(
    ranker: BatchRanker, parts: dict[int, RowRange], settings: Settings, folder: Folder, task: Task
) -> Iterator[tuple[int, PartRecord]]:
    for number, part in parts.items():
        yield number, score_part(ranker, part, settings, folder.part(number), task.advance)


def _on_ray(
    student: Student,
    parts: dict[int, RowRange],
    settings: Settings,
    folder: Folder,
    task: Task,
    address: str,
    workers: int | None,
) -> Iterator[tuple[int, PartRecord]]:
    from distill_rec.scoring.on_ray import score_on_ray

    if not parts:
        return
    for number, record in score_on_ray(student, parts, settings, folder.path, address, workers):
        task.advance(parts[number].count)
        yield number, record
