"""The notebooks run from a clean kernel, all on one run, and are committed without outputs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import ROOT
from notebooks_run import run_notebook

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ON_A_RUN = ("01_quickstart", "02_compare_teacher_student", "05_serve_a_student")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_without_outputs_and_links_to_what_is_there(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    for name in re.findall(r"\]\((\w+\.ipynb)\)", "".join("".join(cell["source"]) for cell in cells)):
        assert (path.parent / name).exists(), name


@pytest.mark.parametrize("name", ON_A_RUN)
def test_it_runs_from_a_clean_kernel(
    name: str, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tiny_run.rglob("*"))
    shown = run_notebook(name, tmp_path, monkeypatch, DISTILL_REC_RUN=tiny_run)
    assert sorted(tiny_run.rglob("*")) == before
    told = "\n".join(one.get("text/plain", "") for one in shown)
    if name == "02_compare_teacher_student":
        pages = [one["text/html"] for one in shown if "distill-rec" in one.get("text/html", "")]
        assert len(pages) >= 8 and any("shared words" in page for page in pages)
        assert any("image/png" in one for one in shown)
    if name == "05_serve_a_student":
        assert "[] of these were loaded" in told and "'items':" in told
