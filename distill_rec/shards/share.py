"""Have a job's shards made by whoever is there: processes that were launched, workers of Ray, else this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from distill_rec.progress import Progress, Quiet
from distill_rec.ranks import Ranks
from distill_rec.registry import Late
from distill_rec.shards.job import Job, make_all
from distill_rec.together import joint


@dataclass(frozen=True)
class Told:
    """How another process comes by the same job.

    Attributes:
        call: "module:function" that returns it, of `data` and the arguments.
        arguments: JSON.
        data: folder of the prepared data; None where they lie in this process alone, which then does all.
    """

    call: str
    arguments: dict[str, Any]
    data: Path | None

    def job(self) -> Job:
        job: Job = Late[Any](self.call).get()(data=str(self.data), **self.arguments)
        return job


def shared_rows(job: Job, told: Told, progress: Progress, ray: str = "") -> NDArray[Any]:
    """All rows of a job, memory-mapped.

    Args:
        ray: address of a cluster of Ray whose workers make them, or "local"; "": none.

    Raises:
        RecipeError: workers of Ray cannot read the data, which lie in this process alone.
        RunError: no cluster of Ray answers, a worker failed, or another process has ended.
    """
    if job.file.finished:
        return job.file.collect(job.count)
    job.file.begin()
    if ray:
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
