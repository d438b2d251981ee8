"""What a run would do and roughly how long it would take, from the sizes of its files."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

from distill_rec.contracts import student_spec, teacher_spec
from distill_rec.data.rows import find_files, suffix_of
from distill_rec.data.table import distinct_items, has_no_items
from distill_rec.estimates import TRAINING, Sizes, training_seconds
from distill_rec.files import cache_folder
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.stages import stages_of
from distill_rec.pipeline.users import heavy_of, rows_of_users, windows_of
from distill_rec.recipe import DataSection, Recipe, StudentSection, UserSection
from distill_rec.runtime.errors import DataError
from distill_rec.stages import STAGES

ROWS_A_SECOND = 200_000
# Peak of resident memory, bytes: what a process takes whatever the data, and what a row, an item and a place add.
BYTES = {"prepare": 130 << 20, "teach": 900 << 20, "distill": 1000 << 20, "export": 1000 << 20, "evaluate": 1000 << 20}
BYTES_A_ROW = 200
BYTES_AN_ITEM = 1500
USUAL_HISTORY = 40
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
        return teacher_spec(recipe.teacher.kind).estimate.get()(recipe.teacher, sizes)
    if stage == "distill" and recipe.student is not None:
        return _distill(recipe.student, sizes, recipe.teacher is not None)
    if stage == "export" and recipe.student is not None:
        seconds = student_spec(recipe.student.kind).export_seconds
        return f"{recipe.student.kind}, parity on real items and histories", seconds
    cost = 20 if recipe.evaluate is not None and recipe.evaluate.cost else 0
    return "all models on the test, report", 5 + cost + 5e-9 * sizes.clicks * sizes.items


def _distill(section: StudentSection, sizes: Sizes, distilled: bool) -> tuple[str, float]:
    seconds = training_seconds(section, section.optimizer, sizes) * (2 if distilled else 1)
    seconds += student_spec(section.kind).start_seconds
    others = {"without distillation": section.undistilled, "from the teacher's start": section.initialised}
    beside = [name for name, wanted in others.items() if distilled and wanted]
    seconds += len(beside) * training_seconds(section, section.optimizer, sizes)
    return ", and ".join([f"{section.kind}, {section.dim} dimensions", *beside]), seconds


def _memory(stage: str, recipe: Recipe, sizes: Sizes) -> int:
    """Peak of resident memory, bytes: what a process of torch takes, and what grows with the data."""
    held = BYTES["prepare"] + sizes.clicks * BYTES_A_ROW + sizes.items * BYTES_AN_ITEM
    if stage == "prepare":
        return held
    dims = [section.dim for section in (recipe.teacher, recipe.student) if isinstance(section, UserSection)]
    # weights, gradient, two moments and the copies that a window works on
    return max(held, BYTES[stage] + sizes.items * max(dims, default=64) * 4 * 12)
