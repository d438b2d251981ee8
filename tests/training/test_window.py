"""A window of one batch has the gradient of ordinary training with duplicates removed."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from tiny import make_dataset, write_trunk
from torch.nn import functional

from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.pooled_encoder import PooledEncoder
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.text_head import TextHead
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.training import Objective
from distill_rec.training.batches import make_batches
from distill_rec.training.objective import make_scene
from distill_rec.training.window import TextRows, choose_rows, draw_by_size, run_window
from distill_rec.trunks.encoder import TrunkEncoder, learning
from distill_rec.trunks.load import load_trunk
from distill_rec.trunks.tokens import tokenize


def make_model(folder, dataset, dropout, dtype):
    trunk = load_trunk(str(write_trunk(folder, dropout=dropout)))
    torch.manual_seed(1)
    head = TextHead(trunk.width, 8, hidden=6)
    tokens = tokenize(dataset.texts, trunk.tokenizer())
    start = len(trunk.layers) - 1
    encoder = TrunkEncoder(trunk, tokens, head, learning(list(trunk.layers)[start:]), start, states=None, chunk=16)
    users = make_user_encoder("causal", 8, dataset.max_history, dropout=0.0)
    offsets = ItemOffsets(torch.from_numpy(dataset.warm), 8, drop=0.0, spread=0.1)
    model = Recommender(encoder, users, torch.from_numpy(dataset.item_text.astype(np.int64)), offsets)
    trunk.model.to(dtype)
    return model.to(dtype)


def ordinary(model, objective, batch, items, rows):
    """Everything under one graph, in the same chunks."""
    encoder = model.text_encoder
    table = torch.zeros(encoder.n_texts, encoder.dim, dtype=model.user_encoder.empty.dtype)
    parts = [(chunk, encoder(chunk)) for chunk in encoder.chunks(rows)]
    table = table.index_put((torch.cat([chunk for chunk, _ in parts]),), torch.cat([out for _, out in parts]))
    vectors = functional.embedding(model.item_text[items], table) + model.offsets(items)
    place = torch.full((len(model.item_text),), -1)
    place[items] = torch.arange(len(items))
    objective.batch_loss(make_scene(model, items, place, vectors, batch), place).backward()


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("dropout", "dtype", "tolerance"),
    [(0.0, torch.float64, 1e-10), (0.0, torch.float32, 1e-5), (0.1, torch.float64, 1e-10)],
)
@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_window_of_one_has_the_gradient_of_ordinary_training(tmp_path, kind, dropout, dtype, tolerance):
    dataset = make_dataset(kind)
    model = make_model(tmp_path, dataset, dropout, dtype).train()
    batches = make_batches(dataset, 32, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    items = torch.from_numpy(np.flatnonzero(dataset.warm) if kind == "clicks" else batch.items)
    rows = torch.unique(model.item_text[items])
    twin = copy.deepcopy(model)

    torch.manual_seed(5)
    ordinary(twin, Objective(), batch, items, rows)
    torch.manual_seed(5)
    table = torch.zeros(len(dataset.texts), 8, dtype=dtype)
    all_rows = TextRows(rows, rows, torch.ones(len(rows)), rows[:0])
    run_window(model, Objective(), [batch], items, all_rows, table, None, lambda loss, number: None)

    ours, theirs = gradients(model), gradients(twin)
    assert ours.keys() == theirs.keys() and any("tuned" in name for name in ours)
    largest = max(part.abs().max() for part in theirs.values())
    for name, part in theirs.items():
        assert (ours[name] - part).abs().max() <= tolerance * largest, name


def test_only_a_chunk_of_texts_is_ever_encoded_with_a_graph(tmp_path, monkeypatch):
    dataset = make_dataset()
    model = make_model(tmp_path, dataset, 0.1, torch.float32).train()
    batches = make_batches(dataset, 16, seed=0)
    window = [batches.make(samples) for samples in batches.epoch(0)]
    with_graph = []
    plain = TrunkEncoder.forward

    def watched(self, rows):
        if torch.is_grad_enabled():
            with_graph.append(len(rows))
        return plain(self, rows)

    monkeypatch.setattr(TrunkEncoder, "forward", watched)
    items = torch.from_numpy(np.flatnonzero(dataset.warm))
    rows = torch.unique(model.item_text[items])
    table = torch.zeros(len(dataset.texts), 8)
    all_rows = TextRows(rows, rows, torch.ones(len(rows)), rows[:0])
    run_window(model, Objective(), window, items, all_rows, table, None, lambda loss, number: None)
    assert len(window) > 2
    assert max(with_graph) <= 16 and sum(with_graph) == len(rows)


def test_sampled_texts_stand_for_all_others():
    needed, own = torch.arange(20), torch.tensor([3, 4])
    total = torch.zeros(20)
    for seed in range(400):
        rows = choose_rows(needed, own, 6, refresh=False, generator=torch.Generator().manual_seed(seed))
        assert len(rows.stale) == 0 and len(rows.learn) == 8
        total[rows.learn] += rows.share
    expected = torch.full((20,), 400.0)
    assert torch.equal(total[own], expected[own])
    assert (total - expected).abs().max() < 0.25 * 400
    full = choose_rows(needed, own, 6, refresh=True, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.cat([full.learn, full.stale]).sort().values, needed)


def test_texts_are_drawn_by_their_gradients_and_stand_for_the_others():
    gradient = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.linspace(0, 3, 200)[:, None] ** 2
    by_size, alike, counts = [], [], []
    generator = torch.Generator().manual_seed(1)
    for _ in range(400):
        places, factor = draw_by_size(gradient, 0.25, generator)
        assert (places.diff() > 0).all() and 0 not in places  # which has no gradient
        counts.append(len(places))
        by_size.append((gradient[places] * factor[:, None]).sum(0))
        kept = torch.rand(200, generator=generator) < 0.25
        alike.append(gradient[kept].sum(0) * 4)
    assert np.mean(counts) == pytest.approx(50, abs=1)
    by_size, alike, whole = torch.stack(by_size), torch.stack(alike), gradient.sum(0)
    spread = by_size.std(0)
    assert ((by_size.mean(0) - whole).abs() < 4 * spread / 20).all()  # 20: the root of 400 draws
    assert (spread < 0.75 * alike.std(0)).all()
    everything, factor = draw_by_size(gradient, 1.0, torch.Generator())
    assert torch.equal(everything, torch.arange(1, 200)) and torch.equal(factor, torch.ones(199))
    nothing, _ = draw_by_size(torch.zeros(3, 2), 0.5, torch.Generator())
    assert not len(nothing)
    gradient[7] = torch.nan  # is not lost: the step that looks for it stops the training
    assert len(draw_by_size(gradient, 0.25, torch.Generator())[0]) == 200


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_a_share_of_the_texts_has_the_gradient_of_all_on_average(tmp_path, kind):
    dataset = make_dataset(kind)
    model = make_model(tmp_path, dataset, 0.1, torch.float64).train()
    model.text_encoder.eval()  # as the loop has it, where a share is drawn
    batches = make_batches(dataset, 8, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    items = torch.from_numpy(np.flatnonzero(dataset.warm) if kind == "clicks" else batch.items)
    rows = torch.unique(model.item_text[items])
    all_rows = TextRows(rows, rows, torch.ones(len(rows)), rows[:0])
    encoded = []

    def of_trunk(draw):
        model.zero_grad()
        table = torch.zeros(len(dataset.texts), 8, dtype=torch.float64)
        run_window(model, Objective(), [batch], items, all_rows, table, None, lambda *_: None, draw=draw)
        return torch.cat([part.flatten() for name, part in gradients(model).items() if "tuned" in name])

    def draw(gradient, generator):
        places, factor = draw_by_size(gradient, 0.5, generator)
        encoded.append(len(places))
        return places, factor

    whole = of_trunk(None)
    one = partial(draw, generator=torch.Generator().manual_seed(1))
    drawn = torch.stack([of_trunk(one) for _ in range(60)])
    assert np.mean(encoded) == pytest.approx(len(rows) / 2, abs=0.1 * len(rows))
    off = (drawn.mean(0) - whole).norm() / whole.norm()
    alone = (drawn - whole).norm(dim=1).mean() / whole.norm()
    assert off < 2 * alone / 60**0.5 and 0.02 < alone < 1.5


def test_padding_reads_no_item_that_the_window_lacks():
    dataset = make_dataset("impressions")
    batches = make_batches(dataset, 4, seed=0)
    impressions = batches.impressions
    without = [
        row for row in range(len(impressions))
        if 0 not in impressions.history[row] and 0 not in impressions.candidates[row]
    ]  # fmt: skip
    batch = batches.make(np.array(without[:4]))
    assert not batch.shown.all() and 0 not in batch.items
    users = make_user_encoder("attention", 8, dataset.max_history)
    encoder = PooledEncoder(torch.randn(len(dataset.texts), 5), TextHead(5, 8))
    model = Recommender(encoder, users, torch.from_numpy(dataset.item_text.astype(np.int64)), None)
    items = torch.from_numpy(batch.items)
    rows = torch.unique(model.item_text[items])
    all_rows = TextRows(rows, rows, torch.ones(len(rows)), rows[:0])
    table = torch.zeros(len(dataset.texts), 8)
    loss = run_window(model, Objective(), [batch], items, all_rows, table, None, lambda loss, number: None)
    assert np.isfinite(loss)
