"""All models of the run, compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.files import read_json, sha256_file
from distill_rec.pipeline.stage import Context, Estimate, Stage, Work
from distill_rec.runtime.errors import DataError, RecipeError

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.recipe import EvaluateSection, Recipe

RESIDENT = 1000 << 20
TABLES = {"left-out": 1.0, "both": 2.0, "auto": 1.5}
"""Of the test; "auto" is between the two, because only the preparation counts what was clicked before."""
COST_SECONDS = 8.0
"""To load a model and time its rounds; one that reads pairs of history and candidate takes up to five times as long."""
UNTRAINED = 2
"""Models without a training: popularity, and the PLM as it is."""


class Evaluate(Stage):
    name = "evaluate"
    section = "evaluate"
    version = 2
    still_good = frozenset({1})  # the same figures; 2 says more of lists, agreement and slices
    help = "Compare all models of a run: table, results.json, report.html (after the stages before)."
    example = "distill-rec evaluate students/static --set evaluate.max_users=500"
    outputs = ("results.json", "report.html")
    product = ("report", "report.html")

    def require(self, recipe: Recipe) -> None:
        from distill_rec.data.labels import refuse_columns
        from distill_rec.evaluation.columns import COLUMNS

        if recipe.evaluate is not None:
            refuse_columns(recipe.evaluate.slices, recipe.data)
        taken = {*COLUMNS, *(recipe.teacher.parts() if recipe.teacher is not None else {})}
        for other in recipe.evaluate.others if recipe.evaluate is not None else []:
            if other.name in taken:
                found = f"{other.name!r}, which is a column's of the run"
                raise RecipeError("key evaluate.others.name", found, "another name")

    def inputs(self, context: Context) -> dict[str, str]:
        """The files of others' models; columns of slices are looked for before anything is trained."""
        from distill_rec.data.columns import require_columns

        section = context.resolved.evaluate
        assert section is not None
        if section.slices and not context.frames:
            require_columns(context.resolved.data, context.base, columns_of(section))
        return {f"evaluate.others.{other.name}": _hash_of(Path(other.path)) for other in section.others}

    def run(self, work: Work) -> None:
        from distill_rec.data.labels import read_labels
        from distill_rec.pipeline.evaluate import evaluate_run

        recipe, dataset = work.context.resolved, work.dataset()
        assert recipe.evaluate is not None
        slices, base = recipe.evaluate.slices, work.context.base
        labels = read_labels(slices, recipe.data, base, dataset, work.clicks, work.items)
        evaluate_run(work.run, recipe, dataset, work.progress, labels=labels)

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.estimates import SECONDS_A_HISTORY, SECONDS_A_RANK, samples_of_test
        from distill_rec.pipeline.memory import held_by_training

        section = recipe.evaluate
        assert section is not None
        trained = _trained(recipe)
        ranked = trained * SECONDS_A_HISTORY + (trained + UNTRAINED) * sizes.items * SECONDS_A_RANK
        models = (1 + (recipe.teacher is not None)) if section.cost and recipe.export is not None else 0
        seconds, costs = 5.0, COST_SECONDS * models
        seconds += TABLES[section.seen_items] * samples_of_test(recipe.data, sizes, section.max_users) * ranked
        work = "all models on the test, report" + (f", what serving costs (about {costs:.0f} s)" if costs else "")
        return Estimate(work, seconds + costs, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        return {"results": read_json(folder / self.name / "results.json")}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.evaluation.render import render
        from distill_rec.evaluation.results import Results

        render(Results.read(folder / self.name), console)


def columns_of(section: EvaluateSection) -> dict[str, list[tuple[str, str]]]:
    """Columns that slices are made by: by file, the key and the column of each."""
    out: dict[str, list[tuple[str, str]]] = {}
    for one in section.slices:
        out.setdefault(one.of, []).append(("evaluate.slices", one.column))
    return out


def _hash_of(path: Path) -> str:
    if not path.is_file():
        raise DataError("key evaluate.others.path", f"{path}: no such file", "a file of scores or ranked lists")
    return sha256_file(path)


def _trained(recipe: Recipe) -> int:
    """Models of a run that read histories."""
    student = recipe.student
    beside = 0 if student is None or recipe.teacher is None else student.undistilled + student.initialised
    joint = student is not None and student.joint is not None
    return (recipe.teacher is not None) + (student is not None) + beside + joint
