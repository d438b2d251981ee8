"""What a trunk's layers compute is caught whatever the family, or refused by the names of those that work."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    LlamaConfig,
    LlamaModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
)

from distill_rec.losses.attention_relation import log_relations
from distill_rec.runtime.errors import ModelError
from distill_rec.trunks.caught import Caught
from distill_rec.trunks.load import layer_list

SMALL = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
OF_DISTIL = {"vocab_size": 50, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
IDS = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 3, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def model_of(kind, config, settings):
    torch.manual_seed(0)
    return kind(config(**settings, attn_implementation="eager")).eval()


def caught_in(model, **wanted):
    parent, name = layer_list(model)
    caught = Caught(getattr(parent, name), **wanted)
    with torch.no_grad():
        out = model(input_ids=IDS, attention_mask=MASK, output_attentions=True, output_hidden_states=True)
    return caught, out


@pytest.mark.parametrize(
    ("kind", "config", "settings"),
    [
        (BertModel, BertConfig, SMALL),
        (RobertaModel, RobertaConfig, SMALL),
        (ElectraModel, ElectraConfig, SMALL | {"embedding_size": 16}),
        (DistilBertModel, DistilBertConfig, OF_DISTIL),
    ],
)
def test_queries_and_keys_are_those_that_give_the_attention(kind, config, settings):
    caught, out = caught_in(model_of(kind, config, settings), states=[0, 1], attention=1)
    states, (query, key, _) = caught.take()
    assert torch.equal(states[0], out.hidden_states[1]) and torch.equal(states[1], out.hidden_states[2])
    query, key = (one.view(2, 5, 2, 8).transpose(1, 2) for one in (query, key))
    scores = (query @ key.transpose(2, 3) / 8**0.5).masked_fill(MASK[:, None, None] == 0, -1e9)
    assert torch.allclose(scores.softmax(3), out.attentions[1], atol=1e-6)


def test_mpnet_shows_them_beside_its_relative_positions():
    caught, out = caught_in(model_of(MPNetModel, MPNetConfig, SMALL), states=[1], attention=0)
    (state,), attention = caught.take()
    assert torch.equal(state, out.last_hidden_state) and [one.shape for one in attention] == [(2, 5, 16)] * 3


def test_it_is_the_same_with_sdpa():
    model = model_of(BertModel, BertConfig, SMALL)
    both = []
    for attention in ("eager", "sdpa"):
        model.set_attn_implementation(attention)
        both.append(caught_in(model, states=[], attention=1)[0].take()[1])
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(*both, strict=True))


@pytest.mark.parametrize(("kind", "config"), [(ModernBertModel, ModernBertConfig), (LlamaModel, LlamaConfig)])
def test_a_family_that_hides_or_rotates_them_is_refused_by_name(kind, config):
    model = model_of(kind, config, SMALL | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2})
    with pytest.raises(ModelError, match=r"attention_relation: .*Layer.*BERT, RoBERTa.*MPNet.*hidden works"):
        caught_in(model, states=[], attention=1)
    caught, out = caught_in(model, states=[0], attention=None)
    assert torch.equal(caught.take()[0][0], out.hidden_states[1])


def test_hooks_that_are_taken_off_keep_nothing():
    model = model_of(BertModel, BertConfig, SMALL)
    caught = Caught(model.encoder.layer, states=[1], attention=1)
    caught.remove()
    model(input_ids=IDS)
    assert not caught._found and not any(one._forward_hooks for one in model.modules())


def test_relations_of_attention_heads_between_queries_alone_are_a_softmax_over_real_tokens():
    states = torch.randn(2, 5, 16, dtype=torch.float64)
    found = log_relations(states, MASK.bool(), 2).exp()
    by_hand = (states[1, :3, :8] @ states[1, :3, :8].t() / 8**0.5).softmax(1)
    assert torch.allclose(found[1, 0, :3, :3], by_hand) and not found[1, :, :3, 3:].any()
