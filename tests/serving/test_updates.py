"""Catalogue updates: on disk before they are acknowledged, there again after a crash."""

import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from artifacts import seal
from served import add_teacher, serving, write_version

from distill_rec.runtime import Student
from distill_rec.serving.state import State, StateError, Update


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_version(tmp_path_factory.mktemp("artifact") / "1")


def test_acknowledged_updates_are_there_after_a_kill_and_before(folder, tmp_path):
    student = Student.load(folder)
    new = {f"new {place}/ü": f"red cat {place}" for place in range(12)}
    request = {"history": ["i1", "new 3/ü", "i2"], "candidates": [*new, "i5"]}
    with serving(folder, tmp_path / "log", "--state", tmp_path / "state") as served:

        def put(place):
            return served.ask("PUT", f"/items/new%20{place}%2F%C3%BC", {"text": f"red cat {place}"})

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(put, range(12))) == [(200, {"id": name}) for name in new]
        fields = {"fields": {"title": "blue dog", "year": "1999"}}
        assert served.ask("PUT", "/items/i5", fields) == (200, {"id": "i5"})
        assert served.ask("DELETE", "/items/i2") == (200, {"id": "i2"})
        assert served.ask("DELETE", "/items/i2")[0] == 404
        assert served.ask("DELETE", "/items/never%20there")[0] == 404
        before = served.ask("POST", "/rank", request)
        assert served.stop(signal.SIGKILL) == -signal.SIGKILL
    student.add_items({**new, "i5": fields["fields"]})
    student.remove_items(["i2"])
    with serving(folder, tmp_path / "log", "--state", tmp_path / "state") as served:
        after = served.ask("POST", "/rank", request)
        assert after[0] == before[0] == 200
        # Applied together or one by one: the last digit is the kernel's.
        np.testing.assert_allclose(after[1]["scores"], before[1]["scores"], rtol=1e-5)
        expected = student.rank(request["history"], request["candidates"])
        np.testing.assert_allclose(after[1]["scores"], expected, rtol=1e-5)
        # Removed: no candidate, never recommended, and in a history it counts as before.
        assert served.ask("POST", "/rank", {"candidates": ["i2"]})[0] == 422
        everything = served.ask("POST", "/recommend", {"k": 71})[1]["items"]
        assert {item["id"] for item in everything} == {*new, *(f"i{row}" for row in range(60))} - {"i2"}
        assert {"id": "i2"} not in served.ask("GET", "/catalogue?q=blue")[1]["items"]
        assert served.ask("GET", "/catalogue?q=1999")[1]["items"] == [{"id": "i5", "text": "blue dog (1999)"}]
        # One that was removed can come back.
        assert served.ask("PUT", "/items/i2", {"text": "red"})[0] == 200
        assert served.ask("POST", "/rank", {"candidates": ["i2"]})[0] == 200


def test_a_store_takes_as_many_of_sqlites_instructions_and_pages_after_300_others(tmp_path):
    state, found = State(tmp_path / "state"), []
    try:
        for number in range(300):
            steps = 0

            def step():
                nonlocal steps
                steps += 1
                return 0

            state._connection.set_progress_handler(step, 1)
            state.store([Update(f"i{place}", f"red cat {number:03d}") for place in range(20)])
            state._connection.set_progress_handler(None, 1)
            (pages,) = state._connection.execute("PRAGMA page_count").fetchone()
            found.append((steps, pages))
    finally:
        state.close()
    # the first inserts what the others replace
    assert max(steps for steps, _ in found[-100:]) <= 1.1 * max(steps for steps, _ in found[1:100])
    assert max(pages for _, pages in found) <= found[1][1] + 2


def test_a_put_text_is_read_as_training_read_its_texts(tmp_path):
    folder = seal(write_version(tmp_path / "1"), unescape_html=True)
    with serving(folder, tmp_path / "log", "--state", tmp_path / "state") as served:
        for name, text in (("escaped", "fish &amp; cat"), ("plain", "fish & cat"), ("spelt", "fish amp cat")):
            assert served.ask("PUT", f"/items/{name}", {"text": text})[0] == 200
        answer = served.ask("POST", "/rank", {"history": ["i1"], "candidates": ["escaped", "plain", "spelt"]})[1]
        assert answer["scores"][0] == answer["scores"][1] != answer["scores"][2]
        assert {"id": "escaped", "text": "fish & cat"} in served.ask("GET", "/catalogue?q=fish")[1]["items"]


def test_a_removed_item_is_not_recommended_by_the_teacher_either(tmp_path):
    with serving(add_teacher(write_version(tmp_path / "1")), tmp_path / "log", "--state", tmp_path / "s") as served:
        wish = {"history": ["i1"], "k": 5}
        best = [item["id"] for item in served.ask("POST", "/teacher/recommend", wish)[1]["items"]]
        served.ask("DELETE", f"/items/{best[0]}")
        after = [item["id"] for item in served.ask("POST", "/teacher/recommend", wish)[1]["items"]]
        assert after[:4] == best[1:]
        assert best[0] not in after


@pytest.mark.parametrize("state", ["none", "a file"])
def test_without_a_folder_that_can_be_written_updates_get_503_and_the_rest_works(folder, tmp_path, state):
    (tmp_path / "a file").write_text("in the way")
    options = [] if state == "none" else ["--state", tmp_path / state / "state"]
    with serving(folder, tmp_path / "log", *options) as served:
        for method, body in (("PUT", {"text": "red"}), ("DELETE", None)):
            status, answer = served.ask(method, "/items/i1", body)
            assert status == 503
            assert "--state" in answer["error"]["do"]
        assert served.ask("POST", "/rank", {"candidates": ["i1"]})[0] == 200


def test_a_second_process_does_not_serve_with_the_same_state(tmp_path):
    first = State(tmp_path)
    with pytest.raises(StateError, match="another process"):
        State(tmp_path)
    first.close()
    State(tmp_path).close()


def test_updates_of_a_newer_release_say_so(tmp_path):
    State(tmp_path).close()
    with sqlite3.connect(tmp_path / "updates.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StateError, match=r"layout 2; expected layout 1\. Made by a newer release: upgrade distill-rec"):
        State(tmp_path)


def test_updates_keep_the_order_of_their_last_writing(tmp_path):
    state = State(tmp_path)
    state.store([Update("a", "1"), Update("b", {"title": "2"}), Update("a", None)])
    middle = state.after(0)[1]
    state.store([Update("b", "3")])
    assert state.after(0)[0] == [Update("a", None), Update("b", "3")]
    assert state.after(middle)[0] == [Update("b", "3")]
    state.close()


def test_state_that_was_written_and_can_only_be_read_is_still_served(tmp_path):
    state = State(tmp_path)
    state.store([Update("a", "1")])
    state.close()
    (tmp_path / "updates.lock").unlink()
    (tmp_path / "updates.lock").mkdir()  # root can write anything but a folder
    state = State(tmp_path)
    assert not state.writable
    assert state.after(0)[0] == [Update("a", "1")]
    with pytest.raises(StateError):
        state.store([Update("b", "2")])
    (tmp_path / "updates.sqlite3-wal").write_bytes(b"unfinished")
    with pytest.raises(StateError):
        State(tmp_path)
