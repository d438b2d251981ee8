"""Keys of `[data]` for files that somebody has: what was asked for, and guesses for the rest."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from distill_rec.cli.guesses import recbole, values
from distill_rec.cli.guesses.asked import Asked, Guess, refuse
from distill_rec.cli.guesses.columns import item_columns, time_column
from distill_rec.cli.guesses.formats import format_of
from distill_rec.cli.guesses.lists import BASKETS, BLANK, Lists, find, perhaps
from distill_rec.cli.guesses.look import look, pattern_in
from distill_rec.cli.guesses.mind import guess_mind
from distill_rec.cli.guesses.names import ITEM, MORE_TEXT, TEXT, USER
from distill_rec.data.rows import OWN, named
from distill_rec.data.sequences import as_text, check_form
from distill_rec.data.shown import shown
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError
from distill_rec.runtime.template import field as field_of

LETTERS = 0.5
"""Share of a text column's values that have a letter."""
UNORDERED = ("time_column", "time_format", "event_column", "event_weights", "rating_column", "min_rating")


def guess(asked: Asked) -> Guess:
    """Look at all rows of the files.

    Raises:
        DataError: a file cannot be read, no user, item or text column can be told, or an option means nothing here.
    """
    form = format_of(asked.clicks)
    if form == "mind":
        return guess_mind(asked)
    refuse(asked, ("test",), "given for a log of clicks, of which data.split makes the test")
    encoding = asked.encoding or "utf-8"
    found = _recbole(asked, encoding) if form == "recbole" else _table(asked, encoding)
    if asked.encoding:
        found.data["encoding"] = asked.encoding
    return found


def _table(asked: Asked, encoding: str) -> Guess:
    """Of a table, a row a click or a list of clicks."""
    found = Guess({"format": "table", "clicks": pattern_in(asked.clicks)}, [])
    clicks, items = look(found.data["clicks"], encoding), None
    if asked.items is not None:
        found.data["items"] = pattern_in(asked.items)
        items = as_text(look(found.data["items"], encoding))
    names = _names(clicks)
    recbole.refuse_typed(asked.clicks, names)
    _check_names(asked, names, items)
    lists = find(asked, clicks, items, found.notes)
    if lists is None:
        do = "Name their column with --sequence-column."
        refuse(asked, ("sequence_separator",), "given, but no column of lists was found", do)
        check_form(clicks, DataSection(item_column=asked.item_column or ""), asked.clicks)
        clicks = as_text(clicks)
    else:
        asked, clicks = replace(asked, item_column=lists.column), lists.clicks()
    _users_and_items(asked, found, clicks, items, names)
    if lists is not None:
        _lists(found, lists)
    elif items is None and asked.sequence_column is None:
        found.notes += perhaps(clicks[found.data["item_column"]], found.data["item_column"])
    _times(asked, found, clicks, names, lists)
    _signals(asked, found, clicks, names)
    _rows(asked, found, clicks, names)
    if lists is not None and items is None:  # a text beside a list is no item's own
        names = [name for name in names if name in lists.beside]
        _require_texts(asked, lists, clicks, names)
    found.data["text"] = asked.text if asked.text is not None else _template(asked, found, clicks, items, names)
    return found


def _recbole(asked: Asked, encoding: str) -> Guess:
    """Of RecBole's files, of the plain or the sequence form."""
    refuse(asked, ("sequence_separator",), "given for RecBole's files, whose lists are separated by blanks")
    found = Guess(recbole.files(asked), [])
    clicks, items, lists = recbole.look(found, encoding)
    names = _names(clicks)
    _check_names(asked, names, items)
    sequence = _sequence(asked, found, clicks, items, lists)
    _take(names, sequence)
    _users_and_items(asked, found, clicks, items, names)
    if sequence:
        _ordered(asked, found, sequence)
    else:
        _times(asked, found, clicks, names)
        _signals(asked, found, clicks, names)
    _rows(asked, found, clicks, names)
    found.data["text"] = asked.text if asked.text is not None else _template(asked, found, clicks, items, names)
    return found


