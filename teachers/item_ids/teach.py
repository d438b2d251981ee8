"""Train free item vectors and the user encoder over them; hand over what they know of the items with clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from distill_rec.begin import Earlier, go_on_as_users
from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.knowledge import state_folder, write_knowledge
from distill_rec.model_records import TeacherRecord
from distill_rec.nn.from_recipe import make_repeat, user_settings
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.pooled_encoder import NoText
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.progress import Progress, Quiet
from distill_rec.ranks import Ranks
from distill_rec.recipe import OptimizerSection, decisive
from distill_rec.records import write_record
from distill_rec.together import joint
from distill_rec.training import Objective, Training
from distill_rec.training.checkpoint import load_trainable, save_weights
from distill_rec.training.histories import click_histories
from distill_rec.training.search import search
from distill_rec.training.trajectory import earlier_states
from teachers.item_ids.spec import ItemIdsSection

SPREAD = 0.05
"""Standard deviation of the first item vectors."""


def build(section: ItemIdsSection, dataset: Dataset) -> Recommender:
    """Untrained; `section.seed` draws what is random in it."""
    torch.manual_seed(section.seed)
    users = make_user_encoder(**user_settings(section, dataset))
    items = ItemOffsets(torch.from_numpy(dataset.warm.copy()), section.dim, drop=0.0, spread=SPREAD)
    item_text = torch.from_numpy(dataset.item_text.astype(np.int64))
    model = Recommender(NoText(len(dataset.texts), section.dim), users, item_text, items, make_repeat(section))
    return model.to(choose_device(section.device))


def teach(section: ItemIdsSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """See `contracts.Teach`.

    Raises:
        TrainingError: a loss that is not finite.
    """
    progress = progress or Quiet()

    def train(optimizer: OptimizerSection, place: Path) -> None:
        def told() -> dict[str, Any]:
            sections = {"section": section.model_dump(mode="json"), "optimizer": optimizer.model_dump(mode="json")}
            return {**sections, "folder": str(place)}

        with joint(f"{__name__}:train_part", dataset.folder, told) as ranks:
            training = _training(section, dataset, optimizer, place, progress, ranks)
            training.run()
            training.checkpoints.clear()

    if not (folder / "history.json").exists():
        search(section.optimizer, folder, train)
    _publish(section, build(section, dataset).eval(), dataset, folder)


def train_part(section: dict[str, Any], data: str, optimizer: dict[str, Any], folder: str, ranks: Ranks) -> None:
    """What a further process does of a training: the same, with its own part of every batch."""
    own, tried = ItemIdsSection.model_validate(section), OptimizerSection.model_validate(optimizer)
    _training(own, Dataset.load(data), tried, Path(folder), Quiet(), ranks).run()


def _training(  # noqa: PLR0913
    section: ItemIdsSection,
    dataset: Dataset,
    optimizer: OptimizerSection,
    place: Path,
    progress: Progress,
    ranks: Ranks,
) -> Training:
    model = build(section, dataset)
    if section.begin:
        go_on_as_users(model, Earlier.load(section.begin), dataset)
    return Training(
        model,
        Objective(histories=click_histories(section.histories, dataset, section.seed)),
        dataset,
        optimizer,
        place,
        seed=section.seed,
        name="teacher of item ids",
        settings=decisive(section, {"optimizer"}),
        progress=progress,
        ranks=ranks,
        keep=section.trajectory,
    )


def _publish(section: ItemIdsSection, model: Recommender, dataset: Dataset, folder: Path) -> None:
    """Write what the model knew on the way, and then what it knows with the weights that were kept."""
    settings, states = user_settings(section, dataset), earlier_states(folder, section.trajectory)
    for number, weights in enumerate(states):
        load_trainable(load_file(weights), model, Objective())
        write_knowledge(state_folder(folder / "knowledge", number), model, None, dataset, settings)
    load_trainable(load_file(folder / "best.safetensors"), model, Objective())
    write_knowledge(folder / "knowledge", model, None, dataset, settings, earlier=len(states))
    save_weights(folder / "weights.safetensors", dict(model.state_dict()))
    record = {
        "kind": section.kind,
        "section": section.model_dump(),
        "user_encoder": settings,
        "items": dataset.n_items,
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    write_record(folder / "model.json", TeacherRecord.model_validate(record))
