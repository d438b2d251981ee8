"""One training of a study, read from its folder."""

from __future__ import annotations

from pathlib import Path

from distill_rec.records import read_record
from distill_rec.study.cell import warm_up_of
from distill_rec.study.plan import HEAD
from distill_rec.study.records import CellRecord, Curve, Trained
from distill_rec.training.outcome import Outcome

TRUNK = "trunk"


def read_training(folder: Path, record: CellRecord, tuning: str) -> Trained:
    """How a cell went; the head's warm-up stands before the tuning of a trunk, in seconds and in the curve."""
    outcome = read_record(Outcome, folder / "history.json")
    warm_up = warm_up_of(folder) if tuning != HEAD else None
    before = warm_up.seconds if warm_up else 0.0
    moved = outcome.moved_last or outcome.moved
    of_trunk = [value for part, value in moved.items() if part.startswith(TRUNK)]
    return Trained(
        seed=record.seed,
        stopped=outcome.stopped,
        rising=outcome.rising,
        updates=outcome.updates,
        seconds=before + outcome.seconds,
        warm_up_seconds=before,
        warm_up_updates=warm_up.updates if warm_up else 0,
        warm_up_rising=bool(warm_up and warm_up.rising),
        process_seconds=record.process_seconds,
        peak_bytes=record.peak_bytes,
        resumed=record.resumed,
        best=outcome.best,
        moved=moved,
        trunk_moved=max(of_trunk) if of_trunk else None,
        curve=[*(curve_of(warm_up, 0.0) if warm_up else []), *curve_of(outcome, before)],
    )


def curve_of(outcome: Outcome, before: float) -> Curve:
    """Validations by seconds, counted from so many before."""
    return [(round(before + record["seconds"], 2), float(record["ndcg@10"])) for record in outcome.history]
