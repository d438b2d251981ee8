"""Layers with fewer neurons and heads: what is left out is left out as zeros, whatever the architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import pytest
import torch
from architectures import ALL, DEPTH, SIZES, trunk_of
from tiny import word_piece
from torch import Tensor

from distill_rec.data.ragged import Ragged
from distill_rec.export.onnx import write_onnx
from distill_rec.nn.text_head import TextHead
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.cut import rebuilt
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.inside import INSIDE
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.narrow import Found, heads_of, keep_heads, keep_neurons, most_important, neurons_of
from distill_rec.trunks.narrow_states import keep_directions, norms_of, seen
from distill_rec.trunks.prefix import forward_all, pad_tokens
from distill_rec.trunks.tokens import tokenize
from students.transformer.cut import cut_trunk
from students.transformer.spec import TransformerSection
from students.transformer.start import OnnxItemEncoder

STATES = [name for name, one in INSIDE.items() if one.norms is not None]
HEADS = [name for name, one in INSIDE.items() if one.heads is not None]
MORE: dict[str, dict[str, Any]] = {
    "xlm-roberta": {"pad_token_id": 1},
    "camembert": {"pad_token_id": 1},
    "electra": {"embedding_size": 16},
    "distilbert": {"dim": 32, "n_layers": DEPTH, "n_heads": 4, "hidden_dim": 48},
    "mistral": {"num_key_value_heads": 2},
}
"""Of families beside those that every test of architectures runs over."""
TEXTS = ["red cat by night", "old dog", "", "green stone river in the snow", "wind"]
NEURONS, KEPT = 48, 20


@pytest.fixture(autouse=True)
def _further_families(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sizes in MORE.items():
        monkeypatch.setitem(ALL, name, sizes)


def trunk(family: str) -> Trunk:
    found = trunk_of(family, vocab_size=word_piece().get_vocab_size())
    found.tokenizer_json = word_piece().to_str()
    return found


@torch.no_grad()
def states(trunk: Trunk) -> Tensor:
    ids, mask = pad_tokens(tokenize(TEXTS, trunk.tokenizer()), torch.arange(len(TEXTS)).numpy(), torch.device("cpu"))
    return forward_all(trunk, ids, mask)[mask]


@torch.no_grad()
def silence(found: Found, left_out: Tensor) -> None:
    """Give some units no weight in what they are taken by."""
    found.out.weight.view(-1, found.count, found.size)[:, left_out] = 0


@torch.no_grad()
def shaken(*trunks: Trunk) -> None:
    """Norms and biases other than those that a model begins with."""
    for one in trunks:
        generator = torch.Generator().manual_seed(2)
        for parameter in one.model.parameters():
            if parameter.dim() == 1:
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator)


def others(kept: Tensor, count: int) -> Tensor:
    return torch.tensor([number for number in range(count) if number not in kept.tolist()])


@pytest.mark.parametrize("family", INSIDE)
def test_units_that_add_nothing_are_those_that_go_and_nothing_changes(family: str) -> None:
    whole, heads = trunk(family), 2 if family in HEADS else None
    generator = torch.Generator().manual_seed(1)
    for layer in whole.layers:
        silence(neurons_of(whole.model, layer), torch.randperm(NEURONS, generator=generator)[KEPT:])
        if heads:
            silence(heads_of(whole.model, layer), torch.randperm(4, generator=generator)[heads:])
    expected, before = states(whole), sum(p.numel() for p in whole.model.parameters())
    cut_trunk(TransformerSection(layers=DEPTH, intermediate=KEPT, heads=heads), whole, TEXTS)
    torch.testing.assert_close(states(whole), expected)
    assert sum(p.numel() for p in whole.model.parameters()) < before
    model: Any = whole.model
    again = replace(whole, opened=rebuilt(model.config.to_dict(), model.state_dict(), heads))
    torch.testing.assert_close(states(again), expected)


@pytest.mark.parametrize("family", HEADS)
def test_a_cut_layer_is_the_whole_one_with_what_is_left_out_as_zeros(family: str) -> None:
    whole, cut = trunk(family), trunk(family)
    neurons, heads = most_important(whole, TEXTS, KEPT, 3)
    keep_neurons(cut, neurons)
    keep_heads(cut.model, cut.layers, heads)
    assert not torch.allclose(states(cut), states(whole))
    for layer, some, few in zip(whole.layers, neurons, heads, strict=True):
        silence(neurons_of(whole.model, layer), others(some, NEURONS))
        silence(heads_of(whole.model, layer), others(few, 4))
    torch.testing.assert_close(states(cut), states(whole))


@pytest.mark.parametrize("family", INSIDE)
def test_with_all_kept_it_is_the_same(family: str) -> None:
    whole, heads, width = trunk(family), 4 if family in HEADS else None, 32 if family in STATES else None
    expected = states(whole)
    cut_trunk(TransformerSection(layers=DEPTH, intermediate=NEURONS, heads=heads, width=width), whole, TEXTS)
    assert torch.equal(states(whole), expected) and whole.width == 32


def test_a_unit_counts_by_what_it_adds_to_a_token_s_state() -> None:
    """Over all tokens, padding left out, as written down for a layer of BERT."""
    one, texts = trunk("bert"), ["red cat by night", "dog"]
    layer: Any = one.layers[1]
    given: dict[str, list[Tensor]] = {"neurons": [], "heads": []}
    for name, out in (("neurons", layer.output.dense), ("heads", layer.attention.output.dense)):
        out.register_forward_pre_hook(lambda module, args, name=name: given[name].append(args[0][0]))
    with torch.no_grad():
        for text in texts:
            ids = torch.tensor([one.tokenizer().encode([text])[0].tolist()])
            forward_all(one, ids, torch.ones_like(ids, dtype=torch.bool))
    neurons, heads = torch.cat(given["neurons"]), torch.cat(given["heads"])
    weights = layer.output.dense.weight
    said = [float((weights[:, n] * neurons[:, n : n + 1]).norm(dim=1).sum()) for n in range(NEURONS)]
    outputs = layer.attention.output.dense.weight
    for_heads = [float((heads[:, 8 * n : 8 * n + 8] @ outputs[:, 8 * n : 8 * n + 8].T).norm(dim=1).sum())
                 for n in range(4)]  # fmt: skip
    found = most_important(one, texts, 5, 2)
    assert found[0][1].tolist() == sorted(sorted(range(NEURONS), key=lambda n: -said[n])[:5])
    assert found[1][1].tolist() == sorted(sorted(range(4), key=lambda n: -for_heads[n])[:2])


@pytest.mark.parametrize(
    ("family", "asked", "words"),
    [
        ("bert", {"intermediate": 49}, r"student\.intermediate: 49, .* has 48 neurons.*48 at most"),
        ("bert", {"heads": 5}, r"student\.heads: 5, .* has 4 attention heads"),
        ("llama", {"heads": 2}, r"student\.heads: 2, .*kind 'llama'.*cannot be cut.*bert, .*modernbert"),
        ("bert", {"width": 33}, r"student\.width: 33, .* has 32 dimensions.*32 at most"),
        ("modernbert", {"width": 16}, r"student\.width: 16, .*'modernbert'.*bert, .*mpnet, distilbert"),
        ("gpt2", {"intermediate": 8}, r"student\.intermediate: .*'gpt2'.*bert, .*llama"),
    ],
)
def test_what_there_is_not_is_refused_by_key(family: str, asked: dict[str, int], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        cut_trunk(TransformerSection(layers=1, **asked), trunk(family), TEXTS)


def test_an_exported_graph_takes_each_layer_s_part_of_a_bias_of_positions(tmp_path: Path) -> None:
    one = trunk("mpnet")
    keep_heads(one.model, one.layers, [torch.tensor([1, 3]), torch.tensor([0, 3]), torch.tensor([2, 3])])
    head = TextHead(one.width, 8, 0)
    encoder = TrunkEncoder(one, Ragged.from_rows([]), head, torch.nn.ModuleList(), DEPTH, None, chunk=64)
    module = OnnxItemEncoder(encoder).eval()
    write_onnx(module, tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx")
    ids, mask = torch.randint(4, 40, (3, 11)), torch.ones(3, 11, dtype=torch.int64)
    mask[0, 4:] = 0
    (found,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, module(ids, mask).numpy(), atol=1e-5)


def test_every_family_that_can_be_cut_is_run_over() -> None:
    assert set(INSIDE) <= set(ALL) and SIZES["intermediate_size"] == NEURONS


@pytest.mark.parametrize("kept", [32, 12, 31])
@pytest.mark.parametrize("family", STATES)
@torch.no_grad()
def test_narrow_states_are_the_whole_ones_cut_to_their_directions_at_each_norm(family: str, kept: int) -> None:
    """With all directions the same PLM turned, else the whole one with its states cut before and behind each norm."""
    whole, cut = trunk(family), trunk(family)
    shaken(whole, cut)
    known = seen(whole, TEXTS)
    directions = known.directions[:, :kept]
    keep_directions(cut, directions, known)
    project = directions @ directions.T

    def cut_to(states: Tensor, mean: Tensor) -> Tensor:
        return (states.double() @ project + mean - project @ mean).float()

    norms = [getattr(*place) for place in norms_of(whole.model, whole.layers)]
    for norm, before, after in zip(norms, known.before, known.after, strict=True):
        norm.register_forward_pre_hook(lambda module, args, mean=before: (cut_to(args[0], mean),))
        norm.register_forward_hook(lambda module, args, out, mean=after: cut_to(out, mean))
    torch.testing.assert_close(states(cut), states(whole) @ directions.float(), rtol=1e-4, atol=1e-4)
    assert cut.width == kept


@pytest.mark.parametrize("family", STATES)
def test_narrow_states_come_back_from_what_is_written_with_all_else_that_is_cut(family: str) -> None:
    one = trunk(family)
    shaken(one)
    asked = TransformerSection(layers=[0, 2], intermediate=KEPT, heads=3, width=12, sub_words="catalogue")
    cut, model = cut_trunk(asked, one, TEXTS), cast(Any, one.model)
    again = rebuilt(model.config.to_dict(), model.state_dict(), cut.heads, cut.width)
    torch.testing.assert_close(states(replace(one, opened=again)), states(one))
    assert states(one).shape[1] == 12 == model.get_input_embeddings().weight.shape[1]
