"""Lists within `[evaluate]`: slices of the test, and models of elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from distill_rec.sections.base import Section

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class SliceSection(Section):
    """A column that the test is sliced by; its name alone stands for one of the items that is kept as it is."""

    column: str = Field(
        "", min_length=1, validate_default=True, description="of the items' (or clicks') file, as genres"
    )
    of: Literal["items", "clicks"] = Field(
        "items",
        description="items: by the target's value (impressions: of the clicked candidates); clicks: by the value that "
        "each user's clicks have most often, as country",
    )
    separator: str = Field(
        "", description="splits a value into several, as '|'; a blank parts words; '': values are kept whole"
    )

    @property
    def key(self) -> str:
        """What names it, where a column is sliced by more than once."""
        return f"{self.column} of {self.of}" + (f" by {self.separator!r}" if self.separator else "")


class OtherSection(Section):
    """A model of elsewhere, by a file of its scores or ranked lists of test samples (Parquet, CSV, JSON lines)."""

    name: str = Field("", validate_default=True, description="of its column")
    path: str = Field(
        "",
        min_length=1,
        validate_default=True,
        description="file: a row for each user (or sample) and item, or one row with lists of items",
    )
    sample_column: str = Field(
        "", description="column of the sample, as Run.samples('test') names it (test-17); '': rows are a user's"
    )
    user_column: str = Field("user_id", description="where no column names samples: column of the user's id")
    time_column: str = Field(
        "", description="of a user's rows: column of the sample's time (seconds); '': they hold at any time"
    )
    item_column: str = Field("item_id", description="column of the item's id, or of a list of ids, best first")
    score_column: str = Field(
        "score", description="column of the score, larger is better; where the file has none, rank_column is read"
    )
    rank_column: str = Field("rank", description="column of the rank, 1 is best; of a list without either: its order")
    score_is: Literal["order", "probability", "logit"] = Field(
        "order",
        description="impressions: what a score says: an order alone, or the probability of a click, or its logit; then "
        "its calibration is told",
    )
    unknown: Literal["refuse", "skip"] = Field(
        "refuse",
        description="rows of items, users or samples that the data have not: an error, or left out and counted",
    )

    @property
    def key(self) -> str:
        return self.name

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a name of letters, digits, - _ and . that begins with a letter or digit")
        return name


def as_slice(value: Any) -> Any:
    """A column's name as its section."""
    return {"column": value} if isinstance(value, str) else value


def refuse_twice(keys: Sequence[str]) -> None:
    """Raise where two of a list are the same."""
    twice = [key for place, key in enumerate(keys) if key in keys[:place]]
    if twice:
        raise ValueError(f"each once, and {twice[0]!r} stands twice")
