"""`doctor` on the installation, in the light install, and as a command."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from conftest import Cli
from test_layers import BLOCK, python

from distill_rec.doctor import examine, requirements
from distill_rec.doctor.findings import Finding, as_table
from distill_rec.doctor.graph import three_nodes
from distill_rec.doctor.requirements import fits


@pytest.mark.parametrize(
    ("found", "wanted", "expected"),
    [
        ("1.26", ">=1.26", True),
        ("1.9.9", ">=1.26", False),
        ("2.13.0+cpu", ">=2.6", True),
        ("3.13.1", ">=3.11,<3.14", True),
        ("3.14.0", ">=3.11,<3.14", False),
        ("0.1", "==0.1.0", True),
        ("0.1.1", "==0.1.0", False),
        ("0.1.1", "==0.1.*", True),
        ("1.5", "!=1.5", False),
        ("2.3", "~=2.1", True),
        ("3.0", "~=2.1", False),
        ("2.0", "~=2.1", False),
        ("2.1.1", ">2.1", True),
        ("5", "", True),
        ("3.14.0rc1", ">=3.11,<3.14", False),
        ("2.0rc1", ">=2.0", False),
        ("3.13.1+", ">=3.11,<3.14", True),
        ("a fork", ">=1", False),
    ],
)
def test_a_version_is_compared_as_pip_does(found: str, wanted: str, expected: bool) -> None:
    assert fits(found, wanted) is expected


def test_what_pip_recorded_is_read_by_extra_and_by_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=1.26", 'ray[data]>=2.40 ; extra == "ray"', "torch>=2.6; extra == 'train'"]
    lines += ["old>=1; python_version < '3'", "apart>=1; python_version >= '3' and extra == 'train'"]
    recorded = SimpleNamespace(
        json={"requires_python": ">=3.11", "requires_dist": lines, "provides_extra": ["ray", "train", "none"]}
    )
    monkeypatch.setattr(requirements, "__file__", "/no/source/tree/here.py")
    monkeypatch.setattr(requirements, "metadata", lambda name: recorded)
    packages = {"": ["numpy>=1.26"], "ray": ["ray[data]>=2.40"], "train": ["torch>=2.6", "apart>=1"], "none": []}
    assert requirements.asked() == requirements.Asked(">=3.11", packages)


def test_the_graph_of_three_nodes_is_an_onnx_file() -> None:
    graph, given, expected = three_nodes()
    found = ort.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"x": given})[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (expected > 0).any() and (expected == 0).any()
    model = onnx.load_model_from_string(graph)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Add", "Relu"]


def test_every_package_of_the_light_install_is_looked_at() -> None:
    kind, findings = examine(None)
    assert kind == "installation"
    levels = {one.what: one.level for one in findings}
    light = ("Python", "numpy", "onnxruntime", "safetensors", "tokenizers", "typer", "onnxruntime at work")
    assert all(levels[name] == "ok" for name in light)
    assert {"cores and threads", "cache folder"} <= levels.keys()


def test_a_version_out_of_range_is_a_problem_and_a_missing_extra_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = requirements.Asked(">=3.11", {"": ["numpy>=99"], "serve": ["no-such-package>=1"]})
    monkeypatch.setattr("distill_rec.doctor.installation.asked", lambda: asked)
    found = {one.what: one for one in examine(None)[1]}
    assert found["numpy"].level == "problem" and found["numpy"].do == "pip install 'numpy>=99'"
    assert found["[serve]"].level == "note" and "distill-rec[serve]" in found["[serve]"].do


def test_a_cache_that_cannot_be_written_to_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "file" / "cache"))
    (found,) = [one for one in examine(None)[1] if one.what == "cache folder"]
    assert found.level == "problem" and "DISTILL_REC_CACHE" in found.do


def test_the_light_install_checks_itself_and_an_artifact_and_names_the_extra_of_a_run(
    tiny_run: Path, tmp_path: Path
) -> None:
    code = BLOCK + "from distill_rec.cli.main import main; main()"
    done = python(code, tmp_path, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    done = python(code, tmp_path, "doctor", tiny_run / "export" / "student")
    assert done.returncode == 0 and "readable by this install" in done.stdout, done.stdout + done.stderr
    done = python(code, tmp_path, "doctor", tiny_run)
    assert done.returncode == 0 and "distill-rec[train]" in done.stdout, done.stdout + done.stderr


def test_the_command_prints_a_table_or_json_and_exits_1_at_a_problem(tiny_run: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("doctor", tiny_run)
    assert done.returncode == 0 and "0 problems" in done.stdout, done.stdout
    done = cli("doctor", tmp_path / "nowhere", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and not found["ok"]
    assert found["findings"][0]["level"] == "problem"


def test_a_long_word_of_the_table_can_be_copied_whole() -> None:
    digest = "f" * 64
    table = as_table([Finding("ok", "artifact", "digest", digest), Finding("note", "artifact", "x", "y", "do")], 50)
    assert digest in table
    assert table.splitlines()[-1].strip() == "-> do"
