"""A run that was copied: links that were lost, or came as text files or folders, are understood and mended."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest
from artifacts import write_artifact
from conftest import Cli

from distill_rec.artifact.publish import new_version, prune, rollback
from distill_rec.doctor import examine
from distill_rec.runtime import ArtifactError, Student
from distill_rec.serving.server import load_service
from distill_rec.serving.settings import Settings


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """`my run/export` with versions 1, 2 and 3, and the link to 2."""
    folder = tmp_path / "my run" / "export"
    for number, items in ((1, 20), (2, 30), (3, 40)):
        write_artifact(folder / "versions" / str(number), "mean", items)
    (folder / "student").symlink_to("versions/2")
    return folder


def as_text(link: Path) -> None:
    link.unlink()
    link.write_text("versions/2")


def as_text_of_another_system(link: Path) -> None:
    link.unlink()
    link.write_bytes(b"versions\\2\r\n")


def as_folder(link: Path) -> None:
    link.unlink()
    shutil.copytree(link.parent / "versions" / "2", link)


COPIES = [as_text, as_text_of_another_system, as_folder]


@pytest.mark.parametrize("copy", COPIES)
def test_what_came_in_the_links_place_is_read_as_the_link(export: Path, copy, cli: Cli) -> None:
    link, run = export / "student", export.parent
    copy(link)
    info = Student.load(link).info
    assert (info.version, info.folder, info.items) == ("2", export / "versions" / "2", 30)
    assert load_service(Settings(link)).live.version.student.info.version == "2"
    for path in (run, export, link):
        done = cli("recommend", path, "-k", "1")
        assert done.returncode == 0, done.stderr
    for path in (export, link):
        kind, findings = examine(str(path))
        (note,) = [finding for finding in findings if finding.what == "the link"]
        assert kind == "artifact" and note.level == "note" and "versions/2" in note.found
        assert "--rollback --to 2" in note.do


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize(("to", "number"), [(None, "1"), (2, "2"), (3, "3")])
def test_a_rollback_makes_it_a_link_again(export: Path, copy, to: int | None, number: str) -> None:
    copy(export / "student")
    assert rollback(export, to) == number
    assert os.readlink(export / "student") == f"versions/{number}"
    assert sorted(os.listdir(export)) == ["student", "versions"]


@pytest.mark.parametrize("copy", COPIES)
def test_a_new_version_takes_its_place_and_pruning_keeps_what_it_names(export: Path, copy) -> None:
    copy(export / "student")
    prune(export, 1)
    assert sorted(os.listdir(export / "versions")) == ["2", "3"]
    student = Student.load(export / "student")
    student.add_items({"new": "red cat"})
    assert student.save_catalogue() == export / "versions" / "4"
    assert os.readlink(export / "student") == "versions/4"
    assert sorted(os.listdir(export)) == ["student", "versions"]


def lose(link: Path) -> None:
    link.unlink()


def leave_dangling(link: Path) -> None:
    shutil.rmtree(link.resolve())


def name_a_lost_one(link: Path) -> None:
    link.unlink()
    link.write_text("versions/7")


def leave_an_empty_folder(link: Path) -> None:
    link.unlink()
    link.mkdir()


@pytest.mark.parametrize("damage", [lose, leave_dangling, name_a_lost_one])
def test_where_the_link_is_lost_every_reader_says_which_versions_are_there_and_what_restores_it(
    export: Path, damage, cli: Cli, tmp_path: Path
) -> None:
    link, run = export / "student", export.parent
    damage(link)
    there = "versions 1, 3" if damage is leave_dangling else "versions 1, 2, 3"
    restore = f"distill-rec export {shlex.quote(str(run))} --rollback --to 3"
    for load in (Student.load, lambda path: load_service(Settings(path)), lambda path: prune(path.parent, 1)):
        with pytest.raises(ArtifactError) as caught:
            load(link)
        assert there in str(caught.value) and restore in str(caught.value)
    for command in (
        ("rank", run, "--candidates", "i1"),
        ("recommend", export),
        ("bench", link),
        ("score", run, "--users", "u.csv", "--out", tmp_path / "o"),
    ):
        done = cli(*command)
        assert done.returncode == 1 and there in done.stderr and restore in done.stderr
    for path in (export, link):
        done = cli("doctor", path, env={"COLUMNS": "500"})
        assert done.returncode == 1 and there in done.stdout and restore in done.stdout
    done = cli(*shlex.split(restore)[1:])
    assert done.returncode == 0, done.stderr
    assert Student.load(link).info.version == "3"


def test_a_lost_link_has_no_version_before_it(export: Path) -> None:
    lose(export / "student")
    with pytest.raises(ArtifactError, match="--rollback --to 3"):
        rollback(export)
    with pytest.raises(ArtifactError, match="leads nowhere; kept: 1, 2, 3"):
        rollback(export, 9)


def test_a_folder_that_is_no_copy_is_never_removed(export: Path) -> None:
    leave_an_empty_folder(export / "student")
    with pytest.raises(ArtifactError, match="Move it away"):
        rollback(export, 2)
    as_dir = export / "student"
    as_dir.rmdir()
    shutil.copytree(export / "versions" / "2", as_dir)
    (as_dir / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="Move it away"), new_version(export, 3):
        pass
    assert (as_dir / "notes.txt").exists()


def test_a_link_to_a_folder_of_another_place_is_followed(export: Path, tmp_path: Path) -> None:
    elsewhere = write_artifact(tmp_path / "elsewhere", "mean", 50)
    (export / "student").unlink()
    (export / "student").symlink_to(elsewhere)
    assert Student.load(export / "student").info.items == 50
    (export / "student").unlink()
    (export / "student").write_text("../../elsewhere")  # a text leads to versions alone
    with pytest.raises(ArtifactError, match="versions 1, 2, 3"):
        Student.load(export / "student")


def test_a_run_whose_link_is_lost_is_told_by_doctor_as_that(tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run", symlinks=True))
    (run / "export" / "student").unlink()
    _, findings = examine(str(run))
    (found,) = [finding for finding in findings if finding.level == "problem"]
    assert found.area == "artifact" and "--rollback --to 1" in found.do
    (run / "export" / "student").write_text("versions/1")
    _, findings = examine(str(run))
    assert not [finding for finding in findings if finding.level == "problem"]
