"""A trained model of an earlier run, from which another of the same kind and shape goes on (`begin` of its section)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from distill_rec.data.dataset import Dataset
from distill_rec.files import read_json
from distill_rec.handover import DATA, ITEM_IDS, require_same
from distill_rec.nn.recommender import Recommender
from distill_rec.runtime.errors import RunError
from distill_rec.training.checkpoint import under

SHAPES = (
    "dim, user_encoder, user_layers, user_heads, projection, hidden, intermediate, heads, width, tuning, "
    "data.max_history and the PLM"
)
"""What decides the shapes of weights."""


@dataclass(frozen=True)
class Earlier:
    """A trained model's folder, read.

    Attributes:
        tensors: of its `weights.safetensors`.
        dataset: that it was trained on.
    """

    folder: Path
    tensors: dict[str, Tensor]
    dataset: Dataset

    @staticmethod
    def load(folder: str | Path) -> Earlier:
        """Read a model that a run holds, with the run's data.

        Raises:
            RunError: the folder holds no finished model, or belongs to no run.
        """
        place = Path(folder)
        if not (place / "model.json").exists() or not (place / "weights.safetensors").exists():
            found = "no finished model to begin from"
            raise RunError(place, found, "RUN/teach, RUN/teach/NAME or RUN/distill/student of a finished run")
        dataset = Dataset.load(prepared_beside(place))
        for marked in (place / "model.json", place / "knowledge" / "manifest.json"):
            content = read_json(marked) if marked.exists() else {}
            marks = {key: content.get(key, "") for key in (ITEM_IDS, DATA)}
            require_same(place, "the model to begin from", marks, dataset)
        tensors = {name: value.clone() for name, value in load_file(place / "weights.safetensors").items()}
        return Earlier(place, tensors, dataset)

    def rows(self, dataset: Dataset) -> NDArray[np.int64]:
        """The number that each item of a data set has in this one's, by its id; -1 of one that it does not have."""
        return self.dataset.numbers_of(dataset)

    def fill(self, module: nn.Module, prefix: str) -> None:
        """Copy its tensors of a part into a module's, parameters and buffers.

        Raises:
            RunError: one is missing, or of another shape.
        """
        self.fill_tensors(module.state_dict(), under(self.tensors, prefix))

    def fill_tensors(self, into: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
        """The same with both given by name."""
        with torch.no_grad():
            for name, own in into.items():
                given = tensors.get(name)
                if given is None or given.shape != own.shape:
                    found = "no such weights" if given is None else f"shape {list(given.shape)}"
                    do = f"Set back what decides shapes ({SHAPES}), or leave begin out to train anew."
                    raise RunError(self.folder, f"{name}: {found}", f"shape {list(own.shape)}, as here", do)
                own.copy_(given)


def prepared_beside(folder: Path) -> Path:
    """The prepared data of the run that a model's folder lies in.

    Raises:
        RunError: there is none above it.
    """
    for parent in folder.resolve().parents:
        if (parent / "prepare" / "manifest.json").exists():
            return parent / "prepare"
    raise RunError(folder, "the folder of no run: no prepare beside it", "a model within its run's folder")


def go_on_as_users(model: Recommender, earlier: Earlier, dataset: Dataset) -> None:
    """User encoder, offsets and repeat term as the earlier model has them; offsets go by item ids.

    Raises:
        RunError: they are of another shape, or it has none.
    """
    earlier.fill(model.user_encoder, "user_encoder")
    numbers = _first(earlier.tensors, "repeat", "repeat_term.numbers")
    if model.repeat_term is not None and numbers is not None:
        model.repeat_term.start_from(numbers)
    old = _first(earlier.tensors, "offsets", "offsets.weight")
    if model.offsets is not None and old is not None:
        if old.shape[1] != model.offsets.weight.shape[1]:
            found, expected = f"offsets of {old.shape[1]} dimensions", f"{model.offsets.weight.shape[1]}, as here"
            raise RunError(earlier.folder, found, expected, "Set dim back, or leave begin out to train anew.")
        copy_rows(model.offsets.weight, old, _known_rows(earlier, dataset))


def _first(tensors: Mapping[str, Tensor], *names: str) -> Tensor | None:
    """The tensor that a student, or a teacher, has under its own name."""
    return next((tensors[name] for name in names if name in tensors), None)


def _known_rows(earlier: Earlier, dataset: Dataset) -> NDArray[np.int64]:
    """As `Earlier.rows`, of items with training clicks then and now; -1 of all others, which begin as new ones."""
    rows = earlier.rows(dataset)
    known = dataset.warm & (rows >= 0) & earlier.dataset.warm[rows]
    return np.where(known, rows, -1)


def copy_rows(into: Tensor, old: Tensor, rows: NDArray[np.int64]) -> None:
    """Copy rows of a table `[n_old, d]` to the places `[n]` that ask for one (not -1)."""
    at = torch.from_numpy(np.flatnonzero(rows >= 0))
    with torch.no_grad():
        into[at] = old.to(into)[torch.from_numpy(rows)[at]]
