"""What a tracker gets of a run's trainings, and that nothing of it can stop them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from distill_rec.children import Job, run_beside
from distill_rec.progress import Named, Progress, Quiet, tell
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import RecipeError
from distill_rec.tracking import Tracked, require_trackers, tracked


class Tracker:
    """Keeps what it gets."""

    name = "kept"

    def __init__(self, fails: bool = False) -> None:
        self.got: list[tuple[dict[str, float], int | None]] = []
        self.finished, self.fails = False, fails

    def log(self, values: dict[str, float], step: int | None = None) -> None:
        if self.fails:
            raise ConnectionError("no network")
        self.got.append((values, step))

    def finish(self) -> None:
        self.finished = True


def test_each_training_has_its_own_names_of_letters_that_all_trackers_take() -> None:
    kept = Tracker()
    tell(Named("text", Tracked(Quiet(), [kept])), "teacher head", 20, {"ndcg@10": 0.5, "loss": 2.0})
    assert kept.got == [({"text_ teacher head/ndcg_at_10": 0.5, "text_ teacher head/loss": 2.0}, 20)]


def test_steps_of_several_trainings_never_go_back_where_a_tracker_would_drop_them() -> None:
    wandb = Tracker()
    wandb.name = "wandb"
    told = Tracked(Quiet(), [wandb])
    for name, step in (("teacher", 800), ("student", 66)):
        told.values(name, step, {"loss": 1.0})
    assert [(values[f"{name}/update"], step) for name, (values, step) in zip(("teacher", "student"), wandb.got)] == [  # noqa: B905
        (800, None),
        (66, None),
    ]


def test_a_tracker_that_fails_is_left_out_and_nothing_else_is(caplog: pytest.LogCaptureFixture) -> None:
    broken, kept = Tracker(fails=True), Tracker()
    told = Tracked(Quiet(), [broken, kept])
    told.values("student", 1, {"loss": 1.0})
    told.values("student", 2, {"loss": 1.0})
    told.finish()
    assert len(kept.got) == 2 and kept.finished and not broken.finished
    assert [record.message for record in caplog.records] == [
        "tracker kept failed and gets nothing more: no network",
    ]


def test_a_tracker_that_is_not_installed_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import accelerate.tracking

    monkeypatch.setattr(accelerate.tracking, "get_available_trackers", list)
    with pytest.raises(RecipeError, match=r"key track: 'mlflow', whose package.*pip install mlflow-skinny"):
        require_trackers(["mlflow"])
    with pytest.raises(RecipeError, match=r"key track.*'tensorbord'.*'tensorboard', 'mlflow' or 'wandb'"):
        load_recipe({"track": ["tensorbord"]})


def measure(progress: Progress) -> None:
    """What a child of `run_beside` does here."""
    tell(progress, "student", 7, {"loss": 1.5})


def test_values_of_a_training_in_a_process_of_its_own_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    class Kept(Quiet):
        got: tuple[Any, ...] = ()

        def values(self, name: str, step: int, values: Mapping[str, float]) -> None:
            self.got = name, step, dict(values)

    kept = Kept()
    run_beside([Job("student", f"{__name__}:measure", {})], 1, kept)
    assert kept.got == ("student", 7, {"loss": 1.5})


def test_tensorboard_reads_what_was_sent(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="no tensorboard: pip install 'distill-rec[track]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tracked(Quiet(), ["tensorboard"], "films", tmp_path, {"teacher.dim": 64, "data.path": None}) as told:
        for step, value in ((0, 0.1), (10, 0.3)):
            tell(told, "student", step, {"ndcg@10": value})
    read = EventAccumulator(str(tmp_path / "track" / "films")).Reload()
    assert [(one.step, round(one.value, 6)) for one in read.Scalars("student/ndcg_at_10")] == [(0, 0.1), (10, 0.3)]


def test_no_tracker_changes_nothing(tmp_path: Path) -> None:
    quiet = Quiet()
    with tracked(quiet, [], "films", tmp_path, {}) as told:
        assert told is quiet
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == "[]"
