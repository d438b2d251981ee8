"""A trunk of each architecture that a test runs over, small and of random weights."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from distill_rec.trunks.load import Trunk

DEPTH = 3
SIZES: dict[str, Any] = {
    "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": DEPTH, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 64, "pad_token_id": 0,
}  # fmt: skip
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
ENCODERS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "mpnet": {},
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 4},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "share_att_key": True},
}
DECODERS: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": GROUPED,
    "gemma": GROUPED,
    "gemma2": GROUPED | {"sliding_window": 4},
    "gemma3_text": GROUPED | {"sliding_window": 4, "layer_types": ["sliding_attention"] * 2 + ["full_attention"]},
    "gpt2": {"n_embd": 32, "n_layer": DEPTH, "n_head": 4},
}
ALL = ENCODERS | DECODERS


def trunk_of(architecture: str, **more: int) -> Trunk:
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(architecture, **(SIZES | ALL[architecture] | more)))
    pooling: Any = "mean" if architecture in ENCODERS else "last"
    return Trunk(model.float().eval().requires_grad_(False), "", pooling, "", 32, "", "", "")
