"""Sizes of a PLM, read without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from distill_rec.plm_config import PlmConfig, config_here

SIZES = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80}
DISTILBERT = {"dim": 48, "n_layers": 3, "n_heads": 4, "hidden_dim": 80}
GPT2 = {"n_embd": 48, "n_layer": 3, "n_head": 4, "n_inner": 80}


@pytest.mark.parametrize(
    ("family", "sizes"),
    [("bert", SIZES), ("mpnet", SIZES), ("modernbert", SIZES), ("llama", SIZES), ("distilbert", DISTILBERT),
     ("gpt2", GPT2)],
)  # fmt: skip
def test_sizes_are_those_of_the_folder_whatever_its_architecture_calls_them(
    tmp_path: Path, family: str, sizes: dict[str, int]
) -> None:
    AutoConfig.for_model(family, **sizes).save_pretrained(tmp_path)
    assert config_here(str(tmp_path), fetch=False) == PlmConfig(family, layers=3, width=48, heads=4, intermediate=80)


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_what_cannot_be_read_is_left_to_who_loads_it(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    assert config_here(str(tmp_path), fetch=False) is None
    assert config_here("owner/never-fetched", fetch=False) is None


def test_a_size_that_it_does_not_tell_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "other", "num_hidden_layers": "many"}))
    assert config_here(str(tmp_path), fetch=False) == PlmConfig("other")
