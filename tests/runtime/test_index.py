"""Approximate search: nearly what a scan finds, and exactly where it has to be."""

import numpy as np
import pytest
from artifacts import DIM, seal, write_artifact
from safetensors.numpy import save

from distill_rec.runtime import Student
from distill_rec.runtime.index import ApproximateIndex

pytest.importorskip("usearch")
N = 6000


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = write_artifact(tmp_path_factory.mktemp("index") / "artifact", "attention", N)
    vectors = np.random.default_rng(5).standard_normal((N, DIM)).astype(np.float32)
    (folder / "items.safetensors").write_bytes(save({"vectors": vectors}))
    return seal(folder)


@pytest.fixture
def pair(artifact):
    return Student.load(artifact), Student.load(artifact, approximate_above=1000)


def overlap(one, other):
    return len({item for item, _ in one} & {item for item, _ in other}) / max(len(one), 1)


def test_it_is_built_above_the_size_that_was_given_and_says_its_recall(artifact):
    assert Student.load(artifact, approximate_above=N).info.index_recall is None
    recall = Student.load(artifact, approximate_above=N - 1).info.index_recall
    assert 0.9 < recall <= 1


def test_it_finds_nearly_what_a_scan_finds_with_the_same_scores(pair):
    exact, near = pair
    histories = [[f"i{row}", f"i{row + 1}"] for row in range(0, 400, 4)]
    found = [(exact.recommend(h), near.recommend(h)) for h in histories]
    assert np.mean([overlap(a, b) for a, b in found]) > 0.95
    for one, other in found:
        scores = dict(one)
        assert all(score == scores[item] for item, score in other if item in scores)
    assert near.recommend_many(histories) == [b for _, b in found]


def test_history_exclusions_removed_and_new_items_are_minded(pair):
    exact, near = pair
    best = [item for item, _ in exact.recommend(["i1"], k=30)]
    for student in pair:
        student.remove_items(best[:5])
    again = near.recommend(["i1"], k=10, exclude=best[5:15])
    assert len(again) == 10 and not {item for item, _ in again} & {*best[:15], "i1"}
    for student in pair:
        student.add_items({"new": "red cat", best[20]: "blue dog"})
    user = near.encode_user(["i1"])
    one, other = dict(exact.recommend(["i1"], k=N - 10)), dict(near.recommend(["i1"], k=N - 10))
    assert one["new"] == other["new"] and one[best[20]] == other[best[20]]
    assert one["new"] == pytest.approx(near.encode_items(["red cat"])[0] @ user, rel=1e-4)


def test_a_graph_is_not_asked_for_a_large_share_of_itself(pair, monkeypatch):
    exact, near = pair
    monkeypatch.setattr(ApproximateIndex, "_search", lambda *_: pytest.fail("the graph was asked"))
    assert near.recommend(["i1"], k=N // 100) == exact.recommend(["i1"], k=N // 100)


def test_filters_that_leave_too_few_fall_back_to_a_scan(pair):
    exact, near = pair
    most = [item for item, _ in exact.recommend(["i1"], k=N - 20)]
    assert near.recommend(["i1"], k=10, exclude=most) == exact.recommend(["i1"], k=10, exclude=most)
    assert near.recommend(["i1"], only=["i5", "i6"]) == exact.recommend(["i1"], only=["i5", "i6"])
    for student in pair:  # what was removed is not asked of the graph beside what is wanted
        student.remove_items(most)
    assert near.recommend(["i1"], k=10) == exact.recommend(["i1"], k=10)
