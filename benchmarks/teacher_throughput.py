"""Samples per second of the training loop against a plain loop, same trunk, tuning, samples, batch and loss.

    python benchmarks/teacher_throughput.py

MovieLens-100k, `last:2`. A sample is a click with the 20 clicks before it and 4 sampled negatives. The plain loop
encodes every text of every sample, padded to 32 tokens; `dedup` encodes each distinct text of a batch once; `ours`
starts from the frozen-prefix cache and encodes each distinct text of a window once; `drawn` is the same with the
gradient sent back through a share of a window's texts (`gradient_share`). The four are interleaved in one run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from distill_rec.data import Dataset, Impressions, Queries, Ragged, prepare
from distill_rec.data.dataset import Sequences
from distill_rec.demo import resolve
from distill_rec.losses import impression_click_loss
from distill_rec.nn.recommender import Recommender
from distill_rec.progress import Quiet
from distill_rec.recipe import DataSection, OptimizerSection
from distill_rec.training import Objective, Training
from distill_rec.training.batches import ImpressionBatch
from distill_rec.training.optimizers import make_optimizers
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.load import pool
from distill_rec.trunks.prefix import forward_all
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.spec import BiEncoderSection

HISTORY, NEGATIVES, BATCH, TOKENS = 20, 4, 64, 32


def as_impressions(dataset: Dataset, seed: int = 0) -> Dataset:
    """Every training click with a history as an impression of one click and sampled warm negatives."""
    assert isinstance(dataset.train, Sequences)
    generator = np.random.default_rng(seed)
    warm = np.flatnonzero(dataset.warm)
    users, histories, candidates = [], [], []
    for user, items in zip(dataset.train.user, dataset.train.items, strict=True):
        for place in range(1, len(items)):
            users.append(user)
            histories.append(items[max(0, place - HISTORY) : place])
            candidates.append(np.append(items[place], generator.choice(warm, NEGATIVES)))
    labels = np.tile([1] + [0] * NEGATIVES, len(users)).astype(np.int8)
    shown = Ragged.from_rows(candidates)
    user = np.array(users, dtype=np.int32)
    train = Impressions(
        user, np.zeros(len(user), np.int64), Ragged.from_rows(histories), shown, Ragged(labels, shown.offsets)
    )
    few = train.take(np.arange(50))
    return replace(dataset, kind="impressions", train=train, validation=few, test=few, max_history=HISTORY)


def plain_step(model: Recommender, batch: ImpressionBatch, dedup: bool) -> torch.Tensor:
    """Loss of a batch whose texts are encoded with one graph, each as often as it stands there (or once)."""
    encoder = model.text_encoder
    assert isinstance(encoder, TrunkEncoder)
    texts = [model.item_text[torch.from_numpy(part)] for part in (batch.history, batch.candidates)]
    flat = torch.cat([text.flatten() for text in texts])
    distinct, place = torch.unique(flat, return_inverse=True) if dedup else (flat, torch.arange(len(flat)))
    vectors = functional.embedding(place, encode_padded(encoder, distinct))
    history, candidates = vectors.split([texts[0].numel(), texts[1].numel()])
    users = model.user_encoder(history.view(*texts[0].shape, -1), torch.from_numpy(batch.mask))
    scores = (candidates.view(*texts[1].shape, -1) * users[:, None]).sum(-1)
    return impression_click_loss(scores, None, torch.from_numpy(batch.labels), torch.from_numpy(batch.shown))


def encode_padded(encoder: TrunkEncoder, rows: torch.Tensor) -> torch.Tensor:
    part = encoder.tokens.take(rows.numpy())
    ids, mask = torch.zeros(len(rows), TOKENS, dtype=torch.int64), torch.zeros(len(rows), TOKENS, dtype=torch.bool)
    values, real = part.padded()
    ids[:, : values.shape[1]], mask[:, : values.shape[1]] = torch.from_numpy(values), torch.from_numpy(real)
    return encoder.head(pool(forward_all(encoder.trunk, ids, mask), mask, encoder.trunk.pooling))


def time_plain(training: Training, batches: list[ImpressionBatch], dedup: bool) -> float:
    """Samples per second over these batches, forward, backward and step."""
    model = training.model.train()
    optimizers = make_optimizers(model, training.objective, training.section, 0.0)
    began = time.perf_counter()
    for number, batch in enumerate(batches):
        plain_step(model, batch, dedup).backward()
        optimizers.step("batch", number, number)
        optimizers.step("window", number, number)
    return sum(len(batch.mask) for batch in batches) / (time.perf_counter() - began)


def time_ours(training: Training, windows: int) -> float:
    """Samples per second of the loop itself."""
    before, began = training.state.update, time.perf_counter()
    for _ in range(windows):
        training._window()
    return (training.state.update - before) * BATCH / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="demo:all-MiniLM-L6-v2")
    parser.add_argument("--tuning", default="last:2")
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--share", type=float, default=0.25, help="gradient_share of `drawn`")
    parser.add_argument("--windows", type=int, default=2, help="windows of ours in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    trunk = resolve(args.trunk)
    data = DataSection(format="recbole", path=resolve("demo:movielens-100k"), rating_column="rating",
                       text="{movie_title} ({release_year}) {class}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISTILL_REC_CACHE"] = folder
        print(json.dumps(measure(args, data, trunk, Path(folder)), indent=2))


def measure(args: argparse.Namespace, data: DataSection, trunk: str, folder: Path) -> dict[str, object]:
    prepare(data, folder / "prepare")
    dataset = as_impressions(Dataset.load(folder / "prepare"))
    assert isinstance(dataset.train, Impressions) and not isinstance(dataset.test, Queries)
    optimizer = OptimizerSection(batch_size=BATCH, window=args.window)
    section = BiEncoderSection(trunk=trunk, tuning=args.tuning, max_tokens=TOKENS, optimizer=optimizer,
                             user_encoder="attention", offsets=False)  # fmt: skip
    device = torch.device("cpu")
    source = open_source(section, dataset, device)
    began = time.perf_counter()
    model = build_teacher(section, source, dataset, device, Quiet())
    first_pass = time.perf_counter() - began
    training = Training(model, Objective(), dataset, optimizer, folder / "training", seed=0, name="ours")
    fewer = Training(
        model,
        Objective(),
        dataset,
        optimizer.model_copy(update={"gradient_share": args.share}),
        folder / "drawn",
        seed=0,
        name="drawn",
    )
    order = training.batches.epoch(1)
    plain_batches = [training.batches.make(order[number]) for number in range(2 * args.rounds)]
    for one in (training, fewer):
        time_ours(one, 1)
    rows = []
    for number in range(args.rounds):
        plain = time_plain(training, plain_batches[2 * number : 2 * number + 1], dedup=False)
        dedup = time_plain(training, plain_batches[2 * number : 2 * number + 2], dedup=True)
        rows.append((plain, dedup, time_ours(training, args.windows), time_ours(fewer, args.windows)))
    plain, dedup, ours, drawn = (statistics.median(column) for column in zip(*rows, strict=True))
    samples = len(training.batches.impressions)  # type: ignore[attr-defined]
    spread = samples / (samples / ours + first_pass)
    return {
        "plain": plain,
        "dedup": dedup,
        "ours": ours,
        "drawn": drawn,
        "ratio": statistics.median(o / p for p, _, o, _ in rows),
        "ratio_dedup": statistics.median(o / d for _, d, o, _ in rows),
        "ratio_drawn": statistics.median(f / p for p, _, _, f in rows),
        "share": args.share,
        "first_pass_seconds": first_pass,
        "ratio_with_first_pass_in_one_epoch": spread / plain,
        "window": args.window,
        "tuning": args.tuning,
        "samples_an_epoch": samples,
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    main()
