"""What serving costs: each model alone in a process of its own, one thread, as a service would hold it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from distill_rec.artifact.link import leads_to
from distill_rec.artifact.manifest import Manifest
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.results import ModelCost
from distill_rec.evaluation.serving_process import ServingProcess
from distill_rec.evaluation.unseen import Unseen
from distill_rec.files import read_json
from distill_rec.progress import Progress, Quiet
from distill_rec.runtime.errors import DistillRecError

CANDIDATES = 100
ROUNDS = 5
TEXTS = 2048 * ROUNDS
"""More than a slow encoder gets to; a quick one needs them."""


@dataclass(frozen=True)
class Served:
    """A model that a process can be started with.

    Attributes:
        kind: "student" (an artifact's folder) or "teacher" (`teach/` of a run, or of one of several).
        precision, dim: of a student, what is loaded; its own choice where None.
        cached: requests rank cached item vectors.
    """

    kind: Literal["student", "teacher"]
    folder: Path
    precision: str | None = None
    dim: int | None = None
    cached: bool = True


def measure_costs(
    artifact: Path | None, teacher: dict[str, str] | None, dataset: Dataset, progress: Progress | None = None
) -> dict[str, ModelCost]:
    """Costs of the exported student and of the teacher; a part that fails says so and never stops an evaluation.

    Args:
        artifact: `export/student` of a run.
        teacher: `{"folder": ...}`, `teach/` of a run; its requests rank cached item vectors, new items pass the trunk.
    """
    models = {}
    if artifact is not None:
        models["student"] = Served("student", artifact)
    if teacher is not None:
        folder = Path(teacher["folder"])
        models["teacher"] = Served("teacher", folder, cached=not _reads_pairs(folder))
    return measure_each(models, dataset, progress)


def measure_each(
    models: Mapping[str, Served], dataset: Dataset, progress: Progress | None = None
) -> dict[str, ModelCost]:
    """What serving each of these models costs.

    All are loaded, and their rounds follow in turn, so that a slow minute of the machine meets all alike.
    """
    if not models:
        return {}
    request, steps = _request(dataset), len(models) * (1 + ROUNDS)
    with ExitStack() as stack, (progress or Quiet()).task("measuring what serving costs", steps) as task:
        children = {}
        for name, served in models.items():
            asked = {"kind": served.kind, "path": str(served.folder), "precision": served.precision, "dim": served.dim}
            children[name] = stack.enter_context(ServingProcess(request | asked))
            task.advance()
        for _ in range(ROUNDS):
            for child in children.values():
                child.measure()
                task.advance()
    return {name: _cost_of(served, children[name], request) for name, served in models.items()}


def measure_student(artifact: Path, precision: str, dataset: Dataset) -> ModelCost:
    """What serving one precision of an artifact costs."""
    return measure_each({precision: Served("student", artifact, precision)}, dataset)[precision]


def _reads_pairs(folder: Path) -> bool:
    """Whether a teacher has no vectors to cache: its knowledge is of scores alone."""
    try:
        return "item vectors" not in read_json(folder / "knowledge" / "manifest.json").get("supplies", ["item vectors"])
    except (OSError, ValueError):
        return False


def _request(dataset: Dataset) -> dict[str, Any]:
    """A request with the longest history of the test, 100 candidates, and texts like the catalogue's, all new."""
    ids = dataset.items["item_id"]
    pool = dataset.test.history if len(dataset.test) else dataset.validation.history
    longest = pool[int(np.argmax(pool.lengths))] if len(pool) else np.empty(0, np.int64)
    generator = np.random.default_rng(0)
    candidates = generator.choice(len(ids), min(CANDIDATES, len(ids)), replace=False)
    return {
        "history": ids.gather(np.asarray(longest, dtype=np.int64)).to_list(),
        "candidates": ids.gather(candidates).to_list(),
        "texts": Unseen(dataset.texts).take(TEXTS),
        "rounds": ROUNDS,
    }


Size = tuple[int | None, int | None]
"""Parameters and bytes on disk."""


def _student_size(artifact: Path) -> Size:
    manifest = Manifest.read(leads_to(artifact))
    return manifest.parameters, served_bytes(manifest, manifest.precision)


def served_bytes(manifest: Manifest, precision: str) -> int:
    """Bytes of what a service loads of an artifact: one precision, without what other tools read of it."""
    files = {name: record.size for name, record in manifest.files.items()}
    parts = {name for one in manifest.exported.values() for name in one.values()}
    own = set(manifest.exported.get(precision, {}).values())
    return sum(size for name, size in files.items() if "/" not in name and (name not in parts or name in own))


def _teacher_size(folder: Path) -> Size:
    config = read_json(folder / "model.json")
    if members := config.get("members"):
        sizes = [_teacher_size(folder / name) for name in members]
        return sum(size[0] or 0 for size in sizes), sum(size[1] or 0 for size in sizes)
    weights = [folder / "weights.safetensors", *(folder / "knowledge").iterdir()]
    if "trunk" in config:  # of kinds that have one
        source = Path(config["trunk"]["source"])
        weights += list(source.glob("*.safetensors")) if source.is_dir() else [source] if source.is_file() else []
    return int(config["parameters"]), sum(path.stat().st_size for path in weights if path.is_file())


def _size(of: Callable[[Path], Size], path: Path) -> Size:
    try:
        return of(path)
    except (OSError, KeyError, TypeError, ValueError, DistillRecError):
        return None, None


def _cost_of(served: Served, child: ServingProcess, request: dict[str, Any]) -> ModelCost:
    parameters, disk = _size(_student_size if served.kind == "student" else _teacher_size, served.folder)
    known: dict[str, Any] = {
        "parameters": parameters,
        "disk_bytes": disk,
        "candidates": len(request["candidates"]),
        "history": len(request["history"]),
        "cached": served.cached,
    }
    if child.fault:
        return ModelCost(missing={"process": child.fault}, **known)
    seconds = sorted(second for one in child.rounds for second in one["seconds"])
    rounds = {"p50_ms": [statistics.median(one["seconds"]) * 1e3 for one in child.rounds]}
    if rates := [one["items_per_second"] for one in child.rounds if one["items_per_second"] is not None]:
        rounds["items_per_second"] = rates
    return ModelCost(
        private_bytes=child.rounds[-1].get("RssAnon"),
        mapped_bytes=child.rounds[-1].get("RssFile"),
        items_per_second=statistics.median(rates) if rates else None,
        p50_ms=seconds[len(seconds) // 2] * 1e3,
        p99_ms=seconds[int(len(seconds) * 0.99)] * 1e3,
        rounds=rounds,
        missing=child.missing,
        **known,
    )
