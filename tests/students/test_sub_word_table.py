"""How the static student's sub-word table starts, and how fast it learns."""

import json

import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.knowledge import Knowledge
from distill_rec.progress import Quiet
from distill_rec.recipe import FirstSection, OptimizerSection
from distill_rec.runtime.errors import RecipeError
from students.static.build import build
from students.static.weights import by_catalogue, by_zipf
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=2, weight_decay=0.0)
HELD = {"dropout": 0.3, "offset_dropout": 0.3, "offset_decay": 0.05}
"""So that two epochs better the start, whose weights would be kept."""
TABLE = "text_encoder.table"


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk, dataset = str(write_trunk(tmp_path / "trunk")), make_dataset()
    # As learned: a student that begins as a teacher whose level was fitted would keep that start here.
    teach(BiEncoderSection(trunk=trunk, dim=8, optimizer=QUICK, unclicked_cost=1.0), dataset, tmp_path / "teach")
    return dataset, trunk, tmp_path


def optimizer(rate):
    return QUICK.model_copy(update={"table_rate": rate})


def learned(world, name, **settings):
    """Weights by name after training."""
    dataset, trunk, folder = world
    section = student_section(**{"optimizer": QUICK, "taught": HELD, **settings})
    distill(section, folder / "teach" / "knowledge", dataset, folder / name, trunk=trunk)
    return load_file(folder / name / "weights.safetensors")


def test_the_table_learns_at_its_share_of_the_rate_and_all_else_at_the_whole(world):
    dataset, trunk, folder = world
    knowledge = Knowledge.load(folder / "teach" / "knowledge")
    begun = build(student_section(optimizer=QUICK), trunk, dataset, knowledge, Quiet()).model.state_dict()
    moved = {}
    for rate in (0.0, 0.1, 1.0):
        weights = learned(world, str(rate), optimizer=optimizer(rate))
        moved[rate] = float((weights[TABLE] - begun[TABLE]).norm())
        projection = "text_encoder.projection.linear.weight"
        assert float((weights[projection] - begun[projection]).norm()) > 0
    assert moved[0.0] == 0.0
    assert 0 < moved[0.1] < 0.5 * moved[1.0]


def test_a_table_that_clicks_do_not_move_is_what_the_first_stage_made_of_it(world):
    first = FirstSection(loss={"item_cosine": 1.0}, optimizer=QUICK.model_copy(update={"max_epochs": 20}))
    weights = learned(world, "kept", start="none", first=first, optimizer=optimizer(0.0))
    stage = load_file(world[2] / "kept" / "first" / "best.safetensors")
    torch.testing.assert_close(weights[TABLE], stage[f"0.{TABLE}"], rtol=0, atol=0)
    assert float((weights[TABLE] - learned(world, "plain", start="none", optimizer=optimizer(0.0))[TABLE]).norm()) > 0


def test_a_rate_of_a_table_is_refused_where_there_is_none(world):
    with pytest.raises(RecipeError, match=r"table_rate.*0\.5.*kind static"):
        learned(world, "refused", kind="transformer", optimizer=optimizer(0.5))


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_zipf_weighs_by_the_order_of_the_vocabulary_and_leaves_out_free_rows(kind):
    names = ["[PAD]", "[unused0]", "the", "nintendo"]
    vocab = dict(zip(names, range(4), strict=True)) if kind == "WordPiece" else [[name, -1.0] for name in names]
    weights = by_zipf(json.dumps({"model": {"type": kind, "vocab": vocab}}), 5)
    whole = 1 / 2 + 1 / 3 + 1 / 4
    expected = [1e-4 / (1e-4 + 1 / rank / whole) for rank in (2, 3, 4)]
    torch.testing.assert_close(weights, torch.tensor([expected[0], 1.0, expected[1], expected[2], 1.0]))


def test_the_catalogues_counts_weigh_what_is_frequent_there_least():
    weights = by_catalogue(torch.tensor([0.0, 1.0, 999.0]))
    torch.testing.assert_close(weights, torch.tensor([1.0, 0.5, 1e-3 / (1e-3 + 0.999)]))
