"""A student with a transition term in a service: what followers of the history get; older releases refuse it."""

import json

import numpy as np
import pytest
from artifacts import KINDS, seal, write_artifact
from safetensors.numpy import save

from distill_rec.artifact.layout import MANIFEST, TRANSITIONS
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.records import Form
from distill_rec.artifact.transition import BY_AGE, READ
from distill_rec.runtime import ArtifactError, Request, Student

REPEAT = [-4.0, 3.0, 2.0, 1.0, 0.5, -0.25, 0.125]
HISTORIES = [["i1", "i5", "i1", "i9"], [], ["i4"], [f"i{row % 55}" for row in range(130)], ["gone", "i3", "lost"]]
FACTOR = 25.0


def followers(n=60, k=4, seed=5):
    """Random ones; those of the last items, as of items without a click, are none."""
    random = np.random.default_rng(seed)
    items = random.integers(0, n, (n, k)).astype(np.int32)
    values = random.random((n, k)).astype(np.float32)
    values[random.random((n, k)) < 0.3] = 0
    values[55:] = 0
    return {"items": items, "values": values, "factor": np.array([FACTOR], np.float32)}


def write(folder, kind="attention", repeat=(), **changes):
    write_artifact(folder, kind)
    (folder / TRANSITIONS).write_bytes(save(followers() | changes))
    return seal(folder, format_version=6, **({"repeat": list(repeat)} if repeat else {}))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("artifacts")
    found = {kind: write(root / kind, kind) for kind in KINDS}
    return found | {"repeat": write(root / "repeat", repeat=REPEAT), "plain": write_artifact(root / "plain")}


@pytest.fixture
def student(folders):
    return Student.load(folders["attention"])


def by_hand(folder, history):
    """Scores of all items of the artifact without the term, and what a plain loop over the history adds."""
    plain, arrays = Student.load(folder), followers()
    scores = plain.rank(history, plain.item_ids).astype(np.float64)
    rows = [plain.item_ids.index(item) for item in history if item in plain]
    for age, row in enumerate(rows[::-1][:READ]):
        for item, value in zip(arrays["items"][row], arrays["values"][row], strict=True):
            scores[item] += FACTOR * BY_AGE[age] * value
    return scores


def without_term(folder, tmp_path):
    """The same artifact less its table."""
    copy = tmp_path / "without"
    if not copy.exists():
        copy.mkdir()
        for path in folder.iterdir():
            if path.name != TRANSITIONS:
                (copy / path.name).write_bytes(path.read_bytes())
        seal(copy)
    return copy


@pytest.mark.parametrize("kind", [*KINDS, "repeat"])
def test_rank_and_recommend_equal_a_plain_loop(folders, kind, tmp_path):
    student, plain = Student.load(folders[kind]), without_term(folders[kind], tmp_path)
    ids = student.item_ids
    for seen in (True, False):
        many = student.recommend_many([Request(history, 60, seen=seen) for history in HISTORIES])
        for history, found in zip(HISTORIES, many, strict=True):
            scores = student.rank(history, ids)
            np.testing.assert_allclose(scores, by_hand(plain, history), rtol=1e-5, atol=1e-5)
            order = np.lexsort((np.arange(60), -scores))
            expected = [(ids[row], float(scores[row])) for row in order if seen or ids[row] not in history]
            assert found == expected
            for k in (1, 3, 7):
                assert student.recommend(history, k, seen=seen) == expected[:k]


def test_a_follower_far_down_by_its_vector_comes_up(student, folders):
    """With k = 1 the best by vectors and the best by both are not the same item for some history."""
    plain = Student.load(folders["plain"])
    lists = [(student.recommend([item], 1), plain.recommend([item], 1)) for item in student.item_ids[:50]]
    assert sum(ours[0][0] != theirs[0][0] for ours, theirs in lists) > 5


