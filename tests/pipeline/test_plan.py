"""What a dry run says of a log before it is prepared."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import Cli

from distill_rec.data import Dataset, prepare
from distill_rec.estimates import Sizes
from distill_rec.pipeline.plan import floors_of, plan_of
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.pipeline.users import windows_of
from distill_rec.recipe import DataSection, Recipe
from distill_rec.training.batches import SequenceBatches

ROWS = 20_000


def write_log(folder: Path, name: str = "clicks.csv") -> DataSection:
    """A guest with a quarter of the rows."""
    generator = np.random.default_rng(0)
    user = generator.integers(1, 400, ROWS)
    user[generator.choice(ROWS, ROWS // 4, replace=False)] = 0
    columns = {"user_id": user, "item_id": generator.integers(0, 300, ROWS), "timestamp": np.arange(ROWS)}
    clicks = pl.DataFrame(columns).with_columns(pl.format("u{}", "user_id").alias("user_id"))
    clicks.write_parquet(folder / name) if name.endswith("parquet") else clicks.write_csv(folder / name)
    pl.DataFrame({"item_id": np.arange(300), "title": np.arange(300)}).write_csv(folder / "items.csv")
    return DataSection(clicks=name, items="items.csv")


@pytest.mark.parametrize("name", ["clicks.csv", "clicks.parquet"])
def test_a_dry_run_names_a_guest_with_a_quarter_of_the_rows(tmp_path: Path, name: str) -> None:
    sizes = sizes_of(write_log(tmp_path, name), tmp_path)
    assert sizes.clicks == ROWS
    (caution,) = sizes.heavy
    assert "'u0' with 5,000 (25.0%)" in caution.text


@pytest.mark.parametrize("name", ["clicks.csv", "clicks.parquet"])
def test_rows_are_counted_after_the_filter_that_the_preparation_applies(tmp_path: Path, name: str) -> None:
    section = write_log(tmp_path, name).model_copy(update={"where": "user_id != 'u0' and timestamp >= 10000"})
    sizes = sizes_of(section, tmp_path)
    prepare(section, tmp_path / "out", base=tmp_path)
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert sizes.clicks == summary["interactions"] < ROWS == sizes.read
    assert sizes.heavy == () and sizes.learned == sizes.clicks
    (step,) = plan_of(Recipe(data=section), tmp_path / "run", tmp_path)
    assert step.work.startswith(f"{sizes.clicks:,} clicks of {ROWS:,} rows")


def test_a_filter_that_was_not_applied_is_said(tmp_path: Path) -> None:
    section = write_log(tmp_path)
    pl.read_csv(tmp_path / "clicks.csv").write_ndjson(tmp_path / "clicks.jsonl")
    section = section.model_copy(update={"clicks": "clicks.jsonl"})
    assert sizes_of(section, tmp_path).heavy == ()
    sizes = sizes_of(section.model_copy(update={"where": "user_id != 'u0'"}), tmp_path)
    assert sizes.clicks == ROWS and ["before data.where" in one.text for one in sizes.heavy] == [True]


def test_the_windows_of_a_guest_are_counted(tmp_path: Path) -> None:
    section = write_log(tmp_path)
    sizes = sizes_of(section, tmp_path)
    prepare(section, tmp_path / "out", base=tmp_path)
    dataset = Dataset.load(tmp_path / "out")
    batches = SequenceBatches(dataset.train, dataset.max_history, 1, 0)  # type: ignore[arg-type]
    assert sizes.samples == pytest.approx(batches.per_epoch, rel=0.05)
    counts = pl.DataFrame({"user": dataset.train.user, "clicks": dataset.train.items.lengths})  # type: ignore[union-attr]
    assert windows_of(counts, 1.0, dataset.max_history) == batches.per_epoch


@pytest.mark.parametrize("name", ["clicks.csv", "clicks.parquet"])
def test_rows_that_are_no_clicks_by_their_rating_are_not_learned_from(tmp_path: Path, name: str) -> None:
    section = write_log(tmp_path, name)
    path = tmp_path / name
    clicks = pl.read_parquet(path) if name.endswith("parquet") else pl.read_csv(path)
    clicks = clicks.with_columns(pl.when(pl.col("user_id") < "u2").then(2).otherwise(5).alias("stars"))
    clicks.write_parquet(path) if name.endswith("parquet") else clicks.write_csv(path)
    rated = clicks.filter(pl.col("stars") >= 4)
    sizes = sizes_of(section.model_copy(update={"rating_column": "stars"}), tmp_path)
    assert (sizes.clicks, sizes.learned) == (ROWS, len(rated))
    assert sizes.users == rated["user_id"].n_unique()
    assert sizes.samples < sizes_of(section, tmp_path).samples
    # a threshold that only the preparation can apply: ratings that are words
    clicks.with_columns(stars=pl.lit("good")).write_csv(tmp_path / "words.csv")
    words = section.model_copy(update={"clicks": "words.csv", "rating_column": "stars"})
    assert sizes_of(words, tmp_path).learned == ROWS


def test_the_floor_is_told_in_epochs_and_where_a_limit_comes_before_it() -> None:
    recipe = Recipe.model_validate({"teacher": {}, "student": {"optimizer": {"max_epochs": 90}}})
    teacher, student = floors_of(recipe, Sizes(clicks=300, items=50, samples=1000))
    assert teacher == "teacher: no plateau ends its training before 600 updates (min_updates), here about 307 epochs"
    assert student.startswith("student: ") and student.endswith("max_epochs ends it after 176, which may be too early")
    assert floors_of(recipe, Sizes(0, 0, 0)) == []  # data that are not here yet


def test_every_stage_has_memory_and_the_command_prints_the_guest(tmp_path: Path, tiny_trunk: Path, cli: Cli) -> None:
    section = write_log(tmp_path)
    recipe = Recipe.model_validate({"data": section.model_dump(), "teacher": {"trunk": str(tiny_trunk)}, "student": {}})
    plan = plan_of(recipe, tmp_path / "run", tmp_path)
    assert [step.stage for step in plan] == ["prepare", "teach", "distill"]
    assert plan[0].memory < plan[1].memory <= plan[2].memory
    (tmp_path / "recipe.toml").write_text('[data]\nclicks = "clicks.csv"\nitems = "items.csv"\n')
    done = cli("run", tmp_path / "recipe.toml", "--dry-run")
    assert "look at: users with more than 1% of all rows: 'u0' with 5,000" in done.stdout
    assert "MiB" in done.stdout
    told = json.loads(cli("run", tmp_path / "recipe.toml", "--dry-run", "--json").stdout)
    assert [one["key"] for one in told["cautions"]] == ["heavy-users"]


def test_a_setting_of_a_loss_that_is_off_is_told(tmp_path: Path, tiny_trunk: Path, cli: Cli) -> None:
    write_log(tmp_path)
    data = '[data]\nclicks = "clicks.csv"\nitems = "items.csv"\n'
    text = data + f'[teacher]\ntrunk = "{tiny_trunk}"\n[student]\n[student.loss]\nrd_top = 5\n'
    (tmp_path / "recipe.toml").write_text(text)
    done = cli("run", tmp_path / "recipe.toml", "--dry-run")
    assert "look at: student.loss.rd_top is given, and the loss that reads it, rd, has no weight" in done.stdout
    told = json.loads(cli("run", tmp_path / "recipe.toml", "--dry-run", "--json").stdout)
    assert len(told["unread"]) == 1
