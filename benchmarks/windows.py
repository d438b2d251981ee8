"""Quality at equal seconds with windows of 1, 4 and 16 batches, so that the default is a measured choice.

    python benchmarks/windows.py --dataset movielens --tuning head --seconds 120
    python benchmarks/windows.py --dataset amazon --data AMAZON_VIDEO_GAMES --tuning last:2 --seconds 600 \\
        --sampled-items 512 2048 --refresh-windows 4

Every cell trains the same teacher from the same weights on the same prepared data, with the settings of
benchmarks/quality.py, for the same number of *training* seconds: the clock runs while windows run and stands still
while a validation runs. A validation is taken before the first window (which also reads the frozen states into
memory, at no window's cost) and at the first window's end after every `--every` training seconds. A cell ends with the
window that passes `--seconds`; its true seconds are printed, and `--seconds` should be many windows long. The frozen
pass and, for `last:k`, the head (trained once to its plateau and shared by all cells) are not counted. The rates are
the same whatever the window, so a cell says what the window does at the rates that the data set's protocol has.

Each cell is one training and nothing is interleaved, so the machine must be quiet: `busy` is the process's seconds of
CPU over its training seconds and threads, and cells where it differs cannot be compared.
With more than one of `--sampled-items` or `--refresh-windows`, each pair of them is a cell (tuned trunks only).

A finished cell is kept below --out and not trained again; a cell that was killed begins anew.
Prints one JSON object; a table goes to stderr.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from quality import PLM, PROTOCOLS, Bench
from safetensors.torch import load_file

from distill_rec.cli.bars import make_progress
from distill_rec.data import Dataset, prepare
from distill_rec.demo import resolve
from distill_rec.device import choose_device
from distill_rec.files import read_json, write_json
from distill_rec.training import Objective, Training
from distill_rec.training.checkpoint import load_trainable, trainable
from distill_rec.training.outcome import Outcome
from teachers.bi_encoder.build import build_teacher, open_source
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

EVERYTHING = 0
"""`--sampled-items` for all items, which is what a window has where nothing is given."""


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        sampled: other items whose gradient the trunk gets in a window; `EVERYTHING` for all.
        refresh: windows between two encodings of the whole catalogue.
    """

    tuning: str
    window: int
    sampled: int
    refresh: int
    seed: int

    @property
    def name(self) -> str:
        sampling = f"-m{self.sampled}-r{self.refresh}" if self.sampled != EVERYTHING else ""
        return f"{self.tuning.replace(':', '-')}-w{self.window}{sampling}-seed{self.seed}"


class Timed(Training):
    """A training that ends by its own seconds; validations do not count."""

    every: float

    def _run(self) -> Outcome:
        assert self.section.max_seconds is not None
        self._validate()
        due = self.every
        self.cpu_seconds = 0.0
        with self.progress.task(self.name, int(self.section.max_seconds)) as task:
            told = 0
            while self.state.seconds < self.section.max_seconds:
                before, began = time.process_time(), time.perf_counter()
                self._window()
                self.state.seconds += time.perf_counter() - began
                self.cpu_seconds += time.process_time() - before
                if self.state.seconds >= due:
                    self._validate()
                    due = self.state.seconds - self.state.seconds % self.every + self.every
                task.advance(int(self.state.seconds) - told)
                told = int(self.state.seconds)
        if self.state.since_validation:
            self._validate()
        return self._finish("max_seconds")


def section_of(bench: Bench, cell: Cell, seconds: float) -> BiEncoderSection:
    """The protocol's teacher with the cell's window."""
    section: BiEncoderSection = bench.section("teacher", cell.seed, tuning=cell.tuning)
    sampled = None if cell.sampled == EVERYTHING else cell.sampled
    changes = {
        "window": cell.window,
        "sampled_items": sampled,
        "refresh_windows": cell.refresh,
        "max_seconds": seconds,
    }
    which = "optimizer" if cell.tuning == "head" else "trunk_optimizer"
    return section.model_copy(update={which: getattr(section, which).model_copy(update=changes)})


def head_weights(bench: Bench, seed: int) -> Path:
    """The head that trunk tuning starts from, trained once to its plateau."""
    folder = bench.folder / f"head-{seed}"
    if not (folder / "history.json").exists():
        teach(bench.section("teacher", seed, tuning="head"), bench.dataset, folder, progress=make_progress())
    return next((folder / "variants").glob("head-*")) / "best.safetensors"


