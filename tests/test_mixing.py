"""Teachers weighed by sample: by hand, where one is right and the other wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny import make_dataset

from distill_rec.distillation import mixing
from distill_rec.distillation.mixing import Mixing, costs_of_clicks, costs_of_targets
from distill_rec.distillation.objective import DistillationObjective
from distill_rec.knowledge import Knowledge
from distill_rec.losses.registry import losses
from distill_rec.nn.side_by_side import SideBySide, joined
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.recipe import LossSection
from distill_rec.recipe_check import check
from distill_rec.runtime.errors import RecipeError
from distill_rec.sections.histories import HistoriesSection
from distill_rec.training.batches import make_batches
from distill_rec.training.histories import Histories
from distill_rec.training.objective import Scene

ITEMS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, -2.0, 1.0]])
"""Two teachers: the first of two dimensions, the second of one, which scores all items alike."""
WEIGHTS = torch.tensor([0.5, 1.5])
OFF = {spec.name: 0.0 for spec in losses().values()}


def factors(by, temperature, users, target, items=ITEMS, real=None):
    parts = [make_user_encoder("mean", dim, 4) for dim in (2, 1)]
    mix = Mixing(by, temperature, SideBySide(parts, WEIGHTS.tolist()))
    mixed = mix.of_targets(users, items, torch.tensor(target), real)
    return torch.stack([mixed[:, 0] / users[:, 0], mixed[:, 2] / users[:, 2]], 1)


def by_hand(costs, temperature=1.0):
    """w_t exp(-c_t / T), as long together as the weights are, over the weights."""
    weighed = [w * math.exp(-c / temperature) for w, c in zip(WEIGHTS.tolist(), costs, strict=True)]
    return [each * sum(WEIGHTS.tolist()) / sum(weighed) / w for each, w in zip(weighed, WEIGHTS.tolist(), strict=True)]


def test_a_teacher_that_is_wrong_counts_for_less():
    users = torch.tensor([[20.0, 1.0, 1.0], [20.0, 1.0, 1.0]]) * torch.tensor([0.5, 0.5, 1.5])
    found = factors("by_loss", 1.0, users, [0, 2])
    # The first is sure of item 0: right in the first sample; 42 too low in the other. The second knows nothing.
    even = math.log(3)
    np.testing.assert_allclose(found[0], by_hand([0.0, even]), rtol=1e-5)
    np.testing.assert_allclose(found[1], by_hand([42.0, even]), rtol=1e-4, atol=1e-6)
    assert found[0, 0] > 1 > found[0, 1] and found[1, 0] < 1 < found[1, 1]
    warm = factors("by_loss", 1e6, users, [0, 2])
    np.testing.assert_allclose(warm, 1.0, atol=1e-4)


def test_by_rank_only_the_place_of_the_click_counts():
    users = torch.tensor([[20.0, 1.0, 1.0], [0.02, 0.001, 1.0]]) * torch.tensor([0.5, 0.5, 1.5])
    found = factors("by_rank", 2.0, users, [2, 2])
    np.testing.assert_allclose(found[0], by_hand([math.log(3), 0.0], 2.0), rtol=1e-5)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


def test_what_nobody_clicked_and_what_one_does_not_know_is_left_to_the_sum():
    users = torch.tensor([[20.0, 1.0, 1.0]] * 3) * torch.tensor([0.5, 0.5, 1.5])
    items = ITEMS.clone()
    items[1, :2] = 0  # the first teacher does not know it
    found = factors("by_loss", 1.0, users, [0, 1, 0], items, torch.tensor([True, True, False]))
    assert found[0, 0] > 1.1
    np.testing.assert_allclose(found[1:], 1.0)
    # Nor is an item that one does not know among those that the click is set against.
    np.testing.assert_allclose(found[0], by_hand([0.0, math.log(2)]), rtol=1e-5)


@pytest.mark.parametrize("by", ["by_loss", "by_rank"])
def test_costs_are_those_of_whole_rows(by, monkeypatch):
    torch.manual_seed(0)
    users, items, target = torch.randn(23, 5), torch.randn(11, 5), torch.randint(11, (23,))
    scores = users @ items.T
    own = scores.gather(1, target[:, None])
    expected = torch.nn.functional.cross_entropy(scores, target, reduction="none")
    if by == "by_rank":
        expected = ((scores > own).sum(1) + 1).float().log()
    monkeypatch.setattr(mixing, "rows_per_chunk", lambda n_items, size: 4)
    torch.testing.assert_close(costs_of_targets(users, items, target, by), expected)
    clicks = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, target[:, None], True)
    torch.testing.assert_close(costs_of_clicks(scores, clicks, torch.ones_like(clicks), by), expected)


def test_how_sure_and_how_near_a_teacher_is_needs_no_click(monkeypatch):
    torch.manual_seed(0)
    users, items, target = torch.randn(23, 5), torch.randn(11, 5), torch.randint(11, (23,))
    student = torch.randn(23, 4), torch.randn(11, 4)
    scores, beside = users @ items.T, student[0] @ student[1].T
    own, other = torch.distributions.Categorical(logits=scores), torch.distributions.Categorical(logits=beside)
    expected = {"by_confidence": own.entropy(), "by_agreement": torch.distributions.kl_divergence(own, other)}
    monkeypatch.setattr(mixing, "rows_per_chunk", lambda n_items, size: 4)
    more = torch.cat([scores, torch.full((23, 1), 9.0)], 1), torch.cat([beside, torch.full((23, 1), -9.0)], 1)
    among = torch.ones(23, 12, dtype=torch.bool)
    among[:, -1] = False
    for by, costs in expected.items():
        torch.testing.assert_close(costs_of_targets(users, items, target, by, student), costs)
        torch.testing.assert_close(costs_of_clicks(more[0], torch.zeros_like(among), among, by, more[1]), costs)
    sure = torch.tensor([[20.0, 1.0, 1.0]]) * torch.tensor([0.5, 0.5, 1.5])
    found = factors("by_confidence", 1.0, sure, [0], real=torch.tensor([False]))
    np.testing.assert_allclose(found[0], by_hand([0.0, math.log(3)]), rtol=1e-5)


def test_of_candidates_only_those_shown_count():
    scores = torch.tensor([[3.0, 1.0, 2.0, 9.0]])
    clicks, shown = torch.tensor([[True, True, False, False]]), torch.tensor([[True, True, True, False]])
    expected = (math.log1p(math.exp(2 - 3)) + math.log1p(math.exp(2 - 1))) / 2
    assert costs_of_clicks(scores, clicks, shown, "by_loss").item() == pytest.approx(expected, rel=1e-5)
    assert costs_of_clicks(scores, clicks, shown, "by_rank").item() == pytest.approx(math.log(2) / 2, rel=1e-5)


def two_teachers(kind):
    """Knowledge of two teachers that know something each, and a batch."""
    dataset = make_dataset(kind)
    torch.manual_seed(0)
    parts = [make_user_encoder("mean", dim, dataset.max_history) for dim in (4, 3)]
    for part in parts:
        torch.nn.init.normal_(part.empty)
    vectors, weights = [torch.randn(dataset.n_items, part.dim).numpy() for part in parts], [1.0, 1.0]
    items = joined(vectors, np.ones((dataset.n_items, 2), np.bool_), weights)
    encoder = SideBySide(parts, weights).eval().requires_grad_(False)
    batches = make_batches(dataset, 16, seed=0)
    return dataset, Knowledge(items, items, None, encoder, {}), batches.make(batches.epoch(0)[0])


def asked(kind, by, histories=None):
    """Factors `[n, teachers]` that the objective puts on the teachers' blocks of a batch, and the batch."""
    dataset, knowledge, batch = two_teachers(kind)
    batch = batch if histories is None else histories.change(batch, 0, 0)
    found = []
    for way in (None, Mixing(by, 1.0, knowledge.user_encoder)):
        section, device = LossSection(**OFF | {"kl": 1.0}), torch.device("cpu")
        objective = DistillationObjective(knowledge, section, 5, torch.arange(3), device, histories, way)
        mask, items = torch.from_numpy(batch.mask), torch.arange(dataset.n_items)
        history = torch.where(mask, torch.from_numpy(batch.history), 0)
        users = torch.randn(len(batch.row) if kind == "clicks" else len(mask), 5)
        scene = Scene(items, torch.randn(dataset.n_items, 5), history, mask, users, batch)
        found.append(objective._teacher(scene, items).users.split([4, 3], 1))
    return torch.stack([(one * two).sum(1) / one.square().sum(1) for one, two in zip(*found, strict=True)], 1), batch


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
@pytest.mark.parametrize("by", ["by_loss", "by_rank", "by_confidence", "by_agreement"])
def test_the_objective_weighs_teachers_where_the_click_follows_on_the_history(kind, by):
    found, _ = asked(kind, by)
    np.testing.assert_allclose(found.sum(1), 2.0, rtol=1e-4)
    assert (found - 1).abs().max() > 0.2
    histories = Histories(HistoriesSection(swap=0.3, share=0.5), make_dataset(kind), 0)
    found, batch = asked(kind, by, histories)
    changed = torch.from_numpy(batch.changed)
    if by in ("by_confidence", "by_agreement"):  # which speak of these too
        assert (found[changed] - 1).abs().max() > 0.2
        return
    np.testing.assert_allclose(found[changed], 1.0, rtol=1e-5)
    assert changed.any() and (found[~changed] - 1).abs().max() > 0.2


def test_one_teacher_cannot_be_mixed():
    with pytest.raises(RecipeError, match=r"student\.mix.*one teacher"):
        check({"teacher": {"kind": "item_ids"}, "student": {"mix": "by_loss"}})