def _require_texts(asked: Asked, lists: Lists, clicks: pl.DataFrame, names: list[str]) -> None:
    """Raise a DataError where nothing beside the lists, and no entry, can be a text of an item."""
    if asked.text is None and not TEXT.ranked(names) and not _is_worded(clicks[lists.column]):
        found = f"column {lists.column!r} holds lists of items, and no list beside it has their texts"
        do = "Name the file that has them with --items. Where a row is one id: --sequence-column ''."
        raise DataError(asked.clicks, found, "a file of items, or a list of titles", do)


def _names(clicks: pl.DataFrame) -> list[str]:
    return [name for name in clicks.columns if name not in OWN and name]


def _lists(found: Guess, lists: Lists) -> None:
    """What tells `prepare` of a table's lists."""
    found.data["sequence_column"] = lists.column
    if lists.separator != BLANK:
        found.data["sequence_separator"] = lists.separator


def _sequence(asked: Asked, found: Guess, clicks: pl.DataFrame, items: pl.DataFrame, lists: list[str]) -> str:
    """The column of the list of earlier items, in RecBole's files."""
    if asked.sequence_column is not None:
        return asked.sequence_column
    name = recbole.sequence_column(clicks, items, lists)
    if other := [one for one in lists if one != name]:
        found.notes.append(f"lists that are not read: {', '.join(map(shown, other))}")
    return name


def _ordered(asked: Asked, found: Guess, sequence: str) -> None:
    """Clicks of the sequence form have an order, and nothing else."""
    what = f"given for the sequence form ({sequence} is the list of earlier items), which has an order alone"
    refuse(asked, UNORDERED, what, "Leave it out; --sequence-column '' reads a click a row.")
    found.data |= {"sequence_column": sequence, "time_column": "", "rating_column": "", "split": "leave-last-out"}
    item = shown(found.data["item_column"])
    found.notes.append(
        f"{shown(sequence)} and {item} behind it are a user's clicks in their order, without times; of "
        "several rows of a user the longest is read (--sequence-column '': a click a row)"
    )


def _check_names(asked: Asked, names: list[str], items: pl.DataFrame | None) -> None:
    for key in ("user_column", "item_column", "time_column", "event_column", "rating_column", "sequence_column"):
        _check_name(f"--{key.replace('_', '-')}", getattr(asked, key), names)
    if items is None and asked.item_id_column:
        raise DataError(
            "--item-id-column", "given without items", "--items", "Name the file of items, or leave it out."
        )
    if items is not None:
        _check_name("--item-id-column", asked.item_id_column, items.columns)


def _check_name(option: str, name: str | None, names: list[str]) -> None:
    if name and name not in names:
        raise DataError(
            option, f"no column {name!r}", f"one of {', '.join(map(repr, (n for n in names if n not in OWN)))}"
        )


def _users_and_items(
    asked: Asked, found: Guess, clicks: pl.DataFrame, items: pl.DataFrame | None, left: list[str]
) -> None:
    user = asked.user_column or next(iter(USER.ranked(name for name in left if name != asked.item_column)), None)
    if user is None:
        raise _unknown(asked.clicks, "user", left, "--user-column")
    left.remove(user)
    if items is None:
        item = asked.item_column or next(iter(ITEM.ranked(left)), None)
        pair = None if item is None else (item, item)
    else:
        pair = item_columns(clicks, items, left, asked.item_column, asked.item_id_column)
    if pair is None:
        options = "--item-column" if items is None else "--item-column (and --item-id-column, its name in the items)"
        raise _unknown(asked.clicks, "item's id", left, options)
    left.remove(pair[0])
    found.data |= {"user_column": user, "item_column": pair[0]}
    if pair[0] != pair[1]:
        found.data["item_id_column"] = pair[1]


def _times(asked: Asked, found: Guess, clicks: pl.DataFrame, left: list[str], lists: Lists | None = None) -> None:
    form, user = asked.time_format or "", found.data["user_column"]
    name = asked.time_column if asked.time_column is not None else time_column(clicks, left, form)
    if lists is not None:
        name = _time_of_lists(asked, found, lists, name)
        found.notes += lists.notes(user, bool(name))
    found.data["time_column"] = name
    if form:
        found.data["time_format"] = form
    if name:
        left.remove(name)
        return
    found.data["split"] = "leave-last-out"
    if asked.time_column is None and (lists is None or lists.rows_a_user(user) > 1):
        found.notes.append(
            "NO COLUMN OF TIMES was found: the order of the file's rows is taken for the order of time. Where it is "
            "another (rows sorted by item, say), results mean nothing. --time-column names the column; "
            "--time-column '' says that the order is right"
        )


