"""A student with a repeat term: what a history's own items get, and that older releases refuse to read it."""

import json

import numpy as np
import pytest
from artifacts import KINDS, MAX_HISTORY, seal, write_artifact

from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.records import Form
from distill_rec.runtime import ArtifactError, Request, Student, repeat

NUMBERS = [-4.0, 3.0, 2.0, 1.0, 0.5, -0.25, 0.125]
HISTORIES = [["i1", "i5", "i1", "i9"], [], ["i4"], [f"i{row % 55}" for row in range(130)], ["gone", "i3", "lost"]]


def write(folder, kind="attention", numbers=NUMBERS):
    return seal(write_artifact(folder, kind), repeat=numbers, format_version=4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("artifacts")
    return {kind: write(root / kind, kind) for kind in KINDS} | {"plain": write_artifact(root / "plain")}


@pytest.fixture
def student(folders):
    return Student.load(folders["attention"])


def by_hand(student, history):
    """Scores of all items by a plain loop over the clicks that are read."""
    known = [item for item in history if item in student][-MAX_HISTORY:]
    scores = student.item_vectors @ student.encode_user(history)
    for row, item in enumerate(student.item_ids):
        if item in known:
            age = known[::-1].index(item)
            bounds = [0, 1, 2, 4, 8, 16]
            scores[row] += NUMBERS[next((place for place, most in enumerate(bounds) if age <= most), 6)]
    return scores


@pytest.mark.parametrize("compared", [0, 1 << 18])
@pytest.mark.parametrize("kind", KINDS)
def test_rank_and_recommend_equal_a_plain_loop(folders, kind, compared, monkeypatch):
    monkeypatch.setattr(repeat, "COMPARED", compared)
    student = Student.load(folders[kind])
    ids = student.item_ids
    requests = [Request(history, 60, seen=True) for history in HISTORIES]
    many, ranked = student.recommend_many(requests), student.rank_many([(one, ids) for one in HISTORIES])
    for history, found, scores in zip(HISTORIES, many, ranked, strict=True):
        expected = by_hand(student, history)
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
        order = np.lexsort((np.arange(60), -scores))
        assert found == [(ids[row], float(scores[row])) for row in order]
        assert student.recommend(history, 7, seen=True) == found[:7]
        left = [one for one in found if one[0] not in history]
        assert student.recommend(history, 60) == left


def test_without_seen_items_it_recommends_as_without_the_term(folders, student):
    plain = Student.load(folders["plain"])
    for history in HISTORIES:
        assert student.recommend(history, 20) == plain.recommend(history, 20)
    assert plain.repeat is None and plain.repeats(["i1"]) == {}
    assert "repeat" not in json.loads((folders["plain"] / MANIFEST).read_text())


def test_seen_items_come_back_without_a_term_too(folders):
    plain = Student.load(folders["plain"])
    scores = plain.rank(HISTORIES[0], plain.item_ids)
    order = np.lexsort((np.arange(60), -scores))[:15]
    expected = [(plain.item_ids[row], float(scores[row])) for row in order]
    assert plain.recommend(HISTORIES[0], 15, seen=True) == expected


def test_seen_items_obey_exclude_only_and_removal(student):
    history = ["i1", "i5", "i9", "i7"]
    student.remove_items(["i9"])
    found = student.recommend(history, 10, exclude=["i5", "unknown"], only=["i1", "i5", "i2"], seen=True)
    scores = dict(zip(["i1", "i2"], student.rank(history, ["i1", "i2"]).tolist(), strict=True))
    assert found == sorted(scores.items(), key=lambda one: -one[1])
    assert "i9" not in dict(student.recommend(history, 59, seen=True))


def test_an_index_beside_it_finds_seen_items_all_the_same(folders, student):
    pytest.importorskip("usearch")
    indexed = Student.load(folders["attention"], approximate_above=10)
    for history in HISTORIES:
        assert indexed.recommend(history, 5, seen=True) == student.recommend(history, 5, seen=True)


def test_repeats_says_what_is_added_for_an_index_of_ones_own(student):
    assert student.repeats(["i2", "i1", "gone", "i2", "i3"]) == {"i3": -4.0, "i2": 3.0, "i1": 2.0}
    assert student.repeats([]) == {}
    np.testing.assert_array_equal(student.repeat, np.float32(NUMBERS))


def test_an_older_release_refuses_it_and_reads_one_without(folders, tmp_path):
    older = Form(3, (1, 2))
    with pytest.raises(ArtifactError, match=r"format version 4; expected version 3\. Made by a newer release: upgrade"):
        older.require(Manifest.read(folders["attention"]).format_version, folders["attention"])
    older.require(Manifest.read(folders["plain"]).format_version, folders["plain"])


@pytest.mark.parametrize("teacher", [{}, {"repeat": NUMBERS}])
@pytest.mark.parametrize("own", [[], NUMBERS])
def test_the_version_that_is_written_is_what_the_term_needs(folders, own, teacher):
    values = json.loads((folders["plain"] / MANIFEST).read_text()) | {"repeat": own, "teacher": teacher}
    manifest = Manifest.from_json(json.dumps(values).encode(), folders["plain"])
    assert manifest.needed_version == (4 if own or teacher else 3)


def test_a_changed_catalogue_keeps_the_term_and_its_version(student, tmp_path):
    student.add_items({"n1": "red cat"})
    saved = student.save_catalogue(tmp_path / "export")
    again = Student.load(saved)
    assert json.loads((saved / MANIFEST).read_text())["format_version"] == 4
    history = ["i1", "n1", "i5"]
    assert again.repeats(history) == {"i5": -4.0, "n1": 3.0, "i1": 2.0}
    np.testing.assert_array_equal(again.rank(history, history), student.rank(history, history))


@pytest.mark.parametrize("numbers", [[1.0], NUMBERS[:6], [float("nan"), *NUMBERS[1:]], ["a"] * 7, 3.0])
def test_numbers_that_do_not_fit_are_refused(tmp_path, numbers):
    with pytest.raises(ArtifactError, match=r"manifest\.json.*repeat|repeat.*list"):
        Student.load(write(tmp_path / "artifact", numbers=numbers))
