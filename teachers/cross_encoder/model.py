"""The model: a trunk over a pair, pooled, and a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from distill_rec.contracts import tuning_of
from distill_rec.data.ragged import Ragged
from distill_rec.device import choose_device
from distill_rec.evaluation.scorer import Floats
from distill_rec.progress import Task
from distill_rec.runtime.errors import ModelError, RecipeError
from distill_rec.teacher_model import Teacher
from distill_rec.trunks.cut import cut_layers
from distill_rec.trunks.load import Trunk, load_trunk, pool
from distill_rec.trunks.prefix import forward_all, pad_tokens
from teachers.cross_encoder.pairs import Reader
from teachers.cross_encoder.spec import CrossEncoderSection

CHUNK = 64
"""Pairs that are scored at once."""


class CrossEncoder(nn.Module):
    """Scores of pairs.

    Args:
        tuned: the part of the trunk that is saved; of it what asks for gradients learns.
    """

    def __init__(self, trunk: Trunk, tuned: nn.Module) -> None:
        super().__init__()
        self.trunk, self.tuned = trunk, tuned
        self.head = nn.Linear(trunk.width, 1)

    def forward(self, pairs: Ragged) -> Tensor:
        """`[n]`."""
        ids, mask = pad_tokens(pairs, np.arange(len(pairs)), self.head.weight.device)
        pooling = "mean" if self.trunk.pooling == "attention" else self.trunk.pooling
        scores: Tensor = self.head(pool(forward_all(self.trunk, ids, mask), mask, pooling))
        return scores[:, 0]

    def scores(self, pairs: Ragged, task: Task | None = None) -> Floats:
        """The same in evaluation mode without a graph, like lengths together.

        Args:
            task: is told the pairs as they are done.
        """
        self.eval()
        out = np.empty(len(pairs), np.float32)
        order = np.argsort(pairs.lengths, kind="stable")
        with torch.no_grad():
            for start in range(0, len(order), CHUNK):
                rows = order[start : start + CHUNK]
                out[rows] = self(pairs.take(rows)).float().cpu().numpy()
                if task is not None:
                    task.advance(len(rows))
        return out


class PairScorer:
    """The model as the evaluation sees it.

    Args:
        task: is told the pairs as they are scored.
    """

    def __init__(self, name: str, model: CrossEncoder, reader: Reader, task: Task | None = None) -> None:
        self.name, self._model, self._reader, self._task = name, model, reader, task

    def scores(self, history: Ragged, candidates: Ragged) -> Floats:
        """See `Scorer`."""
        return self._model.scores(self._reader.pairs(history, candidates), self._task)


def build(section: CrossEncoderSection) -> CrossEncoder:
    """Untrained; `section.seed` draws what is random in it."""
    trunk = load_trunk(section.trunk, section.revision, "auto", section.max_tokens)
    trunk.precision = section.trunk_precision
    if section.layers is not None:
        _cut(trunk, section.layers)
    torch.manual_seed(section.seed)
    model = CrossEncoder(trunk, tuning_of(section.tuning).prepare(trunk))
    device = choose_device(section.device)
    trunk.model.to(device)
    return model.to(device)


def _cut(trunk: Trunk, layers: int) -> None:
    """Leave the trunk with its first layers."""
    depth = len(trunk.layers)
    if layers > depth:
        raise RecipeError("key teacher.layers", f"{layers}, and the trunk has {depth}", f"at most {depth}")
    cut_layers(trunk, range(layers))


def open_ranker(teacher: Teacher) -> Callable[[Ragged, Ragged], NDArray[np.float32]]:
    """See `contracts.OpenRanker`.

    Raises:
        ModelError: the trunk is not the one that it was trained on.
    """
    section = CrossEncoderSection.model_validate(teacher.config["section"])
    model = build(section)
    if model.trunk.digest != teacher.config["trunk"]["digest"]:
        found, expected = (f"weights {one[:12]}" for one in (model.trunk.digest, teacher.config["trunk"]["digest"]))
        raise ModelError(section.trunk, found, f"{expected}, as trained")
    model.load_state_dict(load_file(teacher.folder / "weights.safetensors"))
    return PairScorer("teacher", model, Reader.read(teacher.folder, model.trunk, section.history)).scores
