"""What a run would do and roughly how long it would take, from the sizes of its files."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

from distill_rec.files import cache_folder
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.stages import STAGES, stages_of
from distill_rec.recipe import ModelSection, OptimizerSection, Recipe, StudentSection, TeacherSection

# Orders of magnitude on two cores, from the measurements in the README; a plan is not a promise.
ROWS_A_SECOND = 200_000
TEXTS_A_SECOND = 200
CLICKS_A_SECOND = 4_000
SCORES_A_SECOND = 1.2e8
USUAL_EPOCHS = 12
PATTERNS = {"recbole": ("*.inter", "*.item"), "mind": ("behaviors.tsv", "news.tsv")}


@dataclass(frozen=True)
class Step:
    """A stage of a plan.

    Attributes:
        state: "finished", "goes on" or "to run".
        work: its sizes, in words.
        seconds: measured where it is finished, else an estimate.
    """

    stage: str
    state: str
    work: str
    seconds: float


@dataclass(frozen=True)
class Sizes:
    """Rows of the inputs; nought where they are not here yet."""

    clicks: int
    items: int


def plan_of(recipe: Recipe, folder: Path, base: Path, restart: str | None = None) -> list[Step]:
    """One step a stage."""
    run, sizes = RunFolder(folder), sizes_of(recipe, base)
    steps = []
    for stage in stages_of(recipe):
        anew = restart is not None and STAGES.index(stage) >= STAGES.index(restart)
        record = None if anew else run.finished(stage)
        work, seconds = _estimate(stage, recipe, sizes)
        state = "finished" if record else "goes on" if not anew and run.begun(stage) else "to run"
        steps.append(Step(stage, state, work, record.seconds if record else round(seconds, 1)))
    return steps


def sizes_of(recipe: Recipe, base: Path) -> Sizes:
    """Lines of the input files; of a demo's part that is not fetched yet the known sizes."""
    section = recipe.data
    folder = base / section.path
    if section.path.startswith("demo:"):
        folder = cache_folder() / "demo" / section.path.removeprefix("demo:")
        if not folder.exists():
            return Sizes(100_000, 1_682)
    clicks, items = PATTERNS.get(section.format, ("", ""))
    return Sizes(_lines(folder, section.clicks or clicks), _lines(folder, section.items or items))


def _lines(folder: Path, pattern: str) -> int:
    if not pattern:
        return 0
    paths = [Path(pattern)] if Path(pattern).is_absolute() else sorted(folder.glob(pattern))
    count = 0
    for path in paths:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            count += int(pq.ParquetFile(path).metadata.num_rows)
        elif path.is_file():
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                count += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return count


def _estimate(stage: str, recipe: Recipe, sizes: Sizes) -> tuple[str, float]:
    if stage == "prepare":
        return f"{sizes.clicks:,} rows of clicks, {sizes.items:,} items", 1 + sizes.clicks / ROWS_A_SECOND
    if stage == "teach" and recipe.teacher is not None:
        return _teach(recipe.teacher, sizes)
    if stage == "distill" and recipe.student is not None:
        return _distill(recipe.student, sizes, recipe.teacher is not None)
    if stage == "export" and recipe.student is not None:
        seconds = 5 if recipe.student.kind == "static" else 40
        return f"{recipe.student.kind}, parity on real items and histories", seconds
    cost = 40 if recipe.evaluate is not None and recipe.evaluate.cost else 0
    return "all models on the test, report", 5 + cost + sizes.clicks * sizes.items / SCORES_A_SECOND


def _teach(section: TeacherSection, sizes: Sizes) -> tuple[str, float]:
    variants = section.choose or [{}]
    tunings = [str(variant.get("tuning", section.tuning)) for variant in variants]
    seconds = sizes.items / TEXTS_A_SECOND + _training(section, section.optimizer, sizes) * len(tunings)
    for tuning in tunings:
        if tuning != "head":  # every window encodes the catalogue through the tuned layers and back
            layers = 6 if tuning == "full" else int(tuning.split(":")[1])
            windows = _updates(section.trunk_optimizer or section.optimizer, sizes) / section.optimizer.window
            seconds += windows * 3 * sizes.items / TEXTS_A_SECOND * layers / 6
    return f"{sizes.items:,} texts through the PLM, tuning {', '.join(tunings)}", seconds


def _distill(section: StudentSection, sizes: Sizes, distilled: bool) -> tuple[str, float]:
    seconds = _training(section, section.optimizer, sizes) * (1.5 if distilled else 1)
    both = distilled and section.undistilled
    if both:
        seconds += _training(section, section.optimizer, sizes)
    return f"{section.kind}, {section.dim} dimensions{', and without distillation' if both else ''}", seconds


def _updates(optimizer: OptimizerSection, sizes: Sizes) -> float:
    full = min(optimizer.max_epochs, USUAL_EPOCHS) * max(1.0, sizes.clicks * 0.7 / optimizer.batch_size)
    return min(full, optimizer.max_updates or full)


def _training(section: ModelSection, optimizer: OptimizerSection, sizes: Sizes) -> float:
    clicks = _updates(optimizer, sizes) * optimizer.batch_size
    seconds = clicks * (1 / CLICKS_A_SECOND + sizes.items * section.dim * 6 / 2e10)
    return min(seconds, optimizer.max_seconds or seconds)
