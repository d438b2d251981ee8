"""Records are checked when they are read: types against annotations, and versions, of which newer ones say so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from artifacts import seal, write_artifact

from distill_rec.artifact.golden import Answers, Golden, Question
from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.manifest import Manifest
from distill_rec.runtime import ArtifactError, Student

WHERE = Path("golden.json")
GOLDEN = Golden(["red cat"], [Question(["i1"], ["i2"])], {"fp32": Answers([[1.0]], [[0.5]])})


def test_golden_inputs_are_read_as_they_were_written_and_those_of_older_releases_have_no_version() -> None:
    content = json.loads(GOLDEN.to_json())
    assert Golden.from_json(json.dumps(content).encode(), WHERE) == GOLDEN
    del content["format_version"]
    assert Golden.from_json(json.dumps(content).encode(), WHERE) == GOLDEN


def test_golden_inputs_of_a_newer_release_say_so() -> None:
    content = json.loads(GOLDEN.to_json()) | {"format_version": 2}
    with pytest.raises(ArtifactError, match=r"golden\.json: format version 2.*Made by a newer release: upgrade"):
        Golden.from_json(json.dumps(content).encode(), WHERE)


@pytest.mark.parametrize(
    "changes",
    [
        {"texts": "red cat"},
        {"requests": {"history": []}},
        {"requests": [{"history": ["i1"]}]},
        {"requests": [{"history": ["i1"], "candidates": "i2"}]},
        {"expected": {"fp32": {"vectors": [[1.0]], "scores": 1}}},
        {"expected": []},
        {"format_version": "1"},
        {"format_version": True},
    ],
)
def test_what_are_no_golden_inputs_is_an_artifact_error(changes: dict[str, object]) -> None:
    content = json.loads(GOLDEN.to_json()) | changes
    with pytest.raises(ArtifactError, match=r"golden\.json"):
        Golden.from_json(json.dumps(content).encode(), WHERE)


def test_golden_answers_that_cannot_be_compared_differ(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "artifact")
    for vectors in ([["one"]], [[1.0], [1.0, 2.0]]):
        golden = Golden(["red cat"], [], {"fp32": Answers(vectors, [])})  # type: ignore[arg-type]
        (artifact / "golden.json").write_text(golden.to_json())
        with pytest.raises(ArtifactError, match="item vectors in fp32 differ on this machine"):
            Student.load(seal(artifact), verify=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parameters", "many"),
        ("projection", 3),
        ("trunk", None),
        ("dim", True),
        ("files", {"a": {"sha256": 1, "size": 2}}),
    ],
)
def test_a_manifest_is_held_to_its_types(tmp_path: Path, key: str, value: object) -> None:
    content = json.loads((write_artifact(tmp_path / "artifact") / MANIFEST).read_text())
    with pytest.raises(ArtifactError, match=re.escape(f"{key if key != 'files' else 'sha256'} = ")):
        Manifest.from_json(json.dumps(content | {key: value}).encode(), tmp_path)


def test_a_manifest_keeps_the_version_that_it_was_read_with_and_half_a_character(tmp_path: Path) -> None:
    content = json.loads((write_artifact(tmp_path / "artifact") / MANIFEST).read_text())
    older = content | {"format_version": 2, "trunk": {"source": "caf\udce9"}}
    manifest = Manifest.from_json(json.dumps(older).encode(), tmp_path)
    assert manifest.format_version == 2
    assert Manifest.from_json(manifest.to_json().encode(), tmp_path) == manifest
