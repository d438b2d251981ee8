"""What `[refresh]` of a recipe holds."""

from __future__ import annotations

from pydantic import Field

from distill_rec.sections.base import Section


class RefreshSection(Section):
    """Against which run a refreshed student is compared, and what it takes to be published."""

    run: str = Field(
        "", description="folder of the run before, to compare with its student on the newest clicks (test)"
    )
    max_loss: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the main metric (nDCG@10; AUC of impressions) that the student may lose against the one "
        "before, by the mean over users; more, and it is not published",
    )
    anyway: bool = Field(False, description="publish it even where it is worse")
    into: str = Field(
        "", description="export folder that a service follows: a student that is published becomes its next version"
    )
    bootstrap: int = Field(2000, ge=100, description="paired resamples of users for the intervals")
    max_users: int | None = Field(None, description="test users drawn when there are more; all where not given")
