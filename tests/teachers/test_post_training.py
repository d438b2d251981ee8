"""Post-training: views of items matched before all else, for the PLM of what follows; shared by a run's teachers."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from pydantic import ValidationError
from tiny import make_dataset
from torch.nn import functional

from distill_rec.contracts import teacher_spec
from distill_rec.data import Dataset
from distill_rec.data.prepare import prepare
from distill_rec.device import choose_device
from distill_rec.ensemble.members import mark_of
from distill_rec.losses.matching import matching_loss
from distill_rec.progress import Quiet
from distill_rec.recipe import DataSection
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError, TrainingError
from distill_rec.sections.base import decisive
from distill_rec.several_teachers import EnsembleSection
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.testing.teachers import (
    check_encoder,
    check_estimate,
    check_folder,
    check_resume,
    check_signals,
    taught_on,
)
from distill_rec.training.outcome import Outcome
from distill_rec.training.task import TextBatches, own_found
from teachers.bi_encoder.build import open_source, pooled_vectors
from teachers.bi_encoder.post_training.section import PostTrainingSection
from teachers.bi_encoder.post_training.train import post_train, weights_of
from teachers.bi_encoder.post_training.views import make_views
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import UNTRAINED

SOON = QUICK | {"min_updates": 0, "trunk_learning_rate": 1e-3}


def post(**more):
    return {"post_training": {"tuning": "last:1", "optimizer": SOON, **more}}


def with_columns(dataset, **columns):
    given = {"item_id": dataset.items["item_id"], "title": dataset.items["title"], **columns}
    return replace(dataset, made_columns=pl.DataFrame(given))


@pytest.fixture(scope="module", params=["last:1", "lora:1"])
def taught(request, tmp_path_factory):
    settings = post(tuning=request.param, snapshots=[3, 8], snapshot=8)
    return taught_on(teacher_spec("bi_encoder"), tmp_path_factory.mktemp("post"), "clicks", settings)


def test_a_killed_post_training_goes_on_to_the_same_teacher(taught):
    for check in (check_estimate, check_folder, check_signals, check_encoder, check_resume):
        check(taught)


def test_it_moves_the_layers_that_learn_and_its_history_says_so(taught):
    found = read_record(Outcome, taught.folder / "history.json").before["post-training"]
    assert found.steps["window"] > 0
    assert found.moved_last["trunk layer 1"] > 1e-3 and "trunk layer 0" not in found.moved_last
    # No plateau before the last snapshot; InfoNCE of items held out is what falls.
    assert found.updates >= 8 and found.history[-1]["infonce"] < found.history[0]["infonce"]


def test_what_follows_reads_the_new_weights_and_the_untrained_column_the_old_ones(taught, tmp_path):
    section, dataset, device = taught.section, taught.dataset, choose_device("cpu")
    with own_cache(tmp_path):
        learned = taught.folder / "trunk.safetensors"
        sources = [open_source(section, dataset, device, one) for one in (learned, None)]
        new, old = (pooled_vectors(one, dataset, Quiet()) for one in sources)
    assert sources[0].record["digest"] != sources[1].record["digest"]
    assert not torch.allclose(new, old, atol=1e-3)
    assert taught.teacher.config["trunk"]["digest"] == sources[0].record["digest"]


def test_teachers_of_a_run_share_it_and_each_snapshot_is_one_of_its_own(tmp_path, tiny_trunk):
    dataset, base = make_dataset(), {"trunk": str(tiny_trunk), "dim": 8, "device": "cpu", "optimizer": QUICK}
    members = {
        name: base | post(snapshots=[2, 6], **({} if one is None else {"snapshot": one}))
        for name, one in (("early", 2), ("late", 6), ("best", None))
    }
    spec = teacher_spec("ensemble")
    with own_cache(tmp_path):
        spec.teach.get()(EnsembleSection.model_validate({"members": members}), dataset, tmp_path / "teach")
    places = [next((tmp_path / "teach" / name / "variants").glob("post-training-*")) for name in members]
    assert len({(place / "at-000000002.safetensors").stat().st_ino for place in places}) == 1
    trunks = [(tmp_path / "teach" / name / "trunk.safetensors").read_bytes() for name in ("early", "late")]
    assert trunks[0] != trunks[1]


def test_a_snapshot_that_was_not_reached_is_told(tmp_path, tiny_trunk):
    dataset = make_dataset()
    section = BiEncoderSection(trunk=str(tiny_trunk), dim=8, device="cpu", **post(snapshots=[2, 900], snapshot=900))
    with own_cache(tmp_path), pytest.raises(TrainingError, match=r"ended by max_epochs after 12 updates.*900"):
        post_train(section, dataset, tmp_path / "teach", Quiet())


def test_views_are_of_both_columns_and_never_of_new_items():
    dataset = make_dataset()
    plots = [f"plot {number}" if number % 10 else None for number in range(60)]
    dataset = replace(with_columns(dataset, plot=plots), new=np.arange(60) < 15)
    views = make_views(PostTrainingSection(views=["{title}", "{plot}"], held_out=0.25), dataset, seed=0)
    pairs = [*views.train[0].tolist(), *views.held_out.tolist()]
    told = {(views.texts[first], views.texts[second]) for first, second in pairs}
    kept = [item for item in range(15, 60) if item % 10]
    assert told == {(dataset.items["title"][item], plots[item]) for item in kept}
    assert len(pairs) == len(kept) and len(views.held_out) == 10


def test_one_text_is_divided_into_all_of_its_words():
    dataset = make_dataset()
    views = make_views(PostTrainingSection(draws=3), dataset, seed=0)
    assert views.train.shape[0] == 3 and not np.array_equal(views.train[0], views.train[1])
    whole = {" ".join(sorted(text.split())) for text in dataset.texts}
    for first, second in views.train.reshape(-1, 2):
        assert " ".join(sorted(f"{views.texts[first]} {views.texts[second]}".split())) in whole


def test_what_has_no_views_is_refused():
    dataset, section = make_dataset(), PostTrainingSection(views=["{title}", "{polt}"])
    with pytest.raises(RecipeError, match=r"post_training\.views: columns title, polt, .*restart prepare"):
        make_views(section, dataset, 0)
    with pytest.raises(RecipeError, match=r"post_training\.views: unknown field \{polt\}.*Did you mean \{plot\}"):
        make_views(section, with_columns(dataset, plot=["x"] * 60), 0)
    few = with_columns(dataset, polt=["a plot"] * 5 + [""] * 55)
    with pytest.raises(RecipeError, match="4 items with two views"):  # two of the five are the same text twice
        make_views(section, few, 0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tuning": "head"}, "head leaves the PLM as it is"),
        ({"tuning": "patch:1"}, "patch adds weights that cannot become the PLM's own"),
        ({"views": ["title"]}, "names no column"),
        ({"snapshots": [5], "snapshot": 4}, "snapshot = 4 is none of"),
        ({"snapshots": [5], "optimizer": {"max_updates": 4}}, "ends it before snapshot 5"),
    ],
)
def test_keys_that_contradict_are_refused(given, told):
    with pytest.raises(ValidationError, match=told):
        PostTrainingSection.model_validate(given)


def test_a_teacher_without_it_is_fingerprinted_as_before_and_with_it_by_its_columns():
    assert "post_training" not in decisive(BiEncoderSection(), UNTRAINED)
    dataset = make_dataset()
    one, other = (with_columns(dataset, plot=[text] * 60) for text in ("a", "b"))
    plain, views = BiEncoderSection(trunk="x"), BiEncoderSection(trunk="x", **post(views=["{title}", "{plot}"]))
    assert mark_of(plain, one) == mark_of(plain, other)
    assert mark_of(views, one) != mark_of(views, other)


def test_prepared_data_keep_the_items_columns_as_they_are(tmp_path):
    items = pl.DataFrame({"item_id": ["a", "b"], "title": ["A &amp; B", "C"], "plot": [None, "x"]})
    clicks = pl.DataFrame({"user_id": [1, 1, 2, 2], "item_id": ["a", "b", "a", "b"], "timestamp": [1, 2, 3, 4]})
    prepare(DataSection(test_share=0.25, validation_share=0.25), tmp_path / "data", clicks=clicks, items=items)
    dataset = Dataset.load(tmp_path / "data")
    assert dataset.columns(["plot", "title"]).rows() == [(None, "A &amp; B"), ("x", "C")]
    assert dataset.items["text"][0] == "A & B"


def test_the_loss_is_cross_entropy_in_both_directions_less_what_is_the_same():
    torch.manual_seed(0)
    left, right = torch.randn(5, 3), torch.randn(5, 3)
    none = torch.zeros(5, 5, dtype=torch.bool)
    logits = functional.cosine_similarity(left[:, None], right[None], dim=2) / 0.1
    own = torch.arange(5)
    expected = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.t(), own)) / 2
    torch.testing.assert_close(matching_loss(left, right, none, 0.1), expected)
    assert matching_loss(left, right, ~none, 0.1).item() == pytest.approx(0.0, abs=1e-6)
    assert matching_loss(left[:1], right[:1], none[:1, :1], 0.1).item() == pytest.approx(0.0, abs=1e-6)


def test_own_vectors_are_found_by_their_rank():
    right = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.0, 1.0]])
    left = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    second, third, fourth = (1 / math.log2(rank + 1) for rank in (2, 3, 4))
    # Third row: tied with the fourth. Fourth row: tied with the third, behind two.
    expected = [1.0, second, (1 + second) / 2, (third + fourth) / 2]
    np.testing.assert_allclose(own_found(left, right), expected)
    same = np.zeros((4, 4), bool)
    same[2, 3] = same[3, 2] = True
    np.testing.assert_allclose(own_found(left, right, same), [1.0, second, 1.0, third])
    with pytest.raises(TrainingError, match="not finite"):
        own_found(left * torch.nan, right)


def test_batches_take_every_row_once_per_epoch_and_the_next_draw_in_the_next():
    rows = np.arange(18).reshape(2, 9, 1)
    batches = TextBatches(rows, batch_size=4, seed=0)
    epochs = [[batches.make(samples) for samples in batches.epoch(number)] for number in (0, 1, 2)]
    assert all(len(epoch) == batches.per_epoch == 2 for epoch in epochs)  # the ninth alone teaches nothing
    seen = [{int(text) for batch in epoch for text in batch.candidates.ravel()} for epoch in epochs]
    assert seen[0] <= set(range(9)) and seen[1] <= set(range(9, 18)) and seen[2] <= set(range(9))


def test_weights_of_a_teacher_without_it_are_none(tmp_path):
    assert weights_of(BiEncoderSection(), None) is None
    earlier = BiEncoderSection(begin=str(tmp_path / "old"), post_training={"views": ["{title}"]})
    assert post_train(earlier, make_dataset(), tmp_path, Quiet()) is None
    assert weights_of(earlier, None) == tmp_path / "old" / "trunk.safetensors"
    assert post_train(BiEncoderSection(), make_dataset(), tmp_path, Quiet()) is None
