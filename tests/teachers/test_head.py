"""A head can start where the untrained PLM is."""

import numpy as np
import torch
from safetensors.torch import load_file
from tiny import make_dataset, write_trunk

from distill_rec.evaluation.protocol import evaluate
from distill_rec.files import read_json
from distill_rec.nn.projection import principal_directions, whitening
from distill_rec.progress import Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.teacher_model import Teacher
from distill_rec.training import scorer_of
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach
from teachers.bi_encoder.untrained import untrained_scorer


def test_an_untrained_linear_head_of_full_width_ranks_as_the_untrained_plm(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path))
    dataset = make_dataset("impressions")
    section = BiEncoderSection(
        trunk=str(write_trunk(tmp_path / "trunk")), dim=32, user_encoder="attention", offsets=False
    )
    device = torch.device("cpu")
    model = build_teacher(section, open_source(section, dataset, device), dataset, device, Quiet())
    ours = evaluate(scorer_of(model, "head"), dataset.test, dataset).values["auc"]
    theirs = evaluate(untrained_scorer(section, dataset), dataset.test, dataset).values["auc"]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_principal_directions_of_full_width_keep_all_inner_products():
    x = torch.randn(50, 6)
    y = x @ principal_directions(x, 6)
    torch.testing.assert_close(y @ y.t(), x @ x.t(), atol=1e-4, rtol=1e-4)


def test_whitened_vectors_are_uncorrelated():
    x = torch.randn(4000, 5) @ torch.randn(5, 5)
    mean, matrix = whitening(x, floor=0.0)
    y = (x - mean) @ matrix
    torch.testing.assert_close(y.t() @ y / len(y) * 5, torch.eye(5), atol=1e-3, rtol=1e-3)


def test_the_best_variant_on_validation_is_the_teacher_and_new_texts_encode_as_the_catalogue(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    dataset = make_dataset()
    section = BiEncoderSection(
        trunk=str(write_trunk(tmp_path / "trunk")),
        dim=8,
        optimizer=OptimizerSection(batch_size=32, max_epochs=2),
        choose=[{"tuning": "head"}, {"tuning": "last:1"}, {"tuning": "full"}, {"pooling": "attention", "whiten": True}],
    )
    teach(section, dataset, tmp_path / "teach")
    teacher = Teacher.load(tmp_path / "teach")
    from distill_rec.files import read_json

    history = read_json(tmp_path / "teach" / "history.json")
    values = [variant["ndcg@10"] for variant in history["variants"]]
    assert len(values) == 4 and history["chosen"] == int(np.argmax(values))
    texts = teacher.encode_items(dataset.texts)
    cached = np.asarray(teacher.knowledge.text_vectors)
    assert np.abs(texts - cached).max() <= 1e-2 * cached.std()


def test_a_start_that_already_ranks_is_kept_unless_training_beats_it_by_an_interval(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    dataset, trunk = make_dataset(), str(write_trunk(tmp_path / "trunk"))

    def taught(name, rate):
        optimizer = OptimizerSection(batch_size=32, max_epochs=2, learning_rate=rate, keep_start=True)
        teach(BiEncoderSection(trunk=trunk, dim=8, seed=1, optimizer=optimizer), dataset, tmp_path / name)
        weights = load_file(tmp_path / name / "weights.safetensors")
        return read_json(tmp_path / name / "history.json"), weights["user_encoder.position"]

    idle, stayed = taught("idle", 1e-9)
    learnt, moved = taught("learnt", 2e-2)
    assert idle["kept_start"] and idle["gain"][1] <= 0 and idle["best"] == idle["history"][0]["ndcg@10"]
    assert not learnt["kept_start"] and learnt["gain"][1] > 0 and learnt["best"] > learnt["history"][0]["ndcg@10"]
    assert not torch.equal(stayed, moved)
