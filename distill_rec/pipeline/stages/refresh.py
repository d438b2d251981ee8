"""A refreshed student against the one before it; without a section [refresh] there is no such stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.files import read_json
from distill_rec.pipeline.stage import Context, Estimate, Stage, Work
from distill_rec.runtime.errors import RecipeError

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.recipe import Recipe

RESIDENT = 900 << 20


class Refresh(Stage):
    name = "refresh"
    section = "refresh"
    version = 1
    no_effect = frozenset({"refresh.run", "refresh.anyway", "refresh.into"})
    help = """Go on from a finished run with new clicks and items; what is worse is not published.

    A run beside it is made: its teachers and student begin at RUN's weights and are trained on the new clicks and a
    share of the old ones. Old and new student are compared on the newest clicks. RUN itself stays as it is. The same
    command goes on where it was interrupted. Exit 0: published; 3: worse than before, not published; 1: failed."""
    example = "distill-rec refresh runs/films --clicks new/ratings.csv --items new/items.csv --into live/films"
    outputs = ("verdict.json", "results.json")
    product = ("comparison", "report.html")

    def require(self, recipe: Recipe) -> None:
        if recipe.student is None:
            raise RecipeError("section refresh", "no section student to compare", "sections student and refresh")
        if recipe.refresh is not None and not recipe.refresh.run:
            raise RecipeError("key refresh.run", "not given", "the folder of the run before")

    def inputs(self, context: Context) -> dict[str, str]:
        from distill_rec.pipeline.trainings import STUDENTS
        from distill_rec.sources import trunk_hash

        assert context.resolved.refresh is not None
        return {"refresh.run": trunk_hash(str(Path(context.resolved.refresh.run) / STUDENTS["student"]))}

    def run(self, work: Work) -> None:
        from distill_rec.pipeline.refreshed import compare_with_before
        from distill_rec.pipeline.trainings import STUDENTS

        section = work.context.resolved.refresh
        assert section is not None
        student = work.run.path / STUDENTS["student"]
        compare_with_before(section, student, work.dataset(), work.folder(self.name), work.progress)

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.estimates import SECONDS_A_HISTORY, SECONDS_A_RANK, samples_of_test
        from distill_rec.pipeline.memory import held_by_training

        assert recipe.refresh is not None
        samples = samples_of_test(recipe.data, sizes, recipe.refresh.max_users)
        seconds = 2.0 + 2 * samples * (SECONDS_A_HISTORY + sizes.items * SECONDS_A_RANK)
        return Estimate("students before and after on the test", seconds, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        return {"comparison": read_json(folder / self.name / "verdict.json")}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.evaluation.render import render
        from distill_rec.evaluation.results import Results

        render(Results.read(folder / self.name), console)
