"""From a recipe's section to the arguments of the modules that teacher and student share."""

from __future__ import annotations

from typing import Any

import torch

from distill_rec.data.dataset import Dataset
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.repeat import RepeatTerm
from distill_rec.recipe import ModelSection, UserSection
from distill_rec.runtime.errors import RecipeError


def user_settings(section: UserSection, dataset: Dataset) -> dict[str, Any]:
    """Arguments of `make_user_encoder`; "auto" is causal for ordered clicks and attention for impressions."""
    kind = section.user_encoder
    if kind == "auto":
        kind = "causal" if dataset.kind == "clicks" else "attention"
    if kind in ("causal", "nrms") and section.dim % section.user_heads:
        raise RecipeError("user_heads", f"{section.user_heads} does not divide dim = {section.dim}", "a divisor of dim")
    return {
        "kind": kind,
        "dim": section.dim,
        "max_history": dataset.max_history,
        "layers": section.user_layers,
        "heads": section.user_heads,
        "dropout": section.dropout,
    }


def make_offsets(section: ModelSection, dataset: Dataset) -> ItemOffsets | None:
    """The section's offsets for the data set's warm items; None where it has none."""
    if not section.offsets:
        return None
    return ItemOffsets(torch.from_numpy(dataset.warm.copy()), section.dim, section.offset_dropout)


def make_repeat(section: UserSection) -> RepeatTerm | None:
    """The section's repeat term; None where it has none."""
    return None if section.repeat_term == "none" else RepeatTerm(by_recency=section.repeat_term == "recency")


def training_texts(dataset: Dataset) -> torch.Tensor:
    """Indices of texts that some item has which is not new: those that maps and vocabularies are fitted on."""
    texts: torch.Tensor = torch.unique(torch.from_numpy(dataset.item_text[~dataset.new].astype("int64")))
    return texts
