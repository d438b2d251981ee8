"""A run that commit 26afbf2 made is ranked with, compared, examined and gone on with; nothing of it is made anew."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from distill_rec.cli.main import app
from distill_rec.doctor.examine import examine
from distill_rec.doctor.findings import sound

ARCHIVE = Path(__file__).parent / "data" / "run_26afbf2.tar.xz"
"""PLM, data, recipe and run of `tiny_recipe` (conftest), made below the folder WAS."""
WAS = "/tmp/old_run"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, its recipe's paths adjusted."""
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    recipe = folder / "recipe" / "tiny.toml"
    recipe.write_text(recipe.read_text("utf-8").replace(WAS, str(folder)), "utf-8")
    return folder


def called(*arguments: object) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_its_student_ranks(older: Path) -> None:
    found = json.loads(called("rank", older / "run", "--history", "1,4", "--candidates", "7,8", "--json"))
    assert {one["id"]: one["score"] for one in found} == pytest.approx({"7": 1.506905, "8": -0.732061}, abs=1e-5)


def test_it_is_compared(older: Path, tmp_path: Path) -> None:
    rows = json.loads(called("compare", older / "run", "--out", tmp_path / "page.html", "--json"))
    assert {row["model"] for row in rows} >= {"undistilled", "initialised", "student", "teacher"}


def test_nothing_is_wrong_with_it(older: Path) -> None:
    _, findings = examine(str(older / "run"))
    assert sound(findings), [one for one in findings if one.level == "problem"]
    (note,) = [one for one in findings if one.what == "stage prepare" and one.level == "note"]
    assert "version 1 of the stage" in note.found and "goes on with it" in note.found


def test_a_run_of_its_recipe_makes_nothing_anew(older: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in older.glob("run/*/**/*") if path.is_file()}
    told = json.loads(called("run", older / "recipe" / "tiny.toml", "--out", older / "run", "--json"))
    assert {stage["stage"]: stage["ran"] for stage in told["stages"]} == dict.fromkeys(
        ("prepare", "teach", "distill", "export", "evaluate"), False
    )
    assert before == {path: path.stat().st_mtime_ns for path in older.glob("run/*/**/*") if path.is_file()}
