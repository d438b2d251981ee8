"""A damaged, tampered or foreign artifact is refused by name; a whole one loads from anywhere."""

import json
import os
import shutil

import numpy as np
import pytest
from artifacts import DIM, arrays_of, random_user_encoder, seal, static_arrays, write_artifact
from safetensors.numpy import save

from distill_rec.artifact.layout import MANIFEST
from distill_rec.runtime import ArtifactError, Student

FILES = ["tokenizer.json", "items.json", "items.safetensors", "user_encoder.safetensors", "static.safetensors"]


@pytest.fixture
def artifact(tmp_path):
    return write_artifact(tmp_path / "artifact")


def manifest_of(folder):
    return json.loads((folder / MANIFEST).read_text("utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused_with_both_sizes(artifact, name):
    content = (artifact / name).read_bytes()
    (artifact / name).write_bytes(content[:-1])
    with pytest.raises(
        ArtifactError, match=rf"{name}: truncated: {len(content) - 1:,} bytes; expected {len(content):,} bytes"
    ):
        Student.load(artifact)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_by_hash(artifact, name):
    content = bytearray((artifact / name).read_bytes())
    content[len(content) // 2] ^= 1
    (artifact / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name}: changed: sha256 .* Copy the artifact again"):
        Student.load(artifact)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_named(artifact, name):
    (artifact / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        Student.load(artifact)


@pytest.mark.parametrize("name", ["items.safetensors", "static.safetensors", "items.json"])
def test_damage_is_an_artifact_error_where_the_hashes_are_right_too(artifact, name):
    content = (artifact / name).read_bytes()
    (artifact / name).write_bytes(content[: len(content) // 2])
    seal(artifact)
    with pytest.raises(ArtifactError, match=name):
        Student.load(artifact)


def test_another_format_version_is_refused_with_both_numbers(artifact):
    seal(artifact, format_version=7)
    with pytest.raises(
        ArtifactError, match=r"format version 7; expected version 6\. Made by a newer release: upgrade distill-rec"
    ):
        Student.load(artifact)


def test_an_artifact_of_an_older_format_version_loads_and_ranks_the_same(artifact):
    before = Student.load(artifact).rank(["i1"], ["i2", "i3"])
    values = manifest_of(artifact)
    old = ("kind", "dim", "max_tokens", "prefix", "template", "user_encoder", "projection", "items", "parameters")
    old += ("files", "metrics", "parity", "fingerprints", "trunk")
    first = {name: values[name] for name in old} | {"format_version": 1}
    second = {name: value for name, value in values.items() if name != "unescape_html"} | {"format_version": 2}
    texts = ["", "red &amp; cat"]
    vectors = Student.load(artifact).encode_items(texts)
    for older in (first, second):
        (artifact / "manifest.json").write_text(json.dumps(older), "utf-8")
        np.testing.assert_array_equal(Student.load(artifact).rank(["i1"], ["i2", "i3"]), before)
        np.testing.assert_array_equal(Student.load(artifact).encode_items(texts), vectors)


def test_a_neutral_vector_that_does_not_fit_is_refused(artifact):
    (artifact / "neutral.safetensors").write_bytes(save({"vector": np.ones(DIM + 1, np.float32)}))
    with pytest.raises(ArtifactError, match=r"neutral\.safetensors: does not fit: float32 \(9,\)"):
        Student.load(seal(artifact))
    (artifact / "neutral.safetensors").write_bytes(save({"vector": np.ones(DIM, np.float32)}))
    np.testing.assert_array_equal(Student.load(seal(artifact)).encode_items(["", "\x07"]), np.ones((2, DIM)))


def test_a_level_of_new_items_that_is_not_there_or_does_not_fit_is_refused(artifact):
    with pytest.raises(ArtifactError, match="no new_level: its texts are read as they were learned"):
        Student.load(artifact, new_level=0.5)
    level = {"vector": np.ones(DIM, np.float32), "level": np.array([0.5], np.float32)}
    (artifact / "new_level.safetensors").write_bytes(save(level))
    seal(artifact)
    before, raised = (
        Student.load(artifact).encode_items(["cat"]),
        Student.load(artifact, new_level=2).encode_items(["cat"]),
    )
    np.testing.assert_allclose(raised - before, 1.5, atol=1e-5)
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ArtifactError, match=f"new_level {wrong}; expected a finite number"):
            Student.load(artifact, new_level=wrong)
    for wrong in ({"vector": level["vector"][1:]}, {"level": np.array([np.nan], np.float32)}):
        (artifact / "new_level.safetensors").write_bytes(save(level | wrong))
        with pytest.raises(ArtifactError, match=r"new_level\.safetensors: does not fit"):
            Student.load(seal(artifact))


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "null", '{"format_version": 1}', '{"format_version": 1, "files": []}']
)
def test_what_is_no_manifest_is_refused(artifact, content):
    (artifact / MANIFEST).write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        Student.load(artifact)


@pytest.mark.parametrize(
    ("key", "value"),
    [("kind", "sequential"), ("dim", "8"), ("dim", 9), ("items", 59), ("max_tokens", None), ("template", "{title")],
)
def test_a_manifest_that_does_not_fit_its_files_is_refused(artifact, key, value):
    seal(artifact, **{key: value})
    with pytest.raises(ArtifactError):
        Student.load(artifact)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/hostname", "deeper/../../secret.json"])
def test_a_path_that_leaves_the_folder_is_refused_before_it_is_read(artifact, name):
    (artifact.parent / "secret.json").write_text("[]")
    files = manifest_of(artifact)["files"]
    seal(artifact, files=files | {name: files["items.json"]})
    with pytest.raises(ArtifactError, match="leads out of the artifact"):
        Student.load(artifact)


def test_a_link_that_leaves_the_folder_is_refused_though_its_content_is_right(artifact):
    (artifact / "items.json").rename(artifact.parent / "items.json")
    (artifact / "items.json").symlink_to("../items.json")
    with pytest.raises(ArtifactError, match=r"'items\.json' leads out of the artifact"):
        Student.load(artifact)


WRONG = {
    "a user encoder of other dimensions": ("user_encoder.safetensors", arrays_of(random_user_encoder("attention", 4))),
    "a user encoder of another kind": ("user_encoder.safetensors", arrays_of(random_user_encoder("mean"))),
    "vectors of other dimensions": ("items.safetensors", {"vectors": np.zeros((60, 4), np.float32)}),
    "too few vectors": ("items.safetensors", {"vectors": np.zeros((59, DIM), np.float32)}),
    "no vectors": ("items.safetensors", {"others": np.zeros((60, DIM), np.float32)}),
    "vectors in float64": ("items.safetensors", {"vectors": np.zeros((60, DIM))}),
    "a projection to other dimensions": ("static.safetensors", static_arrays(dim=4)),
    "rows that are not there": ("static.safetensors", static_arrays() | {"table": np.zeros((3, 6), np.float32)}),
    "no table": ("static.safetensors", {k: v for k, v in static_arrays().items() if k != "table"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_arrays_that_do_not_fit_are_refused_when_loaded_not_when_used(artifact, case):
    name, arrays = WRONG[case]
    (artifact / name).write_bytes(save(arrays))
    seal(artifact)
    with pytest.raises(ArtifactError, match=name):
        Student.load(artifact)


def test_a_causal_encoder_with_too_few_positions_is_refused(tmp_path):
    artifact = write_artifact(tmp_path / "artifact", "causal")
    (artifact / "user_encoder.safetensors").write_bytes(save(arrays_of(random_user_encoder("causal", max_history=20))))
    seal(artifact)
    with pytest.raises(ArtifactError, match=r"user_encoder\.safetensors"):
        Student.load(artifact)


@pytest.mark.parametrize("ids", ['["i0", "i0"]', '{"i0": 1}', "[1]", "not json"])
def test_ids_that_are_no_list_of_distinct_texts_are_refused(artifact, ids):
    (artifact / "items.json").write_text(ids)
    seal(artifact, items=2)
    with pytest.raises(ArtifactError, match=r"items\.json"):
        Student.load(artifact)


def test_a_plain_copy_loads_and_ranks_the_same(artifact, tmp_path):
    shutil.copytree(artifact, tmp_path / "elsewhere" / "copy")
    scores = [Student.load(p).rank(["i1"], ["i2", "i3"]) for p in (artifact, tmp_path / "elsewhere" / "copy")]
    np.testing.assert_array_equal(*scores)


def test_a_link_switched_under_a_loaded_student_changes_nothing(tmp_path):
    first, second = write_artifact(tmp_path / "1", "mean"), write_artifact(tmp_path / "2", "causal")
    link = tmp_path / "student"
    link.symlink_to("1")
    student = Student.load(link)
    before = student.rank(["i1"], ["i2", "i3"])
    (tmp_path / "new").symlink_to("2")
    os.replace(tmp_path / "new", link)
    shutil.rmtree(first)
    np.testing.assert_array_equal(student.rank(["i1"], ["i2", "i3"]), before)
    student.add_items({"n": "red cat"})
    assert student.info.folder == first
    assert Student.load(link).info.folder == second


def test_a_link_switched_in_the_middle_of_loading_is_not_followed(tmp_path, monkeypatch):
    from distill_rec.runtime import loading

    first = write_artifact(tmp_path / "1", "mean")
    write_artifact(tmp_path / "2", "causal", n_items=30)
    link = tmp_path / "student"
    link.symlink_to("1")
    read = loading.read_item_ids

    def switch_then_read(*args):
        link.unlink()
        link.symlink_to("2")
        monkeypatch.undo()
        return read(*args)

    monkeypatch.setattr(loading, "read_item_ids", switch_then_read)
    student = Student.load(link)
    assert student.info.folder == first and student.info.items == 60


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere", "no such folder; expected a run's folder"),
        ("a-file", r"no manifest\.json; expected the folder of an exported student"),
        ("dangling", "no such folder; expected a run's folder"),
    ],
)
def test_what_is_no_artifact_says_so(tmp_path, path, words):
    (tmp_path / "a-file").write_text("")
    (tmp_path / "dangling").symlink_to("gone")
    with pytest.raises(ArtifactError, match=words):
        Student.load(tmp_path / path)
