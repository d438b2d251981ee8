"""The same parts, ranked by workers of Ray Data: each reads its part and writes its file, the driver keeps the record.

No user passes through the driver. So the input, the output's folder and the artifact must be where all nodes see them
under the same paths, as on a shared file system.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill_rec.ray_cluster import joined, most_workers
from distill_rec.runtime import Student
from distill_rec.runtime.errors import DataError, DistillRecError, RunError
from distill_rec.scoring.batch_ranker import BatchRanker, RankingOptions
from distill_rec.scoring.job import Folder, PartRecord, Settings, record_of
from distill_rec.scoring.part import score_part
from distill_rec.scoring.users import RowRange


class Worker:
    """Holds the student; the map over batches of part numbers."""

    def __init__(self, artifact: str, digest: str, settings: Settings, out: str) -> None:
        student = Student.load(artifact, threads=settings.threads, digest=digest, dim=settings.dim)
        self.ranker = BatchRanker(student, RankingOptions(settings.k, settings.seen, settings.only))
        self.settings, self.folder = settings, Folder(Path(out))

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        numbers = [int(number) for number in batch["number"]]
        return {"number": numbers, "record": list(map(self._score, numbers, batch["part"]))}

    def _score(self, number: int, part: str) -> str:
        """A finished part's record as JSON; an error of ours goes back as its fields, for the driver to raise."""
        try:
            done = score_part(self.ranker, RowRange(**json.loads(part)), self.settings, self.folder.part(number))
        except DistillRecError as error:
            return json.dumps({"error": error.parts()})
        return json.dumps(asdict(done))


def score_on_ray(
    student: Student, parts: dict[int, RowRange], settings: Settings, out: Path, address: str, workers: int | None
) -> Iterator[tuple[int, PartRecord]]:
    """Records of the parts, as they are finished.

    Raises:
        DataError: a worker could not read its part.
        RunError: no cluster answers at the address, or a worker failed otherwise.
    """
    import ray

    try:
        with joined(address, workers):
            yield from _ranked(student, parts, settings, out, workers)
    except ray.exceptions.RayError as error:
        do = "Finished parts are kept: the same command goes on from there."
        raise RunError(out, f"a worker of Ray failed: {error}", "a file for each part", do) from error


def _ranked(
    student: Student, parts: dict[int, RowRange], settings: Settings, out: Path, workers: int | None
) -> Iterator[tuple[int, PartRecord]]:
    import ray

    rows = [{"number": number, "part": json.dumps(asdict(part))} for number, part in parts.items()]
    most = most_workers(workers)
    made = {
        "artifact": str(student.info.folder),
        "digest": student.info.digest,
        "settings": settings,
        "out": str(out.resolve()),
    }
    ranked = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Worker, fn_constructor_kwargs=made, batch_size=1, concurrency=min(most, len(rows))
    )
    for row in ranked.iter_rows():
        record = json.loads(row["record"])
        if "error" in record:
            raise DataError(**record["error"])
        yield int(row["number"]), record_of(record)
