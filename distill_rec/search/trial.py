"""One trial, in a process of its own: distill and export of an ordinary run on another's data and teacher, measured.

Quality is that of the exported student on validation data; no figure of the test is read.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from distill_rec.artifact.link import LINK, leads_to
from distill_rec.artifact.manifest import Manifest
from distill_rec.bench.measure import bench
from distill_rec.bench.results import Settings
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.compare import drawn
from distill_rec.evaluation.cost import served_bytes
from distill_rec.evaluation.protocol import evaluate, user_means
from distill_rec.evaluation.scorer import Scorer
from distill_rec.export.measure import exported_scorer
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.pipeline.trainings import histories_of
from distill_rec.progress import Progress
from distill_rec.recipe import EvaluateSection
from distill_rec.recipe_check import recorded
from distill_rec.records import write_record
from distill_rec.runtime import Student
from distill_rec.search.records import Point, TrialRecord
from distill_rec.student_model import load_student

log = logging.getLogger("distill_rec")
HISTORY = 50
"""Clicks of the history that is timed; a student that reads fewer is timed on those."""
TIMED_SECONDS = 2.0


def run_trial(  # noqa: PLR0913
    recipe: dict[str, Any],
    folder: str,
    base: str,
    number: int,
    changes: dict[str, Any],
    evaluate: dict[str, Any],
    leave_out_seen: bool,
    progress: Progress,
) -> None:
    """Leave a trial's run and its `trial.json`; go on where a killed process stopped.

    Args:
        recipe: the trial's, as JSON.
        base: what the data's files are relative to.
        evaluate: the section whose users validation draws from.
    """
    log.setLevel(logging.WARNING)  # what is loaded and measured along the way is not the search's news
    began, place = time.monotonic(), Path(folder)
    run_stages(recorded(recipe, f"trial {number}"), place, base=Path(base), until="export", progress=progress)
    points = points_of(place, EvaluateSection.model_validate(evaluate), leave_out_seen)
    outcome = histories_of(place)["student"]
    record = TrialRecord(
        number=number,
        changes=changes,
        failure="",
        points=points,
        stopped=outcome.stopped,
        rising=outcome.rising,
        updates=outcome.updates,
        training_seconds=outcome.seconds,
        seconds=round(time.monotonic() - began, 1),
    )
    write_record(place / "trial.json", record)


def points_of(folder: Path, section: EvaluateSection, leave_out_seen: bool) -> list[Point]:
    """What each precision of a trial's artifact costs, and how good it is on validation data."""
    dataset = Dataset.load(folder / "prepare")
    artifact = folder / "export" / LINK
    manifest = Manifest.read(leads_to(artifact))
    scorers = precisions_of(folder, dataset)
    return [
        _point(artifact, manifest, name, quality_of(scorer, dataset, section, leave_out_seen))
        for name, scorer in scorers.items()
    ]


def precisions_of(folder: Path, dataset: Dataset) -> dict[str, Scorer]:
    """The exported student of a run in each precision that was published, the main one first."""
    model, artifact = load_student(folder / "distill" / "student"), folder / "export" / LINK
    manifest = Manifest.read(leads_to(artifact))
    names = sorted(manifest.precisions, key=lambda name: name != manifest.precision)
    return {name: exported_scorer(Student.load(artifact, precision=name), model, dataset, 0) for name in names}


def quality_of(scorer: Scorer, dataset: Dataset, section: EvaluateSection, leave_out_seen: bool) -> dict[str, float]:
    """Means over users on validation data, by metric."""
    found = evaluate(scorer, drawn(dataset.validation, section), dataset, leave_out_seen=leave_out_seen)
    means = {name: user_means(found.user, values) for name, values in found.values.items()}
    return {name: float(values.mean()) for name, values in means.items() if len(values)}


def _point(artifact: Path, manifest: Manifest, precision: str, quality: dict[str, float]) -> Point:
    settings = Settings(str(artifact), batches=(1,), histories=(HISTORY,), seconds=TIMED_SECONDS, precision=precision)
    found = bench(settings)
    cases = {one.case.operation: one for one in found.cases}
    private = found.memory.private
    return Point(
        precision=precision,
        quality=quality,
        megabytes=served_bytes(manifest, precision) / 1e6,
        milliseconds=min(cases["rank"].round_p50_ms),
        round_milliseconds=cases["rank"].round_p50_ms,
        items_per_second=cases["encode_items"].per_second,
        private_megabytes=None if private is None else private / 1e6,
    )