@pytest.mark.parametrize("seen", [False, True])
def test_followers_obey_exclude_only_and_removal(student, seen):
    history = ["i1", "i5", "i9", "i7"]
    whole = student.recommend(history, 60, seen=seen)
    best = [item for item in student.transitions(history) if item in dict(whole)]
    gone, out, only = best[0], best[1], [*best[2:4], "i2", "i30", "i31"]
    student.remove_items([gone])
    expected = [one for one in whole if one[0] not in (gone, out)]
    assert student.recommend(history, 59, exclude=[out, "unknown"], seen=seen) == expected
    assert student.recommend(history, 3, exclude=[out], seen=seen) == expected[:3]
    among = [one for one in whole if one[0] in only]
    assert student.recommend(history, 10, only=only, seen=seen) == among


def test_items_that_were_added_have_no_followers_and_are_none(student):
    before = student.transitions(["i1"])
    student.add_items({"n1": "red cat"})
    assert student.transitions(["n1"]) == {}
    faded = student.transitions(["i1", "n1"])
    assert faded == pytest.approx({item: value * float(BY_AGE[1]) for item, value in before.items()})
    found = student.recommend(["i1", "n1"], 61, seen=True)
    scores = dict(zip(student.item_ids, student.rank(["i1", "n1"], student.item_ids).tolist(), strict=True))
    assert dict(found) == scores


def test_an_index_beside_it_finds_followers_all_the_same(folders, student):
    pytest.importorskip("usearch")
    indexed = Student.load(folders["attention"], approximate_above=10)
    for history in HISTORIES:
        assert indexed.recommend(history, 5) == student.recommend(history, 5)


def test_explain_says_what_each_click_adds(student, folders):
    plain, history = Student.load(folders["plain"]), ["i1", "i5", "i9"]
    item = next(iter(student.transitions(history)))
    ours, theirs = dict(student.explain(history, item)), dict(plain.explain(history, item))
    added = student.rank(history, [item])[0] - plain.rank(history, [item])[0]
    assert sum(ours.values()) - sum(theirs.values()) == pytest.approx(added, rel=1e-5)
    assert ours != pytest.approx(theirs)


def test_without_the_term_nothing_is_added(folders):
    plain = Student.load(folders["plain"])
    assert plain.transition_term is None and plain.transitions(["i1"]) == {}


def test_an_older_release_refuses_it_and_reads_one_without(folders):
    older = Form(5, (1, 2, 3, 4))
    with pytest.raises(ArtifactError, match=r"format version 6; expected version 5\. Made by a newer release: upgrade"):
        older.require(Manifest.read(folders["attention"]).format_version, folders["attention"])
    assert Manifest.read(folders["attention"]).needed_version == 6
    assert Manifest.read(folders["plain"]).needed_version == 3


def test_a_changed_catalogue_keeps_the_term_and_its_version(student, tmp_path):
    student.add_items({"n1": "red cat"})
    student.remove_items(["i3"])
    saved = student.save_catalogue(tmp_path / "export")
    again = Student.load(saved)
    assert json.loads((saved / MANIFEST).read_text())["format_version"] == 6
    for history in HISTORIES:
        assert again.transitions(history) == student.transitions(history)
        assert again.recommend(history, 20) == student.recommend(history, 20)


WRONG = {
    "more items than the catalogue": followers(n=61),
    "a follower that is no item": {"items": np.full((60, 4), 60, np.int32)},
    "another type": {"items": np.zeros((60, 4), np.int64)},
    "other shapes": {"values": np.zeros((60, 3), np.float32)},
    "below zero": {"values": np.full((60, 4), -1, np.float32)},
    "not a number": {"values": np.full((60, 4), np.nan, np.float32)},
    "two factors": {"factor": np.ones(2, np.float32)},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=list(WRONG))
def test_tables_that_do_not_fit_are_refused(tmp_path, changes):
    with pytest.raises(ArtifactError, match=r"transitions\.safetensors.*does not fit"):
        Student.load(write(tmp_path / "artifact", **changes))
