"""What stages leave is checked when it is read, says when it is newer, and older files are read."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from distill_rec.doctor.examine import examine
from distill_rec.pipeline.folder import RunFolder, StageRecord
from distill_rec.records import kind_of, read_record, write_record
from distill_rec.runtime.errors import RunError
from distill_rec.training.outcome import Outcome

OLDER = Path(__file__).parent / "pipeline" / "data" / "run_26afbf2.tar.xz"
OTHERS = ("export/", "tokenizer.json", "item_ids.json")
"""Records of an artifact are its own; the others are a list and another library's."""


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(OLDER) as archive:
        archive.extractall(folder, filter="data")
    return folder / "run"


def records_of(run: Path) -> list[str]:
    names = [path.relative_to(run).as_posix() for path in sorted(run.rglob("*.json"))]
    names = [name for name in names if name == "export/report.json" or not name.startswith(OTHERS[0])]
    return [name for name in names if not name.endswith(OTHERS[1:])]


def test_every_file_of_an_older_run_is_a_known_record_and_written_again_it_is_the_same(
    older: Path, tmp_path: Path
) -> None:
    for name in records_of(older):
        kind = kind_of(name)
        assert kind is not None, name
        write_record(tmp_path / "again.json", read_record(kind, older / name))
        again = json.loads((tmp_path / "again.json").read_text("utf-8"))
        was = json.loads((older / name).read_text("utf-8"))
        if "slices" in was:  # of popularity alone; now they are told as all others, and nothing of them is lost
            told = [one["table"] for by in again.pop("slicings") for one in by["slices"]]
            assert told == was.pop("slices"), name
        assert again == {"format_version": 1} | was, name


def test_a_key_that_came_later_has_its_default(older: Path) -> None:
    found = read_record(Outcome, older / "distill" / "student" / "history.json")
    assert (found.steps, found.moved, found.tries, found.stopped) == ({}, {}, None, "plateau")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format_version": 2}, "made by a newer release; expected at most 1. Upgrade distill-rec"),
        ({"fingerprint": None}, "key fingerprint: None, input should be a valid string"),
        ({"seconds": "long"}, "key seconds: 'long'"),
        ({"colour": "red"}, "key colour: unknown to this release"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(change: dict[str, object], said: str, older: Path, tmp_path: Path) -> None:
    content = json.loads((older / "teach" / "stage.json").read_text("utf-8"))
    (tmp_path / "teach").mkdir()
    path = tmp_path / "teach" / "stage.json"
    path.write_text(json.dumps(content | change))
    with pytest.raises(RunError) as error:
        RunFolder(tmp_path).finished("teach")
    assert str(path) in str(error.value) and said in str(error.value)


def test_a_missing_key_and_half_a_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "stage.json"
    path.write_text('{"stage": "teach"}')
    with pytest.raises(RunError, match=r"stage\.json: key version: missing"):
        read_record(StageRecord, path)
    path.write_text('{"stage": "te')
    with pytest.raises(RunError, match=r"stage\.json: no JSON"):
        read_record(StageRecord, path)


def test_the_doctor_names_a_record_of_a_newer_release(older: Path, tmp_path: Path) -> None:
    from shutil import copytree

    run = copytree(older, tmp_path / "run", symlinks=True)
    path = run / "distill" / "student" / "history.json"
    path.write_text(json.dumps({"format_version": 7} | json.loads(path.read_text("utf-8"))))
    _, findings = examine(str(run))
    (found,) = [one for one in findings if one.what.endswith("history.json")]
    assert found.level == "problem" and "newer release" in found.found
