"""Runs from Python."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from conftest import Cli

import distill_rec
from distill_rec.runtime.errors import RunError


def test_a_loaded_run_shows_table_models_and_disagreements(tiny_run: Path) -> None:
    run = distill_rec.Run.load(tiny_run)
    assert {"popularity", "untrained", "undistilled", "initialised", "student", "teacher"} <= set(run.table.columns)
    assert {"user_id", "model"} <= set(run.per_user.columns)
    assert len(run.disagreements(3)) == 3
    ids = run.dataset.items["item_id"].to_list()[:5]
    assert run.teacher.rank(ids[:2], ids).shape == run.student.rank(ids[:2], ids).shape


def test_the_student_learns_what_can_be_learnt(tiny_run: Path) -> None:
    row = distill_rec.Run.load(tiny_run).table.row(0, named=True)
    assert row["student"] > row["popularity"]


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run here"):
        distill_rec.Run.load(tmp_path)


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_frames_are_taken_in_place_of_files(kind: str, tmp_path: Path, cli: Cli) -> None:
    clicks = pl.DataFrame(
        {
            "user_id": [str(n % 20) for n in range(200)],
            "item_id": [str(n * 7 % 23) for n in range(200)],
            "timestamp": [1_600_000_000 + 60 * n for n in range(200)],
        }
    )
    items = pl.DataFrame({"item_id": [str(n) for n in range(23)], "title": [f"thing {n}" for n in range(23)]})
    frames = (clicks, items) if kind == "polars" else (clicks.to_pandas(), items.to_pandas())
    run = distill_rec.run({"name": "frames", "data": {}}, *frames, out=tmp_path / "run")
    assert (run.dataset.n_items, len(run.dataset.users)) == (23, 20)
