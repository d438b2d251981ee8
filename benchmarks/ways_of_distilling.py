"""Ways of distilling a text teacher and a teacher of item ids into one `static` student, on MovieLens-100k.

    python benchmarks/ways_of_distilling.py --out runs/ways
    python benchmarks/ways_of_distilling.py --out runs/ways --only at_once share --seeds 1 --updates 300

The recipe is students/ids_and_text with equal weights of the teachers, who keep three states of their way. Each
student is trained for the same number of updates; means over seeds, paired over the test's users. `share` and
`agreement` are HetComp's order against `at_once`, `experts` are DE's against the `linear` adapter, `rrd` takes the
place of the KL of `at_once`. A killed training goes on, a finished one is not repeated; results.json is left in OUT.
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
from distill_rec.student_model import load_student
from students.static.spec import StaticSection

TRAJECTORY = [40, 80, 160]
TEACHERS = {f"teacher.{name}.{key}": value for name in ("text", "ids")
            for key, value in (("trajectory", TRAJECTORY), ("weight", 0.5))}  # fmt: skip
SCORES = {"kl": 1.0, "click": 0.3, "item_cosine": 0.0, "user_cosine": 0.0}
VECTORS = SCORES | {"item_cosine": 1.0, "user_cosine": 1.0}
WAYS: dict[str, dict[str, Any]] = {
    "at_once": {"loss": SCORES},
    "share": {"loss": SCORES, "order": {}},
    "agreement": {"loss": SCORES, "order": {"by": "agreement"}},
    "rrd": {"loss": SCORES | {"kl": 0.0, "rrd": 1.0}},
    "linear": {"loss": VECTORS, "adapter": "linear"},
    "experts": {"loss": VECTORS, "adapter": "experts"},
    "clicks_alone": {"loss": SCORES},
}
PAIRS = (("share", "at_once"), ("agreement", "at_once"), ("rrd", "at_once"), ("experts", "linear"))


def section_of(way: str, seed: int, updates: int) -> StaticSection:
    optimizer = {"batch_size": 64, "min_updates": updates, "max_updates": updates}
    return StaticSection.model_validate({"dim": 128, "seed": seed, "optimizer": optimizer, **WAYS[way]})


def train(run: Path, dataset: Dataset, way: str, seed: int, updates: int) -> Path:
    folder = run / "ways" / f"{way}-{updates}-{seed}"
    knowledge = None if way == "clicks_alone" else run / "teach" / "knowledge"
    distill(section_of(way, seed, updates), knowledge, dataset, folder, trunk=resolve("demo:all-MiniLM-L6-v2"))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=600)
    args = parser.parse_args()
    run_stages(load_recipe("students/ids_and_text", TEACHERS), args.out, until="teach")
    dataset = Dataset.load(args.out / "prepare")
    found: dict[str, Any] = {}  # of none of the report's own names, so that all are compared with each other
    for seed in range(args.seeds):
        for way in args.only:
            place = train(args.out, dataset, way, seed, args.updates)
            found.setdefault(way, []).append(load_student(place).scorer(way))
    results = compare(found, dataset, EvaluateSection())
    render(results, Console(width=160))
    test = next(table for table in results.tables if table.key == "test")
    told = {
        f"{difference.first} - {difference.second}": difference.model_dump()
        for first, second in PAIRS
        for difference in test.differences
        if {difference.first, difference.second} == {first, second} and difference.metric == results.main_metric
    }
    write_json(args.out / "results.json", told)
    Console().print_json(data=told)


if __name__ == "__main__":
    main()
