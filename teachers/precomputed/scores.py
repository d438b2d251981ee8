"""A Parquet file of scores, found for the samples of a data set; what cannot be used is refused by row and column."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset, Impressions, Queries
from distill_rec.data.samples import samples_of
from distill_rec.data.scores import PARTS, ListedScores, sample_counts
from distill_rec.frames import read_frame
from distill_rec.runtime.errors import DataError
from teachers.precomputed.spec import PrecomputedSection

log = logging.getLogger(__name__)

MOST_ENTRIES = 50_000_000
"""Scores of a part that are kept at most: a user's, repeated for each of his samples, must not fill the memory."""

ROW = "row of the file"


@dataclass
class _File:
    """The file's rows that count: `row of the file`, item, score, and sample or user (and time), and rest."""

    path: Path
    frame: pl.DataFrame
    section: PrecomputedSection
    skipped: dict[str, int] = field(default_factory=dict)

    def fail(self, row: int, column: str, found: str, expected: str, do: str = "") -> DataError:
        return DataError(f"{self.path}, row {row + 1}, column {column}", found, expected, do)

    def keep(self, known: pl.Expr, what: str, column: str, value: str) -> None:
        """Leave out, or refuse, rows of what the data have not."""
        unknown = self.frame.filter(~known)
        if unknown.is_empty():
            return
        count, first = len(unknown), unknown.row(0, named=True)
        if self.section.unknown == "refuse" or count == len(self.frame):
            do = "Leave such rows out, or set teacher.unknown = 'skip'."
            raise self.fail(first[ROW], column, f"{what} {first[value]!r} ({count:,} such rows)", f"a known {what}", do)
        log.warning("%s: %s rows of an unknown %s are left out, as %r", self.path, f"{count:,}", what, first[value])
        self.skipped[what] = count
        self.frame = self.frame.filter(known)


def read_scores(section: PrecomputedSection, dataset: Dataset) -> tuple[dict[str, ListedScores], dict[str, int]]:
    """Scores of each part's samples, and how many rows were left out, by what was unknown in them.

    Raises:
        DataError: naming file, row and column.
    """
    file = _read(section)
    ids = dataset.items["item_id"]
    items = pl.DataFrame({"item": ids, "number": np.arange(len(ids), dtype=np.int64)})
    file.frame = file.frame.join(items, on="item", how="left", maintain_order="left")
    file.keep(pl.col("number").is_not_null(), "item", section.item_column, "item")
    if section.sample_column:
        return _by_sample(file, dataset), file.skipped
    return _by_user(file, dataset), file.skipped


