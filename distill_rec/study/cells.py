"""Train the cells of a study one after the other, each in a process of its own; those that are finished are kept."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from distill_rec.pipeline.wanted import resolved
from distill_rec.processes import PYTHON, environment
from distill_rec.progress import Named, Progress
from distill_rec.records import read_record, write_record
from distill_rec.study.plan import Plan, PlannedRow
from distill_rec.study.records import CellRecord
from distill_rec.study.told import Shown

log = logging.getLogger("distill_rec")
LOG = "log.txt"
LAST_LINE = 300
"""Characters of a traceback's last line that are kept."""


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
    order = {
        "section": section.model_copy(update={"seed": seed}).model_dump(mode="json"),
        "data": str(data.resolve()),
        "folder": str(place.resolve()),
        "budget": plan.budget.model_dump(),
    }
    began = time.monotonic()
    failure, peak = _in_a_process(json.dumps(order), place / LOG, Named(f"{row.name}, seed {seed}", progress))
    seconds = round(time.monotonic() - began, 2)
    return CellRecord(seed=seed, failure=failure, process_seconds=seconds, peak_bytes=peak, resumed=resumed)


def _in_a_process(order: str, errors: Path, progress: Progress) -> tuple[str, int]:
    """Why it failed ("" where it did not), and its peak of resident memory in bytes, as the system tells."""
    command = [*PYTHON, "-m", "distill_rec.study.cell"]
    shown = Shown(progress)
    with errors.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            env=environment(PYTHONUTF8="1"),
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is the study's, which ends it by closing its stdin
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(order + "\n")
            process.stdin.flush()
            for line in process.stdout:
                shown.line(line)
        except BrokenPipeError:  # it died before it had read its order; its exit says how
            pass
        finally:
            shown.end()
            status, peak = _wait(process)
    return _why(status, shown.failure, errors), peak


def _wait(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Let it end (its stdin closed, it must): exit status, negative for a signal, and peak of resident memory."""
    assert process.stdin is not None and process.stdout is not None
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _why(status: int, told: str, errors: Path) -> str:
    if status == 0:
        return ""
    if status < 0:
        name = signal.Signals(-status).name
        return f"its process was ended by {name}" + (", as one is that takes too much memory" if status == -9 else "")
    lines = errors.read_text("utf-8", "replace").strip().splitlines()
    return told or (f"{lines[-1][:LAST_LINE]} (more in {errors})" if lines else f"its process ended with {status}")
