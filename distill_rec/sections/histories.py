"""How the histories of training batches are changed, for a model that learns from clicks or from a teacher."""

from __future__ import annotations

from pydantic import Field

from distill_rec.sections.base import Section


class HistoriesSection(Section):
    """Histories that nobody had, so that a model does not learn by heart those that the data have.

    Each of the ways is a share, and they may go together; where all are zero, nothing is changed. What came next stays
    the click that the data have.
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

    @property
    def changes(self) -> bool:
        """Whether any history is changed."""
        return self.share > 0 and max(self.swap, self.walk, self.drop, self.mix) > 0

    @property
    def with_clicks(self) -> bool:
        """Whether losses of clicks learn from changed histories."""
        return True
