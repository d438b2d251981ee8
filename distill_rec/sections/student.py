"""What `[student]` holds of how it learns: sections of its own, and checks of keys that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from distill_rec.sections.base import Section
from distill_rec.sections.experts import ExpertsSection
from distill_rec.sections.histories import HistoriesSection
from distill_rec.sections.order import OrderSection
from distill_rec.sections.schedule import Ramp
from distill_rec.sections.taught import TaughtSection


class TaughtHistoriesSection(HistoriesSection):
    """Histories that nobody had, which the teacher labels: what it knows reaches further than the clicks do."""

    clicks: bool = Field(
        True,
        description="losses of clicks learn from changed histories too, with the real next click; false: not",
    )
    alone: bool = Field(
        False,
        description="so do students that have no teacher to ask, the undistilled and the initialised one; false: they "
        "learn from the histories that the data have, which few clicks are better learned from",
    )

    @property
    def with_clicks(self) -> bool:
        return self.clicks


class LearningSection(Section):
    """How a student learns from its teachers, beside the losses."""

    adapter: Literal["auto", "none", "linear", "mlp", "experts"] = Field(
        "auto",
        description="map of its vectors to the teacher's space, for losses of vectors, of training alone: auto (linear "
        "where the dimensions differ, else none), none, linear, two layers (mlp), or several of two layers one of "
        "which is chosen for each vector (experts)",
    )
    experts: ExpertsSection = Field(
        default_factory=ExpertsSection, description="the adapter experts: how many, and how one is chosen"
    )
    mix: Literal["sum", "by_loss", "by_rank", "by_confidence", "by_agreement"] = Field(
        "sum",
        description="several teachers: their weighted sum; or by sample, those that give the click a small "
        "cross-entropy (by_loss), or rank it high (by_rank), are sure (by_confidence), or are near what the student "
        "says (by_agreement), count for more",
    )
    mix_temperature: float = Field(
        1.0,
        gt=0,
        description="of mix by sample: the larger, the nearer to the sum; the smaller, the more the best counts",
    )
    nested: list[int] = Field(
        default_factory=list,
        description="fewer dimensions that are to work alone, the first ones of the vectors, as [16, 32]; a service "
        "may then load the student with one of these",
    )
    nested_weights: list[float] = Field(
        default_factory=list,
        description="weight of the losses of each of nested beside the whole's; ones where not given",
    )
    schedule: dict[str, Ramp] = Field(
        default_factory=dict,
        description="weights and temperatures of loss that change while it learns, as temperature = {start = 4.0, "
        "end = 1.0, over = 0.5}: over that share of min_updates (of all updates where decay is linear)",
    )
    order: OrderSection | None = Field(
        None,
        description="earlier states of the teachers (teacher.trajectory) teach first, in the order of their training; "
        "the teachers as they are from the beginning where not given",
    )
    taught: TaughtSection = Field(
        default_factory=TaughtSection,
        description="dropout, decay, rate and length while it learns from a teacher; those of [student] are of "
        "students without one",
    )
    histories: TaughtHistoriesSection = Field(
        default_factory=TaughtHistoriesSection, description="histories that nobody had, labelled by the teacher"
    )

    @property
    def widths(self) -> list[tuple[int, float]]:
        """Each of `nested` with its weight."""
        return list(zip(self.nested, self.nested_weights or [1.0] * len(self.nested), strict=True))


def refuse_nested(dim: int, nested: Sequence[int], weights: Sequence[float]) -> None:
    """
    Raises:
        ValueError: widths that do not rise from 1 to less than `dim`, or weights that are not theirs.
    """
    if list(nested) != sorted(set(nested)) or any(not 1 <= one < dim for one in nested):
        raise ValueError(f"nested are rising numbers from 1 to less than dim = {dim}, not {list(nested)}")
    if weights and (len(weights) != len(nested) or min(weights) <= 0):
        raise ValueError(f"nested_weights are one number above zero for each of nested, not {list(weights)}")
