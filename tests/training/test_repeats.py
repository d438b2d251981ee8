"""The repeat term is learned from clicks: up where people come back, down where they never do."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from repeat_worlds import never_repeating, repeating
from tiny import make_dataset

from distill_rec.artifact.repeat import bucket_of
from distill_rec.data.dataset import Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.evaluation.protocol import evaluate
from distill_rec.knowledge import Knowledge
from distill_rec.recipe import LossSection, OptimizerSection, decisive
from distill_rec.runtime.errors import RecipeError
from distill_rec.teacher_model import Teacher
from distill_rec.training.batches import ImpressionBatch, SequenceBatches, make_batches
from distill_rec.training.loop import Training, scorer_of
from distill_rec.training.objective import Objective, make_scene
from distill_rec.training.repeat_level import lower_repeats
from distill_rec.training.repeats import candidate_buckets, sequence_places
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach as teach_texts
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import build, teach

QUICK = OptimizerSection(batch_size=32, window=1, max_epochs=12, learning_rate=5e-3, warmup_updates=2, patience=50)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30), min_size=1, max_size=5
    ),
    st.integers(1, 9),
)
def test_a_target_has_the_items_of_what_it_sees_and_none_of_its_own_second(rows, max_history):
    times = [sorted(time for time, _ in row) for row in rows]
    sequences = Sequences(
        np.arange(len(rows), dtype=np.int32),
        Ragged.from_rows([[item for _, item in row] for row in rows]),
        Ragged.from_rows(times, np.int64),
        Ragged.from_rows([np.ones(len(row)) for row in rows], np.float32),
    )
    batches = SequenceBatches(sequences, max_history, batch_size=8, seed=0)
    for samples in batches.epoch(0):
        batch = batches.make(samples)
        # Numbers within a window are not the items' own.
        places = sequence_places(batch, torch.tensor([4, 3, 2, 1, 0, 5]))
        assert len(places.starts) == len(batch.target) + 1
        for target, (row, position) in enumerate(zip(batch.row, batch.position, strict=True)):
            history = batch.history[row][:position].tolist()[::-1]
            part = slice(places.starts[target], places.starts[target + 1])
            found = list(zip(places.item[part].tolist(), places.bucket[part].tolist(), strict=True))
            expected = {5 if item == 5 else 4 - item: bucket_of(np.array(history.index(item))) for item in history}
            assert len(found) == len(expected) and dict(found) == expected
            assert (places.row[part] == target).all()


def test_candidates_have_the_bucket_of_their_row():
    rows = [[3, 1, 3], [], [2, 2, 1, 4]]
    history, mask = Ragged.from_rows(rows).padded()
    candidates = np.array([[3, 1, 0], [3, 0, 0], [2, 4, 3]])
    batch = ImpressionBatch(history, mask, candidates, candidates >= 0, candidates == 3)
    assert candidate_buckets(batch, torch.device("cpu")).tolist() == [[0, 1, 7], [7, 7, 7], [2, 0, 7]]


def scores_of(section, dataset, folder):
    """nDCG@10 with all items ranked, with seen ones left out, and the learned numbers."""
    teach(section, dataset, folder)
    teacher = Teacher.load(folder)
    found = [evaluate(teacher.scorer(), dataset.test, dataset, leave_out_seen=left) for left in (False, True)]
    return (*(float(one.values["ndcg@10"].mean()) for one in found), teacher.knowledge.repeat)


def section(term, **more):
    return ItemIdsSection(dim=8, user_encoder="mean", dropout=0.0, repeat_term=term, optimizer=QUICK, **more)


def test_it_lifts_the_ranking_of_all_items_where_people_come_back(tmp_path):
    dataset = repeating()
    plain, _, none = scores_of(section("none"), dataset, tmp_path / "none")
    found, _, numbers = scores_of(section("recency"), dataset, tmp_path / "recency")
    one, _, same = scores_of(section("one"), dataset, tmp_path / "one")
    assert none is None
    assert found > plain + 0.1 and one > plain
    # Half of the clicks go to the one before the last, which is the last that is seen where two share a second.
    assert (numbers[:2] > 1).all() and (numbers[2:5] < 1).all()
    assert (same == same[0]).all() and same[0] > 0


def test_a_killed_training_goes_on_with_the_terms_own_steps(tmp_path, monkeypatch):
    dataset, short = repeating(n_users=60), QUICK.model_copy(update={"max_epochs": 3, "checkpoint_seconds": 0})
    settings = section("recency").model_copy(update={"optimizer": short})
    teach(settings, dataset, tmp_path / "whole")
    plain, done = Training._window, []

    def window(self):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return plain(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "_window", window)
        teach(settings, dataset, tmp_path / "killed")
    teach(settings, dataset, tmp_path / "killed")
    whole, killed = (Knowledge.load(tmp_path / name / "knowledge").repeat for name in ("whole", "killed"))
    np.testing.assert_array_equal(whole, killed)
    assert np.abs(whole).max() > 0.2


def test_a_training_begun_before_there_was_a_term_has_the_same_fingerprint():
    assert "repeat_term" not in decisive(section("none"), {"optimizer"})
    assert decisive(section("one"), {"optimizer"})["repeat_term"] == "one"
    found = decisive(section("none"), {"dim"})
    assert "trunk_layer_decay" not in found["optimizer"]
    assert decisive(section("none"), {"dim", "optimizer"}) | {"dim": 8, "repeat_term": "none"} == section(
        "none"
    ).model_dump(exclude={"optimizer", "histories", "begin", "trajectory"})


def test_variants_that_are_validated_otherwise_are_not_chosen_between(tmp_path):
    choose = [{"repeat_term": "none"}, {"repeat_term": "one"}]
    with pytest.raises(RecipeError, match=r"teacher\.choose.*repeat_term in all variants or in none"):
        teach_texts(BiEncoderSection(choose=choose), repeating(), tmp_path)


def test_it_sends_seen_items_down_where_nobody_comes_back(tmp_path):
    dataset = never_repeating()
    plain, plain_left, _ = scores_of(section("none"), dataset, tmp_path / "none")
    found, left, numbers = scores_of(section("recency"), dataset, tmp_path / "recency")
    # The longest age that a training history of at most eight clicks has is 7.
    assert (numbers[:5] < -1).all()
    assert plain_left - plain > 0.02
    assert left - found < (plain_left - plain) / 20


def test_its_level_is_fitted_once_and_only_where_nobody_comes_back():
    for dataset, falls in ((never_repeating(), True), (repeating(), False)):
        torch.manual_seed(0)
        model = build(section("recency"), dataset)
        with torch.no_grad():  # what was clicked scores highest, so that it fills the ranking until it is lowered
            model.offsets.weight.mul_(40)
        learned = model.repeat.copy()
        level = lower_repeats(model, partial(scorer_of, name="ids"), dataset.validation, dataset)
        found = model.repeat.copy()
        assert (level is not None) == falls == bool((found < learned).all())
        np.testing.assert_allclose(found - found[0], learned - learned[0], atol=1e-5)
        assert lower_repeats(model, partial(scorer_of, name="ids"), dataset.validation, dataset) is None
        np.testing.assert_array_equal(model.repeat, found)


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_its_gradient_is_the_click_losss_slope(kind):
    dataset = repeating() if kind == "clicks" else make_dataset("impressions")
    torch.manual_seed(0)
    model = build(section("recency"), dataset).double()
    torch.nn.init.normal_(model.repeat_term.numbers)
    batches = make_batches(dataset, 16, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    if kind == "impressions":  # candidates that stand in the history, which this data set seldom has
        batch.candidates[:, 0] = np.where(batch.mask.any(1), batch.history[:, 0], batch.candidates[:, 0])
    items = torch.arange(dataset.n_items)

    def loss():
        return Objective().batch_loss(make_scene(model, items, items, model.item_vectors(), batch), items)

    (slope,) = torch.autograd.grad(loss(), model.repeat_term.numbers)
    assert slope.abs().max() > 1e-3
    for bucket in range(len(slope)):
        with torch.no_grad():
            model.repeat_term.numbers[bucket] += 1e-4
            above = loss()
            model.repeat_term.numbers[bucket] -= 2e-4
            below = loss()
            model.repeat_term.numbers[bucket] += 1e-4
        assert float((above - below) / 2e-4) == pytest.approx(float(slope[bucket]), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_a_student_of_equal_vectors_and_equal_term_has_nothing_to_learn_from_its_teacher(kind):
    dataset = repeating() if kind == "clicks" else make_dataset("impressions")
    model = build(section("recency"), dataset).eval()
    torch.nn.init.normal_(model.repeat_term.numbers)
    vectors = model.item_vectors()
    texts = np.zeros((len(dataset.texts), 8), np.float32)
    knowledge = Knowledge(vectors.numpy(), texts, None, model.user_encoder, {}, repeat=model.repeat)
    off = {name: 0.0 for name in LossSection.model_fields if name in ("click", "item_cosine", "user_cosine")}
    objective = DistillationObjective(knowledge, LossSection(**off, kl=1.0), 8, torch.arange(3), torch.device("cpu"))
    batches, items = make_batches(dataset, 16, seed=0), torch.arange(dataset.n_items)
    batch = batches.make(batches.epoch(0)[0])
    if kind == "impressions":
        batch.candidates[:, 0] = np.where(batch.mask.any(1), batch.history[:, 0], batch.candidates[:, 0])
    scene = make_scene(model, items, items, vectors, batch)
    assert objective.batch_loss(scene, items).item() == pytest.approx(0, abs=1e-6)
    torch.nn.init.zeros_(model.repeat_term.numbers)
    assert objective.batch_loss(make_scene(model, items, items, vectors, batch), items).item() > 1e-3
