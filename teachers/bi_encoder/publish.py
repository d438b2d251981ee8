"""A trained bi-encoder as the folder of a teacher: knowledge, weights, tokenizer, and `model.json` last."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from distill_rec.data.dataset import Dataset
from distill_rec.files import replacing, write_text
from distill_rec.knowledge import state_folder, write_knowledge
from distill_rec.model_records import TeacherRecord
from distill_rec.nn.from_recipe import user_settings
from distill_rec.nn.neutral import set_neutral
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Progress
from distill_rec.records import write_record
from distill_rec.training.checkpoint import save_weights
from distill_rec.training.trajectory import earlier_states
from teachers.bi_encoder.build import Source, empty_texts
from teachers.bi_encoder.passes import ENCODING, as_trained, open_model, text_vectors
from teachers.bi_encoder.post_training.trunk import POST_TRAINED
from teachers.bi_encoder.spec import BiEncoderSection


def publish(  # noqa: PLR0913
    variant: BiEncoderSection,
    dataset: Dataset,
    trained: Path,
    folder: Path,
    progress: Progress,
    learned: Path | None,
    ray: str,
) -> None:
    """Write the chosen variant as the teacher, with its knowledge and that of its states on the way.

    Args:
        trained: folder of its training.
        learned: weights of its post-training.
        ray: address of a cluster whose workers encode the texts; none where empty.
    """
    settings, states = user_settings(variant, dataset), earlier_states(trained, variant.trajectory)
    source, model = open_model(variant, dataset, learned, progress)

    def know(weights: Path, place: Path, earlier: int = 0) -> None:
        as_trained(model, source, dataset, weights)
        vectors = text_vectors(variant, model.text_encoder, source, dataset, folder, weights, learned, progress, ray)
        write_knowledge(place, model, vectors, dataset, settings, earlier=earlier)

    for number, weights in enumerate(states):
        know(weights, state_folder(folder / "knowledge", number))
    know(trained / "best.safetensors", folder / "knowledge", len(states))
    _write_model(variant, source, dataset, model, folder, learned)
    shutil.rmtree(folder / ENCODING, ignore_errors=True)


def write_teacher(  # noqa: PLR0913
    variant: BiEncoderSection,
    source: Source,
    dataset: Dataset,
    model: Recommender,
    folder: Path,
    progress: Progress,
    learned: Path | None,
) -> None:
    """Write a trained model as a teacher's folder.

    Args:
        source: that it was built from.
        learned: weights of its post-training.
    """
    model.eval()
    if source.trunk is not None:
        set_neutral(model.text_encoder, empty_texts(source.trunk, dataset), dataset)
    with progress.task("teacher's knowledge") as task:
        texts = model.text_encoder.encode().float().cpu().numpy()
        task.advance()
    write_knowledge(folder / "knowledge", model, texts, dataset, user_settings(variant, dataset))
    _write_model(variant, source, dataset, model, folder, learned)


def _write_model(  # noqa: PLR0913
    variant: BiEncoderSection, source: Source, dataset: Dataset, model: Recommender, folder: Path, learned: Path | None
) -> None:
    """All but the knowledge; `model.json` last."""
    neutral = model.text_encoder.neutral
    tensors = dict(model.state_dict()) | ({} if neutral is None else {"neutral": neutral})
    save_weights(folder / "weights.safetensors", tensors)
    if learned is not None:
        with replacing(folder / POST_TRAINED) as temporary:
            shutil.copyfile(learned, temporary)
    if source.trunk is not None:
        write_text(folder / "tokenizer.json", source.trunk.tokenizer_json)
    write_record(folder / "model.json", _record(variant, source, dataset, model, user_settings(variant, dataset)))


def _numbers(parameter: Tensor) -> int:
    """How many it holds; of 4-bit weights two lie in a byte."""
    kept = getattr(parameter, "quant_state", None)
    return parameter.numel() if kept is None else math.prod(kept.shape)


def _record(
    variant: BiEncoderSection, source: Source, dataset: Dataset, model: Recommender, settings: dict[str, Any]
) -> TeacherRecord:
    total = sum(p.numel() for p in model.parameters())
    if source.trunk is not None:
        own = {id(p) for p in model.parameters()}
        total += sum(_numbers(p) for p in source.trunk.model.parameters() if id(p) not in own)
    noted = {
        "kind": variant.kind,
        "section": variant.model_dump(),
        "trunk": source.record,
        "user_encoder": settings,
        "template": dataset.template,
        "unescape_html": dataset.unescape_html,
        "items": dataset.n_items,
        "parameters": total,
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    return TeacherRecord.model_validate(noted)
