"""Tables whose rows hold a list of items: which column it is, what separates its entries, and a row a click of it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from distill_rec.cli.guesses.asked import Asked, refuse
from distill_rec.cli.guesses.columns import SHARED, item_columns, shared_share, some
from distill_rec.cli.guesses.names import ITEM, LISTS
from distill_rec.data.faults import Faults
from distill_rec.data.rows import OWN
from distill_rec.data.sequences import as_text, entries, is_parallel, refuse_uneven
from distill_rec.data.shown import shown

BLANK = " "
SEPARATORS = ("|", ",", ";", BLANK)
SEVERAL = 0.5
"""Share of a column's values that have several entries, from which on they may be lists."""
AGAIN = 0.5
"""Of lists the entries stand again and again, while hardly a list as a whole does."""
MOST_BEGIN = 0.5
BASKETS = 1.5
"""Rows a user from which on one time a row orders them."""


@dataclass(frozen=True)
class Lists:
    """The lists that are the clicks.

    Attributes:
        column: of the items.
        separator: between the entries, where they are text.
        beside: columns with an entry for each item.
        rows: the rows as they are read, a list each.
    """

    column: str
    separator: str
    beside: tuple[str, ...]
    rows: pl.DataFrame

    def clicks(self) -> pl.DataFrame:
        """A row a click; other lists as text."""
        names = [self.column, *self.beside]
        frame = self.rows.with_columns(entries(self.rows[name], self.separator) for name in names)
        return as_text(refuse_uneven(self.rows, frame, names, "", Faults()).explode(cs.by_name(names)))

    def rows_a_user(self, user: str) -> float:
        return len(self.rows) / max(self.rows[user].n_unique(), 1)

    def notes(self, user: str, timed: bool) -> list[str]:
        """What to know of the lists."""
        how = "" if isinstance(self.rows.schema[self.column], pl.List) else f", separated by {self.separator!r},"
        beside = f", with an entry for each in {', '.join(map(shown, self.beside))}" if self.beside else ""
        notes = [f"a row's list in {shown(self.column)}{how} is its user's clicks in order{beside}"]
        if self.rows_a_user(user) == 1:
            return notes
        if self._begin_with_the_last(user) > MOST_BEGIN:
            notes.append(
                "MOST LISTS BEGIN WITH THE ONE BEFORE of the same user, and would be read as clicks made again: where "
                "a list holds all that came before, keep each user's longest row alone"
            )
        elif not timed:
            notes.append("of users with several rows the lists follow each other as the rows of the file do")
        return notes

    def _begin_with_the_last(self, user: str) -> float:
        """Of users' rows behind their first the share whose list begins with that of the row before."""
        text = entries(self.rows[self.column], self.separator).list.join("\n") + "\n"
        pairs = pl.DataFrame({"user": self.rows[user], "list": text})
        pairs = pairs.with_columns(pl.col("list").shift().over("user").alias("before")).drop_nulls("before")
        return float((pairs["list"].str.starts_with(pairs["before"])).mean() or 0.0)  # type: ignore[arg-type]


def find(asked: Asked, clicks: pl.DataFrame, items: pl.DataFrame | None, notes: list[str]) -> Lists | None:
    """The lists that are the clicks, as they were asked for or are guessed; None where a row is one click.

    Args:
        clicks: lists as lists of text.
        notes: lists that are left out are told there.
    """
    names = [name for name in clicks.columns if name not in OWN and name]
    column = asked.sequence_column
    if column is None and asked.item_column is None:
        column = _guess(clicks, items, names, notes)
    elif column is None and asked.item_column and separator_of(clicks, asked.item_column, items) is not None:
        column = asked.item_column
    if not column:
        return None
    if asked.item_column != column:
        refuse(asked, ("item_column",), f"given beside {column!r}, whose lists are the clicks")
    separator = asked.sequence_separator or separator_of(clicks, column, items) or _most_frequent(clicks[column])
    lengths = entries(clicks[column], separator).list.len()
    kinds = (pl.List, pl.String)
    others = [name for name in names if name != column and isinstance(clicks.schema[name], kinds)]
    beside = [name for name in others if is_parallel(clicks[name], lengths, separator)]
    return Lists(column, separator, tuple(beside), clicks)


