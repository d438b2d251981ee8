"""Train the cells of a study one after the other, each in a process of its own; those that are finished are kept."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from distill_rec.children import Job, run_jobs
from distill_rec.pipeline.wanted import resolved
from distill_rec.progress import Named, Progress
from distill_rec.records import read_record, write_record
from distill_rec.study.plan import Plan, PlannedRow
from distill_rec.study.records import CellRecord

log = logging.getLogger("distill_rec")
LOG = "log.txt"


def cell_folder(row: PlannedRow, seed: int, folder: Path) -> Path:
    """An ordinary teacher's folder, with `cell.json` and the process's log beside."""
    return folder / row.folder / str(seed)


def cell_record(row: PlannedRow, seed: int, folder: Path) -> CellRecord | None:
    """How a cell ended; None where it has not."""
    path = cell_folder(row, seed, folder) / "cell.json"
    return read_record(CellRecord, path) if path.exists() else None


def is_finished(row: PlannedRow, seed: int, folder: Path) -> bool:
    """Whether a cell ended well; one that failed is tried again."""
    record = cell_record(row, seed, folder)
    return record is not None and not record.failure


def train_cells(plan: Plan, data: dict[str, Path], folder: Path, progress: Progress) -> None:
    """Train what is not finished. One that fails is noted and the others go on.

    Args:
        data: the prepared folder of each row.
    """
    with progress.task("study: trainings", len(plan.cells)) as task:
        for row, seed in plan.cells:
            if not is_finished(row, seed, folder):
                task.note(f"{row.name}, seed {seed}")
                record = _train(plan, row, seed, data[row.name], folder, progress)
                write_record(cell_folder(row, seed, folder) / "cell.json", record)
                if record.failure:
                    log.warning("row %s, seed %d failed: %s", row.name, seed, record.failure)
            task.advance()


def _train(plan: Plan, row: PlannedRow, seed: int, data: Path, folder: Path, progress: Progress) -> CellRecord:
    place = cell_folder(row, seed, folder)
    resumed = any(place.glob("variants/*"))
    place.mkdir(parents=True, exist_ok=True)
    section = resolved(row.recipe).teacher
    assert section is not None
    job = Job(
        "training",
        "distill_rec.study.cell:run_cell",
        {
            "section": section.model_copy(update={"seed": seed}).model_dump(mode="json"),
            "data": str(data.resolve()),
            "folder": str(place.resolve()),
            "budget": plan.budget.model_dump(),
        },
    )
    began = time.monotonic()
    [ended] = run_jobs([job], Named(f"{row.name}, seed {seed}", progress), stderr=place / LOG)
    return CellRecord(
        seed=seed,
        failure="" if ended.error is None else str(ended.error),
        process_seconds=round(time.monotonic() - began, 2),
        peak_bytes=ended.peak_bytes,
        resumed=resumed,
    )
