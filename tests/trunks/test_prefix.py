"""Freezing saves, and cached equals uncached."""

import numpy as np
import pytest
import torch
from tiny import WORDS, make_dataset, write_trunk

from distill_rec.nn.text_head import TextHead
from distill_rec.progress import Quiet
from distill_rec.training import Objective
from distill_rec.training.optimizers import make_optimizers
from distill_rec.trunks import prefix
from distill_rec.trunks.encoder import TrunkEncoder, learning
from distill_rec.trunks.load import load_trunk
from distill_rec.trunks.tokens import tokenize
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.spec import BiEncoderSection

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def encoders(folder, texts, tuned=1, layers=3):
    trunk = load_trunk(str(write_trunk(folder, layers=layers)))
    tokens = tokenize(texts, trunk.tokenizer())
    torch.manual_seed(0)
    head = TextHead(trunk.width, 8)
    start = layers - tuned
    states, top = prefix.cached_states(texts, tokens, trunk, start, Quiet()), learning(list(trunk.layers)[start:])
    cached = TrunkEncoder(trunk, tokens, head, top, start, states, 16).eval()
    return cached, TrunkEncoder(trunk, tokens, head, top, start, None, 16).eval()


@pytest.mark.parametrize("tuned", [0, 1, 2, 3])
def test_vectors_from_cached_states_are_those_of_the_whole_trunk(tmp_path, tuned):
    texts = [*make_dataset().texts, "", "zzz", "red " * 50]
    cached, plain = encoders(tmp_path / "trunk", texts, tuned)
    one, other = cached.encode(), plain.encode()
    # fp16 states: the cache's own tolerance.
    assert (one - other).abs().max() <= 1e-2 * other.std()


def test_an_items_vector_is_the_same_alone_and_in_a_mixed_batch(tmp_path):
    texts = ["red cat", "blue bird house tree river stone wind fire rain snow night " * 3, "", "dog"]
    _, plain = encoders(tmp_path / "trunk", texts)
    together = plain(torch.arange(4))
    for row in range(4):
        alone = plain(torch.tensor([row]))[0]
        assert (together[row] - alone).norm() <= 1e-5 * alone.norm()


def test_lower_layers_hold_no_gradient_and_no_state_and_are_not_called_after_the_first_pass(tmp_path):
    dataset = make_dataset()
    trunk_folder = str(write_trunk(tmp_path / "trunk", layers=4))
    section = BiEncoderSection(trunk=trunk_folder, dim=8, tuning="last:2")
    model = build_teacher(section, open_source(section, dataset, CPU), dataset, CPU, Quiet())
    layers = model.text_encoder.trunk.layers
    calls = [0] * 4
    for number, layer in enumerate(layers):
        layer.register_forward_hook(lambda *_, number=number: calls.__setitem__(number, calls[number] + 1))
    model.train()
    model.text_encoder(torch.arange(10)).sum().backward()
    assert calls[:2] == [0, 0] and calls[2] > 0 and calls[3] > 0
    assert all(p.grad is None for layer in list(layers)[:2] for p in layer.parameters())
    held = {id(p) for o in make_optimizers(model, Objective(), section.optimizer, 0.0).named().values()
            for group in o.param_groups for p in group["params"]}  # fmt: skip
    assert not held & {id(p) for layer in list(layers)[:2] for p in layer.parameters()}
    assert {id(p) for layer in list(layers)[2:] for p in layer.parameters()} <= held


@pytest.mark.parametrize("change", ["title", "length", "weights", "nothing"])
def test_what_changes_the_states_misses_the_cache(tmp_path, monkeypatch, change):
    texts = make_dataset().texts
    folder = tmp_path / "trunk"
    trunk = load_trunk(str(write_trunk(folder)))
    prefix.cached_states(texts, tokenize(texts, trunk.tokenizer()), trunk, 1, Quiet())
    if change == "title":
        texts = [texts[0] + " new", *texts[1:]]
    if change == "weights":
        write_trunk(folder, seed=9)
    trunk = load_trunk(str(folder), max_tokens=8 if change == "length" else 32)
    passes = []
    plain = prefix.forward_lower
    monkeypatch.setattr(prefix, "forward_lower", lambda *args: passes.append(1) or plain(*args))
    prefix.cached_states(texts, tokenize(texts, trunk.tokenizer()), trunk, 1, Quiet())
    assert bool(passes) == (change != "nothing")


def test_an_interrupted_pass_goes_on_at_the_next_shard(tmp_path, monkeypatch):
    texts = make_dataset().texts
    trunk = load_trunk(str(write_trunk(tmp_path / "trunk")))
    tokens = tokenize(texts, trunk.tokenizer())
    monkeypatch.setattr(prefix, "SHARD", 16)
    plain, calls = prefix.forward_lower, []

    def dying(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(*args)

    monkeypatch.setattr(prefix, "forward_lower", dying)
    with pytest.raises(KeyboardInterrupt):
        prefix.cached_pooled(texts, tokens, trunk, "mean", Quiet())
    calls.clear()
    monkeypatch.setattr(prefix, "forward_lower", lambda *args: calls.append(1) or plain(*args))
    resumed = prefix.cached_pooled(texts, tokens, trunk, "mean", Quiet())
    assert len(calls) == -(-len(texts) // 16) - 2
    with torch.no_grad():
        ids, mask = prefix.pad_tokens(tokens, np.arange(len(texts)), CPU)
        whole = prefix.pool(prefix.forward_all(trunk, ids, mask), mask, "mean").numpy()
    np.testing.assert_allclose(resumed, whole, atol=1e-5)


def test_a_catalogue_that_grows_encodes_its_new_texts_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk = load_trunk(str(write_trunk(tmp_path / "trunk")))
    texts = [f"{word} {number}" for number, word in enumerate(WORDS * 2)]
    grown = ["stone river", *texts[3:], "a house of wind", texts[0]]
    encoded = []
    forward = prefix.forward_lower

    def counting(trunk, ids, *rest):
        encoded.append(len(ids))
        return forward(trunk, ids, *rest)

    monkeypatch.setattr(prefix, "forward_lower", counting)
    for make in (
        lambda texts, tokens: prefix.cached_pooled(texts, tokens, trunk, "mean", Quiet()),
        lambda texts, tokens: prefix.cached_states(texts, tokens, trunk, 1, Quiet()).values,
    ):
        made = {}
        for listed in (texts, grown):
            encoded.clear()
            made[len(listed)] = np.array(make(listed, tokenize(listed, trunk.tokenizer())))
        assert sum(encoded) == 2
        monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "another"))
        alone = np.array(make(grown, tokenize(grown, trunk.tokenizer())))
        monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
        assert np.abs(alone.astype(np.float32) - made[len(grown)]).max() < 1e-2
