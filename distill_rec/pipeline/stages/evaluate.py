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
TABLES = {"left-out": 1.0, "both": 2.0, "auto": 1.5}
"""Of the test; "auto" is between the two, because only the preparation counts what was clicked before."""
UNTRAINED = 2
"""Models without a training: popularity, and the PLM as it is."""


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
        from distill_rec.estimates import SECONDS_A_HISTORY, SECONDS_A_RANK, samples_of_test
        from distill_rec.pipeline.memory import held_by_training

        section = recipe.evaluate
        assert section is not None
        trained = _trained(recipe)
        ranked = trained * SECONDS_A_HISTORY + (trained + UNTRAINED) * sizes.items * SECONDS_A_RANK
        seconds = 5.0 + (10 if section.cost and recipe.export is not None else 0)
        seconds += TABLES[section.seen_items] * samples_of_test(recipe.data, sizes, section.max_users) * ranked
        return Estimate("all models on the test, report", seconds, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        return {"results": read_json(folder / self.name / "results.json")}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.evaluation.render import render
        from distill_rec.evaluation.results import Results

        render(Results.read(folder / self.name), console)


def _trained(recipe: Recipe) -> int:
    """Models of a run that read histories."""
    student = recipe.student
    beside = 0 if student is None or recipe.teacher is None else student.undistilled + student.initialised
    return (recipe.teacher is not None) + (student is not None) + beside
