"""Checkpoints of our own: tensors in safetensors, the rest in JSON, nothing pickled.

One folder `checkpoint/` holds the newest one; it is replaced whole, so that a kill leaves the old or the new.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_rec.files import replacing
from distill_rec.records import Record, read_record, write_record
from distill_rec.runtime.errors import TrainingError
from distill_rec.training.optimizers import Optimizers


@dataclass
class LoopState:
    """Where a loop stands.

    Attributes:
        epoch, batch: the next batch, by epoch and number within it.
        update: batches done.
        window: windows done.
        seconds: time spent, over all processes that worked on it.
        history: one record per validation.
        plateau: early stopping.
        rates: learning rates, by the update from which on they held.
    """

    epoch: int = 0
    batch: int = 0
    update: int = 0
    window: int = 0
    seconds: float = 0.0
    since_validation: int = 0
    loss_sum: float = 0.0
    loss_windows: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    plateau: dict[str, Any] = field(default_factory=dict)
    rates: list[dict[str, float]] = field(default_factory=list)


def trainable(*modules: nn.Module) -> dict[str, Tensor]:
    """All weights that learn, by name, the module's number first."""
    return {
        f"{number}.{name}": parameter
        for number, module in enumerate(modules)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }


def load_trainable(tensors: dict[str, Tensor], *modules: nn.Module) -> None:
    """Copy weights into fresh memory of the modules (a mapped file's alignment would change sums)."""
    weights = trainable(*modules)
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(tensors[name])


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors to a temporary name, then rename."""
    content = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(content, temporary)


def _optimizer_tensors(optimizers: Optimizers) -> dict[str, Tensor]:
    tensors = {}
    for name, optimizer in optimizers.named().items():
        for index, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                tensors[f"{name}.{index}.{key}"] = torch.as_tensor(value)
    return tensors


def _load_optimizers(optimizers: Optimizers, tensors: dict[str, Tensor]) -> None:
    for name, optimizer in optimizers.named().items():
        state: dict[int, dict[str, Tensor]] = {}
        for full, value in tensors.items():
            owner, _, rest = full.partition(".")
            if owner == name:
                index, _, key = rest.partition(".")
                state.setdefault(int(index), {})[key] = value.clone()
        content = optimizer.state_dict()
        optimizer.load_state_dict({"state": state, "param_groups": content["param_groups"]})


class CheckpointRecord(Record):
    """A loop's state as a checkpoint holds it; see `LoopState`.

    Attributes:
        settings: fingerprint of what decides the result.
        rates: older ones have none.
    """

    settings: str
    epoch: int
    batch: int
    update: int
    window: int
    seconds: float
    since_validation: int
    loss_sum: float
    loss_windows: int
    history: list[dict[str, Any]]
    plateau: dict[str, Any]
    rates: list[dict[str, Any]] = Field(default_factory=list)

    def state(self) -> LoopState:
        return LoopState(**self.model_dump(exclude={"format_version", "settings"}))


class Checkpoints:
    """Writes and reads the checkpoint of one training, in its folder.

    Args:
        folder: the training's folder.
        settings: fingerprint of settings and data; a checkpoint of other settings is refused.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder, self.settings = folder, settings

    @property
    def _numbered(self) -> list[Path]:
        return sorted(self.folder.glob("checkpoint-*.json"))

    def write(
        self, state: LoopState, optimizers: Optimizers, table: Tensor, generator: torch.Generator, *modules: nn.Module
    ) -> None:
        """Write tensors first, then the JSON file that names them: without it they do not count."""
        tensors = {f"weights.{name}": tensor for name, tensor in trainable(*modules).items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in _optimizer_tensors(optimizers).items()}
        tensors |= {"table": table, "random": torch.get_rng_state(), "generator": generator.get_state()}
        name = f"checkpoint-{state.update:09d}"
        save_weights(self.folder / f"{name}.safetensors", tensors)
        record = CheckpointRecord(settings=self.settings, **asdict(state))
        write_record(self.folder / f"{name}.json", record)
        for old in self._numbered[:-1]:
            old.unlink()
            old.with_suffix(".safetensors").unlink(missing_ok=True)

    def read(
        self, optimizers: Optimizers, table: Tensor, generator: torch.Generator, *modules: nn.Module
    ) -> LoopState | None:
        """Restore the newest checkpoint into the given objects; None where there is none."""
        if not self._numbered:
            return None
        newest = self._numbered[-1]
        record = read_record(CheckpointRecord, newest)
        if record.settings != self.settings:
            raise TrainingError(
                newest,
                "a checkpoint of other settings or data",
                "the settings it was begun with",
                "Begin the stage anew with --restart.",
            )
        tensors = load_file(newest.with_suffix(".safetensors"))
        part = {key: under(tensors, key) for key in ("weights", "optimizer")}
        load_trainable(part["weights"], *modules)
        _load_optimizers(optimizers, part["optimizer"])
        table.copy_(tensors["table"])
        torch.set_rng_state(tensors["random"].clone())
        generator.set_state(tensors["generator"].clone())
        return record.state()

    def clear(self) -> None:
        """Remove what only an unfinished training needs."""
        for path in self.folder.glob("checkpoint-*"):
            path.unlink()


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one part, `prefix.` taken off their names."""
    return {name[len(prefix) + 1 :]: value for name, value in tensors.items() if name.startswith(prefix + ".")}
