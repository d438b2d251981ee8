"""Tunings that add weights: what is saved, that it moves, and that any architecture takes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT, environment
from safetensors import safe_open
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from distill_rec.contracts import teacher_spec, tuning_of
from distill_rec.recipe import OptimizerSection
from distill_rec.records import read_record
from distill_rec.runtime.errors import ModelError
from distill_rec.testing.sections import own_cache
from distill_rec.testing.teachers import taught_on
from distill_rec.training.optimizers import _groups
from distill_rec.training.outcome import Outcome
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.prefix import forward_all, forward_lower, forward_upper

ADDED = ("lora:2", "dora:2", "ia3:2", "patch:2", "patch-parallel:2")
SIZES = {
    "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
    "max_position_embeddings": 64, "pad_token_id": 0,
}  # fmt: skip
OF = {
    "mpnet": {},
    "modernbert": {},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "share_att_key": True},
    "llama": {"num_key_value_heads": 2},
    "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 4},
}
"""Architectures, and what their configurations call by names of their own."""
BRIEF = OptimizerSection(
    batch_size=16, window=1, max_updates=2, warmup_updates=0, learning_rate=1e-2, trunk_learning_rate=1e-2
)


def trunk_of(architecture: str) -> Trunk:
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(architecture, **(SIZES | OF[architecture])))
    return Trunk(model.float().eval().requires_grad_(False), "", "mean", "", 32, "", "", "")


def a_step(trunk: Trunk, held: nn.Module, ids: Tensor, mask: Tensor) -> None:
    forward_all(trunk, ids, mask)[mask].square().sum().backward()
    with torch.no_grad():
        for parameter in held.parameters():
            gradient: Tensor = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
            parameter.sub_(gradient, alpha=0.1 / max(float(gradient.norm()), 1e-9))
            parameter.grad = None


@pytest.mark.parametrize("architecture", OF)
def test_any_architecture_takes_them_starts_as_it_was_and_runs_from_cached_states(architecture: str) -> None:
    ids = torch.randint(4, 60, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 7, dtype=torch.bool)
    mask[0, 4:] = False
    for name in ADDED:
        trunk, tuning = trunk_of(architecture), tuning_of(name)
        with torch.no_grad():
            before = forward_all(trunk, ids, mask)
            held = tuning.prepare(trunk)
            assert torch.equal(forward_all(trunk, ids, mask), before), name
        for _ in range(2):  # what starts at zero hides the other factor's gradient from the first step
            a_step(trunk, held, ids, mask)
        with torch.no_grad():
            after = forward_all(trunk, ids, mask)
            assert not torch.allclose(after[mask], before[mask]), name
            lower = forward_lower(trunk, ids, mask, tuning.lowest(3) or 0)
            torch.testing.assert_close(forward_upper(trunk, ids, mask, lower, 1)[mask], after[mask])
            tuning.merge(trunk)
            torch.testing.assert_close(forward_all(trunk, ids, mask), after, atol=1e-5 * float(after.std()), rtol=1e-5)


@pytest.mark.parametrize("name", ["lora:1", "ia3:1", "patch:1"])
def test_a_teacher_saves_what_was_added_alone_and_it_moved(tmp_path: Path, name: str) -> None:
    # A head that has hardly begun, so that there is something to gain.
    quick = {"optimizer": BRIEF, "trunk_optimizer": BRIEF.model_copy(update={"max_updates": 24, "min_gain": 0.0})}
    taught = taught_on(teacher_spec("bi_encoder"), tmp_path, "clicks", {"tuning": name, **quick})
    with safe_open(taught.folder / "weights.safetensors", "pt") as file:
        tuned = {key.rpartition("tuned.")[2] for key in file.keys() if ".tuned." in key}  # noqa: SIM118
    mark = {"ia3:1": ".ia3_l", "patch:1": ".patch.", "lora:1": ".lora_"}[name]
    assert tuned and all(key.startswith("encoder.layer.1.") and mark in key for key in tuned)
    moved = read_record(Outcome, taught.folder / "history.json").moved
    assert [part for part in moved if "trunk" in part] == ["trunk layer 1"] and moved["trunk layer 1"] > 1e-3
    with own_cache(tmp_path):
        text, texts = taught.teacher.encode_items(taught.dataset.texts), taught.teacher.knowledge.text_vectors
    np.testing.assert_allclose(text, texts, atol=1e-2 * texts.std())


def test_ia3s_factors_do_not_decay_to_zero() -> None:
    trunk = trunk_of("mpnet")
    held = tuning_of("ia3").prepare(trunk)
    assert [group["weight_decay"] for group in _groups(list(held.parameters()), 1.0, 0.01)] == [0.0]
    lora = list(tuning_of("lora").prepare(trunk_of("mpnet")).parameters())
    assert [group["weight_decay"] for group in _groups(lora, 1.0, 0.01)] == [0.01]


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv1d(32, 32, 1)


@pytest.mark.parametrize("name", ADDED)
def test_layers_without_linear_maps_are_refused_by_name(name: str) -> None:
    trunk: Any = trunk_of("mpnet")
    trunk.model.encoder.layer = nn.ModuleList([Convolution() for _ in range(3)])
    with pytest.raises(ModelError, match=r"encoder\.layer\.1 \(Convolution\).*last:k"):
        tuning_of(name).prepare(trunk)


def test_patches_refuse_a_layer_that_is_all_attention() -> None:
    trunk: Any = trunk_of("gpt2")
    for layer in trunk.model.h:
        del layer.mlp
    with pytest.raises(ModelError, match=r"h\.2 \(GPT2Block\) does not show its attention and feed-forward"):
        tuning_of("patch:1").prepare(trunk)


def test_recipes_with_them_load_neither_torch_nor_peft() -> None:
    code = (
        "import sys; from distill_rec.recipe_io import load_recipe; from distill_rec.estimates import Sizes\n"
        "from teachers.bi_encoder.estimate import estimate\n"
        "for shelf in ('teachers/lora', 'teachers/peterrec'):\n"
        "    print(estimate(load_recipe(shelf).teacher, Sizes(100, 100, 100))[0].rpartition(' ')[2])\n"
        "print([name for name in ('peft', 'torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["lora:2", "patch:2", "[]"], done.stderr
