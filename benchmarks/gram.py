"""GRAM's windows against the plain loop: time per epoch, peak memory, and quality at equal steps of the item encoder.

    python benchmarks/gram.py cost --threads 1
    python benchmarks/gram.py quality --threads 1 --seed 0 1 2

`cost`, MovieLens-100k, a sample is a click with the 20 clicks before it and 4 sampled negatives, 64 a batch. The plain
loop encodes every text of every sample, the loop with duplicates removed each distinct text of a batch once, both with
the whole PLM and one graph; `window-W` is the loop of every training here, from the frozen-prefix cache, which encodes
each distinct text of W batches once, and `window-W-uncached` the same with the whole PLM. Every figure is of a forked
process that does nothing else: samples per second of whole steps, by the clock and by its seconds of CPU (which others
on the machine change less), and the peak of its memory while it takes them, less what it held before (model, data,
cache). They take turns, round by round; the plain loop's rounds come to `--plain-samples` in all. An epoch is all
samples at that rate.

`quality`, the recipe teachers/gram (sessions of MovieLens-100k as impressions, validation nDCG@10). The item encoder
(PLM and projection) steps once per window, so that windows of 1 and W are compared after as many of its steps, for
which W reads W times as many batches, and after as many batches. The head below both is trained once per seed.

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from interleaved import rounded, say
from teacher_throughput import BATCH, TOKENS, as_impressions, time_plain

from distill_rec.data import Dataset, prepare
from distill_rec.demo import resolve
from distill_rec.files import read_json
from distill_rec.processes import peak_bytes
from distill_rec.progress import Quiet
from distill_rec.recipe import DataSection, OptimizerSection
from distill_rec.recipe_io import load_recipe
from distill_rec.training import Objective, Training
from distill_rec.trunks.encoder import TrunkEncoder
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

TRUNK = "demo:all-MiniLM-L6-v2"
EACH = 2
"""Batches that a loop with duplicates removed takes in a round; of windows as many as hold these."""


def cost(args: argparse.Namespace) -> dict[str, Any]:
    """Rates and memory of every method; see above."""
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISTILL_REC_CACHE"] = f"{folder}/cache"
        data = DataSection(format="recbole", path=resolve("demo:movielens-100k"), rating_column="rating",
                           text="{movie_title} ({release_year}) {class}")  # fmt: skip
        prepare(data, Path(folder) / "prepare")
        dataset = as_impressions(Dataset.load(Path(folder) / "prepare"))
        forked(lambda: measure(dataset, "window-1", 1, 0, args.tuning, folder))  # fills the cache
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in args.methods}
        plain = -(-args.plain_samples // BATCH // args.rounds)
        for number, name in itertools.product(range(args.rounds), args.methods):
            batches = plain if name == "plain" else EACH
            found[name].append(forked(partial(measure, dataset, name, batches, number, args.tuning, folder)))
            say(f"round {number + 1}, {name}: {found[name][-1]}")
    samples = len(dataset.train)
    rows = {name: summary(one, samples) for name, one in found.items()}
    for row in rows.values():
        if "plain" in rows:
            row["times_plain"] = rounded(row["per_cpu_second"] / rows["plain"]["per_cpu_second"])
    return {"samples_an_epoch": samples, "threads": args.threads, "rounds": args.rounds,
            "plain_samples": plain * args.rounds * BATCH, "tuning": args.tuning, "methods": rows}  # fmt: skip


def forked(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a call returns in a process of its own, which need not import anew."""
    reads, writes = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writes, json.dumps(call()).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as file:
        content = file.read()
    _, status = os.waitpid(pid, 0)
    if status or not content:
        raise ChildProcessError(f"a measurement ended with status {status}")
    return dict(json.loads(content))


def summary(found: list[dict[str, Any]], samples: int) -> dict[str, Any]:
    """Medians over rounds."""
    rate = statistics.median(one["per_cpu_second"] for one in found)
    return {
        "per_second": rounded(statistics.median(one["per_second"] for one in found)),
        "per_cpu_second": rounded(rate),
        "lowest": rounded(min(one["per_cpu_second"] for one in found)),
        "highest": rounded(max(one["per_cpu_second"] for one in found)),
        "epoch_cpu_seconds": rounded(samples / rate),
        "peak_mib": rounded(statistics.median(one["peak_mib"] for one in found)),
        "held_mib": rounded(statistics.median(one["held_mib"] for one in found)),
    }


