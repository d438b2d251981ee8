"""Train several teachers, weigh them, and lay their knowledge side by side: `contracts.Teach` for a list of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.ensemble.members import train_members
from distill_rec.ensemble.mixtures import leaves_out_seen
from distill_rec.ensemble.record import EnsembleRecord
from distill_rec.ensemble.sums import sum_of
from distill_rec.ensemble.weights import MOST_SAMPLES, fit, half_of
from distill_rec.evaluation.protocol import validation_metric
from distill_rec.knowledge import Knowledge, state_folder, write_joined
from distill_rec.model_records import TeacherRecord
from distill_rec.progress import Progress, Quiet, Task
from distill_rec.records import write_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.several_teachers import EnsembleSection
from distill_rec.teacher_model import Teacher


def teach(section: EnsembleSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """See `contracts.Teach`; each teacher is left in `folder/NAME`, the ensemble's own files beside them.

    Raises:
        TrainingError: a loss that is not finite.
        RecipeError: a weight names no teacher.
    """
    for key, named in (("weights", section.weights), ("folds", section.folds)):
        if unknown := set(named) - set(section.members):
            raise RecipeError(f"key teacher.{key}.{min(unknown)}", "no such teacher", " or ".join(section.members))
    progress = progress or Quiet()
    folders = train_members(section, dataset, folder, progress)
    teachers = [Teacher.load(one) for one in folders]
    members = [one.knowledge for one in teachers]
    fixed = [section.weights.get(name) for name in section.members]
    with progress.task("weighing the teachers") as task:
        weights = fit(members, dataset, fixed, seed=section.seed, task=task)
        validation = _validation(section, members, dataset, fixed, weights, task)
    folds = [section.folds.get(name, "") for name in section.members]
    steps = max(one.earlier for one in members)
    for step in range(steps):
        then = [one.at(step, steps) for one in members]
        write_joined(state_folder(folder / "knowledge", step), then, weights, dataset, folds)
    write_joined(folder / "knowledge", members, weights, dataset, folds, steps)
    noted = dict(zip(section.members, weights, strict=True))
    fitted = [name for name, weight in zip(section.members, fixed, strict=True) if weight is None]
    write_record(folder / "ensemble.json", EnsembleRecord(weights=noted, fitted=fitted, validation=validation))
    write_record(folder / "model.json", _record(section, teachers, Knowledge.load(folder / "knowledge"), dataset))


def _record(section: EnsembleSection, teachers: list[Teacher], knowledge: Knowledge, dataset: Dataset) -> TeacherRecord:
    texts = next((one.config for one in teachers if one.config.get("template")), {})
    return TeacherRecord.model_validate(
        {
            "kind": section.kind,
            "section": section.model_dump(),
            "members": list(section.members),
            "user_encoder": knowledge.user_settings,
            "template": texts.get("template", ""),
            "unescape_html": texts.get("unescape_html", False),
            "items": dataset.n_items,
            "parameters": sum(one.config["parameters"] for one in teachers),
        }
    )


def _validation(
    section: EnsembleSection,
    members: list[Knowledge],
    dataset: Dataset,
    fixed: list[float | None],
    weights: list[float],
    task: Task,
) -> dict[str, float]:
    """nDCG@10 of each teacher and of their sums; see `EnsembleRecord`."""
    half = half_of(dataset.validation, section.seed)
    rows = _drawn(len(half), section.seed)
    samples, way = dataset.validation.take(rows), leaves_out_seen(members, dataset)
    found = {
        name: validation_metric(sum_of([one], [1.0]), samples, dataset, leave_out_seen=way)
        for name, one in zip(section.members, members, strict=True)
    }
    found["mean"] = validation_metric(sum_of(members, [1.0] * len(members)), samples, dataset, leave_out_seen=way)
    if all(weight is not None for weight in fixed):
        return found | {"fixed": validation_metric(sum_of(members, weights), samples, dataset, leave_out_seen=way)}
    sides = [half[rows], ~half[rows]]
    scores = [
        validation_metric(
            sum_of(members, fit(members, dataset, fixed, among=among, seed=section.seed, task=task)),
            dataset.validation.take(rows[side]),
            dataset,
            leave_out_seen=way,
        )
        for side, among in zip(sides, (~half, half), strict=True)
    ]
    users = [len(np.unique(np.asarray(samples.user)[side])) for side in sides]
    return found | {"fitted": float(np.average(scores, weights=users)) if sum(users) else 0.0}


def _drawn(count: int, seed: int) -> NDArray[np.int64]:
    if count <= MOST_SAMPLES:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_SAMPLES, replace=False))
