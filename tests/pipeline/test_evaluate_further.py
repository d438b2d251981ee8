"""Slices and others' models of a finished run, by the stage that reads their files."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from distill_rec.doctor.artifact import artifact as examined
from distill_rec.doctor.findings import sound
from distill_rec.evaluation.beyond_tables import list_cell
from distill_rec.evaluation.lists import LISTS
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.recipe_io import load_recipe
from distill_rec.runs import Run
from distill_rec.runtime.errors import DataError, RecipeError

SLICES = [{"column": "title", "separator": " "}, {"column": "rating", "of": "clicks"}]


@pytest.fixture(scope="module")
def copied(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("copied") / "run", symlinks=True))


def evaluated(recipe: Path, run: Path, restart: str | None = "evaluate", **changes: object) -> Run:
    settings = {f"evaluate.{key}": value for key, value in changes.items()}
    run_stages(load_recipe(recipe, settings), run, restart=restart)
    return Run.load(run)


def test_a_finished_run_is_sliced_and_has_another_column(tiny_recipe: Path, copied: Path, tmp_path: Path) -> None:
    first = Run.load(copied)
    models, before, test = first.results.models, first.results.test.cells["ndcg@10"], first.samples("test")
    others = pl.DataFrame({"sample": test["sample"], "item_id": [["3", "7", "1"]] * len(test)})
    others.write_parquet(tmp_path / "same.parquet")
    other = {"name": "the-same", "path": str(tmp_path / "same.parquet"), "sample_column": "sample"}
    found = evaluated(tiny_recipe, copied, slices=SLICES, others=[other])
    assert found.results.models == [*models[:-1], "the-same", "teacher"]
    cells = found.results.test.cells["ndcg@10"]
    assert {name: cells[name] for name in before} == before
    titles = next(one for one in found.results.slicings if one.by == "title")
    assert {"red", "green", "blue"} <= {one.name for one in titles.slices} and titles.overlapping
    frame = found.kinds("title")
    assert set(frame["slice"]) == {one.name for one in titles.slices}
    assert frame["difference"].is_sorted()
    assert "By title" in (copied / "evaluate" / "report.html").read_text("utf-8")
    # the same settings and files: nothing runs anew; another file does
    assert not run_stages(found.recipe, copied)[-1].ran
    others[:-1].write_parquet(tmp_path / "same.parquet")
    with pytest.raises(Exception, match=r"evaluate\.others\.the-same: the files it names have changed"):
        run_stages(found.recipe, copied)


def test_the_artifact_s_card_tells_what_its_lists_are_like(tiny_recipe: Path, copied: Path) -> None:
    artifact = copied / "export" / "student"
    rest = artifact.joinpath("README.md").read_text("utf-8").partition("## Intended use and limits")[2]
    found = evaluated(tiny_recipe, copied, list_users=9).results.lists["student"]
    card = artifact.joinpath("README.md").read_text("utf-8")
    assert card.count("## What its lists are like") == 1 and "each of 9 test users" in card  # in place of what was told
    for key, about in LISTS.items():
        assert f"| {about.title} | {list_cell(found, key)[0]}" in card
    assert card.endswith(rest) and sound(examined(artifact))  # and the artifact is whole


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({"slices": ["titel"]}, DataError, "no column 'titel'; expected one of 'item_id', 'title'"),
        ({"slices": [{"column": "country", "of": "clicks"}]}, DataError, "no column 'country'"),
        ({"others": [{"name": "b", "path": "none.csv"}]}, DataError, "none.csv: no such file"),
        ({"others": [{"name": "teacher", "path": "b.csv"}]}, RecipeError, "'teacher', which is a column's of the run"),
        ({"others": [{"name": "b", "path": "b"}, {"name": "b", "path": "c"}]}, RecipeError, "'b' stands twice"),
        ({"others": [{"name": "b c", "path": "b"}]}, RecipeError, "a name of letters"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_set_aside(
    changes: dict[str, object], kind: type[Exception], told: str, tiny_recipe: Path, copied: Path
) -> None:
    before = sorted(path.name for path in copied.iterdir())
    with pytest.raises(kind, match=told):
        evaluated(tiny_recipe, copied, **changes)
    assert sorted(path.name for path in copied.iterdir()) == before
