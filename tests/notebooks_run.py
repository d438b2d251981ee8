"""Notebooks as a reader runs them: all cells in a clean kernel."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient


def run_notebook(name: str, where: Path, monkeypatch: pytest.MonkeyPatch, **folders: Path) -> list[dict[str, Any]]:
    """Run a notebook in a clean kernel, in a folder of its own; the data of its outputs."""
    for key, folder in folders.items():
        monkeypatch.setenv(key, str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(where))
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    done = NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": where}}
    ).execute()
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.get("data", {"text/plain": output.get("text", "")}) for output in outputs]
