"""All models of the run, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.files import read_json
from distill_rec.pipeline.stage import Estimate, Stage, Work

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.recipe import Recipe

RESIDENT = 1000 << 20


class Evaluate(Stage):
    name = "evaluate"
    section = "evaluate"
    version = 1
    help = "Compare all models of a run: table, results.json, report.html (after the stages before)."
    example = "distill-rec evaluate students/static --set evaluate.max_users=500"
    outputs = ("results.json", "report.html")
    product = ("report", "report.html")

    def run(self, work: Work) -> None:
        from distill_rec.pipeline.evaluate import evaluate_run

        evaluate_run(work.run, work.context.resolved, work.dataset(), work.progress)

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.pipeline.memory import held_by_training

        assert recipe.evaluate is not None
        seconds = 5 + (20 if recipe.evaluate.cost else 0) + 5e-9 * sizes.clicks * sizes.items
        return Estimate("all models on the test, report", seconds, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        return {"results": read_json(folder / self.name / "results.json")}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.evaluation.render import render
        from distill_rec.evaluation.results import Results

        render(Results.read(folder / self.name), console)
