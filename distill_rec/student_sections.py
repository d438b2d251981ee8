"""Sections within `[student]` that say how it learns from its teachers."""

from __future__ import annotations

from pydantic import Field

from distill_rec.section import Section


class HistoriesSection(Section):
    """Histories that nobody had, which the teacher labels: what it knows reaches further than the clicks do.

    Each of the ways is a share, and they may go together; where all are zero, nothing is changed.
    """

    share: float = Field(1.0, ge=0, le=1, description="share of a batch's histories that the ways below change")
    swap: float = Field(0.0, ge=0, le=1, description="share of their clicks that become any item with training clicks")
    walk: float = Field(
        0.0, ge=0, le=1, description="share of their clicks that become an item that followed theirs in training"
    )
    drop: float = Field(0.0, ge=0, le=1, description="share of their clicks that are left out")
    mix: float = Field(
        0.0, ge=0, le=1, description="share of them that go on, from a place drawn at random, as another user's"
    )
    clicks: bool = Field(
        True, description="losses of clicks learn from changed histories too, with the real next click; false: not"
    )

    @property
    def changes(self) -> bool:
        """Whether any history is changed."""
        return self.share > 0 and max(self.swap, self.walk, self.drop, self.mix) > 0
