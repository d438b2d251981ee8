"""Precisions and gates: what is published, what is left out, what refuses the whole."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.artifact.publish import rollback
from distill_rec.distillation import distill
from distill_rec.export import export_student, gates
from distill_rec.export.gates import spread_of
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import ArtifactError, Student
from distill_rec.runtime.errors import RecipeError
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=2)
STATIC = pytest.mark.parametrize("world", ["static"], indirect=True)  # a graph takes seconds to export
ALL = {"static": ["fp32", "fp16", "int8"], "transformer": ["fp32", "fp16", "int8", "int8-static"]}


@pytest.fixture(scope="module", params=["static", "transformer"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_REC_CACHE", str(folder / "cache"))
        dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
        teach(BiEncoderSection(trunk=trunk, dim=8, optimizer=QUICK), dataset, folder / "teach")
        section = student_section(request.param, optimizer=QUICK)
        distill(section, folder / "teach" / "knowledge", dataset, folder / "student", trunk=trunk)
    return request.param, dataset, folder, Teacher.load(folder / "teach")


def export(world, folder, **settings):
    kind, dataset, root, teacher = world
    section = ExportSection(**{"precisions": ALL[kind], "max_loss": 1.0} | settings)
    return export_student(section, root / "student", dataset, folder, teacher=teacher)


def test_every_precision_loads_ranks_near_torch_and_answers_its_golden_inputs(world, tmp_path):
    kind, dataset, root, _ = world
    report = export(world, tmp_path)
    link = tmp_path / "student"
    assert Student.load(link).info.precisions == tuple(ALL[kind])
    assert report.digest == Student.load(link, digest=report.digest).info.digest
    ids, model = dataset.items["item_id"].to_list(), load_student(root / "student")
    expected = model.user_vectors(dataset.test.history) @ model.item_vectors.T
    for precision, limit in {"fp32": 1e-4, "fp16": 2e-2, "int8": 0.2, "int8-static": 0.2}.items():
        if precision not in ALL[kind]:
            continue
        student = Student.load(link, precision=precision, verify=True)
        scores = np.stack([student.rank([ids[item] for item in row], ids) for row in dataset.test.history])
        assert np.abs(scores - expected).max() <= limit * expected.std(), precision
        vectors = student.encode_items(dataset.texts)
        assert np.abs(vectors - model.encode_texts(dataset.texts)).max() <= 0.5 * vectors.std(), precision
        alone = np.concatenate([student.encode_items([text]) for text in dataset.texts])
        company = np.linalg.norm(vectors - alone, axis=1) / np.linalg.norm(alone, axis=1)
        assert company.max() <= 1e-3, precision
    with pytest.raises(ArtifactError, match="'int4' was not exported; expected fp32 or fp16 or int8"):
        Student.load(link, precision="int4")


@STATIC
def test_smaller_precisions_are_stored_smaller_and_read_as_such(world, tmp_path):
    export(world, tmp_path)
    folder = (tmp_path / "student").resolve()
    sizes = {name: (folder / f"items{name}.safetensors").stat().st_size for name in ("", ".fp16", ".int8")}
    assert sizes[""] > sizes[".fp16"] > sizes[".int8"]
    stored = load_file(folder / "items.int8.safetensors")
    exact = Student.load(folder).item_vectors
    assert np.abs(stored["vectors"] * stored["scales"][:, None] - exact).max() <= stored["scales"].max() / 2 + 1e-6


def test_a_precision_that_loses_too_much_is_left_out_by_name_and_the_rest_is_published(world, tmp_path, monkeypatch):
    monkeypatch.setitem(gates.DIFFERENCE, "fp16", 0.0)
    report = export(world, tmp_path)
    student = Student.load(tmp_path / "student")
    assert "fp16" not in student.info.precisions and "int8" in student.info.precisions
    assert not list(student.info.folder.glob("*fp16*"))
    verdict = next(row["verdict"] for row in report.rows() if row["precision"] == "fp16")
    assert verdict.startswith("left out: difference of scores from torch's, relative") and "at most 0" in verdict
    with pytest.raises(ArtifactError, match=r"fp16: difference .* expected at most 0"):
        export(world, tmp_path, require=["fp16"])
    assert (tmp_path / "student").resolve() == student.info.folder


IMPOSSIBLE = {
    "min_quality": (50.0, "share of the teacher's nDCG@10 kept"),
    "min_spread": (1.0, "spread of the item vectors"),
    "max_p50_ms": (1e-6, "milliseconds of ranking 100 candidates, p50"),
    "max_mb": (1e-6, "megabytes loaded"),
}


@STATIC
@pytest.mark.parametrize("gate", IMPOSSIBLE)
def test_each_gate_refuses_with_what_it_saw_and_allowed(world, tmp_path, gate):
    limit, words = IMPOSSIBLE[gate]
    with pytest.raises(ArtifactError, match=rf"fp32: {words} [\d.e+-]+.*; expected at (least|most) .* Nothing was"):
        export(world, tmp_path, precisions=["fp32"], **{gate: limit})
    assert not (tmp_path / "student").exists() and not list((tmp_path / "versions").iterdir())
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["version"] is None and any(not one["passed"] for one in told["gates"])


@STATIC
def test_a_refusal_tells_all_gates_their_keys_and_what_to_do(world, tmp_path):
    limits = {"min_spread": 1.0, "max_mb": 1e-6}
    with pytest.raises(ArtifactError) as refusal:
        export(world, tmp_path / "export", precisions=["fp32"], **limits)
    said = str(refusal.value)
    for part in (
        "expected at least 1 (export.min_spread); fp32: spread of the text vectors",
        "at most 1e-06 (export.max_mb)",
        "set export.min_spread lower to publish it anyway. Make the student smaller",
        "Nothing was published",
    ):
        assert part in said
    (tmp_path / "recipe.json").write_text('{"recipe": {"export": {}}}')
    for path in (tmp_path, tmp_path / "export", tmp_path / "export" / "student"):
        with pytest.raises(ArtifactError, match=r"no published student: the gates .*\(export\.min_spread\).* anyway"):
            Student.load(path)
    (tmp_path / "export" / "report.json").unlink()
    with pytest.raises(ArtifactError, match="no published student: it is not exported yet"):
        Student.load(tmp_path)
    with pytest.raises(ArtifactError, match="runs-of-none: no such folder"):
        Student.load(tmp_path / "runs-of-none")


def test_a_collapsed_student_has_no_spread():
    same = np.ones((50, 8), np.float32) + np.random.default_rng(0).normal(0, 1e-3, (50, 8)).astype(np.float32)
    assert spread_of(same) < 1e-4
    assert spread_of(np.random.default_rng(0).standard_normal((5000, 8)).astype(np.float32)) > 0.99


@STATIC
def test_a_student_whose_new_items_are_all_alike_is_refused_though_its_offsets_differ(world, tmp_path):
    _, dataset, root, _ = world
    folder = shutil.copytree(root / "student", tmp_path / "student")
    tensors = load_file(folder / "weights.safetensors")
    tensors = {name: one for name, one in tensors.items() if not name.startswith("later.")}
    names = [name for name in tensors if name.startswith("text_encoder.projection.")]
    tensors |= {name: np.zeros_like(tensors[name]) for name in names}
    tensors["text_encoder.projection.linear.bias"] += 1
    tensors["offsets"] = np.random.default_rng(0).standard_normal(tensors["offsets"].shape).astype(np.float32)
    tensors["item_vectors"] = 1 + tensors["offsets"]
    save_file(tensors, folder / "weights.safetensors")
    with pytest.raises(ArtifactError, match="fp32: spread of the text vectors, which new items have 0"):
        export_student(ExportSection(), folder, dataset, tmp_path / "export")
    told = json.loads((tmp_path / "export" / "report.json").read_text())
    assert [one["what"] for one in told["gates"] if not one["passed"]] == [
        "spread of the text vectors, which new items have"
    ]
    assert told["precisions"][0]["spread"] > 0.4


@STATIC
def test_rollback_leads_back_to_the_version_before_until_there_is_none(world, tmp_path):
    for _ in range(3):
        export(world, tmp_path, precisions=["fp32"], keep=2)
    link = tmp_path / "student"
    assert link.resolve().name == "3" and rollback(tmp_path) == "2"
    assert Student.load(link).info.version == "2"
    with pytest.raises(ArtifactError, match="leads to version 2; kept: 2, 3; expected an older version"):
        rollback(tmp_path)
    assert rollback(tmp_path, 3) == "3" and link.resolve().name == "3"


def test_the_artifact_carries_teacher_texts_and_weights_where_asked_and_they_are_the_runs(world, tmp_path):
    kind, dataset, _, teacher = world
    export(world, tmp_path, precisions=["fp32"], teacher=True)
    student = Student.load(tmp_path / "student")
    assert student.item_texts == [dataset.texts[text] for text in dataset.item_text]
    assert [item for item, _ in student.teacher.recommend(["i1", "i2"], k=5)] == [
        item for item, _ in teacher.recommend(["i1", "i2"], k=5)
    ]
    copy = shutil.copytree(student.info.folder / "training", tmp_path / "elsewhere")
    np.testing.assert_array_equal(load_student(copy).item_vectors, load_student(world[2] / "student").item_vectors)
    export(world, tmp_path, precisions=["fp32"], texts=False, weights=False, torch_export=True)
    bare = Student.load(tmp_path / "student")
    assert bare.item_texts is None and bare.teacher is None and not (bare.info.folder / "training").exists()
    assert (tmp_path / "pt2" / "2.pt2").exists() == (kind == "transformer")


@STATIC
def test_the_manifest_has_the_tests_metrics_of_student_and_teacher(world, tmp_path):
    export(world, tmp_path, precisions=["fp32"])
    test = Student.load(tmp_path / "student").info.metrics["test"]
    assert {"student", "teacher"} == set(test) and 0 <= test["student"]["ndcg@10"] <= 1
    card = (tmp_path / "student" / "README.md").read_text()
    assert "| ndcg@10 |" in card and "Intended use and limits" in card


@STATIC
def test_golden_answers_that_differ_are_refused_when_asked_for(world, tmp_path):
    from artifacts import seal

    export(world, tmp_path, precisions=["fp32"])
    folder = (tmp_path / "student").resolve()
    golden = json.loads((folder / "golden.json").read_text())
    golden["expected"]["fp32"]["scores"][0][0] += 1
    (folder / "golden.json").write_text(json.dumps(golden))
    seal(folder)
    Student.load(folder)
    with pytest.raises(ArtifactError, match=r"golden\.json: scores in fp32 differ on this machine"):
        Student.load(folder, verify=True)


def test_precisions_that_contradict_are_named(world, tmp_path):
    kind = world[0]
    for settings in ({"precision": "fp16", "precisions": ["fp32"]}, {"require": ["int8"], "precisions": ["fp32"]}):
        with pytest.raises(RecipeError, match=r"export\.(precision|require)"):
            export(world, tmp_path, **settings)
    if kind == "static":
        with pytest.raises(
            RecipeError, match=r"int8-static for a static student.* expected fp32 or fp16 or int8\. Set"
        ):
            export(world, tmp_path, precisions=["fp32", "int8-static"])


@STATIC
def test_a_latency_that_could_not_be_measured_fails_its_gate_by_name(world, tmp_path, monkeypatch):
    from dataclasses import replace

    from distill_rec.export import export as module

    measure = module.measure
    monkeypatch.setattr(module, "measure", lambda *args: replace(measure(*args), p50_ms=None, p99_ms=None))
    with pytest.raises(ArtifactError, match="milliseconds of ranking 100 candidates, p50 nan"):
        export(world, tmp_path, precisions=["fp32"], max_p50_ms=50.0)
    gates = json.loads((tmp_path / "report.json").read_text())["gates"]
    assert [gate["saw"] for gate in gates if not gate["passed"]] == [None]
