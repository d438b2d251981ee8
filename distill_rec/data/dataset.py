"""What `prepare` leaves on disk and every later stage reads: items, training clicks, queries, impressions.

Items, users and texts are indices from 0; ids are looked up in `items.parquet` and `users.parquet`.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.ragged import Ragged
from distill_rec.files import read_array, read_json, write_array, write_bytes, write_json
from distill_rec.runtime.errors import RunError

FORMAT_VERSION = 1


class _Columns:
    """A dataclass of arrays and ragged arrays that writes and reads itself."""

    def write(self, folder: Path, name: str) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Ragged):
                value.write(folder, f"{name}.{field.name}")
            else:
                write_array(folder / f"{name}.{field.name}.npy", value)

    @classmethod
    def read(cls, folder: Path, name: str) -> Self:
        values = {}
        for field in fields(cls):  # type: ignore[arg-type]
            ragged = (folder / f"{name}.{field.name}.offsets.npy").exists()
            values[field.name] = (
                Ragged.read(folder, f"{name}.{field.name}")
                if ragged
                else read_array(folder / f"{name}.{field.name}.npy")
            )
        return cls(**values)

    def digest(self) -> str:
        """A hash of all values."""
        digest = hashlib.sha256()
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            for array in (value.values, value.offsets) if isinstance(value, Ragged) else (value,):
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The given samples, copied."""
        values = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            values[field.name] = value.take(rows) if isinstance(value, Ragged) else np.asarray(value[rows])
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
    items: Ragged
    times: Ragged
    weights: Ragged

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
        exclude: rows of items that the user had interacted with before (any rating); never the target.
    """

    user: NDArray[np.int32]
    time: NDArray[np.int64]
    target: NDArray[np.int32]
    history: Ragged
    exclude: Ragged

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Impressions(_Columns):
    """Candidates that were shown together, with clicks.

    Attributes:
        user: int32 `[n]`.
        time: int64 `[n]` seconds.
        history: rows of clicked items strictly earlier, oldest first, at most `max_history`.
        candidates: rows of shown items, in the file's order.
        labels: rows of int8, aligned with `candidates`; 1 = clicked.
    """

    user: NDArray[np.int32]
    time: NDArray[np.int64]
    history: Ragged
    candidates: Ragged
    labels: Ragged

    def __len__(self) -> int:
        return len(self.user)


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Parquet by ordinary writes, so that a full disk is an OSError."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    write_bytes(path, buffer.getvalue())


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
        unescape_html: HTML entities in texts were read as characters.
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
    unescape_html: bool = False

    @property
    def n_items(self) -> int:
        return len(self.item_text)

    @property
    def warm(self) -> NDArray[np.bool_]:
        """Items with a training click: those that may hold an offset and be drawn as negatives."""
        return self.train_clicks > 0

    def write(self, folder: Path) -> None:
        """Write all arrays, then the manifest: a folder without one is not a data set."""
        _write_frame(folder / "items.parquet", self.items)
        _write_frame(folder / "users.parquet", self.users)
        _write_frame(folder / "texts.parquet", pl.DataFrame({"text": self.texts}, schema={"text": pl.String}))
        for name in ("item_text", "train_clicks", "new"):
            write_array(folder / f"{name}.npy", getattr(self, name))
        for name in ("train", "validation", "test", "test_new"):
            part = getattr(self, name)
            if part is not None:
                part.write(folder, name)
        manifest = {
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "max_history": self.max_history,
            "template": self.template,
            "unescape_html": self.unescape_html,
            "fingerprint": self.fingerprint,
            "test_new": self.test_new is not None,
        }
        write_json(folder / "manifest.json", manifest)

    @staticmethod
    def load(folder: Path | str) -> Dataset:
        """Read a prepared folder, arrays memory-mapped.

        Raises:
            RunError: the folder holds no finished data set, or one of another format version.
        """
        folder = Path(folder)
        if not (folder / "manifest.json").exists():
            raise RunError(folder, "no prepared data set here", "manifest.json", "Run `distill-rec prepare` first.")
        manifest = read_json(folder / "manifest.json")
        if manifest["format_version"] != FORMAT_VERSION:
            raise RunError(
                folder / "manifest.json",
                f"format version {manifest['format_version']}",
                f"version {FORMAT_VERSION}",
                "Prepare the data again with --restart prepare.",
            )
        clicks = manifest["kind"] == "clicks"
        query_type: type[Queries] | type[Impressions] = Queries if clicks else Impressions
        return Dataset(
            kind=manifest["kind"],
            items=pl.read_parquet(folder / "items.parquet"),
            users=pl.read_parquet(folder / "users.parquet"),
            texts=pl.read_parquet(folder / "texts.parquet")["text"].to_list(),
            item_text=read_array(folder / "item_text.npy"),
            train_clicks=read_array(folder / "train_clicks.npy"),
            new=read_array(folder / "new.npy"),
            train=Sequences.read(folder, "train") if clicks else Impressions.read(folder, "train"),
            validation=query_type.read(folder, "validation"),
            test=query_type.read(folder, "test"),
            test_new=query_type.read(folder, "test_new") if manifest["test_new"] else None,
            max_history=manifest["max_history"],
            template=manifest["template"],
            fingerprint=manifest["fingerprint"],
            unescape_html=manifest.get("unescape_html", False),
        )