def _time_of_lists(asked: Asked, found: Guess, lists: Lists, name: str) -> str:
    """The time of each entry, or of each row where a user has several; one time of all his clicks orders nothing."""
    if not name or name in lists.beside:
        return name
    if asked.time_column is None and lists.rows_a_user(found.data["user_column"]) < BASKETS:
        found.notes.append(
            f"{shown(name)} is one time for all clicks of a row and is not read: most users have one row, and it "
            f"does not tell its order (--time-column {shown(name)}: rows are baskets, bought at once)"
        )
        return ""
    found.notes.append(f"{shown(name)} is the time of all clicks of a row: none of them stands in another's history")
    return name


def _signals(asked: Asked, found: Guess, clicks: pl.DataFrame, left: list[str]) -> None:
    """Ratings and event types."""
    rating = asked.rating_column if asked.rating_column is not None else values.rating_column(clicks, left)
    found.data["rating_column"] = rating
    if rating:
        _take(left, rating)
        found.data["min_rating"] = values.min_rating(clicks, rating, asked.min_rating, found.notes)
    event = asked.event_column if asked.event_column is not None else values.event_column(clicks, left)
    found.data["event_column"] = event
    if event:
        _take(left, event)
        found.data["event_weights"] = values.event_weights(clicks, event, asked.event_weights, found.notes)


def _take(left: list[str], name: str) -> None:
    if name in left:
        left.remove(name)


def _rows(asked: Asked, found: Guess, clicks: pl.DataFrame, left: list[str]) -> None:
    """Which rows are left out."""
    kept = asked.where if asked.where is not None else values.where(clicks, left, found.notes)
    missing = asked.missing_user or values.missing_user(clicks, found.data["user_column"], found.data, found.notes)
    if kept:
        found.data["where"] = kept
    if missing:
        found.data["missing_user"] = missing


def _template(asked: Asked, found: Guess, clicks: pl.DataFrame, items: pl.DataFrame | None, left: list[str]) -> str:
    """The title and, from a file of items, what else describes one; from clicks only what is the item's own."""
    source = clicks if items is None else items
    own = found.data.get("item_id_column", found.data["item_column"])
    names = left if items is None else [name for name in items.columns if name not in OWN and name and name != own]
    titles = [name for name in TEXT.ranked(names) if _has_letters(source[name])]
    if not titles and items is None and _is_worded(clicks[own]):
        titles = [own]  # songs by their names
    if not titles:
        do = "--text" if items is not None else "--text (or --items, the file that has them)"
        raise _unknown(
            asked.clicks if items is None else asked.items or "the items", "text", names, f"{do}, as --text '{{title}}'"
        )
    more = [name for name in MORE_TEXT.ranked(names) if name != titles[0]]
    if items is None:
        more = [name for name in more if _one_an_item(clicks, own, name)]
    ordered = sorted(more, key=names.index)
    return " ".join(field_of(name) for name in [titles[0], *ordered])


def _has_letters(values_of: pl.Series) -> bool:
    texts = values_of.cast(pl.String).drop_nulls()
    return bool(len(texts)) and float(texts.str.contains(r"\p{L}").mean() or 0.0) >= LETTERS  # type: ignore[arg-type]


def _is_worded(ids: pl.Series) -> bool:
    """Whether most ids are words with blanks between them, as titles are and codes are not."""
    texts = ids.cast(pl.String).drop_nulls()
    return bool(len(texts)) and float(texts.str.contains(r"\p{L}.* ").mean() or 0.0) >= LETTERS  # type: ignore[arg-type]


def _one_an_item(clicks: pl.DataFrame, item: str, name: str) -> bool:
    """Whether most items have one value of a column."""
    several = clicks.group_by(named(item)).agg(named(name).n_unique().alias("__n__"))["__n__"] > 1
    return float(several.mean() or 0.0) < 0.5  # type: ignore[arg-type]


def _unknown(place: str, what: str, names: list[str], option: str) -> DataError:
    expected = f"one of {', '.join(map(repr, names))}" if names else "one more column than the others that were found"
    return DataError(place, f"no column that looks like a {what}", expected, f"Name it with {option}.")
