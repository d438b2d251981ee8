"""`[student.experts]`: how many experts the adapter of that kind has, and how sharply one of them is chosen."""

from __future__ import annotations

from pydantic import Field

from distill_rec.sections.base import Section


class ExpertsSection(Section):
    """Experts of `student.adapter = "experts"` (DE, Kang et al. 2020)."""

    count: int = Field(5, ge=1, description="experts of items, and as many of users")
    start: float = Field(1.0, gt=0, description="temperature of the choice among them when training begins")
    end: float = Field(1e-3, gt=0, description="temperature at the end of the schedule; near 0: one expert alone")

    def temperature(self, progress: float) -> float:
        """start (end / start)^progress, for the share of the schedule that is done (DE-RRD, section 4.1)."""
        return float(self.start * (self.end / self.start) ** progress)
