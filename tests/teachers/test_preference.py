"""Preference tuning: from the trained teacher on, against it, and kept only where it is better."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny import make_dataset

from distill_rec.contracts import teacher_spec
from distill_rec.data.ragged import Ragged
from distill_rec.device import choose_device
from distill_rec.progress import Quiet
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.base import decisive
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.testing.teachers import check_estimate, check_folder, check_resume, check_signals, taught_on
from distill_rec.training.batches import make_batches
from distill_rec.training.objective import make_scene
from distill_rec.training.outcome import Outcome
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.preference.objective import PreferenceObjective, require_preferences
from teachers.bi_encoder.preference.section import READS, PreferenceSection
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import UNTRAINED

FREE = QUICK | {"keep_start": False, "min_updates": 0}


def preference(method, **more):
    return {"preference": {"method": method, "optimizer": FREE, **more}}


def test_a_killed_preference_tuning_goes_on_to_the_same_teacher(tmp_path):
    settings = preference("policy-gradient", rankings=4, top=3)
    taught = taught_on(teacher_spec("bi_encoder"), tmp_path, "impressions", settings)
    for check in (check_estimate, check_folder, check_signals, check_resume):
        check(taught)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """All methods as variants of one teacher."""
    choose = [{}] + [preference(method) for method in READS]
    taught = taught_on(
        teacher_spec("bi_encoder"), tmp_path_factory.mktemp("several"), "impressions", {"choose": choose}
    )
    paths = sorted((taught.folder / "variants").glob("*/history.json"))
    return taught, {
        path.parent.name.rpartition("-")[0].rpartition("-")[0]: read_record(Outcome, path) for path in paths
    }


def test_every_method_starts_from_the_one_trained_teacher_and_moves(several):
    taught, outcomes = several
    assert set(outcomes) == {"head", *(f"head-{method}" for method in READS)}
    base = outcomes.pop("head")
    for method, found in outcomes.items():
        assert found.history[0]["ndcg@10"] == base.best, method
        assert found.best >= base.best, method
        assert max(found.moved_last.values()) > 0, method
    whole = read_record(Outcome, taught.folder / "history.json")
    assert len(whole.variants) == 1 + len(READS)
    assert whole.best == max(base.best, *(found.best for found in outcomes.values()))


def objective_of(tmp_path, tiny_trunk, dataset, **settings):
    with own_cache(tmp_path):
        section = BiEncoderSection(trunk=str(tiny_trunk), dim=8, device="cpu", dropout=0.0, offset_dropout=0.0)
        device = choose_device("cpu")
        model = build_teacher(section, open_source(section, dataset, device), dataset, device, Quiet())
    with torch.no_grad():
        model.offsets.weight.normal_()
    objective = PreferenceObjective(PreferenceSection(**settings), model, seed=0)
    batches = make_batches(dataset, 16, seed=0)
    batch = objective.asked(batches.make(batches.epoch(0)[0]), 0, 0)
    items = torch.arange(dataset.n_items)
    scene = make_scene(model, items, items, model.item_vectors(), batch)
    return objective, scene, items


@pytest.mark.parametrize("method", ["dpo", "s-dpo"])
def test_at_the_start_the_reference_scores_as_the_teacher_does(method, tmp_path, tiny_trunk):
    objective, scene, place = objective_of(
        tmp_path, tiny_trunk, make_dataset("impressions"), method=method, negatives=2
    )
    loss = objective.batch_loss(scene, place).item()
    # No margin anywhere: a coin against one, or a die of three against two.
    assert loss == pytest.approx(math.log(2) if method == "dpo" else math.log(3), abs=1e-5)


def test_ratings_are_another_reward_than_clicks(tmp_path, tiny_trunk):
    dataset = make_dataset("impressions")
    labels = dataset.train.labels
    rated = np.random.default_rng(0).integers(1, 6, len(labels.values)).astype(np.float32)
    dataset = replace(dataset, train=replace(dataset.train, grades=Ragged(rated, labels.offsets)))
    found = []
    for reward in ("clicks", "ratings", "ratings"):
        settings = {"method": "policy-gradient", "reward": reward, "beta": 0.0}
        objective, scene, place = objective_of(tmp_path, tiny_trunk, dataset, **settings)
        found.append(objective.batch_loss(scene, place).item())
    assert found[1] == found[2] != found[0]
    assert all(-1 <= loss <= 0 for loss in found)


def test_data_without_preferences_are_refused():
    with pytest.raises(RecipeError, match="read_as"):
        require_preferences(PreferenceSection(), make_dataset("clicks"))
    with pytest.raises(RecipeError, match=r"reward.*restart prepare"):
        require_preferences(PreferenceSection(method="policy-gradient", reward="ratings"), make_dataset("impressions"))


def test_keys_that_a_method_does_not_read_are_refused():
    with pytest.raises(ValidationError, match="rankings is read by method = 'policy-gradient' alone"):
        PreferenceSection(method="dpo", rankings=4)
    with pytest.raises(ValidationError, match="negatives is read by method = 'dpo' or 's-dpo' alone"):
        PreferenceSection(method="supervised", negatives=4)
    with pytest.raises(ValidationError, match="beta = 0"):
        PreferenceSection(method="s-dpo", beta=0)
    assert PreferenceSection.model_validate(PreferenceSection(method="dpo").model_dump()).method == "dpo"


def test_a_teacher_without_it_is_fingerprinted_as_before():
    assert "preference" not in decisive(BiEncoderSection(), UNTRAINED)
    assert "optimizer" not in decisive(BiEncoderSection(preference=PreferenceSection()), UNTRAINED)["preference"]
