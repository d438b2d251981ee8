"""Any architecture runs from cached states, whatever stands beside a text; a prefix is part of every text."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import ALL, DEPTH, trunk_of
from tiny import make_dataset, word_piece, write_trunk

from distill_rec.progress import Quiet
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.load import load_trunk, pool
from distill_rec.trunks.prefix import forward_all, forward_lower, forward_upper, pad_tokens
from distill_rec.trunks.tokens import tokenize
from students.transformer.cut import cut_trunk
from students.transformer.spec import TransformerSection
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.spec import BiEncoderSection


@pytest.mark.parametrize("architecture", ALL)
@torch.no_grad()
def test_states_of_the_frozen_layers_give_what_the_whole_model_gives(architecture: str) -> None:
    trunk = trunk_of(architecture)
    ids = torch.randint(4, 60, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[0, 5:], mask[2, 1:] = False, False
    ids[~mask] = trunk.model.config.pad_token_id or 0  # type: ignore[union-attr, operator]
    whole = forward_all(trunk, ids, mask)
    torch.testing.assert_close(forward_lower(trunk, ids, mask, DEPTH)[mask], whole[mask])
    for start in range(DEPTH):
        states = forward_lower(trunk, ids, mask, start)
        states[~mask] = 0.0  # as the cache gives them: padding is not kept
        torch.testing.assert_close(forward_upper(trunk, ids, mask, states, start)[mask], whole[mask])
    vectors = pool(whole, mask, trunk.pooling)
    for row in range(3):
        length = int(mask[row].sum())
        alone = forward_all(trunk, ids[row : row + 1, :length], mask[row : row + 1, :length])
        torch.testing.assert_close(pool(alone, mask[row : row + 1, :length], trunk.pooling)[0], vectors[row])


@pytest.mark.parametrize("numbers", [[0, 2], [1, 2]], ids=str)
@pytest.mark.parametrize("architecture", ALL)
@torch.no_grad()
def test_a_trunk_of_chosen_layers_is_rebuilt_as_it_is_or_refused(architecture: str, numbers: list[int]) -> None:
    trunk = trunk_of(architecture)
    trunk.tokenizer_json = word_piece().to_str()
    kinds = [getattr(layer, "attention_type", None) for layer in trunk.layers]
    section = TransformerSection(layers=numbers)
    if architecture == "modernbert" and numbers[0] != 0:  # its first layer has no norm before its attention
        with pytest.raises(RecipeError, match=r"student\.layers: .*'modernbert' cannot be rebuilt"):
            cut_trunk(section, trunk, ["red cat", "blue"])
        return
    whole = list(trunk.layers)
    assert cut_trunk(section, trunk, ["red cat", "blue"]).layers == numbers
    assert [id(layer) for layer in trunk.layers] == [id(whole[number]) for number in numbers]
    assert [getattr(layer, "attention_type", None) for layer in trunk.layers] == [kinds[number] for number in numbers]


@pytest.mark.parametrize("architecture", ALL)
@torch.no_grad()
def test_a_smaller_vocabulary_gives_the_states_of_the_whole_one(architecture: str) -> None:
    texts, found = ["red cat by night", "old dog", ""], []
    rows: list[int] = []
    for which in ("all", "catalogue"):
        trunk = trunk_of(architecture, vocab_size=word_piece().get_vocab_size() + 3)
        trunk.tokenizer_json = word_piece().to_str()
        cut_trunk(TransformerSection(layers=DEPTH, sub_words=which, further_sub_words=0), trunk, texts)  # type: ignore[arg-type]
        ids, mask = pad_tokens(tokenize(texts, trunk.tokenizer()), np.arange(3), torch.device("cpu"))
        found.append(forward_all(trunk, ids, mask)[mask])
        rows.append(trunk.model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]
    assert rows[1] < rows[0] - 3
    torch.testing.assert_close(*found)


def test_a_prefix_is_read_with_every_text_and_is_the_folders_own_where_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    folder = write_trunk(tmp_path / "trunk")
    named = tmp_path / "named"
    shutil.copytree(folder, named)
    (named / "modules.json").write_text('[{"type": "sentence_transformers.models.Transformer", "path": ""}]')
    (named / "config_sentence_transformers.json").write_text(
        '{"prompts": {"passage": "red "}, "default_prompt_name": "passage"}'
    )
    dataset = make_dataset()

    def vectors(trunk: Path, prefix: str | None) -> np.ndarray:
        section = BiEncoderSection(trunk=str(trunk), prefix=prefix, dim=8)
        source = open_source(section, dataset, torch.device("cpu"))
        return build_teacher(section, source, dataset, torch.device("cpu"), Quiet()).text_encoder.encode().numpy()

    plain, prefixed = vectors(folder, None), vectors(folder, "red ")
    assert not np.allclose(plain, prefixed)
    np.testing.assert_array_equal(vectors(named, None), prefixed)
    np.testing.assert_array_equal(vectors(named, ""), plain)
    assert load_trunk(str(named), prefix="blue ").prefix == "blue "
    assert TransformerSection().prefix is None
