"""Scores over HTTP are the student's own."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from served import add_teacher, serving, write_version

from distill_rec.runtime import Student


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return add_teacher(write_version(tmp_path_factory.mktemp("artifact") / "1"))


@pytest.fixture(scope="module")
def served(folder, tmp_path_factory):
    with serving(folder, tmp_path_factory.mktemp("log") / "log") as served:
        yield served


def pairs(answer):
    return [(item["id"], np.float32(item["score"])) for item in answer["items"]]


def test_rank_and_recommend_answer_as_the_student_does_alone_and_in_lists(served, folder):
    student = Student.load(folder)
    histories = [["i1", "i5"], [], ["i9", "not in the catalogue"]]
    asked = [{"history": history, "candidates": ["i30", "i2", "i4"]} for history in histories]
    expected = [student.rank(one["history"], one["candidates"]).tolist() for one in asked]
    status, many = served.ask("POST", "/rank", asked)
    assert status == 200
    assert [np.float32(one["scores"]).tolist() for one in many] == expected
    assert served.ask("POST", "/rank", asked[0]) == (200, many[0])
    wishes = [{"history": ["i1"], "k": 3, "exclude": ["i2", "unknown"]}, {"only": ["i5", "i6"]}, {"history": ["i7"]}]
    wishes.append({"history": ["i7", "i8"], "k": 60, "seen": True})
    status, many = served.ask("POST", "/recommend", wishes)
    assert status == 200
    assert [pairs(one) for one in many] == [student.recommend(**{"history": [], **one}) for one in wishes]
    assert len(many[3]["items"]) == 60
    status, answer = served.ask("POST", "/recommend", {"seen": 1})
    assert (status, answer["error"]["expected"]) == (422, "true or false")
    assert served.ask("POST", "/recommend", wishes[0]) == (200, many[0])
    assert served.ask("POST", "/recommend", []) == (200, [])


def test_the_teacher_recommends_with_its_own_vectors(served, folder, tmp_path):
    status, answer = served.ask("POST", "/teacher/recommend", {"history": ["i1", "i5"], "k": 4})
    assert status == 200
    assert pairs(answer) == Student.load(folder).teacher.recommend(["i1", "i5"], k=4)
    with serving(write_version(tmp_path / "1"), tmp_path / "log") as without:
        status, answer = without.ask("POST", "/teacher/recommend", {"history": ["i1"]})
        assert status == 404
        assert "teacher's vectors" in answer["error"]["found"]


def test_concurrent_requests_get_their_own_answers_and_a_bad_one_harms_no_other(served, folder):
    student = Student.load(folder)

    def ask(place):
        history, candidates = [f"i{place % 60}"], [f"i{(place * 7 + step) % 60}" for step in range(5)]
        if place % 10 == 3:
            candidates[2] = "nobody knows me"
        return history, candidates, served.ask("POST", "/rank", {"history": history, "candidates": candidates})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    for place, (history, candidates, (status, answer)) in enumerate(answers):
        if place % 10 == 3:
            assert status == 422
            assert answer["error"]["where"] == "candidates"
            assert "nobody knows me" in answer["error"]["found"]
        else:
            assert status == 200
            assert np.float32(answer["scores"]).tolist() == student.rank(history, candidates).tolist()


def test_the_catalogue_is_searched_by_words_in_any_case(served):
    status, answer = served.ask("GET", "/catalogue?q=CAT+red&limit=2")
    assert status == 200
    assert answer == {"items": [{"id": "i3", "text": "Red cat 3"}, {"id": "i9", "text": "Red cat 9"}]}
    assert len(served.ask("GET", "/catalogue")[1]["items"]) == 20
    assert served.ask("GET", "/catalogue?q=cat+nothing")[1] == {"items": []}
    # A word is not found across the end of one text and the start of the next.
    assert served.ask("GET", "/catalogue?q=" + "0%0Agreen")[1]["items"][0]["id"] == "i10"
    assert served.ask("GET", "/catalogue?limit=0")[0] == 422


def test_metrics_count_by_route_and_never_name_an_item(served):
    served.ask("POST", "/rank", {"history": ["i1"], "candidates": ["i2"]})
    served.ask("GET", "/items/secret-item")
    status, headers, text = served.ask_raw("GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert b'distill_rec_requests_total{route="/rank",status="200"}' in text
    assert b"secret-item" not in text


def test_items_of_the_catalogue_are_looked_up_by_id_and_unknown_ones_left_out(served):
    status, answer = served.ask("GET", "/catalogue?id=i10&id=nothing&id=i2&q=cat")
    assert status == 200
    assert [item["id"] for item in answer["items"]] == ["i10", "i2"]
