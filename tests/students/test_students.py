from functools import partial

import numpy as np
import pytest
import torch
from tiny import make_dataset, student_section, write_trunk

from distill_rec.data.ragged import Ragged
from distill_rec.distillation import distill
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.files import read_json
from distill_rec.knowledge import Knowledge
from distill_rec.nn.projection import Projection, ridge
from distill_rec.recipe import LossSection, OptimizerSection
from distill_rec.sections.taught import TaughtSection
from distill_rec.student_model import load_student
from distill_rec.training.optimizers import make_optimizers
from students.static.encoder import StaticEncoder
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

NAMES = ("student", "initialised", "other")
QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=2)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk = str(write_trunk(tmp_path / "trunk"))
    dataset = make_dataset()
    teach(BiEncoderSection(trunk=trunk, dim=8, optimizer=QUICK), dataset, tmp_path / "teach")
    return dataset, trunk, tmp_path


def trained(world, **settings):
    dataset, trunk, folder = world
    section = student_section(**{"optimizer": QUICK, **settings})
    distill(section, folder / "teach" / "knowledge", dataset, folder / "student", trunk=trunk)
    return load_student(folder / "student")


@pytest.mark.parametrize("kind", ["static", "transformer"])
@pytest.mark.parametrize("dim", [8, 6])
def test_a_student_read_back_encodes_its_catalogue_as_it_was_trained(world, kind, dim):
    student = trained(world, kind=kind, dim=dim)
    dataset = world[0]
    vectors = student.encode_texts(dataset.texts)[dataset.item_text] + student.offsets
    assert np.abs(vectors - student.item_vectors).max() <= 1e-5 * student.item_vectors.std()
    assert student.user_vectors(Ragged.from_rows([[], [1, 2]])).shape == (2, dim)


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_odd_texts_have_finite_vectors_and_no_tokens_have_one(world, kind):
    student = trained(world, kind=kind)
    texts = ["", "\x00\x07", "ξψω", "\U0001f600", "red ξψω", "red " * 3000, "xyzzy"]
    vectors = student.encode_texts(texts)
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    assert not student.as_learned.offsets[~world[0].warm].any()


def test_fallback_rows_carry_sub_words_that_training_never_saw():
    table, others = torch.randn(3, 4), torch.randn(2, 4)
    vocabulary = torch.tensor([0, -1, 1, 2, -2], dtype=torch.int32)
    encoder = StaticEncoder(vocabulary, table, others, Projection(4, 2), Ragged.from_rows([[0, 1], [4], []]))
    means = encoder.mean(torch.arange(3))
    stored = encoder.fallback.float() * encoder.fallback_scale[:, None]
    assert (stored - others).abs().max() <= others.abs().max() / 127
    torch.testing.assert_close(means[0], (table[0] + stored[0]) / 2)
    torch.testing.assert_close(means[1], stored[1])
    torch.testing.assert_close(means[2], encoder.no_tokens)


def test_an_initialised_student_starts_as_the_distilled_one_and_learns_from_clicks_alone(world):
    dataset, trunk, folder = world
    section = student_section(optimizer=QUICK)
    train = partial(distill, section, folder / "teach" / "knowledge", dataset, trunk=trunk)
    train(folder=folder / "student")
    train(folder=folder / "initialised", clicks_only=True)
    held = {key: getattr(section, key) for key in TaughtSection().apart()}
    clicks = {"loss": LossSection(kl=0, item_cosine=0, user_cosine=0, click=1), "taught": TaughtSection(**held)}
    losses = section.model_copy(update=clicks)
    distill(losses, folder / "teach" / "knowledge", dataset, folder / "other", trunk=trunk)
    distilled, initialised, other = (read_json(folder / n / "history.json")["history"] for n in NAMES)
    assert distilled[0]["ndcg@10"] == initialised[0]["ndcg@10"]  # the start
    assert distilled[-1]["loss"] != initialised[-1]["loss"]
    assert initialised[-1]["ndcg@10"] == pytest.approx(other[-1]["ndcg@10"], abs=1e-3)


def test_what_holds_few_clicks_down_is_not_the_taught_students(world):
    """`taught` is in force with a teacher and nowhere else, whatever the student's own keys say."""
    dataset, trunk, folder = world
    knowledge, free = folder / "teach" / "knowledge", {"dropout": 0.0, "offset_dropout": 0.0, "offset_decay": 0.0}
    held = {"dropout": 0.5, "offset_dropout": 0.5, "offset_decay": 0.5}

    def losses(own, taught, clicks_only=False, knowledge=knowledge):
        place = folder / "taught" / f"{own is held}-{taught is held}-{clicks_only}-{knowledge is None}"
        section = student_section(optimizer=QUICK, **own, taught=taught)
        distill(section, knowledge, dataset, place, trunk=trunk, clicks_only=clicks_only)
        return [record["loss"] for record in read_json(place / "history.json")["history"]]

    assert losses(held, free) == losses(free, free) != losses(held, held)
    for start in ({"clicks_only": True}, {"knowledge": None}):
        assert losses(held, free, **start) == losses(held, held, **start) != losses(free, free, **start)


def test_ridge_finds_a_linear_map():
    x, true = torch.randn(200, 5), torch.randn(5, 3)
    torch.testing.assert_close(ridge(x, x @ true, 1e-9), true, atol=1e-4, rtol=1e-4)


def test_adapters_learn_with_the_student_and_never_on_the_teachers_side(world):
    dataset, trunk, folder = world
    from distill_rec.progress import Quiet
    from students.static.build import build

    section = student_section(dim=6, user_heads=2, optimizer=QUICK)
    knowledge = Knowledge.load(folder / "teach" / "knowledge")
    model = build(section, trunk, dataset, knowledge, Quiet()).model
    objective = DistillationObjective(knowledge, LossSection(), 6, torch.arange(5), torch.device("cpu"))
    held = {
        id(p)
        for optimizer in make_optimizers(model, objective, QUICK, 0.0).named().values()
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert {id(p) for p in objective.parameters()} <= held and len(list(objective.parameters())) == 4
    assert not {id(p) for p in knowledge.user_encoder.parameters()} & held
