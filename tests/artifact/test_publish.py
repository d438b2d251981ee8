"""Versions appear whole or not at all, and the link only ever leads to a whole one."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import environment

from distill_rec.artifact.publish import LINK, new_version
from distill_rec.runtime import ArtifactError

CHILD = """
import os, signal, sys
from pathlib import Path
from distill_rec.artifact import publish
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
moment = sys.argv[2]
if moment != "writing":
    setattr(publish.os, moment, die)
with publish.new_version(Path(sys.argv[1]), 3) as folder:
    (folder / "half").write_text("...")
    if moment == "writing":
        die()
"""


def publish(folder, content, keep=3):
    with new_version(folder, keep) as version:
        (version / "content").write_text(content)


def content_of(folder):
    return (folder / LINK / "content").read_text()


def names(folder):
    return sorted(path.name for path in (folder / "versions").iterdir())


@pytest.mark.parametrize(("moment", "next_version"), [("writing", "2"), ("rename", "2"), ("replace", "3")])
def test_a_kill_at_any_moment_leaves_the_old_version_and_the_next_export_works(tmp_path, moment, next_version):
    publish(tmp_path, "first")
    command = [sys.executable, "-c", CHILD, str(tmp_path), moment]
    done = subprocess.run(command, env=environment(), capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert content_of(tmp_path) == "first" and os.readlink(tmp_path / LINK) == "versions/1"
    publish(tmp_path, "second")
    assert content_of(tmp_path) == "second" and os.readlink(tmp_path / LINK) == f"versions/{next_version}"
    assert not [name for name in (*names(tmp_path), *os.listdir(tmp_path)) if name.startswith(".")]


def test_a_block_that_fails_leaves_nothing(tmp_path):
    publish(tmp_path, "first")
    with pytest.raises(RuntimeError), new_version(tmp_path, 3) as version:
        (version / "content").write_text("second")
        raise RuntimeError
    assert content_of(tmp_path) == "first" and names(tmp_path) == ["1"]


def test_two_writers_at_once_do_not_disturb_each_other(tmp_path):
    with new_version(tmp_path, 3) as first:
        (first / "content").write_text("first")
        with new_version(tmp_path, 3) as second:
            (second / "content").write_text("second")
        assert content_of(tmp_path) == "second"
    assert content_of(tmp_path) == "first" and names(tmp_path) == ["1", "2"]


def test_many_writers_get_a_number_each_and_the_link_leads_to_the_highest(tmp_path):
    threads = [threading.Thread(target=publish, args=(tmp_path, str(n), 20)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, names(tmp_path))) == list(range(1, 13))
    assert os.readlink(tmp_path / LINK) == "versions/12"
    assert {(path / "content").read_text() for path in (tmp_path / "versions").iterdir()} == {str(n) for n in range(12)}


def test_as_many_versions_are_kept_as_asked_for(tmp_path):
    for number in range(11):
        publish(tmp_path, str(number), keep=2)
    assert names(tmp_path) == ["10", "11"] and content_of(tmp_path) == "10"


def test_the_link_is_relative_so_that_a_moved_run_still_serves(tmp_path):
    publish(tmp_path / "run" / "export", "first")
    (tmp_path / "run").rename(tmp_path / "moved")
    assert content_of(tmp_path / "moved" / "export") == "first"


def test_a_folder_in_the_links_place_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / LINK).mkdir()
    with pytest.raises(ArtifactError, match=r"student: a folder; expected a link"):
        publish(tmp_path, "first")
    assert names(tmp_path) == []


def test_others_may_read_what_was_published(tmp_path):
    publish(tmp_path, "first")
    assert (tmp_path / "versions" / "1").stat().st_mode & 0o777 == 0o755
