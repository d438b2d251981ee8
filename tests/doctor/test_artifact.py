"""`doctor` on an exported student: what is broken is found and named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from artifacts import seal, write_artifact

from distill_rec.artifact.golden import Golden, Question
from distill_rec.doctor import Finding, examine, sound
from distill_rec.runtime import Student

WEIGHTS = "static.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_artifact(tmp_path / "student")


def problems(path: Path) -> list[Finding]:
    kind, findings = examine(str(path))
    assert kind == "artifact"
    return [finding for finding in findings if finding.level == "problem"]


def test_a_healthy_artifact_is_loaded_and_asked(folder: Path) -> None:
    kind, findings = examine(str(folder))
    assert kind == "artifact" and sound(findings), findings
    assert {"what it is", "digest", "files", "readable by this install", "extras"} <= {one.what for one in findings}


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 10)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"), [(truncate, "truncated"), (flip, "changed: sha256"), (Path.unlink, "missing")]
)
def test_a_damaged_file_is_named_with_what_to_do(folder: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(folder / WEIGHTS)
    (found,) = problems(folder)
    assert found.what == WEIGHTS and said in found.found and "export" in found.do


def test_every_damaged_file_is_named_and_not_the_first_alone(folder: Path) -> None:
    truncate(folder / WEIGHTS)
    flip(folder / "items.json")
    assert {found.what for found in problems(folder)} == {WEIGHTS, "items.json"}


def test_a_foreign_version_says_to_export_again(folder: Path) -> None:
    seal(folder, format_version=99)
    (found,) = problems(folder)
    assert "99" in found.found and "newer release: upgrade distill-rec" in found.do
    seal(folder, format_version=0)
    (found,) = problems(folder)
    assert "xport it again" in found.do


def test_files_that_fit_their_hashes_but_not_each_other_do_not_load(folder: Path) -> None:
    (folder / "items.json").write_text(json.dumps(["i0"]))
    seal(folder)
    (found,) = problems(folder)
    assert "items.json" in found.what


@pytest.mark.parametrize("content", ["", "[]", "{", '{"files": {"a": 3}, "format_version": 1}'])
def test_a_manifest_that_is_none_is_a_problem_and_no_traceback(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content)
    assert problems(folder)


def test_a_lost_manifest_is_said(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (found,) = problems(folder)
    assert found.what == "manifest.json"


def test_a_file_that_leads_out_of_the_artifact_is_a_problem(folder: Path, tmp_path: Path) -> None:
    (folder / WEIGHTS).rename(tmp_path / WEIGHTS)
    (folder / WEIGHTS).symlink_to(tmp_path / WEIGHTS)
    (found,) = problems(folder)
    assert found.what == WEIGHTS and "leads out" in found.found


def test_a_link_to_a_version_that_is_gone_is_a_problem(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("versions/7")
    (found,) = problems(link)
    assert "versions/7" in found.found


def test_a_file_beside_the_listed_ones_is_worth_a_note(folder: Path) -> None:
    (folder / "more.bin").write_bytes(b"0")
    _, findings = examine(str(folder))
    (note,) = [found for found in findings if found.what == "files not listed"]
    assert "more.bin" in note.found


def test_golden_answers_are_replayed_in_every_precision(folder: Path) -> None:
    golden = Golden(["red cat"], [Question(["i1"], ["i2", "i3"])], {})
    golden = golden.answered(["fp32"], lambda name: Student.load(folder, precision=name))
    (folder / "golden.json").write_text(golden.to_json())
    seal(folder)
    assert not problems(folder)
    golden.expected["fp32"].scores[0][0] += 1.0
    (folder / "golden.json").write_text(golden.to_json())
    seal(folder)
    (found,) = problems(folder)
    assert "scores in fp32 differ on this machine" in found.found