def _read(section: PrecomputedSection) -> _File:
    path = Path(section.scores)
    wanted = {"item": section.item_column, "score": section.score_column}
    if section.sample_column:
        wanted["sample"] = section.sample_column
    else:
        wanted["user"] = section.user_column
        wanted |= {"time": section.time_column} if section.time_column else {}
    wanted |= {"rest": section.rest_column} if section.rest_column else {}
    try:
        frame = read_frame(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(path, f"cannot be read: {error}", "a Parquet file of scores") from error
    for key, column in wanted.items():
        if column not in frame.columns:
            found = f"no column {column!r}; there are {', '.join(map(repr, frame.columns))}"
            raise DataError(path, found, "", f"Name it with teacher.{key}_column.")
    if frame.is_empty():
        raise DataError(path, "no rows", "a row for each sample (or user) and item")
    frame = frame.select(pl.col(column).alias(key) for key, column in wanted.items()).with_row_index(ROW)
    return _checked(_File(path, frame, section), wanted)


def _checked(file: _File, wanted: dict[str, str]) -> _File:
    """Types, gaps and scores that are no numbers."""
    for key in ("score", "rest"):
        if key in wanted and not file.frame[key].dtype.is_numeric():
            found = f"values of type {file.frame[key].dtype}"
            raise DataError(
                f"{file.path}, column {wanted[key]}", found, "numbers", f"Name it with teacher.{key}_column."
            )
    if "time" in wanted:
        dtype = file.frame["time"].dtype
        if dtype.is_temporal():
            file.frame = file.frame.with_columns(pl.col("time").dt.epoch("s"))
        elif not dtype.is_integer():
            raise DataError(
                f"{file.path}, column {wanted['time']}", f"values of type {dtype}", "seconds, or date and time"
            )
    texts = [pl.col(key).cast(pl.String) for key in ("item", "sample", "user") if key in wanted]
    numbers = [pl.col(key).cast(pl.Float32) for key in ("score", "rest") if key in wanted]
    file.frame = file.frame.with_columns(*texts, *numbers)
    for key, column in wanted.items():
        bad = pl.col(key).is_null()
        bad = bad | ~pl.col("score").is_finite() if key == "score" else bad
        rows = file.frame.filter(bad)
        if len(rows):
            first = rows.row(0, named=True)
            expected = "a finite number" if key == "score" else "a value"
            what = f"{first[key]} ({len(rows):,} such rows)"
            raise file.fail(first[ROW], column, what, expected, "Leave out what has no score.")
    keys = [key for key in ("sample", "user", "time", "item") if key in wanted]
    twice = file.frame.filter(pl.struct(keys).is_duplicated())
    if len(twice):
        last = twice.row(1, named=True)
        found = f"{', '.join(str(last[key]) for key in keys)} has more than one score"
        raise file.fail(last[ROW], wanted[keys[0]], found, f"one row for each {' and '.join(keys)}")
    return file


def _by_sample(file: _File, dataset: Dataset) -> dict[str, ListedScores]:
    counts = sample_counts(dataset)
    place = pl.col("sample").str.extract_groups(r"^([a-z_]+)-(\d+)$")
    file.frame = file.frame.with_columns(
        part=place.struct.field("1"), row=place.struct.field("2").cast(pl.Int64, strict=False)
    )
    most = pl.col("part").replace_strict(counts, default=0, return_dtype=pl.Int64)
    known = (pl.col("row") < most).fill_null(False)
    file.keep(known, "sample", file.section.sample_column, "sample")
    parts = {part: file.frame.filter(pl.col("part") == part) for part in counts}
    return {part: _listed(file, frame, dataset, part) for part, frame in parts.items() if len(frame) or part == "train"}


def _by_user(file: _File, dataset: Dataset) -> dict[str, ListedScores]:
    """A user's scores for each of his samples; of impressions those of what was shown."""
    file.keep(pl.col("user").is_in(dataset.users["user_id"].implode()), "user", file.section.user_column, "user")
    keys = ["user", "time"] if file.section.time_column else ["user"]
    found = {}
    for part in sample_counts(dataset):
        frame = samples_of(dataset, part).with_row_index("row").rename({"user_id": "user"})
        if isinstance(getattr(dataset, part), Impressions):
            shown = frame.select("row", *keys, pl.col("candidates").alias("item")).explode("item").drop_nulls("item")
            joined = shown.unique(["row", "item"], maintain_order=True).join(
                file.frame, on=[*keys, "item"], how="inner"
            )
        else:
            _require_few(file, frame.select(keys), keys, part)
            joined = frame.select("row", *keys).join(file.frame, on=keys, how="inner")
        if len(joined) or part == "train":
            found[part] = _listed(file, joined.with_columns(pl.col("row").cast(pl.Int64)), dataset, part)
    return found


def _require_few(file: _File, samples: pl.DataFrame, keys: list[str], part: str) -> None:
    count = samples.join(file.frame.group_by(keys).len(), on=keys, how="inner")["len"].sum()
    if count > MOST_ENTRIES:
        found = f"{count:,} scores for the samples of {part}, each user's for each of his samples"
        do = "Keep the best items of each user or sample, and name the mass of the rest in a rest_column."
        raise DataError(file.path, found, f"at most {MOST_ENTRIES:,}", do)


def _listed(file: _File, frame: pl.DataFrame, dataset: Dataset, part: str) -> ListedScores:
    samples, rest = sample_counts(dataset)[part], None
    if "rest" in frame.columns:
        rest = np.full(samples, np.nan, np.float32)
        rest[frame["row"].to_numpy()] = frame["rest"].to_numpy()
    row, item = (frame[name].to_numpy().astype(np.int64) for name in ("row", "number"))
    return ListedScores.of(row, item, frame["score"].to_numpy(), samples, rest)


def shares_of(section: PrecomputedSection, scores: dict[str, ListedScores], dataset: Dataset) -> dict[str, float]:
    """Share of each part's samples that have a score; what is missing is told with an example.

    Raises:
        DataError: no training sample has one.
    """
    found = {}
    for part in PARTS:
        samples = getattr(dataset, part)
        if samples is None:
            continue
        count = sample_counts(dataset)[part]
        have: NDArray[np.bool_] = scores[part].items.lengths > 0 if part in scores else np.zeros(count, np.bool_)
        found[part] = float(have.mean()) if count else 0.0
        if part == "train" and not have.any():
            raise DataError(section.scores, "no score of a training sample", "scores of some", HOW)
        if not have.all():
            user = np.asarray(samples.user)
            user = user if isinstance(samples, Queries | Impressions) else np.repeat(user, samples.items.lengths)
            first = int(np.argmin(have))
            log.warning("%s: no scores of %s of %s samples of %s, as %s-%d (user %r)",
                        section.scores, f"{np.count_nonzero(~have):,}", f"{count:,}", part, part, first,
                        dataset.users["user_id"][int(user[first])])  # fmt: skip
    return found


HOW = "See Run.samples('train') for the samples by name, user and time."
