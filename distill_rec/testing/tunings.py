"""What every tuning must hold, on trunks made in code.

from distill_rec.contracts import tuning_of
from distill_rec.testing.tunings import check_tuning

check_tuning("mine:2", tmp_path)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from distill_rec.contracts import Tuning, tuning_of, tuning_spec
from distill_rec.testing.trunks import write_trunk
from distill_rec.trunks.load import Trunk, load_trunk
from distill_rec.trunks.prefix import forward_all, pad_tokens
from distill_rec.trunks.tokens import tokenize

DEPTHS = (1, 2, 4)
TEXTS = ["red cat", "blue bird in the old house", "x"]
RATE, NEAR = 0.1, 1e-5
ROUNDED = 0.6
"""Of tiny matrices, whose few blocks of 64 share one scale in 8 bits; of MiniLM's it is a quarter."""


@dataclass
class Tuned:
    """A tuning and a trunk that it has prepared.

    Attributes:
        names: of the trunk's tensors before.
        start: token states before.
        held: what is saved with the teacher.
    """

    tuning: Tuning
    trunk: Trunk
    names: set[str]
    start: Tensor
    held: nn.Module

    @property
    def learning(self) -> list[nn.Parameter]:
        return [p for p in self.trunk.model.parameters() if p.requires_grad]

    def encode(self) -> Tensor:
        return encode(self.trunk)


def encode(trunk: Trunk) -> Tensor:
    """Token states `[n, tokens, width]` of a few texts, zero where padded."""
    device = next(trunk.model.parameters()).device
    ids, mask = pad_tokens(tokenize(TEXTS, trunk.tokenizer()), np.arange(len(TEXTS)), device)
    return forward_all(trunk, ids, mask) * mask[:, :, None]


def check_tuning(text: str, folder: Path) -> None:
    """Run every check on trunks of a few depths.

    Args:
        text: as a recipe writes it, as "last:2".
        folder: empty; holds the trunks.

    Raises:
        AssertionError: naming tuning, depth and what is wrong.
    """
    for depth in DEPTHS:
        trunk = load_trunk(str(write_trunk(folder / f"layers-{depth}", layers=depth)))
        names, start = set(trunk.model.state_dict()), encode(trunk).detach()
        tuning = tuning_of(text)
        tuned = Tuned(tuning, trunk, names, start, tuning.prepare(trunk))
        for check in CHECKS:
            check(tuned)


def check_name(tuned: Tuned) -> None:
    """Its name is what a recipe writes for it."""
    assert tuning_of(tuned.tuning.name) == tuned.tuning, _says(tuned, "its name makes another tuning")


def check_lowest(tuned: Tuned) -> None:
    """Nothing below the layer that cached states may enter learns."""
    depth, lowest = len(tuned.trunk.layers), tuned.tuning.lowest(len(tuned.trunk.layers))
    if lowest is None:
        return
    assert 0 <= lowest <= depth, _says(tuned, f"lowest layer {lowest}")
    above = {id(p) for layer in list(tuned.trunk.layers)[lowest:] for p in layer.parameters()}
    below = [p for p in tuned.learning if id(p) not in above]
    assert not below, _says(tuned, f"{len(below)} tensors outside its layers, from {lowest} on, learn")
    assert lowest < depth or not tuned.learning, _says(tuned, "it says that nothing learns, and something does")


def check_held(tuned: Tuned) -> None:
    """What learns is what is saved with the teacher."""
    held = {id(p) for p in tuned.held.parameters() if p.requires_grad}
    assert held == {id(p) for p in tuned.learning}, _says(tuned, "what it returns is not what learns")


@torch.no_grad()
def check_start(tuned: Tuned) -> None:
    """Before the first step it encodes what the trunk did, whatever was added; nearly so, see `TuningSpec.rounds`."""
    difference = tuned.encode() - tuned.start
    apart = float(difference.abs().max() / tuned.start.std())
    if tuning_spec(tuned.tuning.name.partition(":")[0]).rounds:
        share = float(difference.norm() / tuned.start.norm())
        assert 0 < share <= ROUNDED, _says(tuned, f"prepared, its vectors are {share:.2g} of their length off")
    else:
        assert apart <= NEAR, _says(tuned, f"prepared, its vectors are {apart:.2g} standard deviations off")


def check_step(tuned: Tuned) -> None:
    """A step against the gradient moves the vectors, where anything learns, and no other tensor."""
    if not tuned.learning:
        return
    before = tuned.encode()
    frozen = {name: p.detach().clone() for name, p in tuned.trunk.model.named_parameters() if not p.requires_grad}
    before.square().sum().backward()
    gradients = [p.grad for p in tuned.learning]
    assert any(one is not None and one.any() for one in gradients), _says(tuned, "no gradient reaches what learns")
    with torch.no_grad():
        for parameter in tuned.learning:
            if parameter.grad is not None:
                parameter.sub_(parameter.grad, alpha=RATE / max(float(parameter.grad.norm()), 1e-12))
        now = dict(tuned.trunk.model.named_parameters())
        assert all(torch.equal(now[name], value) for name, value in frozen.items()), _says(tuned, "a frozen one moved")
        assert (tuned.encode() - before).abs().max() > 0, _says(tuned, "a step moves no vector")


@torch.no_grad()
def check_merge(tuned: Tuned) -> None:
    """Merged, the trunk has its tensors of before and encodes as it was trained to; see `TuningSpec.merges`."""
    before, prepared = tuned.encode(), set(tuned.trunk.model.state_dict())
    tuned.tuning.merge(tuned.trunk)
    now = set(tuned.trunk.model.state_dict())
    expected = tuned.names if tuning_spec(tuned.tuning.name.partition(":")[0]).merges else prepared
    assert now == expected, _says(tuned, f"merged, its tensors differ by {sorted(now ^ expected)[:3]}")
    apart = float((tuned.encode() - before).abs().max() / before.std())
    assert apart <= NEAR, _says(tuned, f"merged, its vectors are {apart:.2g} standard deviations off")


CHECKS = (check_name, check_lowest, check_held, check_start, check_step, check_merge)


def _says(tuned: Tuned, fault: str) -> str:
    return f"tuning {tuned.tuning.name} of {len(tuned.trunk.layers)} layers: {fault}"
