"""A file of scores or ranked lists of anyone's, found for the samples of a data set.

What cannot be used is refused by file, row and column.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from distill_rec.data.dataset import Dataset, Impressions
from distill_rec.data.samples import samples_of
from distill_rec.data.score_rows import ROW, ScoreFile, read_score_rows
from distill_rec.data.scores import ListedScores, sample_counts
from distill_rec.runtime.errors import DataError

log = logging.getLogger(__name__)

MOST_ENTRIES = 50_000_000
"""Scores of a part that are kept at most: a user's, repeated for each of his samples, must not fill the memory."""


@dataclass
class _Rows:
    """The file's rows that count: `row of the file`, item, score, and sample or user (and time), and rest."""

    file: ScoreFile
    frame: pl.DataFrame
    skipped: dict[str, int] = field(default_factory=dict)

    def keep(self, known: pl.Expr, what: str, column: str, value: str) -> None:
        """Leave out, or refuse, rows of what the data have not."""
        unknown = self.frame.filter(~known)
        if unknown.is_empty():
            return
        count, first = len(unknown), unknown.row(0, named=True)
        if self.file.unknown == "refuse" or count == len(self.frame):
            found = f"{what} {first[value]!r} ({count:,} such rows)"
            do = f"Leave such rows out, or set {self.file.key}.unknown = 'skip'."
            raise DataError(f"{self.file.path}, row {first[ROW] + 1}, column {column}", found, f"a known {what}", do)
        path, example = self.file.path, first[value]
        log.warning("%s: %s rows of an unknown %s are left out, as %r", path, f"{count:,}", what, example)
        self.skipped[what] = count
        self.frame = self.frame.filter(known)


def read_scores(
    file: ScoreFile, dataset: Dataset, parts: Iterable[str] | None = None
) -> tuple[dict[str, ListedScores], dict[str, int]]:
    """Scores of each part's samples, and how many rows were left out, by what was unknown in them.

    Args:
        parts: of the data; all that there are where not given. A sample of another part is known, and not read.

    Raises:
        DataError: naming file, row and column.
    """
    rows = _Rows(file, read_score_rows(file))
    ids = dataset.items["item_id"]
    items = pl.DataFrame({"item": ids, "number": np.arange(len(ids), dtype=np.int64)})
    rows.frame = rows.frame.join(items, on="item", how="left", maintain_order="left")
    rows.keep(pl.col("number").is_not_null(), "item", file.item, "item")
    wanted = list(parts if parts is not None else sample_counts(dataset))
    found = _by_sample(rows, dataset, wanted) if file.sample else _by_user(rows, dataset, wanted)
    return found, rows.skipped


def _by_sample(rows: _Rows, dataset: Dataset, parts: list[str]) -> dict[str, ListedScores]:
    counts = sample_counts(dataset)
    place = pl.col("sample").str.extract_groups(r"^([a-z_]+)-(\d+)$")
    rows.frame = rows.frame.with_columns(
        part=place.struct.field("1"), row=place.struct.field("2").cast(pl.Int64, strict=False)
    )
    most = pl.col("part").replace_strict(counts, default=0, return_dtype=pl.Int64)
    known = (pl.col("row") < most).fill_null(False)
    rows.keep(known, "sample", rows.file.sample, "sample")
    frames = {part: rows.frame.filter(pl.col("part") == part) for part in parts}
    return {part: _listed(frame, dataset, part) for part, frame in frames.items() if len(frame) or part == "train"}


def _by_user(rows: _Rows, dataset: Dataset, parts: list[str]) -> dict[str, ListedScores]:
    """A user's scores for each of his samples; of impressions those of what was shown."""
    file = rows.file
    rows.keep(pl.col("user").is_in(dataset.users["user_id"].implode()), "user", file.user, "user")
    keys = ["user", "time"] if file.time else ["user"]
    found = {}
    for part in parts:
        frame = samples_of(dataset, part).with_row_index("row").rename({"user_id": "user"})
        if isinstance(getattr(dataset, part), Impressions):
            shown = frame.select("row", *keys, pl.col("candidates").alias("item")).explode("item").drop_nulls("item")
            joined = shown.unique(["row", "item"], maintain_order=True).join(
                rows.frame, on=[*keys, "item"], how="inner"
            )
        else:
            _require_few(rows, frame.select(keys), keys, part)
            joined = frame.select("row", *keys).join(rows.frame, on=keys, how="inner")
        if len(joined) or part == "train":
            found[part] = _listed(joined.with_columns(pl.col("row").cast(pl.Int64)), dataset, part)
    return found


def _require_few(rows: _Rows, samples: pl.DataFrame, keys: list[str], part: str) -> None:
    count = samples.join(rows.frame.group_by(keys).len(), on=keys, how="inner")["len"].sum()
    if count > MOST_ENTRIES:
        found = f"{count:,} scores for the samples of {part}, each user's for each of his samples"
        do = "Keep the best items of each user or sample."
        do += " Name the mass of the rest in a rest_column." if rows.file.key == "teacher" else ""
        raise DataError(rows.file.path, found, f"at most {MOST_ENTRIES:,}", do)


def _listed(frame: pl.DataFrame, dataset: Dataset, part: str) -> ListedScores:
    samples, rest = sample_counts(dataset)[part], None
    if "rest" in frame.columns:
        rest = np.full(samples, np.nan, np.float32)
        rest[frame["row"].to_numpy()] = frame["rest"].to_numpy()
    row, item = (frame[name].to_numpy().astype(np.int64) for name in ("row", "number"))
    return ListedScores.of(row, item, frame["score"].to_numpy(), samples, rest)
