"""The same parts, ranked by workers of Ray Data: each reads its part and writes its file, the driver keeps the record.

No user passes through the driver. So the input, the output's folder and the artifact must be where all nodes see them
under the same paths, as on a shared file system.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill_rec.runtime import Student
from distill_rec.runtime.errors import DataError, DistillRecError, RunError
from distill_rec.scoring.batch_ranker import BatchRanker, RankingOptions
from distill_rec.scoring.job import Folder, PartRecord, Settings, record_of
from distill_rec.scoring.part import score_part
from distill_rec.scoring.users import RowRange

LOCAL = "local"


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


def require_cluster(address: str) -> None:
    """Find out before any work whether a cluster answers; Ray itself would try for minutes.

    Raises:
        ModuleNotFoundError: ray is not installed.
        RunError: nothing listens at HOST:PORT.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise RunError(address, f"no cluster of Ray: {error}", "the address of one, or 'local'") from error
    import ray  # noqa: F401  (an extra)


def score_on_ray(
    student: Student, parts: dict[int, RowRange], settings: Settings, out: Path, address: str, workers: int | None
) -> Iterator[tuple[int, PartRecord]]:
    """Records of the parts, as they are finished.

    Raises:
        DataError: a worker could not read its part.
        RunError: no cluster answers at the address, or a worker failed otherwise.
    """
    import ray

    begun = _connect(address, workers)
    try:
        rows = [{"number": number, "part": json.dumps(asdict(part))} for number, part in parts.items()]
        most = workers or max(1, int(ray.cluster_resources().get("CPU", 2)) - 1)
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
    except ray.exceptions.RayError as error:
        do = "Finished parts are kept: the same command goes on from there."
        raise RunError(out, f"a worker of Ray failed: {error}", "a file for each part", do) from error
    finally:
        if begun:
            ray.shutdown()


def _connect(address: str, workers: int | None) -> bool:
    """Start or join a cluster; whether it was us who did."""
    import ray
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    if ray.is_initialized():
        return False
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address != LOCAL:
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise RunError(address, f"no cluster of Ray: {error}", "the address of one, or 'local'") from error
        return True
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # One CPU more than workers: Ray Data keeps one for what feeds them.
    cpus = (workers or os.cpu_count() or 1) + 1
    ray.init(num_cpus=cpus, include_dashboard=False, **quiet)
    return True
