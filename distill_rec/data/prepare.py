"""The prepare stage: read, filter, split, write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Sequences
from distill_rec.data.events import Events
from distill_rec.data.faults import Faults
from distill_rec.data.filters import apply_filters
from distill_rec.data.impressions import DAY, from_frame, split_given, split_sessions
from distill_rec.data.log import Log
from distill_rec.data.mind import read_mind
from distill_rec.data.recbole import read_recbole
from distill_rec.data.refused import REFUSED_FILE, refused_beside, write_refused
from distill_rec.data.rows import LINE, OWN, find_files, named, places
from distill_rec.data.splits import draw_new, split_clicks
from distill_rec.data.summary import Summary
from distill_rec.data.table import has_no_items, items_id, pattern_of, read_table
from distill_rec.data.text import check_template, render_column, template_fields, unescape
from distill_rec.files import fingerprint, replacing_folder, sha256_file
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import DataError, RecipeError

LATER = {"item_id_column", "time_format", "where", "missing_user"}
"""Keys that came after data sets had been fingerprinted without them."""


@dataclass(frozen=True)
class _Parts:
    kind: str
    train: Any
    validation: Any
    test: Any
    test_new: Any
    new: NDArray[np.bool_]
    users: pl.Series
    interactions: int
    clicks: int
    times: NDArray[np.int64]


def prepare(  # noqa: PLR0913
    section: DataSection,
    folder: Path,
    *,
    base: Path = Path("."),
    clicks: Any = None,
    items: Any = None,
    progress: Progress | None = None,
) -> Summary:
    """Read the data that a recipe names and write the prepared folder, whole or not at all.

    Args:
        base: the folder that paths are relative to.
        clicks, items: polars or pandas frames in the place of files (format "table").

    Raises:
        DataError: an input cannot be read as what the section says. Rows that were refused lie beside `folder` then.
        RecipeError: settings contradict each other or the data.
    """
    faults = Faults()
    with (
        (progress or Quiet()).task("reading and splitting", 3) as task,
        refused_beside(folder, faults),
    ):
        log = read_log(section, base, clicks, items, faults)
        task.advance()
        columns = [name for name in log.items.columns if name not in OWN]
        names = check_template(section.text, columns)
        _refuse_ids_name(section, names)
        catalogue = unescape(log.items, names) if section.unescape_html else log.items
        texts = render_column(catalogue, section.text)
        for file, part in places(catalogue.filter(texts == "")):
            log.faults.mend("an item without text", file, part[LINE].to_list())
        parts = _split(log, section, catalogue["item_id"])
        log.faults.check(section.max_refused)
        task.advance()
        dataset = _dataset(section, catalogue, texts, parts)
        summary = _summary(dataset, log, parts)
        with replacing_folder(folder) as temporary:
            summary.write(temporary)
            write_refused(log.faults, temporary / REFUSED_FILE)
            dataset.write(temporary)
        task.advance()
    return summary


def _refuse_ids_name(section: DataSection, fields: list[str]) -> None:
    """A column that is called as ours of the ids, and is another."""
    if section.format != "mind" and "item_id" in fields and items_id(section)[1] != "item_id":
        found = f"{{item_id}}, while the ids are those of {items_id(section)[1]!r}"
        raise RecipeError("data.text", found, "a column of another name", "Rename it in the file.")


def read_log(
    section: DataSection, base: Path, clicks: Any = None, items: Any = None, faults: Faults | None = None
) -> Log:
    """Read by the section's format; what was wrong with rows is added to `faults`."""
    if section.format != "table" and (clicks is not None or items is not None):
        raise RecipeError("data.format", f"{section.format!r} with frames given", "'table'")
    if section.format == "mind":
        if section.where or section.missing_user != "refuse":
            key = "data.where" if section.where else "data.missing_user"
            raise RecipeError(key, "set, for MIND's files", "a log of clicks", "Leave it out.")
        return read_mind(section, base, faults)
    if section.format == "recbole":
        return read_recbole(section, base, faults)
    return read_table(section, base, clicks, items, faults)


