"""The prepare stage: read, filter, split, write."""

from __future__ import annotations

from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.cautions import cautions, few_candidates, heavy_users, one_item_users, repeated_targets, ties
from distill_rec.data.dataset import Dataset, Impressions, Queries, Sequences
from distill_rec.data.divide import Divided, divide
from distill_rec.data.faults import Faults
from distill_rec.data.log import Log
from distill_rec.data.mind import read_mind
from distill_rec.data.more import not_known
from distill_rec.data.recbole import read_recbole
from distill_rec.data.refused import REFUSED_FILE, refused_beside, write_refused
from distill_rec.data.rows import LINE, OWN, named, places
from distill_rec.data.slices import whole
from distill_rec.data.summary import Summary
from distill_rec.data.table import input_files, items_id, read_table
from distill_rec.data.text import check_template, render_column, template_fields, unescape
from distill_rec.files import fingerprint, replacing_folder, sha256_file
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import DataSection
from distill_rec.runtime.errors import RecipeError

LATER = {"item_id_column", "time_format", "where", "missing_user", "newest_from", "sequence_separator"}
"""Keys that came after data sets had been fingerprinted without them."""


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
        texts = render_column(catalogue, section.text, section.unescape_html)
        for file, part in places(catalogue.filter(texts == "")):
            log.faults.mend("an item without text", file, part[LINE].to_list())
        parts = divide(log, section, catalogue["item_id"])
        log.faults.check(section.max_refused)
        task.advance()
        dataset = _dataset(section, catalogue, texts, parts, log.items.select(*map(named, columns)))
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
    if (clicks is not None or items is not None) and (section.more_clicks or section.more_items):
        raise RecipeError("data.more_clicks", "set, with frames given", "files alone, or frames that hold all")
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
    return fingerprint([sha256_file(path) for path in input_files(section, base)])


def _dataset(
    section: DataSection, catalogue: pl.DataFrame, texts: pl.Series, parts: Divided, columns: pl.DataFrame
) -> Dataset:
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
        [part.digest() for part in (parts.log, parts.train, parts.validation, parts.test) if part is not None],
    )
    found = Dataset(
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
        made_columns=columns,
    )
    if not section.known:
        return found
    fresh = not_known(found, Dataset.load(section.known))
    return replace(found, fresh=fresh, fingerprint=fingerprint(name, sha256(fresh.data).hexdigest()))


def decisive(section: DataSection) -> dict[str, Any]:
    """Settings that decide the result; later releases' keys count where they are not at their default."""
    settings = section.model_dump(exclude={"path", "clicks", "items", "test", "more_clicks", "more_items", "known"})
    fields = DataSection.model_fields
    return {key: value for key, value in settings.items() if key not in LATER or value != fields[key].default}


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
    if isinstance(dataset.test, Queries):
        told += few_candidates(dataset.test, dataset.n_items)
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
        left_out=faults["left_out"],
        left_out_rows=log.faults.left_out_rows,
        refused_rows=log.faults.first_refused(),
        warnings=list(log.faults.warnings),
    )
