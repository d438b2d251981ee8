"""What the rows say: event types, the scale of ratings, returns, rows without a user. All rows are looked at."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from distill_rec.cli.guesses.names import EVENT, QUANTITY, RATING, words_of
from distill_rec.data.faults import FEW
from distill_rec.data.numbers import numbers
from distill_rec.data.ratings import propose_threshold, scale_of
from distill_rec.data.shown import shown
from distill_rec.data.where import quoted_column
from distill_rec.recipe import DataSection

Notes = list[str]
TYPES = 50
"""A column with more values than this is no event type."""
KNOWN = r"^(view|click|purchase|buy|bought|cart|add|order|play|like|transaction|watch|read|listen|impression|save)"
REMOVED = r"^(remove|delete|unlike|dislike|unsave|unfollow|cancel|return|refund|skip|hide|unsubscribe)"
MANY_ROWS = 5
"""Times as many rows as the usual user has, from which on the user 0 may be nobody."""
NO_ID = ("nan", "null", "none", "n/a", "na", "unknown", "undefined", "nil")


def event_column(clicks: pl.DataFrame, names: list[str]) -> str:
    """The column of event types: few values, with letters; one called `type` only where its values are known ones."""
    for name in EVENT.ranked(names):
        kinds = clicks[name].cast(pl.String).drop_nulls().unique()
        worded = [kind for kind in kinds.to_list() if re.search(r"[^\W\d]", kind)]
        known = [kind for kind in worded if any(re.match(KNOWN, word) for word in words_of(kind))]
        sure = bool(re.match(EVENT.kinds[0], " ".join(words_of(name)))) or len(words_of(name)) > 1
        if 0 < len(kinds) <= TYPES and worded and (known or sure):
            return name
    return ""


def event_weights(clicks: pl.DataFrame, column: str, asked: dict[str, float], notes: Notes) -> dict[str, float]:
    """A weight for each type of the whole file: 0 where something is taken back, else 1."""
    counts = clicks[column].cast(pl.String).fill_null("").value_counts(sort=True, name="count")
    kinds = {str(kind): int(count) for kind, count in counts.iter_rows()}
    weights = {kind: asked.get(kind, 0.0 if is_removal(kind) else 1.0) for kind in kinds if kind} | asked
    told = ", ".join(f"{shown(kind)} {count:,}" for kind, count in kinds.items() if kind)
    notes.append(f"event types of the whole file: {told} (--event-weight TYPE=WEIGHT changes a weight)")
    if zero := [kind for kind, weight in weights.items() if weight == 0 and kind not in asked]:
        notes.append(f"{', '.join(map(shown, zero))}: weight 0, as something is taken back: no click")
    if kinds.get(""):
        notes.append(f"{kinds['']:,} rows without an event type are left out")
    spelt: dict[str, list[str]] = {}
    for kind in weights:
        spelt.setdefault("".join(words_of(kind)) or kind, []).append(kind)
    for same in (one for one in spelt.values() if len(one) > 1):
        told = " and ".join(f"{shown(kind)!r} ({kinds.get(kind, 0):,})" for kind in same)
        notes.append(f"{told} look like one event type in two spellings: give them one weight, or mend the file")
    return weights


def is_removal(kind: str) -> bool:
    return any(re.match(REMOVED, word) for word in words_of(kind))


def rating_column(clicks: pl.DataFrame, names: list[str]) -> str:
    """The column of ratings: nearly all of its values are numbers, and not all of them the same."""
    for name in RATING.ranked(names):
        found, _ = numbers(clicks[name])
        if found.null_count() < 0.1 * len(found) and found.n_unique() > 1:
            return name
    return ""


def min_rating(clicks: pl.DataFrame, column: str, asked: float | None, notes: Notes) -> float:
    """A threshold that fits the scale."""
    ratings = numbers(clicks[column])[0].drop_nulls()
    proposed = propose_threshold(ratings)
    least = asked if asked is not None else proposed if proposed is not None else DataSection().min_rating
    share = float((ratings >= least).mean() or 0.0) if len(ratings) else 0.0  # type: ignore[arg-type]
    notes.append(f"{scale_of(ratings)}: a row is a click from {least:g} on ({share:.0%} of the rows; --min-rating)")
    return least


def where(clicks: pl.DataFrame, names: list[str], notes: Notes) -> str:
    """A filter that leaves returns out, where a quantity is not above zero."""
    for name in QUANTITY.ranked(names):
        found, _ = numbers(clicks[name])
        returns = int((found <= 0).sum())
        if found.null_count() < 0.1 * len(found) and 0 < returns < len(found):
            notes.append(
                f"{returns:,} rows with {shown(name)} of 0 or less (returns, say) are left out (--where '': kept)"
            )
            return f"{quoted_column(name)} > 0"
    return ""


def missing_user(clicks: pl.DataFrame, column: str, section: dict[str, Any], notes: Notes) -> str:
    """Whether rows without a user are left out: only where they are more than `prepare` would refuse."""
    users = clicks[column].cast(pl.String).fill_null("").str.strip_chars()
    missing = int((users == "").sum())
    odd = users.filter(users.str.to_lowercase().is_in(list(NO_ID)) | (users == "0"))
    usual = len(users) / max(users.n_unique(), 1)
    for value, count in odd.value_counts(sort=True, name="count").iter_rows():
        if value == "0" and count < MANY_ROWS * usual:
            continue  # users that are numbered from 0
        test = f"{quoted_column(column)} != '{value}'"
        notes.append(f'{count:,} rows have the user {value!r}: where that is nobody, --where "{test}" leaves them out')
    if missing <= FEW or missing <= DataSection().max_refused * len(users):
        if missing:
            notes.append(f"{missing:,} rows without a user are refused, as they are few (--missing-user leave-out)")
        return section.get("missing_user", "")  # type: ignore[no-any-return]
    notes.append(f"{missing:,} rows without a user are left out (--missing-user refuse)")
    return "leave-out"
