"""Runs of an earlier release, which had fewer keys, stay finished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from conftest import Cli

from distill_rec.doctor import examine

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