def train(bench: Bench, cell: Cell, seconds: float, every: float, folder: Path) -> dict[str, Any]:
    """Train one cell."""
    section, progress = section_of(bench, cell, seconds), make_progress()
    start = None if cell.tuning == "head" else head_weights(bench, cell.seed)
    device = choose_device(section.device)
    model = build_teacher(section, open_source(section, bench.dataset, device), bench.dataset, device, progress)
    if start is not None:
        weights = trainable(model, Objective()) | load_file(start)
        load_trainable(weights, model, Objective())
    optimizer = section.optimizer if cell.tuning == "head" else section.trunk_optimizer
    assert optimizer is not None
    torch.manual_seed(cell.seed)
    training = Timed(model, Objective(), bench.dataset, optimizer, folder, seed=cell.seed, name=cell.name,
                     offset_decay=section.offset_decay, progress=progress)  # fmt: skip
    training.every = every
    outcome = training.run()
    best = max(outcome.history, key=lambda record: record["ndcg@10"])
    return {
        "tuning": cell.tuning,
        "window": cell.window,
        "sampled_items": cell.sampled or "all",
        "refresh_windows": cell.refresh,
        "seed": cell.seed,
        "updates": outcome.updates,
        "windows": training.state.window,
        "epochs": round(outcome.updates / training.batches.per_epoch, 2),
        "seconds": round(outcome.seconds, 2),
        "busy": round(training.cpu_seconds / outcome.seconds / torch.get_num_threads(), 3),
        "best": best["ndcg@10"],
        "best_seconds": best["seconds"],
        "last": outcome.history[-1]["ndcg@10"],
        "curve": [{"seconds": one["seconds"], "ndcg@10": one["ndcg@10"]} for one in outcome.history],
    }


def cells_of(args: argparse.Namespace) -> list[Cell]:
    cells = []
    for seed, tuning, window in itertools.product(args.seed, args.tuning, args.windows):
        pairs = itertools.product(args.sampled_items, args.refresh_windows)
        for sampled, refresh in [(EVERYTHING, 1)] if tuning == "head" else pairs:
            cells.append(Cell(tuning, window, sampled, 1 if sampled == EVERYTHING else refresh, seed))
    return list(dict.fromkeys(cells))


def table(rows: list[dict[str, Any]]) -> str:
    """Best first within each tuning; means over seeds."""
    keys = ("tuning", "window", "sampled_items", "refresh_windows")
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    lines = [f"{'tuning':8}{'window':>7}{'sampled':>8}{'refresh':>8}{'seeds':>6}{'updates':>9}{'seconds':>9}"
             f"{'busy':>6}{'best':>8}{'last':>8}{'spread':>8}"]  # fmt: skip
    ranked = sorted(groups.items(), key=lambda one: (one[0][0], -statistics.mean(r["best"] for r in one[1])))
    for (tuning, window, sampled, refresh), group in ranked:
        mean = {key: statistics.mean(row[key] for row in group)
                for key in ("updates", "seconds", "busy", "best", "last")}  # fmt: skip
        best = [row["best"] for row in group]
        lines.append(
            f"{tuning:8}{window:7}{sampled!s:>8}{refresh:8}{len(group):6}{mean['updates']:9.0f}{mean['seconds']:9.1f}"
            f"{mean['busy']:6.2f}{mean['best']:8.4f}{mean['last']:8.4f}{max(best) - min(best):8.4f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("movielens", "amazon"), default="movielens")
    parser.add_argument("--data", default="", help="folder of the data; MovieLens is the demo's where not given")
    parser.add_argument("--seconds", type=float, default=120.0, help="training seconds of a cell")
    parser.add_argument("--every", type=float, help="training seconds between validations; a twelfth where not given")
    parser.add_argument("--tuning", nargs="+", default=["head"], help="head, last:2")
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 4, 16], help="batches per window")
    parser.add_argument(
        "--sampled-items",
        type=int,
        nargs="+",
        default=[EVERYTHING],
        help="last:k: other items whose gradient the trunk gets in a window; 0 for all",
    )
    parser.add_argument(
        "--refresh-windows",
        type=int,
        nargs="+",
        default=[1],
        help="last:k with --sampled-items: windows between two encodings of the whole catalogue",
    )
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="one or more")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=Path("runs/windows"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    every = args.every or args.seconds / 12
    protocol = PROTOCOLS[args.dataset]
    data = protocol.data.model_copy(update={"path": resolve(args.data or protocol.data.path)})
    folder = args.out / args.dataset
    if not (folder / "prepare" / "manifest.json").exists():
        prepare(data, folder / "prepare")
    bench = Bench(protocol, Dataset.load(folder / "prepare"), folder, resolve(PLM))
    settings = {"seconds": args.seconds, "every": every, "threads": args.threads}
    rows = []
    for cell in cells_of(args):
        own = folder / f"{args.seconds:g}s-every-{every:g}s-threads-{args.threads}" / cell.name
        if not (own / "cell.json").exists():
            write_json(own / "cell.json", train(bench, cell, args.seconds, every, own))
        rows.append(read_json(own / "cell.json"))
        print(f"{cell.name}: best {rows[-1]['best']:.4f} after {rows[-1]['best_seconds']:.0f} s", file=sys.stderr)
    print(table(rows), file=sys.stderr)
    print(json.dumps({"dataset": args.dataset, **settings, "metric": "validation ndcg@10", "cells": rows}, indent=1))


if __name__ == "__main__":
    main()
