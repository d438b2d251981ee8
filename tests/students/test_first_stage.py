"""Two stages: a student first learns the teacher's vectors of all texts, then what it learns without."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.contracts import student_spec
from distill_rec.distillation import distill
from distill_rec.distillation.training import UNTRAINED
from distill_rec.knowledge import Knowledge
from distill_rec.progress import Quiet
from distill_rec.recipe import FirstSection, OptimizerSection
from distill_rec.recipe_check import check
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError, TrainingError
from distill_rec.sections.base import decisive
from distill_rec.student_build import held_out, taught_texts
from distill_rec.testing.kills import Counted, KilledError, places
from distill_rec.testing.sections import QUICK, own_cache
from distill_rec.training.outcome import Outcome
from distill_rec.training.task import centred_cosine
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach as teach_ids

FIRST = {"optimizer": QUICK | {"max_epochs": 20, "min_updates": 0}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    with own_cache(folder):
        teach(BiEncoderSection(trunk=trunk, dim=8, device="cpu", optimizer=QUICK), dataset, folder / "teach")
        yield dataset, trunk, folder


def train(world, name, kind="static", progress=None, knowledge="teach", **settings):
    dataset, trunk, folder = world
    section = student_section(kind, optimizer=OptimizerSection(**QUICK), device="cpu", **settings)
    distill(section, folder / knowledge / "knowledge", dataset, folder / name, trunk=trunk, progress=progress)
    return folder / name


@pytest.mark.parametrize(("kind", "dim"), [("static", 8), ("static", 6), ("transformer", 8)])
def test_it_learns_vectors_of_items_that_nobody_clicked_and_hands_them_on(world, kind, dim):
    place = train(world, f"two-{kind}-{dim}", kind, dim=dim, start="none", first=FIRST)
    found = read_record(Outcome, place / "history.json").before["first stage"]
    assert found.history[-1]["cosine"] > found.history[0]["cosine"]
    assert found.moved["item encoder"] > 0 and found.moved["user encoder"] == 0
    learned = load_file(place / "first" / "best.safetensors")
    assert ("1.item_adapter.weight" in learned) == (dim != 8)
    begun = read_record(Outcome, place / "history.json").history[0]
    plain = read_record(
        Outcome, train(world, f"one-{kind}-{dim}", kind, dim=dim, start="none") / "history.json"
    ).history[0]
    assert begun["update"] == plain["update"] == 0 and begun["ndcg@10"] != plain["ndcg@10"]


def test_where_every_text_is_found_from_the_beginning_the_nearest_to_the_teacher_is_kept(world, monkeypatch):
    monkeypatch.setattr("distill_rec.distillation.first_stage.own_found", lambda left, right: np.ones(len(left)))
    found = read_record(Outcome, train(world, "found", first=FIRST) / "history.json").before["first stage"]
    best = max(found.history, key=lambda one: one["centred_cosine"])
    assert found.by == "centred_cosine" and {one["ndcg@10"] for one in found.history} == {1.0}
    assert (found.kept, found.best) == (best["update"], best["centred_cosine"]) and found.kept > 0


def test_what_all_texts_have_in_common_is_no_likeness():
    taught = 3 + torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    alike = taught.mean(0).expand(50, 8)
    assert torch.nn.functional.cosine_similarity(alike, taught, dim=1).mean() > 0.9
    assert abs(centred_cosine(alike, taught).mean()) < 0.1
    np.testing.assert_allclose(centred_cosine(2 * taught, taught), 1, atol=1e-6)
    with pytest.raises(TrainingError, match="not finite"):
        centred_cosine(taught / 0, taught)


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_a_start_has_learned_from_no_text_that_judges_the_first_stage(world, kind):
    dataset, trunk, folder = world
    knowledge = Knowledge.load(folder / "teach" / "knowledge")
    section = student_section(kind, dim=8, first=FIRST)
    texts = taught_texts(dataset, knowledge)
    out = held_out(section, len(texts))

    def start(changed):
        vectors = np.array(knowledge.text_vectors)
        vectors[changed] = 100.0
        build = student_spec(kind).build.get()
        other = replace(knowledge, text_vectors=vectors)
        return build(section, trunk, dataset, other, Quiet()).model.text_encoder.encode(torch.from_numpy(texts))

    whole = start([])
    assert torch.equal(start(texts[out]), whole) and not torch.allclose(start(texts[~out][:1]), whole)


def test_killed_anywhere_it_ends_in_the_same_student(world):
    counted, settings = Counted(), {"first": FIRST, "adapter": "experts"}
    whole = load_file(train(world, "whole", progress=counted, **settings) / "weights.safetensors")
    for place in places(counted.told):
        with pytest.raises(KilledError):
            train(world, f"killed-{place}", progress=Counted(place), **settings)
        other = load_file(train(world, f"killed-{place}", **settings) / "weights.safetensors")
        assert all(torch.equal(whole[name], other[name]) for name in whole)


def test_only_texts_that_a_teacher_knows_are_taught(world):
    dataset, _, folder = world
    teach_ids(ItemIdsSection(dim=8, device="cpu", optimizer=QUICK), dataset, folder / "ids")
    place = train(world, "of-ids", knowledge="ids", first=FIRST)
    known = Knowledge.load(folder / "ids" / "knowledge").knows_texts
    assert not known.all() and read_record(Outcome, place / "first" / "history.json").updates > 0


def test_what_cannot_learn_so_is_refused(world):
    with pytest.raises(RecipeError, match="kind 'sequential', whose items are a table"):
        train(world, "table", kind="sequential", first=FIRST)
    with pytest.raises(RecipeError, match="relations alone, of 6 dimensions with a teacher of 8"):
        train(world, "apart", dim=6, first=FIRST | {"loss": {"item_cosine": 0.0, "relational": 1.0}})
    with pytest.raises(RecipeError, match=r"student\.adapter.*student\.first\.loss\.item_cosine = 0"):
        loss = student_section().loss.model_copy(update={"item_cosine": 0.0, "user_cosine": 0.0})
        train(world, "none", dim=6, adapter="none", loss=loss, first=FIRST)
    with pytest.raises(ValidationError, match="a weight above zero"):
        FirstSection.model_validate({"loss": {"item_cosine": 0.0}})
    with pytest.raises(ValidationError, match="kl"):
        FirstSection.model_validate({"loss": {"kl": 1.0}})
    with pytest.raises(RecipeError, match="no teacher"):
        check({"student": {"trunk": "x", "first": {}}})


def test_a_student_without_it_is_fingerprinted_as_before():
    assert "first" not in decisive(student_section(), UNTRAINED)
