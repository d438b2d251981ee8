"""Train a cross-encoder, score what it is asked about once, hand the scores over."""

from __future__ import annotations

import shutil
from pathlib import Path

from distill_rec.contracts import require_tuning
from distill_rec.data.dataset import Dataset
from distill_rec.knowledge import write_scores
from distill_rec.model_records import TeacherRecord
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.records import write_record
from distill_rec.shards.share import require_ray
from distill_rec.training.checkpoint import save_weights
from distill_rec.training.search import search
from teachers.cross_encoder.model import CrossEncoder, build
from teachers.cross_encoder.pairs import TITLES, Reader, titles_of
from teachers.cross_encoder.scoring import SCORING, scores_of, trained_model
from teachers.cross_encoder.spec import CrossEncoderSection
from teachers.cross_encoder.training import PairTraining


def teach(section: CrossEncoderSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """See `contracts.Teach`.

    Raises:
        ModelError: the trunk cannot be used.
        TrainingError: a loss that is not finite.
        RunError, RecipeError: the proposer cannot be used.
    """
    progress = progress or Quiet()
    ray, section = section.ray, section.model_copy(update={"ray": ""})
    require_ray(ray, dataset.folder)
    require_tuning(section.tuning)

    def train(optimizer: OptimizerSection, place: Path) -> None:
        model = build(section)
        reader = Reader.of(titles_of(dataset, model.trunk), model.trunk, section.history)
        training = PairTraining(section, model, reader, dataset, optimizer, place, progress)
        training.run()
        training.checkpoints.clear()

    if not (folder / "history.json").exists():
        search(section.optimizer, folder, train)
    model = trained_model(section, folder)
    parts = _parts(section, dataset)
    scores = {part: scores_of(section, dataset, part, model, folder, progress, ray) for part in parts}
    write_scores(folder / "knowledge", scores, dataset)
    titles_of(dataset, model.trunk).write(folder, TITLES)
    save_weights(folder / "weights.safetensors", dict(model.state_dict()))
    write_record(folder / "model.json", _record(section, dataset, model))
    shutil.rmtree(folder / SCORING, ignore_errors=True)


def _parts(section: CrossEncoderSection, dataset: Dataset) -> list[str]:
    others = ["validation", "test", *(["test_new"] if dataset.test_new is not None else [])]
    return ["train", *(others if section.evaluated else [])]


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
