"""A new version takes over between two requests, and a bad one does not."""

import asyncio
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from artifacts import seal
from served import link, serving, write_version

from distill_rec.runtime import ArtifactError, Student
from distill_rec.serving import reload
from distill_rec.serving.server import load_service
from distill_rec.serving.settings import Settings

RANK = {"history": ["i1", "i5"], "candidates": ["i2", "i3", "new"]}


TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    root = tmp_path_factory.mktemp("versions")
    return write_version(root / "1"), write_version(root / "2", seed=1)


def expected(folder):
    student = Student.load(folder)
    student.add_items({"new": "green dog", "i5": "red"})
    student.remove_items(["i9"])
    return student.rank(RANK["history"], RANK["candidates"]).tolist()


def test_a_reload_drops_no_request_and_updates_win_over_the_new_version(versions, tmp_path):
    old, new = versions
    student = link(old, tmp_path / "student")
    with serving(student, tmp_path / "log", "--state", tmp_path / "state") as served:
        served.ask("PUT", "/items/new", {"text": "green dog"})
        served.ask("PUT", "/items/i5", {"text": "red"})
        served.ask("DELETE", "/items/i9")
        answers, done = [], threading.Event()

        def ask():
            while not done.is_set():
                answers.append(served.ask("POST", "/rank", RANK))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        link(new, student)
        served.process.send_signal(signal.SIGHUP)
        assert served.await_line("reloaded")["version"] == "2"
        link(old, student)
        assert served.ask("POST", "/reload")[1]["version"] == "1"
        link(new, student)
        status, told = served.ask("POST", "/reload")
        done.set()
        for thread in threads:
            thread.join()
        assert (status, told["version"]) == (200, "2")
        assert {status for status, _ in answers} == {200}
        # A request that is ranked beside others may differ by what a matrix product's order does to float32.
        before, after = expected(old), expected(new)
        for _, answer in answers:
            assert np.allclose(answer["scores"], before, TOLERANCE) or np.allclose(answer["scores"], after, TOLERANCE)
        last = served.ask("POST", "/rank", RANK)[1]["scores"]
        assert np.allclose(last, after, TOLERANCE) and not np.allclose(last, before, TOLERANCE)
        assert served.ask("POST", "/rank", {"candidates": ["i9"]})[0] == 422


def drift(folder: Path) -> None:
    """As if the artifact had been made where kernels give other scores."""
    golden = (folder / "golden.json").read_text("utf-8").replace("0.", "7.")
    (folder / "golden.json").write_text(golden, "utf-8")
    seal(folder)


def test_a_service_does_not_start_with_a_student_that_scores_otherwise_here(versions, tmp_path):
    folder = tmp_path / "drifted"
    shutil.copytree(versions[1], folder)
    drift(folder)
    with pytest.raises(ArtifactError, match="differ"):
        load_service(Settings(folder))


def test_a_bad_version_leaves_the_old_one_and_says_why(versions, tmp_path):
    student = link(versions[0], tmp_path / "student")
    damaged, drifted, other = (tmp_path / name for name in ("damaged", "drifted", "other"))
    for folder in (damaged, drifted, other):
        shutil.copytree(versions[1], folder)
    (damaged / "items.safetensors").write_bytes((versions[0] / "items.safetensors").read_bytes())
    drift(drifted)
    seal(other, template="{name}")
    with serving(student, tmp_path / "log", "--state", tmp_path / "state") as served:
        before = served.ask("POST", "/rank", {"candidates": ["i1"]})
        served.ask("PUT", "/items/new", {"fields": {"title": "green dog"}})
        for folder, reason in ((damaged, "sha256"), (drifted, "differ"), (other, "template"), (tmp_path, "manifest")):
            link(folder, student)
            status, answer = served.ask("POST", "/reload")
            assert status == 409
            assert reason in answer["error"]["found"]
            assert "old version" in answer["error"]["do"]
            assert served.ask("POST", "/rank", {"candidates": ["i1"]}) == before


def test_reload_by_request_needs_a_service_with_a_token(versions, tmp_path):
    with serving(versions[0], tmp_path / "log", token=None) as served:
        status, answer = served.ask("POST", "/reload")
        assert status == 403
        assert "SIGHUP" in answer["error"]["do"]


def test_a_new_version_that_cannot_be_tried_is_refused_and_not_a_fault(versions, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reload.sys, "executable", str(tmp_path / "no python here"))
        with pytest.raises(ArtifactError, match="no process to try it in"):
            asyncio.run(reload._check(versions[0], Settings(versions[0])))
