"""Files and folders that are whole or absent, whoever else writes the same ones at the same time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from warm import Warm

from distill_rec.artifact.link import is_replaceable
from distill_rec.artifact.whole_files import replacing
from distill_rec.files import replacing_folder


def test_two_writers_of_one_process_have_a_temporary_file_each(tmp_path: Path) -> None:
    """As two threads of a service, or two containers whose processes have the same number."""
    path = tmp_path / "file"
    with replacing(path) as first:
        first.write_text("first")
        with replacing(path) as second:
            second.write_text("second")
        assert path.read_text() == "second" and first.read_text() == "first"
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_another_is_writing_is_not_what_a_dead_process_left(tmp_path: Path) -> None:
    path, dead = tmp_path / "folder", tmp_path / ".folder.0123.tmp"
    (dead / "inside").mkdir(parents=True)
    with replacing_folder(path) as first:
        (first / "content").write_text("first")
        with replacing_folder(path) as second:
            (second / "content").write_text("second")
        assert (path / "content").read_text() == "second"
    assert (path / "content").read_text() == "first"
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_is_replaced_though_another_puts_its_own_there_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, really, met = tmp_path / "folder", os.replace, []

    def replace(old: Path, new: Path) -> None:
        if new == path and not met:
            met.append(True)
            path.mkdir()
            (path / "content").write_text("another")
        really(old, new)

    with replacing_folder(path) as own:
        (own / "content").write_text("own")
        monkeypatch.setattr(os, "replace", replace)
    assert met and (path / "content").read_text() == "own" and os.listdir(tmp_path) == ["folder"]


def test_a_link_that_appears_while_its_place_is_looked_at_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several first publications at once all but one met that, now and then."""
    (tmp_path / "versions/1").mkdir(parents=True)
    link, is_symlink = tmp_path / "student", Path.is_symlink

    def look(path: Path) -> bool:
        found = is_symlink(path)
        if path == link and not found:
            link.symlink_to("versions/1")
        return found

    monkeypatch.setattr(Path, "is_symlink", look)
    assert is_replaceable(link)


def test_after_a_command_that_was_too_slow_the_next_one_is_run(warm: Warm) -> None:
    env = dict(os.environ)
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(["keys", "--all"], None, env, 0o022, timeout=0)
    assert warm.run(["--help"], None, env, 0o022, timeout=60).returncode == 0
