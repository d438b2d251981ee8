"""The prepare stage: read, filter, split, write."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.cautions import cautions, heavy_users, one_item_users, repeated_targets, ties
from distill_rec.data.dataset import Dataset, Impressions, Sequences
from distill_rec.data.divide import Divided, divide
from distill_rec.data.log import Log, places
from distill_rec.data.mind import read_mind
from distill_rec.data.recbole import read_recbole
from distill_rec.data.rows import find_files
from distill_rec.data.slices import whole
from distill_rec.data.summary import Summary
from distill_rec.data.table import pattern_of, read_table
from distill_rec.data.text import check_template, render_column, template_fields, unescape
from distill_rec.files import fingerprint, replacing_folder, sha256_file
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import RecipeError


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
        DataError: an input cannot be read as what the section says.
        RecipeError: settings contradict each other or the data.
    """
    with (progress or Quiet()).task("reading and splitting", 3) as task:
        log = read_log(section, base, clicks, items)
        task.advance()
        columns = [name for name in log.items.columns if not name.startswith("__")]
        names = check_template(section.text, columns)
        catalogue = unescape(log.items, names) if section.unescape_html else log.items
        texts = render_column(catalogue, section.text, section.unescape_html)
        for file, lines in places(catalogue.filter(texts == "")):
            log.faults.mend("an item without text", file, lines)
        parts = divide(log, section, catalogue["item_id"])
        log.faults.check(section.max_refused)
        task.advance()
        dataset = _dataset(section, catalogue, texts, parts)
        summary = _summary(dataset, log, parts)
        with replacing_folder(folder) as temporary:
            summary.write(temporary)
            dataset.write(temporary)
        task.advance()
    return summary


def read_log(section: DataSection, base: Path, clicks: Any = None, items: Any = None) -> Log:
    """Read by the section's format."""
    if section.format != "table" and (clicks is not None or items is not None):
        raise RecipeError("data.format", f"{section.format!r} with frames given", "'table'")
    if section.format == "mind":
        return read_mind(section, base)
    if section.format == "recbole":
        return read_recbole(section, base)
    return read_table(section, base, clicks, items)


def read_inputs_fingerprint(section: DataSection, base: Path) -> str:
    """A hash of the input files' contents."""
    folder = base / section.path
    if section.format == "mind":
        folders = [folder, *([folder / section.test] if section.test else [])]
        files = [path for one in folders for name in ("news.tsv", "behaviors.tsv") for path in find_files(one, name)]
    else:
        patterns = [pattern_of(section, key) for key in ("clicks", "items")]
        files = [path for pattern in patterns for path in find_files(folder, pattern)]
    return fingerprint([sha256_file(path) for path in files])


def _dataset(section: DataSection, catalogue: pl.DataFrame, texts: pl.Series, parts: Divided) -> Dataset:
    distinct = texts.unique(maintain_order=True)
    item_text = texts.replace_strict(distinct, np.arange(len(distinct)), return_dtype=pl.Int32).to_numpy()
    title = pl.col(template_fields(section.text)[0]).cast(pl.String).fill_null("").alias("title")
    items = catalogue.select("item_id", title).with_columns(texts)
    clicked = _clicked(parts.train)
    counts = np.bincount(clicked, minlength=len(items)).astype(np.int32)
    name = fingerprint(
        section.model_dump(exclude={"path", "clicks", "items", "test"}),
        items["item_id"].to_list(),
        texts.to_list(),
        [part.digest() for part in (parts.log, parts.train, parts.validation, parts.test) if part is not None],
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
        log=parts.log,
        repeated_targets=parts.repeated,
        max_history=section.max_history,
        template=section.text,
        fingerprint=name,
        unescape_html=section.unescape_html,
    )


def _clicked(train: Sequences | Impressions) -> NDArray[np.int64]:
    """Items of the training clicks, one entry a click."""
    if isinstance(train, Sequences):
        return np.asarray(whole(train.items).values, dtype=np.int64)
    return np.asarray(train.candidates.values[train.labels.values == 1], dtype=np.int64)


def _summary(dataset: Dataset, log: Log, parts: Divided) -> Summary:
    train = dataset.train
    faults = log.faults.to_dict()
    told = heavy_users(parts.rows_of_user, lambda user: str(parts.users[user]))
    if parts.log is not None:
        told += cautions(parts.log, dataset.items["item_id"], log.timed)
    told += repeated_targets(parts.repeated)
    return Summary(
        kind=dataset.kind,
        users=len(dataset.users),
        items=dataset.n_items,
        interactions=int(parts.rows_of_user.sum()),
        clicks=parts.clicks,
        distinct_texts=len(dataset.texts),
        items_without_text=int((dataset.items["text"] == "").sum()),
        first_time=int(parts.times.min()) if len(parts.times) else None,
        last_time=int(parts.times.max()) if len(parts.times) else None,
        time_kinds=log.time_kinds,
        train=int(train.items.lengths.sum()) if isinstance(train, Sequences) else len(train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        test_new=0 if dataset.test_new is None else len(dataset.test_new),
        new_items=int(dataset.new.sum()),
        empty_histories=float((dataset.test.history.lengths == 0).mean()) if len(dataset.test) else 0.0,
        items_without_training_click=int((dataset.train_clicks == 0).sum()),
        rows=log.faults.rows,
        mended=faults["mended"],
        refused=faults["refused"],
        repeated_targets=parts.repeated,
        ties=ties(parts.log) if parts.log is not None and log.timed else None,
        one_item_users=None if parts.log is None else one_item_users(parts.log),
        cautions=[asdict(caution) for caution in told],
    )