def read_inputs_fingerprint(section: DataSection, base: Path) -> str:
    """A hash of the input files' contents."""
    folder = base / section.path
    if section.format == "mind":
        folders = [folder, *([folder / section.test] if section.test else [])]
        files = [path for one in folders for name in ("news.tsv", "behaviors.tsv") for path in find_files(one, name)]
    else:
        keys = ("clicks",) if has_no_items(section) else ("clicks", "items")
        patterns = [pattern_of(section, key) for key in keys]
        files = [path for pattern in patterns for path in find_files(folder, pattern)]
    return fingerprint([sha256_file(path) for path in files])


def _split(log: Log, section: DataSection, item: pl.Series) -> _Parts:
    if log.impressions is not None:
        return _split_impressions(log.impressions, section, item)
    if section.split == "given":
        raise RecipeError("data.split", "'given', but the data has no test of its own", "time or leave-last-out")
    if section.split == "time" and not log.timed:
        raise RecipeError("data.split", "'time', but the data has no times", "leave-last-out")
    assert log.clicks is not None
    if section.test_share + section.validation_share >= 1:
        raise RecipeError("data.test_share", "with validation_share all of the data", "a sum below 1")
    frame = apply_filters(log.clicks, section, log.faults)
    users = frame["user_id"].unique(maintain_order=True)
    events = _events(frame, users, item)
    if len(events) == 0 or not events.positive.any():
        raise DataError("clicks", "no click is left", "clicks", "Look at data.min_rating and the minimum clicks.")
    _mend_single(events, len(users), log, users)
    new = np.zeros(len(item), np.bool_)
    if section.read_as == "impressions":
        if section.new_items:
            raise RecipeError("data.new_items", "set, with read_as = 'impressions'", "0, or read_as = 'clicks'")
        parts: Any = split_sessions(events, section, len(users))
        test_new = None
    else:
        counts = np.bincount(events.item[events.positive], minlength=len(item))
        new = draw_new(counts, section)
        parts = split_clicks(events, new, section, len(users), log.timed)
        test_new = parts.test_new
    if len(parts.train) == 0:
        raise DataError("clicks", "none is left for training", "clicks before the validation", "Look at data.split.")
    kind = section.read_as
    times = events.time if log.timed else np.empty(0, np.int64)
    clicks = int(events.positive.sum())
    return _Parts(kind, parts.train, parts.validation, parts.test, test_new, new, users, len(events), clicks, times)


def _events(frame: pl.DataFrame, users: pl.Series, item: pl.Series) -> Events:
    user = frame["user_id"].replace_strict(users, np.arange(len(users)), return_dtype=pl.Int32).to_numpy()
    items = frame["item_id"].replace_strict(item, np.arange(len(item)), return_dtype=pl.Int32).to_numpy()
    # The frame is in order of time, so that a stable sort by user leaves each user's rows in theirs.
    order = np.argsort(user, kind="stable")
    positive, weight = frame["positive"].to_numpy(), frame["weight"].to_numpy()
    return Events(user[order], items[order], frame["time"].to_numpy()[order], positive[order], weight[order])


def _mend_single(events: Events, n_users: int, log: Log, users: pl.Series) -> None:
    counts = np.bincount(events.user[events.positive], minlength=n_users)
    single = np.flatnonzero(counts == 1)
    log.faults.mend("a user with one click", "user", [str(users[int(user)]) for user in single])  # type: ignore[misc]


