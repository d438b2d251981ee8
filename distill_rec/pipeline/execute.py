"""What each stage does: it reads the folders of the stages before and writes its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from distill_rec.files import read_json
from distill_rec.pipeline.evaluate import MODELS
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.stages import Context, trunk_of
from distill_rec.progress import Progress

if TYPE_CHECKING:
    import polars as pl

    from distill_rec.data.dataset import Dataset


@dataclass(frozen=True)
class Work:
    """What a stage gets.

    Attributes:
        fingerprints: of the stages so far, by name.
        clicks, items: frames in place of the recipe's files.
    """

    run: RunFolder
    context: Context
    progress: Progress
    fingerprints: dict[str, str]
    clicks: pl.DataFrame | None = None
    items: pl.DataFrame | None = None

    def folder(self, stage: str) -> Path:
        return self.run.stage(stage)

    def dataset(self) -> Dataset:
        from distill_rec.data import Dataset

        return Dataset.load(self.folder("prepare"))


def prepare_stage(work: Work) -> None:
    from distill_rec.data import prepare

    section = work.context.resolved.data
    prepare(
        section,
        work.folder("prepare"),
        base=work.context.base,
        clicks=work.clicks,
        items=work.items,
        progress=work.progress,
    )


def teach_stage(work: Work) -> None:
    from distill_rec.contracts import teacher_spec

    section = work.context.resolved.teacher
    assert section is not None
    teach = teacher_spec(section.kind).teach.get()
    teach(section, work.dataset(), work.folder("teach"), progress=work.progress)


def distill_stage(work: Work) -> None:
    """The student, and the same one on clicks alone. Without a teacher there is only the latter, as the student."""
    from distill_rec.distillation import distill

    section, teacher = work.context.resolved.student, work.context.resolved.teacher
    assert section is not None
    trunk = trunk_of(work.context.resolved)
    knowledge = work.folder("teach") / "knowledge" if teacher is not None else None
    folder, dataset = work.folder("distill"), work.dataset()
    train = partial(distill, section, dataset=dataset, trunk=trunk, progress=work.progress)
    train(knowledge, folder=folder / "student")
    if teacher is not None and section.undistilled:
        train(None, folder=folder / "undistilled")
    if teacher is not None and section.initialised:
        train(knowledge, folder=folder / "initialised", clicks_only=True)


def export_stage(work: Work) -> None:
    from distill_rec.export import export_student

    section = work.context.resolved.export
    assert section is not None
    teacher = None
    if (work.folder("teach") / "model.json").exists():
        from distill_rec.teacher_model import Teacher

        teacher = Teacher.load(work.folder("teach"))
    export_student(
        section,
        work.folder("distill") / "student",
        work.dataset(),
        work.folder("export"),
        teacher=teacher,
        metrics=validation_metrics(work.run),
        fingerprints=dict(work.fingerprints),
        progress=work.progress,
    )


def validation_metrics(run: RunFolder) -> dict[str, float]:
    """nDCG@10 on validation data of the models that were trained."""
    paths = {name: run.path / folder / "history.json" for name, folder in MODELS.items()}
    return {f"validation nDCG@10, {name}": read_json(path)["best"] for name, path in paths.items() if path.exists()}


def evaluate_stage(work: Work) -> None:
    from distill_rec.pipeline.evaluate import evaluate_run

    evaluate_run(work.run, work.context.resolved, work.dataset(), work.progress)


STAGE: dict[str, Callable[[Work], None]] = {
    "prepare": prepare_stage,
    "teach": teach_stage,
    "distill": distill_stage,
    "export": export_stage,
    "evaluate": evaluate_stage,
}
