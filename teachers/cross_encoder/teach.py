"""Train a cross-encoder, score what it is asked about once, hand the scores over."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from distill_rec.data.dataset import Dataset, Impressions
from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores
from distill_rec.knowledge import write_scores
from distill_rec.model_records import TeacherRecord
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.records import write_record
from distill_rec.training.checkpoint import load_trainable, save_weights
from distill_rec.training.search import search
from distill_rec.trunks.prefix import RowFile
from teachers.cross_encoder.asked import asked_of
from teachers.cross_encoder.model import CrossEncoder, build
from teachers.cross_encoder.pairs import TITLES, Reader, titles_of
from teachers.cross_encoder.spec import CrossEncoderSection
from teachers.cross_encoder.training import PairTraining

SHARD = 64
"""Samples that are scored between two writes."""


def teach(section: CrossEncoderSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """See `contracts.Teach`.

    Raises:
        ModelError: the trunk cannot be used.
        TrainingError: a loss that is not finite.
        RunError, RecipeError: the proposer cannot be used.
    """
    progress = progress or Quiet()

    def train(optimizer: OptimizerSection, place: Path) -> None:
        model = build(section)
        reader = Reader.of(titles_of(dataset, model.trunk), model.trunk, section.history)
        training = PairTraining(section, model, reader, dataset, optimizer, place, progress)
        training.run()
        training.checkpoints.clear()

    if not (folder / "history.json").exists():
        search(section.optimizer, folder, train)
    model = build(section)
    load_trainable(load_file(folder / "best.safetensors"), model)
    titles = titles_of(dataset, model.trunk)
    reader = Reader.of(titles, model.trunk, section.history)
    parts = _parts(section, dataset)
    scores = {part: _scored(section, dataset, part, model, reader, folder, progress) for part in parts}
    write_scores(folder / "knowledge", scores, dataset)
    titles.write(folder, TITLES)
    save_weights(folder / "weights.safetensors", dict(model.state_dict()))
    write_record(folder / "model.json", _record(section, dataset, model))
    shutil.rmtree(folder / "scoring", ignore_errors=True)


def _parts(section: CrossEncoderSection, dataset: Dataset) -> list[str]:
    others = ["validation", "test", *(["test_new"] if dataset.test_new is not None else [])]
    return ["train", *(others if section.evaluated else [])]


def _scored(  # noqa: PLR0913
    section: CrossEncoderSection,
    dataset: Dataset,
    part: str,
    model: CrossEncoder,
    reader: Reader,
    folder: Path,
    progress: Progress,
) -> ListedScores:
    """Scores of a part's candidates; a killed pass goes on at the next shard."""
    asked = asked_of(section, dataset, part, with_target=part == "train")
    rows = _drawn(len(asked), section.scored if part == "train" else None, section.seed)
    file = RowFile(folder / "scoring" / part, np.float32, 1)
    begin = file.done()
    if begin >= 0:
        with progress.task(f"scores of {part}", len(rows)) as task:
            task.advance(min(begin * SHARD, len(rows)))
            for shard in range(begin, -(-len(rows) // SHARD)):
                chosen = rows[shard * SHARD : (shard + 1) * SHARD]
                pairs = reader.pairs(asked.history.take(chosen), asked.candidates.take(chosen))
                file.append(shard, model.scores(pairs)[:, None])
                task.advance(len(chosen))
        file.finish()
    return _table(asked, rows, file.read()[:, 0])


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


def _record(section: CrossEncoderSection, dataset: Dataset, model: CrossEncoder) -> TeacherRecord:
    trunk = model.trunk
    own = {id(p): p for p in [*model.parameters(), *trunk.model.parameters()]}
    noted = {
        "kind": section.kind,
        "section": section.model_dump(),
        "trunk": {"source": trunk.source, "revision": trunk.revision, "digest": trunk.digest},
        "user_encoder": {},
        "template": dataset.template,
        "unescape_html": dataset.unescape_html,
        "items": dataset.n_items,
        "parameters": sum(p.numel() for p in own.values()),
        "trained_parameters": sum(p.numel() for p in own.values() if p.requires_grad),
    }
    return TeacherRecord.model_validate(noted)
