"""A package of somebody else's adds a teacher, a tuning, a loss and a student; a wheel works where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_layers import BLOCK

pytest.importorskip("hatchling", reason="builds wheels; in the extra dev")
PLUGIN = Path(__file__).parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own: this project's wheel and the plugin's, and what else they need from this environment."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--target", site, ROOT, PLUGIN], check=True)
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "venv" / "bin" / "python"


def python(installed: Path, code: str, cwd: Path, *arguments: object) -> str:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONWARNINGS": "ignore"}
    command = [installed, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


CLI = "from distill_rec.cli.main import main; main()"


@pytest.fixture(scope="session")
def plugin_run(
    installed: Path, tiny_recipe: Path, tiny_trunk: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A run of the plugin's teacher and student, and what the command told."""
    folder = tmp_path_factory.mktemp("plugin")
    changes = ["teacher.kind=short", "teacher.batches=12", "student.kind=loud", "student.gain=3"]
    changes.append("student.loss.user_absolute=0.5")
    text = tiny_recipe.read_text("utf-8").replace("initialised = true", f'trunk = "{tiny_trunk}"')
    text = text.replace(f'trunk = "{tiny_trunk}"\ndim', "dim", 1)
    (folder / "recipe.toml").write_text(text, "utf-8")
    sets = [word for change in changes for word in ("--set", change)]
    told = python(installed, CLI, folder, "run", "recipe.toml", "--out", "run", "--json", *sets)
    return folder / "run", json.loads(told)


def test_a_run_of_the_plugins_teacher_and_student_goes_to_the_report_and_its_student_ranks_in_the_light_install(
    installed: Path, plugin_run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run, told = plugin_run
    assert [stage["stage"] for stage in told["stages"]] == ["prepare", "teach", "distill", "export", "evaluate"]
    assert json.loads((run / "teach/history.json").read_text())["updates"] == 12
    assert json.loads((run / "distill/student/model.json").read_text())["kind"] == "loud"
    assert (run / "evaluate/report.html").exists()
    ranked = python(installed, BLOCK + CLI, tmp_path, "rank", run, "--history", "1,4", "--candidates", "7,8")
    assert sorted(line.split("\t")[0] for line in ranked.splitlines()) == ["7", "8"]


def test_the_plugins_tuning_teaches_its_part_of_the_trunk(installed: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    sets = ["--set", "teacher.tuning=norms", "--set", "teacher.optimizer.max_updates=20"]
    python(installed, CLI, tmp_path, "teach", tiny_recipe, "--out", "run", *sets)
    moved = json.loads((tmp_path / "run/teach/history.json").read_text())["moved"]
    assert moved["trunk layer 0"] > 0 and moved["trunk layer 1"] > 0
    record = json.loads((tmp_path / "run/teach/model.json").read_text())
    assert record["section"]["tuning"] == "norms" and record["trained_parameters"] < record["parameters"]


def test_keys_of_a_plugin_are_known_and_refused_elsewhere(installed: Path, tmp_path: Path) -> None:
    rows = json.loads(python(installed, CLI, tmp_path, "keys", "--json"))
    told = {row["key"]: row["description"] for row in rows}
    assert told["teacher.batches"].startswith("short: ") and told["student.gain"].startswith("loud: ")
    assert "norms" in told["teacher.tuning"]
    assert told["student.loss.user_absolute"] == "mean absolute difference of user vectors"


def test_the_plugins_loss_passes_the_suite_that_ships_and_its_weight_decides_a_run(
    installed: Path, plugin_run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    check = (
        "from distill_rec.losses.registry import losses\nfrom distill_rec.testing.losses import check_loss\n"
        "check_loss(losses()['user_absolute'])"
    )
    python(installed, check, tmp_path)
    record = json.loads((plugin_run[0] / "distill/stage.json").read_text())
    assert record["settings"]["student.loss.user_absolute"] == 0.5


def test_the_plugins_teacher_tuning_and_student_pass_the_suites_that_ship(installed: Path, tmp_path: Path) -> None:
    check = (
        "from pathlib import Path\nfrom distill_rec.contracts import student_spec, teacher_spec\n"
        "from distill_rec.testing.students import check_student\n"
        "from distill_rec.testing.teachers import check_teacher\nfrom distill_rec.testing.tunings import check_tuning\n"
        "check_teacher(teacher_spec('short'), Path('short'), {'batches': 9})\n"
        "check_tuning('norms', Path('norms'))\ncheck_student(student_spec('loud'), Path('loud'))"
    )
    python(installed, check, tmp_path)


def test_a_wheel_holds_the_shelves_and_works_beside_a_foreign_students_package(
    installed: Path, plugin_run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "students").mkdir()
    (tmp_path / "students" / "__init__.py").write_text("raise ImportError('not ours')")
    light = (
        "import sys\nfrom distill_rec.runtime import Student\nstudent = Student.load(sys.argv[1])\n"
        "print(len(student.recommend(history=['1', '4'], k=3)))"
    )
    assert python(installed, BLOCK + light, tmp_path, plugin_run[0] / "export" / "student").strip() == "3"
    code = (
        "import distill_rec\nfrom distill_rec.recipe_io import load_recipe, shelf_names\n"
        "from distill_rec.runtime.errors import RecipeError\nprint(distill_rec.__file__)\n"
        "try:\n    [load_recipe(name) for name in shelf_names()]\nexcept RecipeError as error:\n    print(error)"
    )
    told = python(installed, code, tmp_path).splitlines()
    assert "site-packages" in told[0] and str(tmp_path / "students" / "__init__.py") in told[1]
    (tmp_path / "elsewhere").mkdir()
    count = code.replace("[load_recipe", "print(len([load_recipe").replace("shelf_names()]\n", "shelf_names()]))\n")
    assert python(installed, count, tmp_path / "elsewhere").splitlines()[1:] == [str(len(list_of_shelves()))]


def list_of_shelves() -> list[Path]:
    return [path for shelf in ("students", "teachers") for path in (ROOT / shelf).glob("*/*.toml")]
