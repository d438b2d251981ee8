"""What trains and builds them."""

from __future__ import annotations

from typing import Any

import torch

from students.static import build as static
from teachers.item_ids.teach import teach as teach_item_ids


def teach(section: Any, dataset: Any, folder: Any, *, progress: Any = None) -> None:
    limited = section.optimizer.model_copy(update={"max_updates": section.batches})
    teach_item_ids(section.model_copy(update={"optimizer": limited}), dataset, folder, progress=progress)


def estimate(section: Any, sizes: Any) -> tuple[str, float]:
    return f"{section.batches} batches", 1.0


def build(section: Any, trunk: str, dataset: Any, knowledge: Any, progress: Any) -> Any:
    built = static.build(section, trunk, dataset, knowledge, progress)
    with torch.no_grad():
        built.model.text_encoder.table.mul_(section.gain)
    return built
