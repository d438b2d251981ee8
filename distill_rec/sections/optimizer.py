"""`optimizer` of a teacher or student: how it is trained, and when that ends."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator

from distill_rec.sections.base import Section

RATES = ("learning_rate", "trunk_learning_rate", "rate_factor", "clip")
"""Keys of an optimizer that an unfinished training may go on with at other values: what helps one that diverged."""
Precision = Literal["fp32", "bf16"]
ROOM = 2
"""Floors that a training has room for where only the default of `max_epochs` limits it: a plateau takes updates too."""


class OptimizerSection(Section):
    """How a model is trained; teacher and student have one each."""

    batch_size: int = Field(512, ge=1, description="users (clicks) or impressions per batch")
    window: int = Field(4, ge=1, description="batches between two updates of the item encoder")
    learning_rate: float = Field(2e-3, gt=0, description="AdamW's rate for user encoder, offsets and head")
    trunk_learning_rate: float = Field(
        2e-5,
        gt=0,
        description="AdamW's rate for what learns of the trunk; left out where a tuning adds weights, which want more: "
        "1e-3, of ia3 1e-2",
    )
    rate_factor: float = Field(1.0, gt=0, description="factor of all rates, below one to go on gently (begin)")
    replay: float = Field(
        1.0,
        ge=0,
        le=1,
        description="share of what an earlier run has trained on (data.known) that an epoch repeats, drawn for each",
    )
    trunk_layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="factor of the trunk's rate from each layer to the one below it; 1: the same for all",
    )
    table_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        description="a static student's sub-word table: its rate as a share of learning_rate; 0 keeps it as it was, "
        "which serves items that nobody has clicked",
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay of weight matrices")
    warmup_updates: int = Field(
        20, ge=0, description="steps of each optimiser (the item encoder's steps once per window) while its rate rises"
    )
    decay: Literal["none", "linear"] = Field(
        "none",
        description="linear: the rate falls to zero over max_updates (max_epochs where not given), and no plateau ends "
        "the training before",
    )
    clip: float = Field(1.0, gt=0, description="largest gradient norm of each parameter group")
    max_epochs: int = Field(
        100,
        ge=1,
        description="passes over the training data at most; at its default there is room for twice min_updates all the "
        "same (unless decay is linear), so that no small log is cut before its floor",
    )
    max_updates: int | None = Field(None, description="batches at most; a fixed number makes a run reproducible")
    max_seconds: float | None = Field(None, description="stop after this time; such a run will not reproduce")
    validate_every: int | None = Field(None, description="batches between validations; one epoch where not given")
    patience: int = Field(3, ge=1, description="validations without a gain before training stops")
    patience_updates: int = Field(
        50,
        ge=0,
        description="and steps without a gain, warm-up not counted, of the optimiser that steps least often (once per "
        "window)",
    )
    min_updates: int = Field(
        600, ge=0, description="batches before which no plateau ends a training: the same floor for compared models"
    )
    min_gain: float = Field(0.005, ge=0, description="relative gain that counts as one")
    keep_start: bool = Field(
        False,
        description="keep the weights that training began with unless it beats them on validation data by an interval "
        "above zero; for starts that already rank, such as an untrained PLM's",
    )
    validation_users: int = Field(5000, ge=1, description="validation samples drawn when there are more")
    checkpoint_seconds: float = Field(60.0, ge=0, description="seconds between checkpoints at least")
    item_chunk: int = Field(256, ge=1, description="texts that the trunk encodes at once, with a graph")
    sampled_items: int | None = Field(
        None, description="trunk tuning: other items whose gradient the trunk gets in a window; all where not given"
    )
    drawn_negatives: int | None = Field(
        None,
        ge=1,
        description="items drawn per window that clicked ones compete with, beside its batches' own; of impressions "
        "candidates without a click, drawn for each; left out: the whole catalogue, all that was shown",
    )
    drawn_by: Literal["uniform", "clicks"] = Field(
        "uniform", description="how drawn_negatives are drawn: all alike, or (clicks) by their training clicks"
    )
    gradient_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="trunk tuning: share of a window's texts that its gradient is sent back through, drawn by how "
        "large each one's is and weighed so that their sum is right on average; below 1 the PLM has no dropout",
    )
    refresh_windows: int = Field(
        1, ge=1, description="trunk tuning: windows between two encodings of the whole catalogue"
    )
    precision: Precision = Field(
        "fp32",
        description="what matrices are multiplied in between two looks at validation data: bf16 rounds their numbers "
        "to 8 bits and adds up in fp32, several times as fast on a processor that multiplies these itself (AMX); a GPU "
        "takes TF32; what can do neither goes on in fp32. What is validated, kept and written is fp32",
    )
    tries: list[dict[str, object]] = Field(
        default_factory=list,
        description="changes of this section; a training is run with each and the best on validation data is kept; "
        "compared models get the same ones. Empty: one try, as the section says",
    )

    @field_validator("tries")
    @classmethod
    def _each_is_a_section(cls, tries: list[dict[str, object]]) -> list[dict[str, object]]:
        for changes in tries:
            if "tries" in changes:
                raise ValueError("a try has no tries of its own")
            cls.model_validate(changes)
        return tries

    def epochs(self, updates_each: float) -> int:
        """Passes over the training data at most; a default that contradicts the floor of `min_updates` gives way.

        Args:
            updates_each: batches of a pass.
        """
        if self.decay == "linear" or self.max_epochs != type(self).model_fields["max_epochs"].default:
            return self.max_epochs
        return max(self.max_epochs, math.ceil(ROOM * self.min_updates / updates_each))

    def each_try(self) -> list[OptimizerSection]:
        """The section with each of its tries' changes; itself where it has none."""
        base = self.model_dump(exclude={"tries"})
        return [OptimizerSection.model_validate(base | changes) for changes in self.tries or [{}]]
