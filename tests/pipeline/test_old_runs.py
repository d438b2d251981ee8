"""Runs of an earlier release, which had fewer keys, stay finished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from conftest import Cli

from distill_rec.doctor import examine
from distill_rec.pipeline.check import changes
from distill_rec.pipeline.stages import stage_named
from distill_rec.pipeline.wanted import defaults_of, settings_of
from distill_rec.recipe_io import load_recipe

LATER = ("data.item_id_column", "data.time_format", "data.where", "data.missing_user")


def test_keys_of_a_later_release_spoil_no_finished_stage(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, symlinks=True)
    prepare, teach = run / "prepare" / "stage.json", run / "teach" / "stage.json"
    record = json.loads(prepare.read_text())
    for key in LATER:
        del record["settings"][key]
    prepare.write_text(json.dumps(record | {"fingerprint": "its old name"}))
    teach.write_text(json.dumps(json.loads(teach.read_text()) | {"before": "its old name"}))
    done = cli("run", tiny_recipe, "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    assert not any(stage["ran"] for stage in json.loads(done.stdout)["stages"])
    assert not list(run.glob("*.old-*"))
    assert not [one for one in examine(str(run))[1] if "data." in one.found and one.level == "problem"]
    changed = cli("run", tiny_recipe, "--out", run, "--set", "data.where=rating > 3")
    assert changed.returncode == 1 and "key data.where" in changed.stderr


def test_nor_do_those_of_a_student_that_is_one_of_several_teachers() -> None:
    recipe = load_recipe("students/static/amazon-beauty", [])
    teach = stage_named("teach")
    settings, usual = settings_of(teach, recipe), defaults_of(teach, recipe)
    of_its_kind = {"teacher.clicks.model.vocabulary", "teacher.clicks.model.table_dim", "teacher.text.prefix"}
    assert of_its_kind <= set(settings)
    before = {key: value for key, value in settings.items() if key not in of_its_kind}
    assert changes(settings, before, usual) == {}
    before["teacher.clicks.model.table_dim"] = 64
    assert changes(settings, before, usual) == {"teacher.clicks.model.table_dim": (128, 64)}


def test_a_key_that_nothing_reads_hides_no_run_that_was_made_with_it(
    tiny_recipe: Path, tiny_run: Path, tmp_path: Path, cli: Cli
) -> None:
    run, recipe, key = tmp_path / "run", tmp_path / "tiny.toml", "student.word_texts"
    shutil.copytree(tiny_run, run, symlinks=True)
    recipe.write_text(tiny_recipe.read_text().replace("[student]", "[student]\nword_texts = 3"))
    noted, distilled = run / "recipe.json", run / "distill" / "stage.json"
    record, stage = json.loads(noted.read_text()), json.loads(distilled.read_text())
    record["recipe"]["student"]["word_texts"] = stage["settings"][key] = 3
    noted.write_text(json.dumps(record))
    distilled.write_text(json.dumps(stage))
    for command in (["evaluate"], ["run", "--dry-run"]):
        done = cli(command[0], recipe, *command[1:], "--out", run)
        assert done.returncode == 0, done.stderr
    gone_on = cli("refresh", run, "--dry-run")
    assert "word_texts" not in gone_on.stderr
    for refused in (["--out", tmp_path / "new"], ["--out", run, "--set", f"{key}=4"]):
        done = cli("run", recipe, *refused, "--dry-run")
        assert done.returncode == 1 and f"key {key}: given, and" in done.stderr
