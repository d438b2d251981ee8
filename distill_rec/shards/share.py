"""Have a job's shards made by whoever is there: processes that were launched, workers of Ray, else this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from distill_rec.progress import Progress, Quiet
from distill_rec.ranks import Ranks
from distill_rec.runtime.errors import RecipeError
from distill_rec.shards.job import Job, make_all
from distill_rec.shards.told import Told
from distill_rec.together import joint


def require_ray(ray: str, data: Path | None) -> None:
    """Find out before any work whether workers of Ray can have a part in it; nothing where none are asked for.

    Raises:
        RecipeError: they cannot read the data, which lie in this process alone; ray is not installed.
        RunError: nothing listens at the address.
    """
    if not ray:
        return
    if data is None:
        raise RecipeError("key teacher.ray", "data that lie in this process alone", "a run, whose folder workers read")
    from distill_rec.ray_cluster import require_cluster

    try:
        require_cluster(ray)
    except ModuleNotFoundError as error:
        do = "pip install 'distill-rec[ray]'"
        raise RecipeError("key teacher.ray", f"{ray!r}, and ray is not installed", "ray, or ''", do) from error


def shared_rows(job: Job, told: Told, progress: Progress, ray: str = "") -> NDArray[Any]:
    """All rows of a job, memory-mapped.

    Args:
        ray: address of a cluster of Ray whose workers make them, or "local"; "": none.

    Raises:
        RecipeError, RunError: as of `require_ray`; a worker failed, or another process has ended.
    """
    if job.file.finished:
        return job.file.collect(job.count)
    job.file.begin()
    if ray:
        require_ray(ray, told.data)
        from distill_rec.shards.on_ray import make_on_ray

        make_on_ray(job, told, ray, progress)
    else:
        arguments = {"call": told.call, "arguments": told.arguments}
        with joint(f"{__name__}:take_part", told.data, lambda: arguments) as ranks:
            make_all(job, progress)
            ranks.same(None)  # before what was made for it is removed
    return job.file.collect(job.count)


def take_part(call: str, arguments: dict[str, Any], data: str, ranks: Ranks) -> None:
    """What a further process does of a job."""
    make_all(Told(call, arguments, Path(data)).job(), Quiet())
    ranks.same(None)
