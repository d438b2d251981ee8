"""The teach stage: train each variant, keep the best on validation data, cache its knowledge."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from distill_rec.begin import Earlier, go_on_as_users
from distill_rec.contracts import require_tuning
from distill_rec.data.dataset import Dataset
from distill_rec.device import choose_device
from distill_rec.evaluation.protocol import targets_repeat
from distill_rec.files import fingerprint, sha256_file
from distill_rec.progress import Progress, Quiet
from distill_rec.ranks import ALONE, Ranks
from distill_rec.recipe import RATES, OptimizerSection, decisive
from distill_rec.records import read_record, write_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.shards.share import require_ray
from distill_rec.together import joint
from distill_rec.training import Objective, Training
from distill_rec.training.checkpoint import load_trainable, trainable
from distill_rec.training.histories import click_histories
from distill_rec.training.loop import learned_weights
from distill_rec.training.outcome import Outcome, Variant
from distill_rec.training.search import search
from teachers.bi_encoder.build import Source, build_teacher, open_source
from teachers.bi_encoder.passes import frozen_on_ray
from teachers.bi_encoder.places import place_of
from teachers.bi_encoder.post_training.train import NAME, post_train, weights_of
from teachers.bi_encoder.preference.objective import preference_objective, require_preferences
from teachers.bi_encoder.publish import publish
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.variants import variants_of

UNTRAINED: dict[str, Any] = {
    "kind": True,
    "optimizer": True,
    "trunk_optimizer": True,
    "preference": {"optimizer": True},
    "post_training": True,
}
"""Keys that a checkpoint does not belong to."""


def teach(section: BiEncoderSection, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None:
    """Train the teacher, or go on where a killed run stopped; leave model, history and knowledge in `folder`.

    Raises:
        ModelError: the trunk cannot be used.
        RecipeError: variants that no one figure can choose between; preferences, or views of items, that the data do
            not have.
        TrainingError: a loss that is not finite.
    """
    progress = progress or Quiet()
    ray, section = section.ray, section.model_copy(update={"ray": ""})
    require_ray(ray, dataset.folder)
    variants = variants_of(section)
    _require_one_protocol(variants, dataset)
    for text in {tuning for variant in variants for tuning in variant.tunings}:
        require_tuning(text)
    for variant in variants:
        if variant.preference is not None:
            require_preferences(variant.preference, dataset)
    post = [post_train(variant, dataset, folder, progress) for variant in variants]
    learned = [weights_of(variant, place) for variant, place in zip(variants, post, strict=True)]
    if ray:
        frozen_on_ray(list(zip(variants, learned, strict=True)), dataset, ray, progress)
    folders = [_train(variant, dataset, folder, progress, own) for variant, own in zip(variants, learned, strict=True)]
    outcomes = [read_record(Outcome, path / "history.json") for path in folders]
    best = max(range(len(variants)), key=lambda number: outcomes[number].best)
    choice = [
        Variant(tuning=v.tuning, settings=_differences(v, section), ndcg=o.best, seconds=o.seconds,
                updates=o.updates, stopped=o.stopped, rising=o.rising, kept_start=o.kept_start)
        for v, o in zip(variants, outcomes, strict=True)
    ]  # fmt: skip
    publish(variants[best], dataset, folders[best], folder, progress, learned[best], ray)
    noted: dict[str, Any] = {"variants": choice, "chosen": best}
    if (before := post[best]) is not None:
        noted["before"] = {NAME: read_record(Outcome, before / "history.json")}
    write_record(folder / "history.json", outcomes[best].model_copy(update=noted))


def _require_one_protocol(variants: list[BiEncoderSection], dataset: Dataset) -> None:
    """Refuse to choose between figures of two kinds: see `validation_ranks_seen`."""
    if targets_repeat(dataset) and len({variant.repeat_term == "none" for variant in variants}) > 1:
        found = "variants with and without a repeat term, whose validation on a log that repeats is not the same"
        raise RecipeError("teacher.choose", found, "repeat_term in all variants or in none", "Compare two runs.")


def _differences(variant: BiEncoderSection, section: BiEncoderSection) -> dict[str, Any]:
    base = section.model_dump(exclude={"choose"})
    return {key: value for key, value in variant.model_dump(exclude={"choose"}).items() if value != base[key]}


def _train(variant: BiEncoderSection, dataset: Dataset, root: Path, progress: Progress, learned: Path | None) -> Path:
    """Train one variant in a folder named by its settings; a finished one is not trained again.

    Trunk tuning starts from the head alone, trained to its plateau on cached activations: that training has the
    same folder as the variant `tuning = "head"`, so that the two share it. In the same way preference tuning starts
    from the teacher without it.

    Args:
        learned: weights of its post-training, which comes before all of these.
    """
    folder = _folder_of(variant, dataset, root, learned)
    if (folder / "history.json").exists():
        return folder
    before = _before(variant)
    warm_start = None if before is None else learned_weights(_train(before, dataset, root, progress, learned))
    tunes = warm_start is not None or (bool(variant.begin) and variant.tuning != "head")
    optimizer = (variant.trunk_optimizer if tunes else None) or variant.optimizer
    if variant.preference is not None:
        optimizer = variant.preference.optimizer
    search(optimizer, folder, partial(_train_together, variant, dataset, learned, warm_start, progress))
    return folder


def _before(variant: BiEncoderSection) -> BiEncoderSection | None:
    """What a variant's training starts from; None for the PLM, and for an earlier run's teacher (`begin`)."""
    if variant.preference is not None:
        return variant.model_copy(update={"preference": None})
    if variant.tuning != "head" and not variant.begin:
        return variant.model_copy(update={"tuning": "head", "trunk_optimizer": None})
    return None


def _folder_of(variant: BiEncoderSection, dataset: Dataset, root: Path, learned: Path | None) -> Path:
    rates = set(RATES)
    tuned: dict[str, Any] = {"optimizer": rates, "trunk_optimizer": rates, "preference": {"optimizer": rates}}
    plain = decisive(variant, {"kind": True, "post_training": True, **tuned})
    method = "" if variant.preference is None else f"-{variant.preference.method}"
    after = [] if learned is None else [sha256_file(learned)]
    start = f"{variant.tuning.replace(':', '-')}{method}-{fingerprint(plain, dataset.fingerprint, *after)}"
    return place_of(root, start, fingerprint(decisive(variant, {"kind"}))[:8])


def _train_together(  # noqa: PLR0913
    variant: BiEncoderSection,
    dataset: Dataset,
    learned: Path | None,
    warm_start: Path | None,
    progress: Progress,
    optimizer: OptimizerSection,
    folder: Path,
) -> None:
    if variant.preference is not None:  # against a reference, which the first process alone holds
        _train_once(variant, dataset, learned, warm_start, progress, optimizer, folder)
        return

    def told() -> dict[str, Any]:
        return {
            "variant": variant.model_dump(mode="json"),
            "learned": None if learned is None else str(learned),
            "warm_start": None if warm_start is None else str(warm_start),
            "optimizer": optimizer.model_dump(mode="json"),
            "folder": str(folder),
        }

    with joint(f"{__name__}:train_part", dataset.folder, told) as ranks:
        _train_once(variant, dataset, learned, warm_start, progress, optimizer, folder, ranks)


def train_part(  # noqa: PLR0913
    variant: dict[str, Any],
    data: str,
    learned: str | None,
    warm_start: str | None,
    optimizer: dict[str, Any],
    folder: str,
    ranks: Ranks,
) -> None:
    """What a further process does of a training: the same, with its own part of every batch."""
    _train_once(
        BiEncoderSection.model_validate(variant),
        Dataset.load(data),
        None if learned is None else Path(learned),
        None if warm_start is None else Path(warm_start),
        Quiet(),
        OptimizerSection.model_validate(optimizer),
        Path(folder),
        ranks,
    )


def _train_once(  # noqa: PLR0913
    variant: BiEncoderSection,
    dataset: Dataset,
    learned: Path | None,
    warm_start: Path | None,
    progress: Progress,
    optimizer: OptimizerSection,
    folder: Path,
    ranks: Ranks = ALONE,
) -> None:
    source = open_source(variant, dataset, choose_device(variant.device), learned)
    train_model(variant, source, dataset, warm_start, progress, optimizer, folder, ranks)


def train_model(  # noqa: PLR0913
    variant: BiEncoderSection,
    source: Source,
    dataset: Dataset,
    warm_start: Path | None,
    progress: Progress,
    optimizer: OptimizerSection,
    folder: Path,
    ranks: Ranks = ALONE,
) -> None:
    """Train a head, and what the tuning says of the trunk, over a source; leave the best weights in `folder`.

    Args:
        warm_start: weights to begin from; None: the fitted head, or the teacher that `begin` names.
    """
    device = choose_device(variant.device)
    model = build_teacher(variant, source, dataset, device, progress)
    if warm_start is None and variant.begin:
        earlier = Earlier.load(variant.begin)
        earlier.fill(model.text_encoder, "text_encoder")
        go_on_as_users(model, earlier, dataset)
    if warm_start is not None:
        weights = trainable(model, Objective())
        weights.update(load_file(warm_start))
        load_trainable(weights, model, Objective())
    histories = click_histories(variant.histories, dataset, variant.seed)
    objective, name, decides = Objective(histories=histories), f"teacher {variant.tuning}", decisive(variant, UNTRAINED)
    if variant.preference is not None and warm_start is not None:
        objective = preference_objective(variant.preference, model, variant.seed)
        name = f"{name}, {variant.preference.method}"
        decides["reference"] = sha256_file(warm_start)
    if variant.post_training is not None:
        decides["post_training"] = source.record["digest"]
    torch.manual_seed(variant.seed)
    training = Training(
        model,
        objective,
        dataset,
        optimizer,
        folder,
        seed=variant.seed,
        name=name,
        offset_decay=variant.offset_decay,
        unclicked_cost=variant.unclicked_cost,
        settings=decides,
        progress=progress,
        ranks=ranks,
        keep=variant.trajectory,
    )
    training.run()
    if ranks.first:
        training.checkpoints.clear()
