"""The gate: each way in which an export can differ from torch is measured and refused with figure and limit."""

import math
from dataclasses import replace

import numpy as np
import pytest
from artifacts import random_user_encoder, seal, write_artifact
from safetensors.numpy import save
from tiny import make_dataset

from distill_rec.data.ragged import Ragged
from distill_rec.export.gates import DIFFERENCE, failed, parity_gates, require_gates
from distill_rec.export.parity import Parity, _swapped, measure_parity
from distill_rec.nn.recommender import user_vectors
from distill_rec.runtime import ArtifactError, Student

LIMIT = DIFFERENCE["fp32"]
GOOD = Parity(samples=100, long=16, texts=100, scores=1e-6, items=1e-6, batch=1e-6, rank_correlation=1.0, swapped=0)


def require_parity(parity):
    require_gates(parity_gates(parity, "fp32"), ["fp32"])


class Model:
    """What torch holds of the student in an artifact: its text vectors, offsets, catalogue and users."""

    repeat = transitions = None

    def __init__(self, student, dataset):
        import torch

        self.student, self.torch = student, torch
        self.item_vectors = student.item_vectors.copy()
        self.offsets = self.item_vectors - student.encode_items([dataset.texts[text] for text in dataset.item_text])
        self.user_encoder = random_user_encoder("attention")

    def encode_texts(self, texts):
        return self.student.encode_items(texts)

    def user_vectors(self, history):
        return user_vectors(self.user_encoder, history, self.torch.from_numpy(self.item_vectors))


@pytest.fixture
def world(tmp_path):
    folder, dataset = write_artifact(tmp_path / "artifact"), make_dataset()
    student = Student.load(folder)
    return folder, student, Model(student, dataset), dataset


def refused(student, model, dataset):
    parity = measure_parity(student, model, dataset, 100)
    with pytest.raises(ArtifactError, match="Nothing was published") as error:
        require_parity(parity)
    assert "at most 0.0001" in str(error.value) or "expected" in str(error.value)
    return parity


def test_a_faithful_export_passes_on_as_many_real_samples_as_asked_for(world):
    _, student, model, dataset = world
    parity = measure_parity(student, model, dataset, 100)
    require_parity(parity)
    assert parity.samples == 100 and parity.long == 16 and parity.texts == 60  # the whole catalogue
    assert parity.scores < 1e-5 and parity.rank_correlation == pytest.approx(1, abs=1e-6)


def test_a_user_encoder_that_is_a_thousandth_off_is_refused(world):
    _, student, model, dataset = world
    plain = model.user_vectors
    model.user_vectors = lambda history: plain(history) * np.float32(1.001)
    parity = refused(student, model, dataset)
    assert 1e-4 < parity.scores < 1e-2 and parity.items == 0


def test_a_user_encoder_that_cuts_long_histories_elsewhere_is_refused(world):
    _, student, model, dataset = world
    require_parity(measure_parity(student, model, dataset, 100))
    model.user_encoder.max_history = 2 * student.max_history  # the real ones are shorter than either
    assert refused(student, model, dataset).scores > 1e-3


def test_an_item_encoder_that_differs_on_one_text_is_refused(world):
    _, student, model, dataset = world
    plain = model.encode_texts

    def other(texts):
        vectors = plain(texts)
        vectors[3] *= 1.001
        return vectors

    model.encode_texts = other
    assert refused(student, model, dataset).items > LIMIT


def test_an_encoder_whose_vectors_depend_on_their_company_is_refused(world):
    _, student, model, dataset = world
    plain = student._encoder.encode

    def scaled_by_the_batch(texts):
        return plain(texts) * np.float32(1 + 0.01 * (len(texts) > 1))

    student._encoder.encode = scaled_by_the_batch
    parity = measure_parity(student, model, dataset, 100)
    assert parity.batch == pytest.approx(0.01, rel=1e-2) and parity.items == 0
    assert "alone and in a batch" in " ".join(gate.what for gate in failed(parity_gates(parity, "int8"), "int8"))


def test_forgotten_offsets_are_refused(world):
    folder, student, model, dataset = world
    (folder / "items.safetensors").write_bytes(save({"vectors": model.item_vectors - model.offsets}))
    seal(folder)
    assert refused(Student.load(folder), model, dataset).scores > 0.01
    # And where the stored vectors have them but the encoder's text part does not lead there.
    model.offsets = None
    assert refused(student, model, dataset).scores > 0.01


def test_ids_in_another_order_than_the_vectors_are_refused(world):
    folder, _, model, dataset = world
    (folder / "items.safetensors").write_bytes(save({"vectors": np.ascontiguousarray(model.item_vectors[::-1])}))
    seal(folder)
    assert refused(Student.load(folder), model, dataset).scores > 0.01


def test_scores_that_are_no_numbers_are_refused(world):
    _, student, model, dataset = world
    plain = model.user_vectors
    model.user_vectors = lambda history: plain(history) * np.float32(np.nan)
    assert math.isnan(refused(student, model, dataset).scores)


def test_a_data_set_without_test_users_is_compared_on_its_training_histories(world):
    _, student, model, dataset = world
    none = np.empty(0, np.int64)
    require_parity(measure_parity(student, model, replace(dataset, test=dataset.test.take(none)), 100))
    bare = replace(dataset, test=dataset.test.take(none), validation=dataset.validation.take(none))
    assert measure_parity(student, model, bare, 100).samples == 100
    empty = replace(bare, train=replace(dataset.train, items=Ragged.from_rows([])))
    with pytest.raises(ArtifactError, match="no histories to compare on"):
        measure_parity(student, model, empty, 100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": 1.01e-4}, r"scores from torch's, relative 0\.000101; expected at most 0\.0001"),
        ({"scores": math.nan}, "scores .* nan"),
        ({"items": 2e-4}, r"item vectors .* 0\.0002"),
        ({"batch": 1.1e-3}, r"vector alone and in a batch, relative 0\.0011; expected at most 0\.001"),
        ({"batch": math.nan}, "alone and in a batch"),
        ({"swapped": 1}, "top-10 lists .* 1; expected at most 0"),
        ({"rank_correlation": 0.99}, r"rank correlation .* 0\.99; expected at least 0\.999"),
        ({"rank_correlation": math.nan}, "rank correlation .* nan"),
    ],
)
def test_every_limit_is_a_limit(change, message):
    require_parity(GOOD)
    require_parity(replace(GOOD, scores=LIMIT, items=LIMIT))
    with pytest.raises(ArtifactError, match=message):
        require_parity(replace(GOOD, **change))


def test_top_lists_may_swap_near_ties_and_nothing_else():
    torch_scores = np.linspace(1, 0, 30)
    near, far = torch_scores.copy(), torch_scores.copy()
    near[[2, 3]] = near[[3, 2]]
    far[[2, 6]] = far[[6, 2]]
    step = 1 / 29
    assert not _swapped(near, torch_scores, 1.01 * step)
    assert _swapped(near, torch_scores, 0.99 * step)
    assert _swapped(far, torch_scores, 1.01 * step)
    below = torch_scores.copy()
    below[[20, 21]] = below[[21, 20]]
    assert not _swapped(below, torch_scores, 0.0)
