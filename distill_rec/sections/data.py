"""`[data]`: what the items and clicks are and how they are split."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from distill_rec.sections.base import Section

GROWING = ("more_clicks", "more_items", "newest_from", "known")
"""Keys of the data that a refresh sets."""


class DataSection(Section):
    """What the items and clicks are and how they are split."""

    format: Literal["recbole", "mind", "table"] = Field(
        "table", description="recbole (atomic files, plain or sequence form), mind, or table (CSV, TSV, JSONL, Parquet)"
    )
    path: str = Field("", description="folder of the data set; 'demo:movielens-100k' fetches the demo's clicks")
    clicks: str = Field("", description="file or glob of clicks, relative to path (recbole: *.inter)")
    items: str = Field(
        "",
        description="file or glob of items, relative to path (recbole: *.item); '' takes their texts from the clicks",
    )
    test: str = Field(
        "", description="mind only: folder of the test behaviours (dev); the last day of path is validation"
    )
    more_clicks: list[str] = Field(
        default_factory=list,
        description="further files or globs of clicks, as a refresh adds them; a row that an earlier file has too is "
        "read once",
    )
    more_items: list[str] = Field(
        default_factory=list,
        description="further files or globs of items, as a refresh adds them; of an item that has stood before, the "
        "later text counts",
    )
    user_column: str = Field("user_id", description="column of the user's id in the clicks (user.id: a nested field)")
    item_column: str = Field("item_id", description="column of the item's id in clicks and items")
    item_id_column: str = Field("", description="column of the item's id in the items; '' where it is item_column too")
    time_column: str = Field(
        "timestamp", description="column of the click's time; '' where the file is in order of time"
    )
    time_format: str = Field(
        "", description="how times are written, as %d/%m/%Y %H:%M, or microseconds; '' tells the usual ones by itself"
    )
    where: str = Field(
        "",
        description="rows of the clicks that count, as \"Quantity > 0 and Country != 'Testland'\"; others are left out",
    )
    missing_user: Literal["refuse", "leave-out"] = Field(
        "refuse", description="rows without a user's id: refused (too many fail), or left out and counted"
    )
    rating_column: str = Field("", description="column of a rating; '' where every row is a click")
    min_rating: float = Field(4.0, description="a row is a click when its rating is at least this")
    event_column: str = Field("", description="column of the event type")
    event_weights: dict[str, float] = Field(
        default_factory=dict, description="weight of each event type as a click; types not named are left out"
    )
    sequence_column: str = Field(
        "",
        description="column of a list of items. recbole (sequence form): the earlier ones, before that of item_column. "
        "table: a row's clicks in order; times, ratings and events are lists of as many entries, or one for the row",
    )
    sequence_separator: str = Field(
        " ", min_length=1, description="table: what separates the ids where the lists are text, as , or |"
    )
    text: str = Field("{title}", description="template of an item's text, columns in braces")
    timezone: str = Field("UTC", description="zone of times that carry none")
    encoding: str = Field("utf-8", description="encoding of text files")
    unescape_html: bool = Field(True, description="turn HTML entities in texts into characters")
    repeats: Literal["keep", "first", "last"] = Field("keep", description="repeated clicks of a user on an item")
    min_user_clicks: int = Field(1, ge=1, description="users with fewer clicks are left out")
    min_item_clicks: int = Field(0, ge=0, description="items with fewer clicks leave the clicks (not the catalogue)")
    max_refused: float = Field(0.01, ge=0, le=1, description="share of refused rows (and more than 10) that fails")
    split: Literal["time", "leave-last-out", "given"] = Field(
        "time", description="time: global cuts; leave-last-out: last item of each user; given: mind's train and dev"
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="split = time: last share of interactions for the test")
    validation_share: float = Field(0.1, gt=0, lt=1, description="split = time: the share before the test")
    newest_from: int | None = Field(
        None,
        description="split = time: the two shares are of the interactions from this second on (since 1970, UTC), and "
        "all earlier ones are trained on; of all where not given",
    )
    known: str = Field(
        "",
        description="folder prepare of an earlier run, whose training clicks optimizer.replay may leave out; '': none",
    )
    read_as: Literal["clicks", "impressions"] = Field(
        "clicks", description="clicks: full catalogue; impressions: what a user rated in a session, with real negatives"
    )
    session_minutes: int = Field(30, ge=1, description="a session ends after this long without a row")
    new_items: float = Field(0.0, ge=0, lt=1, description="share of items kept out of training as tomorrow's releases")
    max_history: int = Field(50, ge=1, description="most recent clicks that a history keeps")
    seed: int = Field(0, description="draws the new items")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        grown = [key for key in GROWING if getattr(self, key)]
        if grown and self.format == "mind":
            raise ValueError(f"{grown[0]} is for logs of clicks, not for MIND's files")
        if self.newest_from is not None and self.split != "time":
            raise ValueError(f"newest_from goes with split = 'time', not {self.split!r}")
        if self.more_items and self.format == "table" and not self.items:
            raise ValueError("more_items goes with a file of items; here the texts come from the clicks")
        return self