def _guess(clicks: pl.DataFrame, items: pl.DataFrame | None, names: list[str], notes: list[str]) -> str:
    """The surest column of lists; "" where there is none, or a column that is surely the item of a click a row."""
    found = [name for name in names if _likely(name, items) and separator_of(clicks, name, items) is not None]
    if not found:
        return ""
    plain = [name for name in names if name not in found and not isinstance(clicks.schema[name], pl.List)]
    best = min(found, key=lambda name: (LISTS.rank(name) or (len(found), True), found.index(name)))
    if single := _single(clicks, items, plain):
        notes.append(
            f"LISTS THAT ARE NOT READ: {shown(best)}; {shown(single)} is a row's one click. Where the list is the "
            f"clicks, --sequence-column {shown(best)}"
        )
        return ""
    return best


def _likely(name: str, items: pl.DataFrame | None) -> bool:
    """Without items to compare with, the name has to say it."""
    return items is not None or LISTS.rank(name) is not None or ITEM.rank(name) is not None


def _single(clicks: pl.DataFrame, items: pl.DataFrame | None, names: list[str]) -> str:
    """A column that is surely the item of a click, by its name and its values; "" where there is none."""
    if items is None:
        return next((name for name in ITEM.ranked(names) if ITEM.surely(name)), "")
    pair = item_columns(clicks, items, names, None, None)
    sure = pair is not None and ITEM.surely(pair[0]) and shared_share(clicks[pair[0]], items[pair[1]]) >= SHARED
    return pair[0] if pair is not None and sure else ""


def separator_of(clicks: pl.DataFrame, name: str, items: pl.DataFrame | None) -> str | None:
    """What separates the entries of lists of items; None where a column's values are no such lists.

    With items the entries are ids of them (and the values as they stand are not); without, they stand again and again,
    while the whole values hardly do.
    """
    values = clicks[name]
    if isinstance(values.dtype, pl.List):
        parts = values.explode().drop_nulls()
        return BLANK if len(parts) and (items is None or _are_ids(parts, items)) else None
    if values.dtype != pl.String:
        return None
    values = some(values)
    for separator in SEPARATORS if len(values) and (items is None or not _are_ids(values, items)) else ():
        lists = entries(values, separator)
        if float((lists.list.len() > 1).mean() or 0.0) < SEVERAL:  # type: ignore[arg-type]
            continue
        parts = lists.explode()
        if _are_ids(parts, items) if items is not None else _again(values, parts):
            return separator
    return None


def _are_ids(values: pl.Series, items: pl.DataFrame) -> bool:
    columns = [name for name in items.columns if name not in OWN and name]
    own = [name for name in columns if items[name].n_unique() >= SHARED * len(items)]
    return any(shared_share(values, items[name]) >= SHARED for name in own)


def _again(values: pl.Series, parts: pl.Series) -> bool:
    return parts.n_unique() < AGAIN * len(parts) and values.n_unique() > AGAIN * len(values)


def perhaps(values: pl.Series, column: str) -> list[str]:
    """A note where what was taken for ids may be lists: of several entries, and hardly one stands twice."""
    values = some(values) if values.dtype == pl.String else values.head(0)
    for separator in SEPARATORS if values.n_unique() > AGAIN * len(values) else ():
        if float((entries(values, separator).list.len() > 1).mean() or 0.0) >= SEVERAL:  # type: ignore[arg-type]
            found = f"hardly one id of {shown(column)} stands twice, and most have {separator!r} within"
            return [f"IS THIS A LIST? {found}: where a row holds several ids, --sequence-column {shown(column)}"]
    return []


def _most_frequent(values: pl.Series) -> str:
    """The first separator that parts most values; blanks where none does."""
    if values.dtype != pl.String:
        return BLANK
    several = ((entries(some(values), one).list.len() > 1).mean() or 0.0 for one in SEPARATORS)
    return next((one for one, share in zip(SEPARATORS, several, strict=True) if float(share) >= SEVERAL), BLANK)  # type: ignore[arg-type]
