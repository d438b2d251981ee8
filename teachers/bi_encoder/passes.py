"""What a bi-encoder computes once for every text, as jobs in shards that processes and workers of Ray open alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.files import fingerprint, sha256_file
from distill_rec.nn.neutral import set_neutral
from distill_rec.nn.recommender import Recommender, TextEncoder
from distill_rec.progress import Progress, Quiet, Task
from distill_rec.shards.job import Job
from distill_rec.shards.rows import RowFile
from distill_rec.shards.share import shared_rows
from distill_rec.shards.told import Told
from distill_rec.training import Objective
from distill_rec.training.checkpoint import load_trainable
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.prefix import pass_job, pooled_pass, states_pass
from teachers.bi_encoder.build import Source, build_teacher, empty_texts, frozen, open_source, pooling_of, tokens_of
from teachers.bi_encoder.spec import BiEncoderSection

SHARD = 512
"""Texts of a shard where a trunk encodes them; those of a head on cached vectors are one matrix product."""
LIGHT_SHARD = 1 << 16
ENCODING = "encoding"
"""Folder, within the teacher's, of vectors that are being made."""

Frozen = Literal["pooled", "states"]


def open_model(
    variant: BiEncoderSection, dataset: Dataset, learned: Path | None, progress: Progress
) -> tuple[Source, Recommender]:
    """A variant before its training.

    Args:
        learned: weights of its post-training.
    """
    device = choose_device(variant.device)
    source = open_source(variant, dataset, device, learned)
    return source, build_teacher(variant, source, dataset, device, progress)


def as_trained(model: Recommender, source: Source, dataset: Dataset, weights: Path) -> None:
    """Give a model the weights of a training, and put it in evaluation mode."""
    load_trainable(load_file(weights), model, Objective())
    model.eval()
    if source.trunk is not None:
        set_neutral(model.text_encoder, empty_texts(source.trunk, dataset), dataset)


def vectors_job(encoder: TextEncoder, folder: Path, weights: Path, source: Source) -> Job:
    """Text vectors `[n_texts, dim]` of a trained encoder.

    Args:
        folder: of the teacher.
        weights: file that the encoder's are from.
    """
    size = SHARD if isinstance(encoder, TrunkEncoder) else LIGHT_SHARD
    name = fingerprint(sha256_file(weights), source.record["digest"], encoder.n_texts)

    def make(shard: int, task: Task) -> NDArray[Any]:
        import torch

        rows = torch.arange(shard * size, min((shard + 1) * size, encoder.n_texts))
        vectors = encoder.encode(rows.to(next(encoder.parameters()).device))
        task.advance(len(rows))
        return vectors.float().cpu().numpy()

    rows = RowFile(folder / ENCODING / name, np.float32, encoder.dim, size)
    return Job(rows, encoder.n_texts, "teacher's knowledge", make)


def text_vectors(  # noqa: PLR0913
    variant: BiEncoderSection,
    encoder: TextEncoder,
    source: Source,
    dataset: Dataset,
    folder: Path,
    weights: Path,
    learned: Path | None,
    progress: Progress,
    ray: str,
) -> NDArray[np.float32]:
    """The same, memory-mapped, made by all who are there where a trunk encodes them."""
    job = vectors_job(encoder, folder, weights, source)
    arguments = {"variant": variant.model_dump(mode="json"), "folder": str(folder.resolve()),
                 "weights": str(weights.resolve()), "learned": _path(learned)}  # fmt: skip
    alone = not isinstance(encoder, TrunkEncoder)
    told = Told(f"{__name__}:open_vectors_job", arguments, None if alone else dataset.folder)
    return shared_rows(job, told, progress, "" if alone else ray)


def open_vectors_job(data: str, variant: dict[str, Any], folder: str, weights: str, learned: str | None) -> Job:
    """The job of `text_vectors` in another process."""
    section, dataset = BiEncoderSection.model_validate(variant), Dataset.load(data)
    after = None if learned is None else Path(learned)
    source, model = open_model(section, dataset, after, Quiet())
    as_trained(model, source, dataset, Path(weights))
    return vectors_job(model.text_encoder, Path(folder), Path(weights), source)


def frozen_on_ray(
    variants: Sequence[tuple[BiEncoderSection, Path | None]], dataset: Dataset, ray: str, progress: Progress
) -> None:
    """Have the passes of frozen layers, which every variant begins with, made by workers of Ray.

    Args:
        variants: each with the weights of its post-training.
    """
    for variant, learned in variants:
        source = open_source(variant, dataset, choose_device(variant.device), learned)
        if source.trunk is None:
            continue
        _frozen_on_ray(variant, learned, "pooled", dataset, ray, progress)
        lowest = variant.how.lowest(source.trunk.depth)
        reads_tokens = not frozen(variant, source.trunk) or source.trunk.pooling == "attention"
        if reads_tokens and lowest != 0 and lowest is not None:
            _frozen_on_ray(variant, learned, "states", dataset, ray, progress)


def _frozen_on_ray(
    variant: BiEncoderSection, learned: Path | None, which: Frozen, dataset: Dataset, ray: str, progress: Progress
) -> None:
    arguments = {"variant": variant.model_dump(mode="json"), "learned": _path(learned), "which": which}
    told = Told(f"{__name__}:open_frozen_job", arguments, dataset.folder)
    job = frozen_job(variant, dataset, learned, which)
    try:
        shared_rows(job, told, progress, ray)
    except OverflowError:  # states that fp16 does not hold; the job is then one of fp32
        shared_rows(frozen_job(variant, dataset, learned, which), told, progress, ray)


def frozen_job(variant: BiEncoderSection, dataset: Dataset, learned: Path | None, which: Frozen) -> Job:
    """One of the passes that `build_teacher` reads from the cache."""
    source = open_source(variant, dataset, choose_device(variant.device), learned)
    assert source.trunk is not None
    tokens = tokens_of(source.trunk, dataset.texts)
    if which == "pooled":
        rows, asked = pooled_pass(dataset.texts, source.trunk, pooling_of(source.trunk))
    else:
        lowest = variant.how.lowest(source.trunk.depth)
        assert lowest is not None
        rows, asked = states_pass(dataset.texts, tokens, source.trunk, lowest)
    return pass_job(rows, tokens, source.trunk, asked)


def open_frozen_job(data: str, variant: dict[str, Any], learned: str | None, which: Frozen) -> Job:
    """The same in another process."""
    after = None if learned is None else Path(learned)
    return frozen_job(BiEncoderSection.model_validate(variant), Dataset.load(data), after, which)


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())