def measure(dataset: Dataset, name: str, batches: int, number: int, tuning: str, folder: str) -> dict[str, Any]:
    """One method in this process.

    Args:
        batches: that are timed; of windows as many as hold these.
        number: of the round.
    """
    window = int(name.split("-")[1]) if name.startswith("window") else 1
    optimizer = OptimizerSection(batch_size=BATCH, window=window)
    section = BiEncoderSection(trunk=resolve(TRUNK), tuning=tuning, max_tokens=TOKENS, optimizer=optimizer,
                               user_encoder="attention", offsets=False)  # fmt: skip
    device = torch.device("cpu")
    model = build_teacher(section, open_source(section, dataset, device), dataset, device, Quiet())
    assert isinstance(model.text_encoder, TrunkEncoder)
    if name.endswith("-uncached"):
        model.text_encoder.states = None
    training = Training(model, Objective(), dataset, optimizer, Path(folder) / "training", seed=0, name="gram")
    order = training.batches.epoch(number)
    made = [training.batches.make(order[batch]) for batch in range(batches)]
    held, began, cpu = forget_peak(), time.perf_counter(), time.process_time()
    if name in ("plain", "dedup"):
        time_plain(training, made, dedup=name == "dedup")  # type: ignore[arg-type]
        done = batches
    else:
        while training.state.update < batches:
            training._window()
        done = training.state.update
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "per_second": done * BATCH / seconds,
        "per_cpu_second": done * BATCH / cpu,
        "peak_mib": (peak_bytes() - held) / 2**20,
        "held_mib": held / 2**20,
    }


def forget_peak() -> int:
    """Start the peak of this process's memory anew; what it holds now, bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def quality(args: argparse.Namespace) -> dict[str, Any]:
    """Validation figures of windows of 1 and W after as many steps of the item encoder, and after as many batches."""
    torch.set_num_threads(args.threads)
    recipe = load_recipe("teachers/gram")
    assert isinstance(recipe.teacher, BiEncoderSection)
    data = recipe.data.model_copy(update={"path": resolve(recipe.data.path)})
    if not (args.out / "prepare" / "manifest.json").exists():
        prepare(data, args.out / "prepare")
    dataset = Dataset.load(args.out / "prepare")
    runs = []
    for seed in args.seed:
        for window in (1, args.window):
            section = windowed(recipe.teacher, window, args.steps, seed)
            folder = args.out / f"seed-{seed}"
            teach(section, dataset, folder)
            runs.append({"seed": seed, "window": window} | curve(read_json(folder / "history.json"), window))
            say(f"seed {seed}, window {window}: {runs[-1]}")
    return {"steps": args.steps, "threads": args.threads, "metric": "validation nDCG@10", "runs": runs,
            "means": means(runs)}  # fmt: skip


def windowed(teacher: BiEncoderSection, window: int, steps: int, seed: int) -> BiEncoderSection:
    """The recipe's teacher with as many steps of the item encoder, however many batches each of them reads."""
    assert teacher.trunk_optimizer is not None
    changes = {"window": window, "max_updates": steps * window, "max_epochs": 10**6, "min_updates": steps * window + 1,
               "max_seconds": None, "keep_start": False, "validate_every": 4 * window,
               "checkpoint_seconds": 30.0}  # fmt: skip
    optimizer = teacher.trunk_optimizer.model_copy(update=changes)
    found: BiEncoderSection = teacher.model_copy(
        update={"trunk": resolve(teacher.trunk), "seed": seed, "trunk_optimizer": optimizer}
    )
    return found


def curve(history: dict[str, Any], window: int) -> dict[str, Any]:
    told = history["history"]
    return {
        "start": told[0]["ndcg@10"],
        "last": told[-1]["ndcg@10"],
        "best": max(one["ndcg@10"] for one in told),
        "seconds": history["seconds"],
        "batches": history["updates"],
        "steps": history["updates"] // window,
        "moved": history["moved_last"],
        "curve": [[one["update"], round(one["ndcg@10"], 4)] for one in told],
    }


def means(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Over seeds, by window."""
    out: dict[str, Any] = {}
    for window in sorted({run["window"] for run in runs}):
        mine = [run for run in runs if run["window"] == window]
        out[f"window {window}"] = {
            key: {"mean": rounded(statistics.mean(values)), "low": rounded(min(values)), "high": rounded(max(values))}
            for key in ("start", "last", "best", "seconds")
            for values in [[run[key] for run in mine]]
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "quality"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--tuning", default="last:2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain-samples", type=int, default=2000, help="samples of the plain loop, over all rounds")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["plain", "dedup", "window-1-uncached", "window-8-uncached", "window-1", "window-8"],
    )
    parser.add_argument("--window", type=int, default=8, help="quality: the longer window")
    parser.add_argument("--steps", type=int, default=44, help="quality: steps of the item encoder")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/gram"))
    args = parser.parse_args()
    print(json.dumps(cost(args) if args.what == "cost" else quality(args), indent=1))


if __name__ == "__main__":
    main()
