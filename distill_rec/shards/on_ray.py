"""The same shards, made by workers of Ray Data: each writes its shards' files, no row passes through the driver.

So the prepared data, the run's folder, the PLM and the cache must be where all nodes see them under the same paths.
"""

from __future__ import annotations

import json
import os
from typing import Any

from distill_rec.files import cache_folder
from distill_rec.progress import Progress
from distill_rec.ray_cluster import joined, most_workers
from distill_rec.runtime.errors import DistillRecError, RunError
from distill_rec.shards.job import Job
from distill_rec.shards.told import Told


class Worker:
    """Holds what the job needs, as the model; the map over batches of shards' numbers.

    Args:
        cache: the driver's folder of what is kept.
        folder: what its relative paths are relative to.
    """

    def __init__(self, told: Told, cache: str, folder: str) -> None:
        os.environ["DISTILL_REC_CACHE"] = cache
        os.chdir(folder)
        self.job = told.job()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        numbers = [int(number) for number in batch["shard"]]
        return {"shard": numbers, "error": list(map(self._make, numbers))}

    def _make(self, shard: int) -> str:
        """An error of ours goes back as its fields, for the driver to raise."""
        try:
            self.job.do(shard, wait=True)
        except DistillRecError as error:
            return json.dumps(error.parts())
        return ""


def make_on_ray(job: Job, told: Told, address: str, progress: Progress) -> None:
    """Have all shards that are not there made.

    Raises:
        RunError: no cluster answers at the address, or a worker failed.
    """
    left = job.left()
    if not left:
        return
    import ray

    try:
        with joined(address), progress.task(job.title, job.total) as task:
            task.advance(job.total - sum(map(job.length, left)))
            gpus = {"num_gpus": 1} if ray.cluster_resources().get("GPU") else {}
            made = ray.data.from_items([{"shard": shard} for shard in left], override_num_blocks=len(left)).map_batches(
                Worker,
                fn_constructor_kwargs={"told": told, "cache": str(cache_folder().resolve()), "folder": os.getcwd()},
                batch_size=1,
                concurrency=min(most_workers(None), len(left)),
                **gpus,
            )
            for row in made.iter_rows():
                if row["error"]:
                    raise RunError(**json.loads(row["error"]))
                task.advance(job.length(int(row["shard"])))
    except ray.exceptions.RayError as error:
        do = "Finished shards are kept: the same command goes on from there."
        raise RunError(job.file.folder, f"a worker of Ray failed: {error}", "a file for each shard", do) from error
