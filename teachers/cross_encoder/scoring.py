"""Scores of a part's candidates, made once, in shards of samples that processes and workers of Ray open alike."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from distill_rec.data.dataset import Dataset, Impressions
from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores
from distill_rec.files import fingerprint, sha256_file
from distill_rec.progress import Progress, Task
from distill_rec.shards.job import Job
from distill_rec.shards.rows import RowFile
from distill_rec.shards.share import shared_rows
from distill_rec.shards.told import Told
from distill_rec.training.checkpoint import load_trainable
from teachers.cross_encoder.asked import asked_of
from teachers.cross_encoder.model import CrossEncoder, build
from teachers.cross_encoder.pairs import Reader, titles_of
from teachers.cross_encoder.spec import CrossEncoderSection

SHARD = 64
"""Samples of a shard."""
SCORING = "scoring"
"""Folder, within the teacher's, of scores that are being made."""


def trained_model(section: CrossEncoderSection, folder: Path) -> CrossEncoder:
    """The model with its best weights."""
    model = build(section)
    load_trainable(load_file(folder / "best.safetensors"), model)
    return model


def scores_of(  # noqa: PLR0913
    section: CrossEncoderSection,
    dataset: Dataset,
    part: str,
    model: CrossEncoder,
    folder: Path,
    progress: Progress,
    ray: str,
) -> ListedScores:
    """Scores of a part's candidates, made by all who are there."""
    job, asked, rows = _job(section, dataset, part, model, folder)
    arguments = {"section": section.model_dump(mode="json"), "part": part, "folder": str(folder.resolve())}
    found = shared_rows(job, Told(f"{__name__}:open_job", arguments, dataset.folder), progress, ray)
    return _table(asked, rows, np.asarray(found[:, 0]))


def open_job(data: str, section: dict[str, Any], part: str, folder: str) -> Job:
    """The job of `scores_of` in another process."""
    own = CrossEncoderSection.model_validate(section)
    return _job(own, Dataset.load(data), part, trained_model(own, Path(folder)), Path(folder))[0]


def _job(
    section: CrossEncoderSection, dataset: Dataset, part: str, model: CrossEncoder, folder: Path
) -> tuple[Job, Impressions, NDArray[np.int64]]:
    """The job, what is asked, and the samples of it that are scored."""
    reader = Reader.of(titles_of(dataset, model.trunk), model.trunk, section.history)
    asked = asked_of(section, dataset, part, with_target=part == "train")
    rows = _drawn(len(asked), section.scored if part == "train" else None, section.seed)

    def make(shard: int, task: Task) -> NDArray[Any]:
        chosen = rows[shard * SHARD : (shard + 1) * SHARD]
        pairs = reader.pairs(asked.history.take(chosen), asked.candidates.take(chosen))
        task.advance(len(chosen))
        return model.scores(pairs)[:, None]

    # what may change before an unfinished teacher is gone on with: the samples, their candidates, and the weights
    candidates, digest = asked.candidates.take(rows), hashlib.sha256()
    for array in (rows, candidates.values, candidates.offsets):
        digest.update(np.ascontiguousarray(array).tobytes())
    name = fingerprint(sha256_file(folder / "best.safetensors"), digest.hexdigest())
    file = RowFile(folder / SCORING / part / name, np.float32, 1, SHARD)
    return Job(file, len(rows), f"scores of {part}", make), asked, rows


def _table(asked: Impressions, rows: NDArray[np.int64], found: NDArray[np.float32]) -> ListedScores:
    """Items that were shown twice count once."""
    candidates: Ragged = asked.candidates.take(rows)
    row = np.repeat(rows, candidates.lengths)
    item = candidates.values.astype(np.int64)
    _, first = np.unique(np.stack([row, item]), axis=1, return_index=True)
    return ListedScores.of(row[first], item[first], np.asarray(found)[first], len(asked))


def _drawn(count: int, most: int | None, seed: int) -> NDArray[np.int64]:
    if most is None or count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
