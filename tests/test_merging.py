"""A student that begins as its teachers together: the best of their scores in its dimensions, without training."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.evaluation.scorer import catalogue_scores
from distill_rec.export import export_student
from distill_rec.files import read_json
from distill_rec.knowledge import Knowledge, write_joined
from distill_rec.merging import drawn_histories, merged, narrowed
from distill_rec.nn.merged import MergedUserEncoder
from distill_rec.nn.recommender import user_vectors
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import Student
from distill_rec.sections.taught import TaughtSection
from distill_rec.student_model import load_student
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach as teach_texts
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach as teach_ids

QUICK = OptimizerSection(batch_size=16, window=1, max_epochs=4, learning_rate=1e-2, warmup_updates=2)
ENCODERS = [("causal", "gru"), ("attention", "nrms"), ("mean", "causal")]


@pytest.fixture(scope="module", params=ENCODERS, ids="+".join)
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("merged")
    os.environ["DISTILL_REC_CACHE"] = str(folder / "cache")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    texts, ids = request.param
    section = BiEncoderSection(trunk=trunk, dim=8, user_encoder=texts, repeat_term="one", optimizer=QUICK)
    teach_texts(section, dataset, folder / "texts")
    teach_ids(ItemIdsSection(dim=4, user_encoder=ids, repeat_term="recency", optimizer=QUICK), dataset, folder / "ids")
    members = [Knowledge.load(folder / name / "knowledge") for name in ("texts", "ids")]
    write_joined(folder / "both", members, [0.7, 0.4], dataset)
    return dataset, trunk, folder


def taught(world, knowledge="both", name="student", **settings):
    dataset, trunk, folder = world
    usual = {"start": "merged", "repeat_term": "recency", "optimizer": QUICK, "taught": TaughtSection(max_updates=0)}
    section = student_section(**{**usual, **settings})
    distill(section, folder / knowledge, dataset, folder / name, trunk=trunk)
    return load_student(folder / name)


def scores_of(knowledge, histories):
    return user_vectors(knowledge.user_encoder, histories, knowledge.item_vectors) @ knowledge.item_vectors.T


def centred(scores):
    return scores - scores.mean(1, keepdims=True)


@pytest.mark.parametrize("turned", [True, False])
def test_what_is_lost_is_what_no_so_many_dimensions_could_hold(turned):
    generator = torch.Generator().manual_seed(1)
    wide = torch.randn(9, 9, generator=generator)
    items, users = (torch.randn(n, 9, generator=generator) @ wide for n in (50, 70))
    scores = (users @ (items - items.mean(0)).T).double().numpy()
    singular = np.linalg.svd(scores, compute_uv=False)
    for dim in (1, 4, 8):
        cut = narrowed(items, users, dim, turned=turned)
        near = ((users @ cut.users) @ ((items - cut.mean) @ cut.items).T).double().numpy()
        # Eckart and Young: no matrix of this rank is nearer.
        np.testing.assert_allclose(np.linalg.norm(scores - near) ** 2, (singular[dim:] ** 2).sum(), rtol=1e-3)
        back = (items - cut.mean) @ cut.items @ cut.users.T + cut.mean
        again = (back - cut.mean) @ cut.items
        torch.testing.assert_close(again, (items - cut.mean) @ cut.items, rtol=1e-3, atol=1e-3)


def test_more_dimensions_than_the_scores_have_stay_empty_and_change_nothing():
    generator = torch.Generator().manual_seed(2)
    items, users = torch.randn(40, 3, generator=generator), torch.randn(30, 3, generator=generator)
    for turned in (True, False):
        cut = narrowed(items, users, 5, turned=turned)
        near = (users @ cut.users) @ ((items - cut.mean) @ cut.items).T
        torch.testing.assert_close(near, users @ (items - items.mean(0)).T, rtol=1e-4, atol=1e-4)


def test_as_wide_as_its_teachers_the_student_is_their_sum(world):
    dataset, _, folder = world
    student, both = taught(world, name="wide", dim=12, unclicked_cost=1.0), Knowledge.load(folder / "both")
    history = dataset.test.history
    expected, found = scores_of(both, history), student.user_vectors(history) @ student.item_vectors.T
    assert np.abs(expected - found)[:, ~dataset.new].max() <= 1e-4 * expected.std()
    np.testing.assert_allclose(student.repeat, both.repeat, rtol=1e-6)
    assert read_json(folder / "wide" / "history.json")["kept_start"]


@pytest.mark.parametrize("kind", ["sequential", "transformer"])
def test_students_of_other_kinds_begin_so_too(world, kind):
    dataset, _, folder = world
    student, both = taught(world, name=kind, kind=kind, dim=12), Knowledge.load(folder / "both")
    history = dataset.test.history
    expected, found = scores_of(both, history), student.user_vectors(history) @ student.item_vectors.T
    assert np.abs(expected - found)[:, dataset.warm].max() <= 1e-4 * expected.std()
    export_student(ExportSection(), folder / kind, dataset, folder / f"export-{kind}")
    assert Student.load(folder / f"export-{kind}" / "student", verify=True).info.items == dataset.n_items


def test_items_that_nobody_has_clicked_stand_where_the_teachers_put_them(world):
    dataset, _, folder = world
    student, both = taught(world, name="wide", dim=12, unclicked_cost=1.0), Knowledge.load(folder / "both")
    cold = ~dataset.warm & ~dataset.new
    assert cold.any()
    np.testing.assert_allclose(student.item_vectors[cold], both.item_vectors[cold], atol=1e-5)


def test_without_offsets_items_have_what_their_texts_give_and_users_what_the_teachers_make_of_it(world):
    dataset, _, folder = world
    both, history = Knowledge.load(folder / "both"), dataset.test.history
    student = taught(world, name="texts-alone", dim=12, offsets=False)
    alone = taught(world, name="from-the-plm", dim=12, offsets=False, start="none")

    def alike(one):
        ours, theirs = one.user_vectors(history) @ one.item_vectors.T, scores_of(both, history)
        return np.corrcoef(centred(ours[:, ~dataset.new]).ravel(), centred(theirs[:, ~dataset.new]).ravel())[0, 1]

    assert alike(student) > 2 * alike(alone)
    start = merged(both, student_section(start="merged", dim=12, offsets=False), dataset)
    of_teachers = user_vectors(start.user_encoder.eval(), history, student.item_vectors)
    np.testing.assert_allclose(student.user_vectors(history), of_teachers, atol=1e-5)


def test_narrower_it_keeps_most_and_its_first_dimensions_more_than_others(world):
    dataset, _, folder = world
    both, history = Knowledge.load(folder / "both"), drawn_histories(dataset, 1000)
    section = student_section(start="merged", dim=6, nested=[3])
    start = merged(both, section, dataset)
    expected = centred(scores_of(both, history))
    users = user_vectors(start.user_encoder.eval(), history, start.item_vectors)

    def missed(dims):
        return np.square(expected - centred(users[:, dims] @ start.item_vectors[:, dims].T)).sum()

    whole, first, last = (missed(dims) for dims in (slice(0, 6), slice(0, 3), slice(3, 6)))
    assert whole < 0.2 * np.square(expected).sum() and first < last


def test_one_teacher_that_is_wider_is_cut_too(world):
    dataset, _, folder = world
    student, teacher = taught(world, "texts/knowledge", "one", dim=6), Knowledge.load(folder / "texts/knowledge")
    history, there = dataset.test.history, ~dataset.new
    expected = scores_of(teacher, history)[:, there]
    found = (student.user_vectors(history) @ student.item_vectors.T)[:, there]
    assert np.corrcoef(centred(expected).ravel(), centred(found).ravel())[0, 1] > 0.9


def test_what_is_exported_answers_as_torch_does_and_reads_new_items(world):
    dataset, _, folder = world
    model = taught(world, name="narrow", dim=6)
    export_student(ExportSection(precisions=["fp32", "int8"]), folder / "narrow", dataset, folder / "export")
    student, ids = Student.load(folder / "export" / "student", verify=True), dataset.items["item_id"].to_list()
    expected = catalogue_scores(model.scorer("torch"), dataset.test.history, dataset.n_items)
    for row, history in enumerate(dataset.test.history):
        found = student.rank([ids[item] for item in history], ids)
        assert np.abs(found - expected[row]).max() <= 1e-4 * expected.std()
    student.add_items({"later": "red cat"})
    assert "later" in dict(student.recommend(["later", ids[0]], len(ids) + 1, seen=True))
    assert {item for item, _ in student.explain(ids[:2], ids[3])} == set(ids[:2])


def test_a_teacher_without_a_weight_is_no_part_of_it(world):
    dataset, _, folder = world
    members = [Knowledge.load(folder / name / "knowledge") for name in ("texts", "ids")]
    write_joined(folder / "one", members, [0.9, 0.0], dataset)
    student = taught(world, "one", "of-one", dim=8)
    assert isinstance(student.user_encoder, MergedUserEncoder) and len(student.user_encoder.parts) == 1
    history = dataset.test.history
    expected = centred(0.9 * scores_of(members[0], history))
    assert np.abs(expected - centred(student.user_vectors(history) @ student.item_vectors.T)).max() <= 1e-3


def test_the_price_of_unclicked_items_can_be_the_taught_student_s_own(world, monkeypatch):
    dataset, _, folder = world
    monkeypatch.setattr("distill_rec.training.unclicked_level.validation_metric", lambda *given: 1.0)
    taught(world, name="own", dim=12, taught=TaughtSection(max_updates=0, unclicked_cost=1.0), unclicked_cost=0.01)
    assert read_json(folder / "own" / "history.json").get("unclicked_level") is None
    own = load_student(folder / "own").item_vectors[~dataset.new]
    np.testing.assert_allclose(own, Knowledge.load(folder / "both").item_vectors[~dataset.new], atol=1e-5)


def test_training_goes_on_from_there_and_may_not_make_it_worse(world):
    _, _, folder = world
    taught(world, name="trained", dim=6, taught=TaughtSection(rate_factor=0.5))
    history = read_json(folder / "trained" / "history.json")
    gained = history["gain"][1] > 0
    assert history["kept_start"] != gained and history["updates"] > 0
    assert history["rates"][0]["learning_rate"] == 0.5 * QUICK.learning_rate
    assert history["moved_last"]["user encoder"] > 0 and history["moved_last"]["offsets"] > 0


def test_items_without_a_click_are_lowered_together_though_they_have_offsets(world, monkeypatch):
    dataset, _, folder = world
    monkeypatch.setattr("distill_rec.training.unclicked_level.LEVELS", (0.0, -1.0))
    monkeypatch.setattr("distill_rec.training.unclicked_level.validation_metric", likes_them_low)
    low = taught(world, name="low", dim=12)
    high = taught(world, name="high", dim=12, unclicked_cost=1.0)
    moved = np.abs(low.item_vectors - high.item_vectors).max(1) > 1e-6
    np.testing.assert_array_equal(moved, ~dataset.warm & ~dataset.new)
    assert read_json(folder / "low" / "history.json")["unclicked_level"] == -1.0


def likes_them_low(scorer, samples, dataset):
    """A metric that is the better, the lower items without a click stand."""
    scores = catalogue_scores(scorer, samples.history, dataset.n_items)
    return 10.0 - float(scores[:, ~dataset.warm].mean() - scores[:, dataset.warm].mean())


def test_what_each_teacher_lowered_for_itself_is_raised_where_it_costs_nothing_together(world, monkeypatch):
    dataset, _, folder = world
    monkeypatch.setattr("distill_rec.training.unclicked_level.validation_metric", lambda *given: 1.0)
    raised = taught(world, name="raised", dim=12)
    kept = taught(world, name="kept", dim=12, unclicked_cost=1.0)
    assert read_json(folder / "raised" / "history.json")["unclicked_level"] == 1.0
    users = raised.user_vectors(dataset.validation.history)
    more = users @ (raised.item_vectors - kept.item_vectors).T
    cold = ~dataset.warm & ~dataset.new
    assert np.abs(more[:, ~cold]).max() < 1e-4 and abs(more[:, cold].mean() - 1.0) < 0.1
