"""What a run would do and roughly how long it would take, from the sizes of its files."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

from distill_rec.data.cautions import Caution
from distill_rec.data.rows import find_files, suffix_of
from distill_rec.data.table import distinct_items, has_no_items
from distill_rec.files import cache_folder
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.stages import stages_of
from distill_rec.pipeline.users import heavy_of, rows_of_users, windows_of
from distill_rec.recipe import DataSection, ModelSection, OptimizerSection, Recipe, StudentSection, TeacherSection
from distill_rec.recipe_io import merge
from distill_rec.runtime.errors import DataError
from distill_rec.stages import STAGES

# Orders of magnitude on two cores (a head on MovieLens-100k and on Amazon Video Games); a plan is not a promise.
ROWS_A_SECOND = 200_000
TEXTS_A_SECOND = 200
SECONDS_A_CLICK = 7e-5
SECONDS_A_SCORE = 6e-11  # per click, item of the catalogue and dimension
VOCABULARY_SECONDS = 15.0  # a static student: the PLM over its own vocabulary, once
USUAL_EPOCHS = 20
# Peak of resident memory, bytes: what a process takes whatever the data, and what a row, an item and a place add.
BYTES = {"prepare": 130 << 20, "teach": 900 << 20, "distill": 1000 << 20, "export": 1000 << 20, "evaluate": 1000 << 20}
BYTES_A_ROW = 200
BYTES_AN_ITEM = 1500
USUAL_HISTORY = 40
TRAINING = 0.7  # share of the rows that are training clicks
PATTERNS = {"recbole": ("*.inter", "*.item"), "mind": ("behaviors.tsv", "news.tsv")}


@dataclass(frozen=True)
class Step:
    """A stage of a plan.

    Attributes:
        state: "finished", "goes on" or "to run".
        work: its sizes, in words.
        seconds: measured where it is finished, else an estimate.
        memory: peak of resident memory, bytes; likewise.
    """

    stage: str
    state: str
    work: str
    seconds: float
    memory: int


@dataclass(frozen=True)
class Sizes:
    """Rows of the inputs; nought where they are not here yet.

    Attributes:
        samples: what a batch is made of: windows of users' clicks, or impressions.
        heavy: users with a large part of the rows, where they could be counted cheaply.
    """

    clicks: int
    items: int
    samples: int
    heavy: tuple[Caution, ...] = ()


def plan_of(
    recipe: Recipe, folder: Path, base: Path, restart: str | None = None, sizes: Sizes | None = None
) -> list[Step]:
    """One step a stage.

    Args:
        sizes: of the data, where they were counted already.
    """
    run, sizes = RunFolder(folder), sizes or sizes_of(recipe.data, base)
    steps = []
    for stage in stages_of(recipe):
        anew = restart is not None and STAGES.index(stage) >= STAGES.index(restart)
        record = None if anew else run.finished(stage)
        work, seconds = _estimate(stage, recipe, sizes)
        state = "finished" if record else "goes on" if not anew and run.begun(stage) else "to run"
        memory = record.peak_bytes if record else _memory(stage, recipe, sizes)
        steps.append(Step(stage, state, work, record.seconds if record else round(seconds, 1), memory))
    return steps


def sizes_of(section: DataSection, base: Path) -> Sizes:
    """Counted in the input files; of a demo's part that is not fetched yet the known sizes."""
    folder = base / section.path
    if section.path.startswith("demo:"):
        folder = cache_folder() / "demo" / section.path.removeprefix("demo:")
        if not folder.exists():
            return Sizes(100_000, 1_682, 943)
    clicks, items = PATTERNS.get(section.format, ("", ""))
    files = _files(folder, section.clicks or clicks)
    headed = section.format != "mind"
    rows = sum(_rows(path, headed) for path in files)
    n_items = sum(_rows(path, headed) for path in _files(folder, section.items or items))
    if has_no_items(section) and files:
        n_items = distinct_items(section, folder)
    if section.sequence_column:  # one row a user, the items of its list apart by blanks
        return Sizes(rows + sum(_count(path, b" ") for path in files), n_items, rows)
    if section.read_as == "impressions":
        return Sizes(rows, n_items, rows)
    counts = rows_of_users(section, files, rows)
    if counts is None:
        return Sizes(rows, n_items, rows // USUAL_HISTORY)
    return Sizes(rows, n_items, windows_of(counts, TRAINING, section.max_history), heavy_of(counts))


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return find_files(folder, pattern) if pattern else []
    except DataError:
        return []


def _rows(path: Path, headed: bool) -> int:
    """Rows of a file, about: a field may hold line ends."""
    suffix = suffix_of(path)
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        with path.open("rb") as file:
            return int(pq.ParquetFile(file).metadata.num_rows)
    headed = headed and suffix not in (".jsonl", ".ndjson", ".json")
    return max(_count(path) - headed, 0)


def _count(path: Path, byte: bytes = b"\n") -> int:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return sum(chunk.count(byte) for chunk in iter(lambda: file.read(1 << 20), b""))


def _estimate(stage: str, recipe: Recipe, sizes: Sizes) -> tuple[str, float]:
    if stage == "prepare":
        return f"{sizes.clicks:,} clicks, {sizes.items:,} items", 1 + sizes.clicks / ROWS_A_SECOND
    if stage == "teach" and recipe.teacher is not None:
        return _teach(recipe.teacher, sizes)
    if stage == "distill" and recipe.student is not None:
        return _distill(recipe.student, sizes, recipe.teacher is not None)
    if stage == "export" and recipe.student is not None:
        seconds = 5 if recipe.student.kind == "static" else 40
        return f"{recipe.student.kind}, parity on real items and histories", seconds
    cost = 20 if recipe.evaluate is not None and recipe.evaluate.cost else 0
    return "all models on the test, report", 5 + cost + 5e-9 * sizes.clicks * sizes.items


def _teach(section: TeacherSection, sizes: Sizes) -> tuple[str, float]:
    base = section.model_dump(exclude={"choose"}, exclude_none=True)
    variants = [TeacherSection.model_validate(merge(base, variant)) for variant in section.choose or [{}]]
    # variants of the same head share its training
    seconds = sizes.items / TEXTS_A_SECOND + _training(section, section.optimizer, sizes)
    for variant in variants:
        if variant.tuning != "head":  # every window passes the catalogue through the tuned layers, forwards and back
            optimizer = variant.trunk_optimizer or variant.optimizer
            share = 1.0 if variant.tuning == "full" else int(variant.tuning.split(":")[1]) / 6
            windows = _updates(optimizer, sizes) / optimizer.window
            tuned = windows * 3 * sizes.items / TEXTS_A_SECOND * share
            seconds += min(tuned, optimizer.max_seconds or tuned)
    return f"{sizes.items:,} texts through the PLM, tuning {', '.join(variant.tuning for variant in variants)}", seconds


def _distill(section: StudentSection, sizes: Sizes, distilled: bool) -> tuple[str, float]:
    seconds = _training(section, section.optimizer, sizes) * (2 if distilled else 1)
    seconds += VOCABULARY_SECONDS if section.kind == "static" else 0.0
    others = {"without distillation": section.undistilled, "from the teacher's start": section.initialised}
    beside = [name for name, wanted in others.items() if distilled and wanted]
    seconds += len(beside) * _training(section, section.optimizer, sizes)
    return ", and ".join([f"{section.kind}, {section.dim} dimensions", *beside]), seconds


def _memory(stage: str, recipe: Recipe, sizes: Sizes) -> int:
    """Peak of resident memory, bytes: what a process of torch takes, and what grows with the data."""
    held = BYTES["prepare"] + sizes.clicks * BYTES_A_ROW + sizes.items * BYTES_AN_ITEM
    if stage == "prepare":
        return held
    dims = [section.dim for section in (recipe.teacher, recipe.student) if section is not None]
    # weights, gradient, two moments and the copies that a window works on
    return max(held, BYTES[stage] + sizes.items * max(dims, default=64) * 4 * 12)


def _per_epoch(optimizer: OptimizerSection, sizes: Sizes) -> float:
    return max(1.0, sizes.samples / optimizer.batch_size)


def _updates(optimizer: OptimizerSection, sizes: Sizes) -> float:
    per_epoch = _per_epoch(optimizer, sizes)
    if optimizer.max_updates is not None:
        return min(optimizer.max_updates, optimizer.max_epochs * per_epoch)
    return min(optimizer.max_epochs, USUAL_EPOCHS) * per_epoch


def _training(section: ModelSection, optimizer: OptimizerSection, sizes: Sizes) -> float:
    epochs = _updates(optimizer, sizes) / _per_epoch(optimizer, sizes)
    seconds = epochs * sizes.clicks * 0.7 * (SECONDS_A_CLICK + sizes.items * section.dim * SECONDS_A_SCORE)
    return min(seconds, optimizer.max_seconds or seconds)
