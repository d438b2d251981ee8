"""How whoever makes shards of a job comes by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.registry import Late
from distill_rec.shards.job import Job


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
