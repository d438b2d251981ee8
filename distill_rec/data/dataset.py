"""What `prepare` leaves on disk and every later stage reads: items, training clicks, queries, impressions.

Items, users and texts are indices from 0; ids are looked up in `items.parquet` and `users.parquet`. Clicks are stored
once, as a log; a query is a place in it, because what lies before each of a user's clicks grows with the square of
their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.artifact.item_ids import digest_of_ids
from distill_rec.data.click_log import ClickLog
from distill_rec.data.dataset_record import DatasetRecord
from distill_rec.data.ragged import Ragged
from distill_rec.data.rows import named
from distill_rec.data.slices import Rows, Slices
from distill_rec.files import fingerprint, read_array, write_array
from distill_rec.frames import read_frame, write_frame
from distill_rec.records import read_record, write_record
from distill_rec.runtime.errors import RunError

FRESH = "fresh.npy"
NAMES_OF_1 = {"seen": "exclude"}
COLUMNS_FILE = "columns.parquet"
"""Not in data sets that older releases prepared."""


class _Columns:
    """A dataclass of arrays and rows that writes and reads itself."""

    def write(self, folder: Path, name: str) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, Ragged):
                value.write(folder, f"{name}.{field.name}")
            elif isinstance(value, Slices):
                write_array(folder / f"{name}.{field.name}.end.npy", value.end)
            else:
                write_array(folder / f"{name}.{field.name}.npy", value)

    @classmethod
    def read(cls, folder: Path, name: str, log: ClickLog | None, most: int, names: dict[str, str]) -> Self:
        """Read memory-mapped.

        Args:
            log: that places are of.
            most: clicks that a history keeps.
            names: what an older version called a field.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):  # type: ignore[arg-type]
            part = f"{name}.{names.get(field.name, field.name)}"
            if (folder / f"{part}.offsets.npy").exists():
                values[field.name] = Ragged.read(folder, part)
            elif log is not None and (folder / f"{part}.end.npy").exists():
                end = read_array(folder / f"{part}.end.npy")
                values[field.name] = log.rows(field.name, values["user"], end, most)
            elif (folder / f"{part}.npy").exists() or field.default is MISSING:
                values[field.name] = read_array(folder / f"{part}.npy")
        return cls(**values)

    def digest(self) -> str:
        """A hash of all values (of places: where they are; the log has a hash of its own).

        What may be missing is left out, so that data are the same ones whether or not an older release prepared them.
        """
        digest = hashlib.sha256()
        for field in fields(self):  # type: ignore[arg-type]
            if field.default is not MISSING:
                continue
            value = getattr(self, field.name)
            arrays = (value.values, value.offsets) if isinstance(value, Ragged) else (value,)
            for array in (value.begin, value.end) if isinstance(value, Slices) else arrays:
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The given samples, copied; places stay places."""
        values = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None:
                values[field.name] = value.subset(rows) if isinstance(value, Rows) else np.asarray(value[rows])
        return type(self)(**values)


@dataclass(frozen=True)
class Sequences(_Columns):
    """Training clicks of each user, oldest first; equal times keep file order.

    Attributes:
        user: int32 `[n_users]`.
        items: rows of int32 items.
        times: rows of int64 seconds (the position where the log has an order but no times).
        weights: rows of float32 click weights.
    """

    user: NDArray[np.int32]
    items: Rows
    times: Rows
    weights: Rows

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Queries(_Columns):
    """One target each, to be ranked among the whole catalogue.

    Attributes:
        user: int32 `[n]`.
        time: int64 `[n]` seconds (0 where the log has no times).
        target: int32 `[n]`.
        history: rows of clicked items strictly earlier than the target, oldest first, at most `max_history`.
        seen: rows of items that the user had interacted with before (any rating); see `excluded`.
    """

    user: NDArray[np.int32]
    time: NDArray[np.int64]
    target: NDArray[np.int32]
    history: Rows
    seen: Rows

    def __len__(self) -> int:
        return len(self.user)

    def excluded(self, rows: NDArray[np.int64]) -> Ragged:
        """Items that the ranking of the given queries leaves out: what was seen before, less the target."""
        seen = self.seen.take(rows)
        row = np.repeat(np.arange(len(rows)), seen.lengths)
        kept = seen.values != np.asarray(self.target)[rows][row]
        counts = np.bincount(row[kept], minlength=len(rows))
        return Ragged(seen.values[kept], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


@dataclass(frozen=True)
class Impressions(_Columns):
    """Candidates that were shown together, with clicks.

    Attributes:
        user: int32 `[n]`.
        time: int64 `[n]` seconds.
        history: rows of clicked items strictly earlier, oldest first, at most `max_history`.
        candidates: rows of shown items, in the file's order.
        labels: rows of int8, aligned with `candidates`; 1 = clicked.
        grades: rows of float32, aligned with `candidates`: what the user rated each; None where nothing was rated, or
            an older release prepared the data.
    """

    user: NDArray[np.int32]
    time: NDArray[np.int64]
    history: Rows
    candidates: Ragged
    labels: Ragged
    grades: Ragged | None = None

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Dataset:
    """A prepared data set.

    Attributes:
        kind: "clicks" (train is Sequences, the others Queries) or "impressions" (all are Impressions).
        items: frame `item_id` (str), `title` (str, for showing), `text` (rendered template); row = item index.
        users: frame `user_id` (str); row = user index.
        texts: distinct texts. `item_text` int32 `[n_items]` says which is whose, so that equal titles tie.
        train_clicks: int32 `[n_items]`, clicks in training (0 for new items).
        new: bool `[n_items]`, items kept out of training whole.
        test_new: queries or impressions whose target is a new item; None where there are none.
        log: the clicks, once; None where a file of impressions brought its own histories.
        repeated_targets: share of the test's targets that their user had clicked before; None where it is not known.
        fresh: bool, training clicks (in their order, user after user) or impressions that the run before has not
            trained on; None where there is no such run.
        unescape_html: HTML entities in texts were read as characters.
        folder: that it was read from; None where it was made in this process.
        made_columns: the items' own columns, as their files have them, of one that was made in this process; see
            `columns`.
    """

    kind: Literal["clicks", "impressions"]
    items: pl.DataFrame
    users: pl.DataFrame
    texts: list[str]
    item_text: NDArray[np.int32]
    train_clicks: NDArray[np.int32]
    new: NDArray[np.bool_]
    train: Sequences | Impressions
    validation: Queries | Impressions
    test: Queries | Impressions
    test_new: Queries | Impressions | None
    max_history: int
    template: str
    fingerprint: str
    log: ClickLog | None = None
    repeated_targets: float | None = None
    unescape_html: bool = False
    fresh: NDArray[np.bool_] | None = None
    folder: Path | None = None
    made_columns: pl.DataFrame | None = None

    @property
    def n_items(self) -> int:
        return len(self.item_text)

    @cached_property
    def item_ids_digest(self) -> str:
        """Of the items' ids in their order."""
        return digest_of_ids(self.items["item_id"].to_list())

    @property
    def warm(self) -> NDArray[np.bool_]:
        """Items with a training click: those that may hold an offset and be drawn as negatives."""
        return self.train_clicks > 0

    def numbers_of(self, other: Dataset) -> NDArray[np.int64]:
        """The number here of each item of another data set, by its id; -1 of one that is not here."""
        numbers = {item: number for number, item in enumerate(self.items["item_id"].to_list())}
        return np.array([numbers.get(item, -1) for item in other.items["item_id"].to_list()], dtype=np.int64)

    def columns(self, names: Sequence[str] | None = None) -> pl.DataFrame | None:
        """The items' own columns, as their files have them, row = item index; None where nothing has kept them.

        Args:
            names: those to read; all where not given.

        Raises:
            polars.exceptions.ColumnNotFoundError: there is no such column.
        """
        if self.made_columns is not None:
            return self.made_columns if names is None else self.made_columns.select(*map(named, names))
        path = None if self.folder is None else self.folder / COLUMNS_FILE
        return read_frame(path, names) if path is not None and path.exists() else None

    def columns_digest(self, names: Sequence[str]) -> str:
        """Of what these columns hold; "" where one of them is not there."""
        try:
            found = self.columns(names)
        except pl.exceptions.PolarsError:
            return ""
        return "" if found is None else fingerprint(found.to_dict(as_series=False))

    def write(self, folder: Path) -> None:
        """Write all arrays, then the manifest: a folder without one is not a data set."""
        write_frame(folder / "items.parquet", self.items)
        write_frame(folder / "users.parquet", self.users)
        write_frame(folder / "texts.parquet", pl.DataFrame({"text": self.texts}, schema={"text": pl.String}))
        if self.made_columns is not None:
            write_frame(folder / COLUMNS_FILE, self.made_columns)
        for name in ("item_text", "train_clicks", "new"):
            write_array(folder / f"{name}.npy", getattr(self, name))
        if self.fresh is not None:
            write_array(folder / FRESH, self.fresh)
        if self.log is not None:
            self.log.write(folder)
        for name in ("train", "validation", "test", "test_new"):
            part = getattr(self, name)
            if part is not None:
                part.write(folder, name)
        manifest = DatasetRecord(
            kind=self.kind,
            max_history=self.max_history,
            template=self.template,
            unescape_html=self.unescape_html,
            fingerprint=self.fingerprint,
            test_new=self.test_new is not None,
            item_ids=self.item_ids_digest,
            log=self.log is not None,
            repeated_targets=self.repeated_targets,
        )
        write_record(folder / "manifest.json", manifest)

    @staticmethod
    def load(folder: Path | str) -> Dataset:
        """Read a prepared folder, arrays memory-mapped.

        Raises:
            RunError: the folder holds no finished data set, one of a newer release, or other items.
        """
        folder = Path(folder)
        if not (folder / "manifest.json").exists():
            raise RunError(folder, "no prepared data set here", "manifest.json", "Run `distill-rec prepare` first.")
        manifest = read_record(DatasetRecord, folder / "manifest.json")
        clicks, most = manifest.kind == "clicks", manifest.max_history
        log = ClickLog.read(folder) if manifest.log else None
        query_type: type[Queries] | type[Impressions] = Queries if clicks else Impressions
        names = NAMES_OF_1 if manifest.format_version == 1 else {}
        train_type: type[Sequences] | type[Impressions] = Sequences if clicks else Impressions
        found = Dataset(
            kind=manifest.kind,
            items=read_frame(folder / "items.parquet"),
            users=read_frame(folder / "users.parquet"),
            texts=read_frame(folder / "texts.parquet")["text"].to_list(),
            item_text=read_array(folder / "item_text.npy"),
            train_clicks=read_array(folder / "train_clicks.npy"),
            new=read_array(folder / "new.npy"),
            train=train_type.read(folder, "train", log, most, names),
            validation=query_type.read(folder, "validation", log, most, names),
            test=query_type.read(folder, "test", log, most, names),
            test_new=query_type.read(folder, "test_new", log, most, names) if manifest.test_new else None,
            max_history=most,
            template=manifest.template,
            fingerprint=manifest.fingerprint,
            log=log,
            repeated_targets=manifest.repeated_targets,
            unescape_html=manifest.unescape_html,
            fresh=read_array(folder / FRESH) if (folder / FRESH).exists() else None,
            folder=folder,
        )
        if (noted := manifest.item_ids) not in ("", found.item_ids_digest):
            raise RunError(
                folder / "items.parquet",
                f"item ids in order {found.item_ids_digest}",
                f"{noted}, as manifest.json has",
                "Prepare the data again with --restart prepare.",
            )
        return found
