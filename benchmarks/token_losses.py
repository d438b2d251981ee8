"""A transformer student's first stage with and without losses of token states, on MovieLens-100k.

    python benchmarks/token_losses.py --out runs/tokens
    python benchmarks/token_losses.py --out runs/tokens --ways vectors relation --seeds 3

The teacher is that of teachers/head (or `--tuning last:2`), the student is its first layers. Every student has the same
task stage, and those with a first stage the same vector losses, updates and rates in it: `none` has no first stage,
`vectors` none but vector losses, the others what their name says beside these. Means over seeds, paired over the test's
users. A killed training goes on, a finished one is not repeated; results.json is left in OUT.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from distill_rec.data import Dataset
from distill_rec.demo import resolve
from distill_rec.distillation import distill
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.render import render
from distill_rec.files import write_json
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.recipe import EvaluateSection
from distill_rec.recipe_io import load_recipe
from distill_rec.records import read_record
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from distill_rec.training.outcome import Outcome
from students.transformer.spec import TransformerSection

VECTORS = {"item_cosine": 1.0, "relational": 10.0}
WAYS: dict[str, dict[str, float] | None] = {
    "none": None,
    "vectors": VECTORS,
    "relation": VECTORS | {"attention_relation": 0.1},
    "hidden": VECTORS | {"hidden": 0.5},
    "both": VECTORS | {"attention_relation": 0.1, "hidden": 0.5},
}
"""Weights with which each loss begins about as large as the vector losses together (.2 to .4)."""
TEACHER = {"min_updates": 400, "max_updates": 800, "validate_every": 66}


def section_of(way: str, seed: int, args: argparse.Namespace) -> TransformerSection:
    task = {"batch_size": 64, "window": 24, "learning_rate": 1e-3, "trunk_learning_rate": 5e-5, "decay": "linear",
            "max_updates": args.updates, "validate_every": 48}  # fmt: skip
    first = {"batch_size": 64, "window": 1, "learning_rate": 1e-3, "trunk_learning_rate": args.rate, "decay": "linear",
             "max_updates": args.first, "max_epochs": 1000, "validate_every": args.first // 4}  # fmt: skip
    settings = {"layers": args.layers, "projection": "linear", "seed": seed, "optimizer": task}
    losses = WAYS[way]
    if losses is not None:
        settings["first"] = {"loss": losses, "optimizer": first}
    return TransformerSection.model_validate(settings)


def train(run: Path, dataset: Dataset, way: str, seed: int, args: argparse.Namespace) -> Path:
    folder = run / "ways" / f"{way}-{args.layers}-{args.first}-{args.rate:g}-{args.updates}-{seed}"
    section = section_of(way, seed, args)
    distill(section, run / "teach" / "knowledge", dataset, folder, trunk=resolve("demo:all-MiniLM-L6-v2"))
    return folder


def first_stage(folder: Path) -> dict[str, Any]:
    """What a student's history says of its first stage, by its last validation, and of the whole."""
    outcome = read_record(Outcome, folder / "history.json")
    before = outcome.before.get("first stage")
    told: dict[str, Any] = {"seconds": outcome.seconds, "validation": outcome.best, "kept": outcome.kept}
    if before is not None:
        told["first"] = {"start": before.history[0], "end": before.history[-1], "seconds": before.seconds,
                         "moved_last": before.moved_last}  # fmt: skip
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--tuning", default="head")
    parser.add_argument("--first", type=int, default=120, help="updates of the first stage")
    parser.add_argument("--rate", type=float, default=1e-4, help="the first stage's trunk_learning_rate")
    parser.add_argument("--updates", type=int, default=96, help="updates of the task stage")
    args = parser.parse_args()
    teacher = {f"teacher.optimizer.{key}": value for key, value in TEACHER.items()}
    run_stages(load_recipe("students/transformer", {"teacher.tuning": args.tuning, **teacher}), args.out, until="teach")
    dataset = Dataset.load(args.out / "prepare")
    found: dict[str, Any] = {"teacher": Teacher.load(args.out / "teach").scorer()}
    told: dict[str, Any] = {}
    for seed in range(args.seeds):
        for way in args.ways:
            place = train(args.out, dataset, way, seed, args)
            told[place.name] = first_stage(place)
            found.setdefault(way, []).append(load_student(place).scorer(way))
            print(place.name, told[place.name], flush=True)
    results = compare(found, dataset, EvaluateSection())
    render(results, Console(width=160))
    test = next(table for table in results.tables if table.key == "test")
    ways = {name: one for name, one in found.items() if name != "teacher"}  # then all are compared with each other
    both = [test, *(one for one in compare(ways, dataset, EvaluateSection()).tables if one.key == "test")]
    metrics = ("ndcg@10", "recall@10", "recall@100")
    differences = [one.model_dump() for table in both for one in table.differences if one.metric in metrics]
    ratios = [one.model_dump() for one in test.ratios]
    cells = {name: {model: cell.model_dump() for model, cell in row.items()} for name, row in test.cells.items()}
    write_json(args.out / "results.json", {"trained": told, "cells": cells, "differences": differences, "Q": ratios})


if __name__ == "__main__":
    main()
