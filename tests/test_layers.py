"""Imports go one way, and the light install stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, environment

HEAVY = ("torch", "transformers", "polars", "pyarrow", "onnx", "sklearn", "accelerate", "peft", "pandas")
BLOCK = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])
sys.meta_path.insert(0, Refuse())
"""


def python(code: str, cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)


def test_import_layers_hold() -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = python(code, ROOT, "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["distill_rec", "distill_rec.runtime", "students", "distill_rec.cli.main"])
def test_importing_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = python(code, tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


def test_importing_the_runtime_loads_numpy_and_nothing_else_of_others(tmp_path: Path) -> None:
    """What its time of import is made of; the time itself is a benchmark's, `benchmarks/rank_latency.py`."""
    code = (
        "import sys; before = set(sys.modules); import distill_rec.runtime\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print(sorted(name for name in new if not name.startswith('_')))"
    )
    assert python(code, tmp_path).stdout.strip() == "['distill_rec', 'numpy']"


def test_a_student_serves_without_the_extras_beside_a_students_folder(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "students").mkdir()
    (tmp_path / "students" / "__init__.py").write_text("raise ImportError('not ours')")
    code = BLOCK + (
        "from distill_rec.runtime import Student\n"
        "student = Student.load(sys.argv[1])\n"
        "print(len(student.recommend(history=['1', '4'], k=3)), student.encode_items(['red cat']).shape[0])"
    )
    done = python(code, tmp_path, tiny_run / "export" / "student")
    assert done.stdout.split() == ["3", "1"], done.stderr


def test_rank_works_in_the_light_install_and_others_name_their_extra(tiny_run: Path, tmp_path: Path) -> None:
    code = BLOCK + "from distill_rec.cli.main import main; main()"
    done = python(code, tmp_path, "rank", tiny_run, "--history", "1,4", "--candidates", "7,8")
    assert done.returncode == 0, done.stderr
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == ["7", "8"]
    done = python(code, tmp_path, "evaluate", "students/static", "--out", tiny_run)
    assert done.returncode == 1
    assert "distill-rec[train]" in done.stderr
