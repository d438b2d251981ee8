"""Read a file of scores, learn a head over a file of vectors; hand over what they say of the data."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from distill_rec.data.dataset import Dataset
from distill_rec.data.score_file import read_scores
from distill_rec.device import choose_device
from distill_rec.knowledge import write_knowledge, write_scores
from distill_rec.model_records import TeacherRecord
from distill_rec.nn.from_recipe import user_settings
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.records import write_record
from distill_rec.training import Objective
from distill_rec.training.checkpoint import load_trainable, save_weights
from distill_rec.training.search import search
from distill_rec.trunks.vectors import read_some_vectors
from teachers.bi_encoder.build import Source, build_teacher
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import train_model
from teachers.precomputed.scores import file_of, shares_of
from teachers.precomputed.spec import PrecomputedSection

log = logging.getLogger(__name__)


def teach(section: PrecomputedSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """See `contracts.Teach`.

    Raises:
        DataError: the scores cannot be used.
        ModelError: the vectors cannot be used.
        TrainingError: a loss that is not finite.
    """
    progress = progress or Quiet()
    noted: dict[str, Any] = {"user_encoder": {}, "parameters": 0}
    tensors: dict[str, Tensor] = {}
    if section.vectors:
        tensors = _teach_vectors(section, dataset, folder, noted, progress)
    if section.scores:
        with progress.task("teacher's scores") as task:
            scores, skipped = read_scores(file_of(section), dataset)
            write_scores(folder / "knowledge", scores, dataset)
            noted |= {"scored": shares_of(section, scores, dataset), "skipped": skipped}
            task.advance()
    save_weights(folder / "weights.safetensors", tensors)
    record = {"kind": section.kind, "section": section.model_dump(), "items": dataset.n_items, **noted}
    write_record(folder / "model.json", TeacherRecord.model_validate(record))


def _teach_vectors(
    section: PrecomputedSection, dataset: Dataset, folder: Path, noted: dict[str, Any], progress: Progress
) -> dict[str, Tensor]:
    """The head of a bi-encoder whose trunk is the file; items that it lacks are not known."""
    vectors, known, digest = read_some_vectors(section.vectors, dataset.items["item_id"].to_list())
    if not known.all():
        first = dataset.items["item_id"][int(np.argmin(known))]
        log.warning("%s: no vector for %s of %s items, as %r; they are not taught",
                    section.vectors, f"{np.count_nonzero(~known):,}", f"{len(known):,}", first)  # fmt: skip
    source = Source(None, torch.from_numpy(vectors), {"source": section.vectors, "digest": digest}, known)
    head = _as_bi_encoder(section)

    def train(optimizer: OptimizerSection, place: Path) -> None:
        train_model(head, source, dataset, None, progress, optimizer, place)

    if not (folder / "history.json").exists():
        search(section.optimizer, folder, train)
    model = build_teacher(head, source, dataset, choose_device(section.device), progress)
    load_trainable(load_file(folder / "best.safetensors"), model, Objective())
    model.eval()
    settings, texts = user_settings(section, dataset), model.text_encoder.encode().float().cpu().numpy()
    write_knowledge(folder / "knowledge", model, texts, dataset, settings, None if known.all() else known)
    noted["user_encoder"], noted["trunk"] = settings, source.record
    noted["parameters"] = sum(p.numel() for p in model.parameters())
    return dict(model.state_dict())


def _as_bi_encoder(section: PrecomputedSection) -> BiEncoderSection:
    shared = set(BiEncoderSection.model_fields) & set(PrecomputedSection.model_fields) - {"kind"}
    given = {key: getattr(section, key) for key in shared}
    return BiEncoderSection.model_validate({**given, "trunk": section.vectors})
