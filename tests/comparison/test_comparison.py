"""Models side by side in a notebook: whatever is compared gets the figures of `distill-rec evaluate`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import distill_rec
from distill_rec.evaluation.results import Ending
from distill_rec.runtime.errors import DataError, RecipeError, RunError


@pytest.fixture(scope="module")
def run(tiny_run: Path) -> distill_rec.Run:
    return distill_rec.Run.load(tiny_run)


@pytest.fixture(scope="module")
def found(run: distill_rec.Run, tiny_run: Path) -> distill_rec.Comparison:
    models = {
        "student": run.student,
        "teacher": str(tiny_run / "teach"),
        "undistilled": tiny_run / "distill" / "undistilled",
        "by rank": AsOthersHaveIt(run.student),
        "two seeds": [tiny_run / "distill" / "student", tiny_run / "distill" / "student"],
    }
    return distill_rec.compare(run, models)


class AsOthersHaveIt:
    """A model that only ranks."""

    def __init__(self, student: Any) -> None:
        self.rank = student.rank


def test_figures_are_those_of_the_evaluation(run: distill_rec.Run, found: distill_rec.Comparison) -> None:
    """Means to the last digit; intervals to what resampling in float32 gives beside another number of models."""
    for metric, cells in run.results.test.cells.items():
        for model in ("popularity", "undistilled", "teacher", "student"):
            ours, theirs = (
                one.model_dump(exclude={"spread"}) for one in (found.results.test.cells[metric][model], cells[model])
            )
            assert ours["mean"] == pytest.approx(theirs["mean"], abs=1e-12)
            assert ours == pytest.approx(theirs, abs=1e-6)


def test_one_model_has_the_same_figures_however_it_is_handed_over(found: distill_rec.Comparison) -> None:
    for cells in found.results.test.cells.values():
        for name in ("by rank", "two seeds"):
            assert cells[name].mean == pytest.approx(cells["student"].mean, abs=1e-9)
    assert found.results.seeds["two seeds"] == 2
    assert found.results.test.cells["ndcg@10"]["two seeds"].spread == 0.0
    kept = {one.model: one.value for one in found.results.test.ratios if one.name == "Q"}
    assert kept["by rank"] == pytest.approx(kept["student"]) and next(iter(kept)) == "student"


def test_a_finished_run_is_shown_without_computing(run: distill_rec.Run) -> None:
    assert run.compare().results is run.results


def test_trainings_are_found_where_the_models_lie(run: distill_rec.Run, found: distill_rec.Comparison) -> None:
    assert found.results.curves["teacher"] == run.results.curves["teacher"]
    assert found.results.curves["student"] == run.results.curves["student"]
    assert all(isinstance(one, Ending) for ends in found.results.endings.values() for one in ends)
    losses = found.results.losses["student"]
    assert losses and all(at > 0 and loss > 0 for at, loss in losses)


def test_it_shows_itself_in_its_own_style_and_fetches_nothing(found: distill_rec.Comparison) -> None:
    html = found._repr_html_()
    assert "<h2>What is kept" not in html and "What is kept of the teacher" in html and "Training" in html
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert style.startswith(".distill-rec {") and ":root" not in style and "body {" not in style
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"(src|href)=|https?:|<script|@import", html)
    for name in ("two seeds", "by rank"):
        assert f">{name}</" in html


@pytest.mark.parametrize(
    "part", ["verdicts", "tables", "slices", "retention", "curves", "likeness", "examples", "costs", "pareto"]
)
def test_each_part_is_shown_alone(found: distill_rec.Comparison, part: str) -> None:
    one = getattr(found, part)
    assert repr(one) and one._repr_html_().startswith('<div class="distill-rec"><style>')
    assert ("nothing of" in repr(one)) == (part in ("costs", "pareto"))  # the recipe measures no costs


def test_frames_hold_every_figure(found: distill_rec.Comparison) -> None:
    assert found.frame.filter(part="test", metric="ndcg@10", model="student")["mean"].item() == pytest.approx(
        found.results.test.cells["ndcg@10"]["student"].mean
    )
    for name, frame in found.frames.items():
        assert frame.is_empty() == (name == "costs"), name
    assert set(found.frames["users"]["model"]) == set(found.models)
    assert {"first", "second", "value", "low", "high"} <= set(found.frames["differences"].columns)


def test_the_page_is_one_file(found: distill_rec.Comparison, tmp_path: Path) -> None:
    found.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_evaluation_can_be_asked_otherwise(run: distill_rec.Run) -> None:
    found = distill_rec.compare(run.path / "prepare", {"a": run.student}, max_users=5, bootstrap=100, cost=False)
    assert found.results.test.users == 5 and found.models == ["popularity", "a"]
    with pytest.raises(RecipeError, match=r"evaluate\.bootstraps.*Did you mean evaluate\.bootstrap"):
        distill_rec.compare(run, {"a": run.student}, bootstraps=100)


def test_what_is_no_model_is_refused_by_its_name(run: distill_rec.Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"'mine'.*whole run.*export/student"):
        distill_rec.compare(run, {"mine": run.path})
    with pytest.raises(RunError, match=r"'mine'.*of type int.*a Teacher, a Student"):
        distill_rec.compare(run, {"mine": 3})
    with pytest.raises(RunError, match=r"'mine'.*no model in"):
        distill_rec.compare(run, {"mine": tmp_path})
    with pytest.raises(RunError, match="no models"):
        distill_rec.compare(run, {})


def test_a_student_that_lacks_items_says_what_to_do(run: distill_rec.Run) -> None:
    import dataclasses

    import polars as pl

    items = run.dataset.items.with_columns(pl.lit("x").add(pl.col("item_id")).alias("item_id"))
    other = dataclasses.replace(run.dataset, items=items)
    with pytest.raises(DataError, match=r"'s'.*knows 0 of the data's 60 items, not x0, x1, x2.*add_items"):
        distill_rec.compare(other, {"s": run.student})


def test_a_student_of_other_data_is_said_to_be_one(run: distill_rec.Run) -> None:
    import dataclasses

    other = dataclasses.replace(run.dataset, fingerprint="other")
    found = distill_rec.compare(other, {"s": run.student}, cost=False, bootstrap=100)
    assert any("s was trained on other data" in verdict.text for verdict in found.results.verdicts)


def test_files_of_scores_and_columns_of_ones_own_are_taken(run: distill_rec.Run, tmp_path: Path) -> None:
    items = run.dataset.items["item_id"].to_list()
    users = sorted(set(run.samples("test")["user_id"]))
    rows = [f"{user},{item},{n}" for user in users for item, n in zip(items, run.dataset.train_clicks, strict=True)]
    (tmp_path / "clicks.csv").write_text("\n".join(["user_id,item_id,score", *rows]), "utf-8")
    models = {"student": run.student, "teacher": run.teacher, "clicks": tmp_path / "clicks.csv"}
    found = distill_rec.compare(run, models, slices=[{"column": "title", "separator": " "}], bootstrap=100)
    for cells in found.results.test.cells.values():
        assert cells["clicks"].mean == pytest.approx(cells["popularity"].mean)
    assert {"red", "green", "blue"} <= set(found.frames["kinds"].filter(by="title")["slice"])
    assert "By title" in found.slices.html and "By title" in found._repr_html_()
    with pytest.raises(RunError, match=r"model 'a b'.*a name of letters"):
        distill_rec.compare(run, {"a b": tmp_path / "clicks.csv"})
    with pytest.raises(RecipeError, match=r"evaluate\.slices.*no such columns"):
        distill_rec.compare(run.dataset, {"s": run.student}, slices=["title"])
