"""Items removed, retold and saved: what a service's updates do to a student, and what the next version holds."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from artifacts import KINDS, seal, write_artifact
from safetensors.numpy import load_file

import distill_rec
from distill_rec.runtime import ArtifactError, DataError, Request, Student, vector_files

TEXTS = ["red cat", "blue dog", "green fish", "old stone", "red dog"] * 12


@pytest.fixture(params=KINDS)
def artifact(request, tmp_path):
    folder = write_artifact(tmp_path / "export" / "versions" / "1", request.param)
    (folder / "texts.json").write_text(json.dumps(TEXTS))
    seal(folder)
    (tmp_path / "export" / "student").symlink_to("versions/1")
    return tmp_path / "export" / "student"


def test_a_removed_item_is_never_recommended_and_still_counts_in_histories(artifact):
    student = Student.load(artifact)
    before = student.encode_user(["i7", "i2"])
    student.remove_items(["i7", "i8"])
    np.testing.assert_array_equal(student.encode_user(["i7", "i2"]), before)
    assert student.info.items == 58
    assert "i9" in student and "i7" not in student and "gone" not in student
    found = {item for item, _ in student.recommend(["i1"], k=57)}
    assert not found & {"i7", "i8"} and len(found) == 57
    assert not {"i7", "i8"} & {item for item, _ in student.recommend_many([["i1"]], k=57)[0]}
    with pytest.raises(DataError, match="candidates: removed item 'i7'"):
        student.rank(["i1"], ["i2", "i7"])
    with pytest.raises(DataError, match="items: unknown item 'gone'"):
        student.remove_items(["i9", "gone"])
    assert student.info.items == 58
    student.add_items({"i7": "red cat"})
    assert student.info.items == 59 and "i7" in dict(student.recommend(["i1"], k=58))


def test_a_new_text_of_a_known_item_keeps_its_offset(artifact):
    student = Student.load(artifact)
    old, new = student.encode_items(["blue dog", "green stone"])
    offset = student.item_vectors[1] - old
    student.add_items({"i1": "green stone"})
    np.testing.assert_allclose(student.item_vectors[1], new + offset, atol=1e-5)
    student.add_items({"i1": "blue dog"})  # and back again, from the text that it has now
    np.testing.assert_allclose(student.item_vectors[1], old + offset, atol=1e-5)
    assert student.item_ids[1] == "i1" and student.item_texts[1] == "blue dog"


def test_updates_for_ever_take_no_more_than_the_first_and_leave_nothing_behind(artifact):
    student, random = Student.load(artifact), np.random.default_rng(0)
    ids, loaded, first = student.item_ids, student.item_vectors.copy(), student.encode_items(TEXTS)
    held = []
    for number in range(300):
        words = random.choice(["red", "cat", "xyz", "dog", "fish", "old"], (len(ids), 3))
        texts = [f"{' '.join(row)} {number} {place}" for place, row in enumerate(words)]
        student.add_items({**dict(zip(ids, texts, strict=True)), "new": f"green dog {number}"})
        catalogue = student._catalogue
        parts = (catalogue.vectors.extra, catalogue.vectors.slot, catalogue.prepared)
        held.append((*(part.nbytes for part in parts if part is not None), len(student._new_texts)))
    assert set(held) == {held[0]} and len(student._catalogue.vectors.extra) == 61
    expected = student.encode_items(texts) + loaded - first
    np.testing.assert_allclose(student.item_vectors[:60], expected, atol=1e-5)
    student.add_items(dict(zip(ids, TEXTS, strict=True)))  # nothing that 300 roundings or shortenings added up to
    np.testing.assert_allclose(student.item_vectors[:60], loaded, atol=1e-6)


def work_of(student, encoded, items):
    """Texts encoded, and the most bytes held beside what was held before, while items are updated."""
    encoded.clear()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    student.add_items(items)
    return sum(encoded), tracemalloc.get_traced_memory()[1] - before


@pytest.mark.parametrize("changed", [1, 60])
def test_an_update_does_as_much_work_after_300_others_as_after_the_first(artifact, monkeypatch, changed):
    student, encoded = Student.load(artifact), []
    own, ids = student._encoder.encode, student.item_ids
    monkeypatch.setattr(student._encoder, "encode", lambda texts: encoded.append(len(texts)) or own(texts))
    tracemalloc.start()
    try:
        found = []
        for number in range(300):
            texts = [f"{word} dog {number:03d}" for word in TEXTS[:changed]]
            found.append(work_of(student, encoded, dict(zip(ids, texts, strict=False))))
    finally:
        tracemalloc.stop()
    assert {texts for texts, _ in found} == {found[0][0]}
    # the first of all makes room for what is changed, the others use it
    assert max(held for _, held in found[-100:]) <= 1.1 * max(held for _, held in found[1:100])


def test_a_long_vector_that_was_replaced_widens_no_search_and_leaves_no_trace(artifact):
    student = Student.load(artifact)
    longest, own, before = student._catalogue.longest, student._encoder.encode, student.item_vectors[1].copy()
    student._encoder.encode = lambda texts: own(texts) * (40 if "far" in texts[0] else 1)
    student.add_items({"i1": "far red"})
    student.add_items({"i1": TEXTS[1]})
    np.testing.assert_allclose(student.item_vectors[1], before, atol=1e-5)
    assert student._catalogue.longest == pytest.approx(longest)


def test_a_saved_catalogue_is_the_next_version_and_the_old_one_is_as_it_was(artifact):
    student = Student.load(artifact)
    first = {path.name: path.read_bytes() for path in student.info.folder.iterdir()}
    student.add_items({"new": "green dog", "i3": "red fish"})
    student.remove_items(["i8"])
    saved = student.save_catalogue()
    assert saved.name == "2" and os.readlink(artifact) == "versions/2"
    again = Student.load(artifact)
    assert again.item_ids == student.item_ids and again.item_texts == student.item_texts
    np.testing.assert_array_equal(again.item_vectors, student.item_vectors)
    one, other = again.recommend(["i1", "new"], k=20), student.recommend(["i1", "new"], k=20)
    assert [item for item, _ in one] == [item for item, _ in other]
    np.testing.assert_allclose([score for _, score in one], [score for _, score in other], rtol=1e-5)
    assert "i8" not in dict(again.recommend([], k=again.info.items))
    assert {path.name: path.read_bytes() for path in student.info.folder.iterdir()} == first
    assert json.loads((saved / "manifest.json").read_text())["made_from"] == student.info.digest


def test_a_copy_that_is_no_version_is_saved_only_where_told(artifact, tmp_path):
    copy = write_artifact(tmp_path / "copy")
    student = Student.load(copy)
    with pytest.raises(ArtifactError, match="no version of an export folder"):
        student.save_catalogue()
    assert student.save_catalogue(tmp_path / "elsewhere") == tmp_path / "elsewhere" / "versions" / "1"


def test_requests_of_many_users_keep_their_own_wishes(artifact):
    student = Student.load(artifact)
    requests = [Request(["i1"], 3), Request(["i2"], 5, ["i9"]), Request([], 2, only=["i5", "i6", "i7"])]
    alone = [student.recommend(one.history, one.k, one.exclude, one.only) for one in requests]
    assert student.recommend_many(requests) == alone


def test_shares_of_mean_and_attention_add_up_to_the_score_and_all_name_the_clicks(artifact):
    student = Student.load(artifact)
    history = ["i3", "i9", "i3", "i20"]
    told = student.explain(history, "i5")
    assert sorted(item for item, _ in told) == sorted(history)
    assert [pull for _, pull in told] == sorted((pull for _, pull in told), reverse=True)
    if student._files.manifest.user_encoder["kind"] in ("mean", "attention"):
        assert sum(pull for _, pull in told) == pytest.approx(student.rank(history, ["i5"])[0], rel=1e-4)
    assert student.explain([], "i5") == []
    with pytest.raises(DataError, match="item: unknown item 'gone'"):
        student.explain(history, "gone")


def test_vectors_go_out_without_removed_items(artifact, tmp_path):
    student = Student.load(artifact)
    student.remove_items(["i0"])
    student.export_vectors(tmp_path / "items.npy")
    student.export_vectors(tmp_path / "items.parquet")
    vectors = np.load(tmp_path / "items.npy")
    assert json.loads((tmp_path / "items.json").read_text()) == student.item_ids[1:]
    np.testing.assert_array_equal(vectors, student.item_vectors[1:])
    import polars as pl

    table = pl.read_parquet(tmp_path / "items.parquet")
    assert table["item_id"].to_list() == student.item_ids[1:]
    np.testing.assert_array_equal(np.array(table["vector"].to_list(), np.float32), vectors)
    with pytest.raises(DataError, match=r"ending '\.csv'"):
        student.export_vectors(tmp_path / "items.csv")


def test_parquet_without_pyarrow_says_what_to_do(artifact, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_files, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"items\.parquet: pyarrow is not installed.*write \.npy"):
        Student.load(artifact).export_vectors(tmp_path / "items.parquet")


def test_a_new_item_is_no_longer_than_the_longest_of_the_catalogue(artifact, caplog):
    student = Student.load(artifact)
    longest = np.linalg.norm(student.item_vectors, axis=1).max()
    own = student._encoder.encode
    student._encoder.encode = lambda texts: 40 * own(texts)
    student.add_items({"far": "ξψω red"})
    added = student.item_vectors[-1]
    assert np.linalg.norm(added) == pytest.approx(longest, rel=1e-5)
    far = own(["ξψω red"])[0]
    np.testing.assert_allclose(added / np.linalg.norm(added), far / np.linalg.norm(far), atol=1e-5)
    assert "unlike the catalogue's, as 'far'" in caplog.text


FORKED = """
import os, sys, threading
from distill_rec.runtime import Student
student = Student.load(sys.argv[1])
expected = student.recommend(["i1"], k=5), student.encode_items(["red cat"]).tolist()
held = student._changing
held.acquire()  # as by another thread of the parent
child = os.fork()
if child == 0:
    student.add_items({"new": "red cat"})
    ok = (student.recommend(["i1"], k=5, exclude=["new"]), student.encode_items(["red cat"]).tolist()) == expected
    os._exit(0 if ok else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_answers_though_a_lock_was_held(artifact):
    environment = {**os.environ, "PYTHONPATH": str(Path(distill_rec.__file__).parent.parent)}
    command = [sys.executable, "-c", FORKED, str(artifact)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "0\n" and not done.stderr, done.stderr


def test_a_closed_student_says_so_when_it_should_encode(artifact):
    student = Student.load(artifact)
    student.close()
    with pytest.raises(DataError, match="is closed"):
        student.encode_items(["red cat"])
    assert len(student.rank(["i1"], ["i2"])) == 1


def test_a_digest_finds_what_hashes_that_were_made_anew_do_not(artifact):
    student = Student.load(artifact)
    assert Student.load(artifact, digest=student.info.digest.upper()).info.digest == student.info.digest
    folder = student.info.folder
    arrays = load_file(folder / "items.safetensors")
    from safetensors.numpy import save_file

    save_file({"vectors": -arrays["vectors"]}, folder / "items.safetensors")
    seal(folder)
    Student.load(artifact)
    with pytest.raises(ArtifactError, match="do not serve it"):
        Student.load(artifact, digest=student.info.digest)


def test_vectors_stay_in_the_file_and_are_not_copied(artifact):
    base = Student.load(artifact)._catalogue.vectors.base.values
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj, __import__("mmap").mmap)
