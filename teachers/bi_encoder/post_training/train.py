"""Post-training of a teacher's trunk, in a folder of the teacher's; teachers of a run with the same one share it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from distill_rec.contracts import tuning_of
from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.files import copy_linked, fingerprint
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.text_head import TextHead
from distill_rec.nn.user_encoders import make_user_encoder
from distill_rec.progress import Progress
from distill_rec.recipe import RATES, OptimizerSection, decisive
from distill_rec.records import read_record
from distill_rec.runtime.errors import TrainingError
from distill_rec.sources import trunk_hash
from distill_rec.training import Training
from distill_rec.training.loop import kept_at
from distill_rec.training.outcome import Outcome
from distill_rec.training.search import place_of_chosen, search
from distill_rec.training.task import Task, TextBatches
from distill_rec.trunks.load import load_trunk
from teachers.bi_encoder.build import trunk_encoder
from teachers.bi_encoder.places import place_of
from teachers.bi_encoder.post_training.objective import MatchingObjective, judge_of
from teachers.bi_encoder.post_training.section import PostTrainingSection
from teachers.bi_encoder.post_training.trunk import POST_TRAINED
from teachers.bi_encoder.post_training.views import Views, make_views
from teachers.bi_encoder.spec import BiEncoderSection

NAME = "post-training"


def post_train(variant: BiEncoderSection, dataset: Dataset, root: Path, progress: Progress) -> Path | None:
    """Post-train a variant's trunk, or go on where a killed run stopped; the folder of it, None where there is none.

    A teacher that goes on from an earlier run's (`begin`) keeps that one's trunk, which its weights were trained over.

    Args:
        root: of the teacher. Another teacher's beside it that had the same post-training is taken over.

    Raises:
        RecipeError: a column that the items do not have, or too few items with two views.
        TrainingError: a loss that is not finite, or it ended before the snapshot that is asked for.
    """
    section = variant.post_training
    if section is None or variant.begin:
        return None
    views = make_views(section, dataset, variant.seed)
    folder = _folder_of(section, variant, views, root)
    if not (folder / "history.json").exists():
        search(section.floored, folder, partial(_train, section, variant, views, dataset, progress))
    _weights_of(section, folder)
    return folder


def weights_of(variant: BiEncoderSection, folder: Path | None) -> Path | None:
    """Of what a variant's trunk learned, by the folder of its post-training; None where it has none."""
    section = variant.post_training
    if section is not None and variant.begin:
        return Path(variant.begin) / POST_TRAINED
    return None if section is None or folder is None else _weights_of(section, folder)


def _weights_of(section: PostTrainingSection, folder: Path) -> Path:
    if section.snapshot is None:
        return folder / "best.safetensors"
    path = kept_at(place_of_chosen(folder), section.snapshot)
    if not path.exists():
        outcome = read_record(Outcome, folder / "history.json")
        found = f"post-training ended by {outcome.stopped} after {outcome.updates} updates"
        do = "Raise its limit, or name earlier snapshots."
        raise TrainingError(folder, found, f"{section.snapshot}, for teacher.post_training.snapshot", do)
    return path


def _folder_of(section: PostTrainingSection, variant: BiEncoderSection, views: Views, root: Path) -> Path:
    texts = [
        trunk_hash(variant.trunk, variant.revision),
        variant.pooling,
        variant.prefix,
        _max_tokens(section, variant),
    ]
    decides = [*texts, views.fingerprint, variant.seed]
    plain = decisive(section, {"snapshot": True, "views": True, "optimizer": set(RATES)})
    start = f"{NAME}-{fingerprint(plain, decides)}"
    folder = place_of(root, start, fingerprint(decisive(section, {"snapshot"}))[:8])
    if not folder.exists():
        for other in sorted(root.parent.glob(f"*/variants/{folder.name}")):
            set_aside = ".old-" in other.parents[1].name
            if (other / "history.json").exists() and not set_aside:
                copy_linked(other, folder)
                break
    return folder


def _max_tokens(section: PostTrainingSection, variant: BiEncoderSection) -> int:
    return section.max_tokens or variant.max_tokens


def _train(  # noqa: PLR0913
    section: PostTrainingSection,
    variant: BiEncoderSection,
    views: Views,
    dataset: Dataset,
    progress: Progress,
    optimizer: OptimizerSection,
    folder: Path,
) -> None:
    device = choose_device(variant.device)
    model = matching_model(section, variant, views.texts, optimizer.item_chunk, device, progress)
    torch.manual_seed(variant.seed)
    task = Task(
        TextBatches(views.train, optimizer.batch_size, variant.seed),
        judge_of(views.held_out, section.temperature, optimizer.batch_size),
        views.fingerprint,
    )
    training = Training(
        model,
        MatchingObjective(section.temperature),
        dataset,
        optimizer,
        folder,
        seed=variant.seed,
        name=f"{NAME} {section.tuning}",
        settings=[decisive(section, {"optimizer", "snapshot"}), trunk_hash(variant.trunk, variant.revision)],
        progress=progress,
        task=task,
        keep=section.snapshots,
    )
    training.run()
    training.checkpoints.clear()


def matching_model(  # noqa: PLR0913
    section: PostTrainingSection,
    variant: BiEncoderSection,
    texts: list[str],
    chunk: int,
    device: torch.device,
    progress: Progress,
) -> Recommender:
    """A trunk, partly learning, whose pooled vectors are the items': no head, no offsets, nobody's history."""
    most = _max_tokens(section, variant)
    trunk = load_trunk(variant.trunk, variant.revision, variant.pooling, most, variant.prefix)
    trunk.precision = variant.trunk_precision
    trunk.model.to(device)
    if trunk.pooling == "attention":  # which begins as the mean, and is learnt with the head
        trunk = replace(trunk, pooling="mean")
    head = TextHead(trunk.width, trunk.width)
    head.projection.start_from(torch.eye(trunk.width))
    head.requires_grad_(False)
    torch.manual_seed(variant.seed)
    encoder = trunk_encoder(tuning_of(section.tuning), trunk, texts, head, chunk, progress)
    users = make_user_encoder("mean", trunk.width, max_history=1)
    return Recommender(encoder, users, torch.arange(len(texts)), None).to(device)