def _split_impressions(impressions: dict[str, pl.DataFrame], section: DataSection, item: pl.Series) -> _Parts:
    if "test" not in impressions:
        raise RecipeError("data.test", "not given", "the folder of the test behaviours (MIND's dev)")
    if section.new_items:
        raise RecipeError("data.new_items", "set, for a log of impressions", "0: new items are in the test already")
    days = impressions["train"]["time"] // DAY
    if len(days) == 0 or days.min() == days.max():
        raise DataError("the train folder", "impressions of one day", "two days: the last one is the validation")
    both = pl.concat([impressions["train"]["user_id"], impressions["test"]["user_id"]])
    users = both.unique(maintain_order=True)
    train, test = (from_frame(impressions[part], users, item, section.max_history) for part in ("train", "test"))
    split = split_given(train, test)
    shown = len(train.candidates.values) + len(test.candidates.values)
    clicks = int(train.labels.values.sum()) + int(test.labels.values.sum())
    times = np.concatenate([train.time, test.time])
    new = np.zeros(len(item), np.bool_)
    return _Parts("impressions", split.train, split.validation, split.test, None, new, users, shown, clicks, times)


def _dataset(section: DataSection, catalogue: pl.DataFrame, texts: pl.Series, parts: _Parts) -> Dataset:
    distinct = texts.unique(maintain_order=True)
    item_text = texts.replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int32).to_numpy()
    title = named(template_fields(section.text)[0]).cast(pl.String).fill_null("").alias("title")
    items = catalogue.select("item_id", title).with_columns(texts)
    clicked = _clicked(parts.train)
    counts = np.bincount(clicked, minlength=len(items)).astype(np.int32)
    name = fingerprint(
        decisive(section),
        items["item_id"].to_list(),
        texts.to_list(),
        [part.digest() for part in (parts.train, parts.validation, parts.test)],
    )
    return Dataset(
        kind="impressions" if parts.kind == "impressions" else "clicks",
        items=items,
        users=pl.DataFrame({"user_id": parts.users}),
        texts=distinct.to_list(),
        item_text=item_text,
        train_clicks=counts,
        new=parts.new,
        train=parts.train,
        validation=parts.validation,
        test=parts.test,
        test_new=parts.test_new,
        max_history=section.max_history,
        template=section.text,
        fingerprint=name,
    )


def decisive(section: DataSection) -> dict[str, Any]:
    """Settings that decide the result; later releases' keys count where they are not at their default."""
    settings = section.model_dump(exclude={"path", "clicks", "items", "test"})
    fields = DataSection.model_fields
    return {key: value for key, value in settings.items() if key not in LATER or value != fields[key].default}


def _clicked(train: Sequences | Impressions) -> NDArray[np.int64]:
    """Items of the training clicks, one entry a click."""
    if isinstance(train, Sequences):
        return np.asarray(train.items.values, dtype=np.int64)
    return np.asarray(train.candidates.values[train.labels.values == 1], dtype=np.int64)


def _summary(dataset: Dataset, log: Log, parts: _Parts) -> Summary:
    train = dataset.train
    faults = log.faults.to_dict()
    return Summary(
        kind=dataset.kind,
        users=len(dataset.users),
        items=dataset.n_items,
        interactions=parts.interactions,
        clicks=parts.clicks,
        distinct_texts=len(dataset.texts),
        items_without_text=int((dataset.items["text"] == "").sum()),
        first_time=int(parts.times.min()) if len(parts.times) else None,
        last_time=int(parts.times.max()) if len(parts.times) else None,
        time_kinds=log.time_kinds,
        train=len(train.items.values) if isinstance(train, Sequences) else len(train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        test_new=0 if dataset.test_new is None else len(dataset.test_new),
        new_items=int(dataset.new.sum()),
        empty_histories=float((dataset.test.history.lengths == 0).mean()) if len(dataset.test) else 0.0,
        items_without_training_click=int((dataset.train_clicks == 0).sum()),
        rows=log.faults.rows,
        mended=faults["mended"],
        refused=faults["refused"],
        left_out=faults["left_out"],
        left_out_rows=log.faults.left_out_rows,
        refused_rows=log.faults.first_refused(),
        warnings=list(log.faults.warnings),
    )
