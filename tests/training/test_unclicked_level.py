"""Items that nobody has clicked are lowered together where they crowd the ranking, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset

from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.pooled_encoder import NoText, PooledEncoder
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.text_head import TextHead
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.recipe import OptimizerSection
from distill_rec.training import Objective, Training
from distill_rec.training.loop import learned_weights
from distill_rec.training.unclicked_level import LEVELS, constant_direction, lower_unclicked


def users_of(model, dataset):
    histories = dataset.validation.history.take(np.arange(len(dataset.validation)))
    return torch.from_numpy(model.user_vectors(histories, model.item_vectors()))


def model_of(dataset, raised):
    """A model that scores what was clicked alike, and the others so much higher."""
    torch.manual_seed(0)
    head = TextHead(6, 8)
    encoder = PooledEncoder(torch.randn(len(dataset.texts), 6), head)
    users = make_user_encoder("attention", 8, dataset.max_history)
    offsets = ItemOffsets(torch.from_numpy(dataset.warm.copy()), 8)
    torch.nn.init.normal_(offsets.weight, std=0.2)
    model = Recommender(encoder, users, torch.from_numpy(dataset.item_text.astype(np.int64)), offsets).eval()
    with torch.no_grad():
        head.projection.linear.weight *= 0.2
        head.projection.linear.bias += 0.4  # so that users have something in common
        along = constant_direction(users_of(model, dataset))
        head.projection.linear.bias += raised * along
        offsets.weight -= raised * along
    return model


def ndcg(model, dataset, among):
    """nDCG@10 of validation over users, from its definition; items that are not `among` are no candidates."""
    items, queries, by_user = model.item_vectors(), dataset.validation, {}
    users = model.user_vectors(queries.history.take(np.arange(len(queries))), items)
    scores = users @ items.numpy().T
    for row, target in enumerate(queries.target):
        left = among.copy()
        left[queries.seen.take(np.array([row])).values] = False
        left[target] = among[target]
        above = int((scores[row, left] > scores[row, target]).sum())
        gain = 1 / np.log2(above + 2) if left[target] and above < 10 else 0.0
        by_user.setdefault(int(queries.user[row]), []).append(gain)
    return float(np.mean([np.mean(gains) for gains in by_user.values()]))


@pytest.mark.parametrize("cost", [0.0, 0.02, 0.1])
def test_they_cost_no_more_than_they_may_and_clicked_items_stay(cost):
    dataset = make_dataset()
    model, everything = model_of(dataset, 2.0), np.ones(dataset.n_items, np.bool_)
    unclicked = np.flatnonzero(~dataset.warm)
    before, without = model.item_vectors(), ndcg(model, dataset, dataset.warm)
    assert len(unclicked) > 1 and ndcg(model, dataset, everything) < (1 - cost) * without
    level = lower_unclicked(model, dataset.validation, dataset, cost)
    after = model.item_vectors()
    assert level in LEVELS[1:]
    assert ndcg(model, dataset, everything) >= (1 - cost) * without - 1e-9
    torch.testing.assert_close(after[torch.from_numpy(dataset.warm)], before[torch.from_numpy(dataset.warm)])
    lowered = after[unclicked] - before[unclicked]
    torch.testing.assert_close(lowered, lowered[:1].expand_as(lowered))  # so their order among themselves stays
    higher = LEVELS[LEVELS.index(level) - 1]
    assert lower_unclicked(model_of(dataset, 2.0 + higher), dataset.validation, dataset, cost) is not None
    assert lower_unclicked(model, dataset.validation, dataset, cost) is None
    torch.testing.assert_close(model.item_vectors(), after)


def test_the_more_they_may_cost_the_higher_they_stay():
    dataset = make_dataset()
    levels = [lower_unclicked(model_of(dataset, 2.0), dataset.validation, dataset, cost) for cost in (0, 0.05, 0.3, 1)]
    assert levels[-1] is None
    assert levels[0] < levels[2] and sorted(levels[:3]) == levels[:3]


def test_where_all_that_is_there_was_clicked_or_nothing_tells_them_apart_they_stay():
    dataset = make_dataset()
    model = model_of(dataset, 2.0)
    of_all = replace(dataset, train_clicks=np.ones_like(dataset.train_clicks))
    of_impressions = make_dataset("impressions")
    assert lower_unclicked(model, of_all.validation, of_all, 0.01) is None
    assert lower_unclicked(model, of_impressions.validation, of_impressions, 0.01) is None
    model.offsets = None
    assert lower_unclicked(model, dataset.validation, dataset, 0.01) is None
    by_id = model_of(dataset, 2.0)
    by_id.text_encoder = NoText(len(dataset.texts), 8)
    assert lower_unclicked(by_id, dataset.validation, dataset, 0.01) is None


def test_new_items_have_no_say_and_are_lowered_with_the_others():
    dataset = make_dataset()
    new = ~dataset.warm & (np.cumsum(~dataset.warm) > 2)
    with_new, crowding = replace(dataset, new=new), model_of(dataset, -2.0)
    items = crowding.item_vectors()
    raised = items + torch.from_numpy(new)[:, None] * 5.0 * constant_direction(users_of(crowding, dataset))
    crowding.item_vectors = lambda: raised
    assert lower_unclicked(crowding, with_new.validation, with_new, 0.0) is None
    assert lower_unclicked(crowding, dataset.validation, dataset, 0.0) is not None
    model = model_of(dataset, 2.0)
    before = model.item_vectors()
    assert lower_unclicked(model, with_new.validation, with_new, 0.0) is not None
    moved = (model.item_vectors() - before)[torch.from_numpy(~dataset.warm)]
    torch.testing.assert_close(moved, moved[:1].expand_as(moved))


def test_where_fewer_numbers_work_alone_these_are_what_is_lowered():
    dataset = make_dataset()
    model = model_of(dataset, 2.0)
    before = model.item_vectors()
    assert lower_unclicked(model, dataset.validation, dataset, 0.0, width=3) is not None
    moved = (model.item_vectors() - before)[torch.from_numpy(~dataset.warm)]
    assert (moved[:, :3].abs() > 1e-6).all() and (moved[:, 3:] == 0).all()


def test_what_goes_on_from_a_training_begins_before_its_level(tmp_path):
    dataset, quick = make_dataset(), OptimizerSection(batch_size=32, window=1, max_epochs=1, min_updates=0)
    model = model_of(dataset, 3.0)
    training = Training(model, Objective(), dataset, quick, tmp_path, seed=0, name="head", unclicked_cost=0.0)
    outcome = training.run()
    learned = learned_weights(tmp_path)
    assert outcome.unclicked_level is not None and learned.name == "learned.safetensors"
    kept, before = load_file(tmp_path / "best.safetensors"), load_file(learned)
    changed = {name for name in kept if not torch.equal(kept[name], before[name])}
    assert {name.split(".")[-1] for name in changed} == {"bias", "weight"} and len(changed) == 2
    again = training._finish("plateau")  # as a run does that was killed after it had lowered them
    assert again.unclicked_level == outcome.unclicked_level
    assert all(torch.equal(kept[name], value) for name, value in load_file(tmp_path / "best.safetensors").items())
