"""What serving costs: each model alone in a process of its own, one thread, as a service would hold it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from distill_rec.artifact.link import leads_to
from distill_rec.artifact.manifest import Manifest
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.results import ModelCost
from distill_rec.evaluation.unseen import Unseen
from distill_rec.files import read_json
from distill_rec.processes import PYTHON, THREADS, environment
from distill_rec.runtime.errors import DistillRecError

CANDIDATES = 100
TEXTS = 4096
"""More than a slow encoder gets to; a quick one needs them."""
LIMIT_S = 300


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


def measure_costs(artifact: Path | None, teacher: dict[str, str] | None, dataset: Dataset) -> dict[str, ModelCost]:
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
    return measure_each(models, dataset)


def measure_each(models: Mapping[str, Served], dataset: Dataset) -> dict[str, ModelCost]:
    """What serving each of these models costs, one after the other."""
    if not models:
        return {}
    request = _request(dataset)
    return {name: _measure_one(served, request) for name, served in models.items()}


def _measure_one(served: Served, request: dict[str, Any]) -> ModelCost:
    size = _size(_student_size if served.kind == "student" else _teacher_size, served.folder)
    asked = request | {"precision": served.precision, "dim": served.dim}
    return _measure(served.kind, served.folder, asked, size).model_copy(update={"cached": served.cached})


def measure_student(artifact: Path, precision: str, dataset: Dataset) -> ModelCost:
    """What serving one precision of an artifact costs."""
    return _measure("student", artifact, _request(dataset) | {"precision": precision}, (None, None))


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


def _measure(kind: str, path: Path, request: dict[str, Any], size: Size) -> ModelCost:
    threads = dict.fromkeys(THREADS, "1")
    shape: dict[str, Any] = {"candidates": len(request["candidates"]), "history": len(request["history"])}
    parameters, disk = size
    try:
        done = subprocess.run(
            [*PYTHON, "-m", "distill_rec.evaluation.serving_cost"],
            input=json.dumps({"kind": kind, "path": str(path), **request}),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT_S,
            check=True,
            env=environment(**threads),
        )
        found = json.loads(done.stdout.splitlines()[-1])
        latency = {"p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"]}
    except (subprocess.SubprocessError, OSError, ValueError, IndexError, KeyError) as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        missing = {"process": " ".join(detail)}
        return ModelCost(parameters=parameters, disk_bytes=disk, missing=missing, **shape)
    return ModelCost(
        parameters=parameters,
        disk_bytes=disk,
        private_bytes=found.get("RssAnon"),
        mapped_bytes=found.get("RssFile"),
        items_per_second=found.get("items_per_second"),
        missing=found.get("missing", {}),
        **latency,
        **shape,
    )
