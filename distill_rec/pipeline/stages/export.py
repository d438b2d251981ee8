"""The artifact, checked against torch before it is published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.pipeline.stage import Estimate, Stage, Work
from distill_rec.records import read_content
from distill_rec.runtime.errors import RecipeError

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.recipe import Recipe

RESIDENT = 1000 << 20
SECONDS_A_EXPORTED = 4e-4
"""A history, read by the exported student: alone, as a request is."""
COLUMNS = ("precision", "MB", "new items/s", "rank p50, ms", "nDCG@10", "lost", "")
FORMS = {"megabytes": ".1f", "items_per_second": ",.0f", "p50_ms": ".3f", "ndcg@10": ".4f", "loss": ".2%"}


class Export(Stage):
    name = "export"
    section = "export"
    version = 2
    no_effect = frozenset({"export.keep"})
    help = """Write the artifact that a service loads without torch (after the stages before).

    A failed gate of the main precision publishes nothing (exit 1); a further precision that fails is left out, and
    named with what was seen and allowed. A finished export is not written again: --restart export does that, as new
    precisions need. With --rollback the run's folder is as good as its recipe."""
    example = 'distill-rec export students/static --out runs/films --set \'export.precisions=["fp32", "int8"]\''
    outputs = ("report.json",)
    product = ("artifact", "student")
    in_place = True
    holds = "artifact"

    def require(self, recipe: Recipe) -> None:
        if recipe.student is None:
            raise RecipeError("section export", "no section student to export", "sections student and export together")

    def run(self, work: Work) -> None:
        from distill_rec.export import export_student
        from distill_rec.pipeline.refreshed import require_not_worse
        from distill_rec.pipeline.trainings import validation_metrics

        section, refresh = work.context.resolved.export, work.context.recipe.refresh
        assert section is not None
        if refresh is not None and not refresh.anyway:
            require_not_worse(work.run.path)
        teacher = None
        if (work.folder("teach") / "model.json").exists():
            from distill_rec.teacher_model import Teacher

            teacher = Teacher.load(work.folder("teach"))
        export_student(
            section,
            work.folder("distill") / "student",
            work.dataset(),
            work.folder(self.name),
            teacher=teacher,
            metrics=validation_metrics(work.run.path),
            fingerprints=dict(work.fingerprints),
            progress=work.progress,
        )

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.contracts import student_spec
        from distill_rec.estimates import SECONDS_A_HISTORY, SECONDS_A_RANK, samples_of_test
        from distill_rec.pipeline.memory import held_by_training

        assert recipe.student is not None
        sides = SECONDS_A_HISTORY * (recipe.teacher is not None) + SECONDS_A_EXPORTED
        ranked = sides + 2 * sizes.items * SECONDS_A_RANK
        seconds = student_spec(recipe.student.kind).export_seconds + samples_of_test(recipe.data, sizes) * ranked
        work = f"{recipe.student.kind}, parity on real items and histories"
        return Estimate(work, seconds, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        from distill_rec.artifact.refusals import REPORT
        from distill_rec.export.report import ReportRecord

        place = folder / self.name
        return {"artifact": str(place / "student"), "export": read_content(ReportRecord, place / REPORT)}

    def print_report(self, folder: Path, console: Any) -> None:
        from rich.table import Table

        from distill_rec.artifact.refusals import REPORT
        from distill_rec.export.report import ReportRecord
        from distill_rec.terminal import print_table

        report = read_content(ReportRecord, folder / self.name / REPORT)
        table = Table(box=None, header_style="bold")
        for name in COLUMNS:
            table.add_column(name, justify="left" if name in ("precision", "") else "right")
        for row in report["precisions"]:
            cells = ["-" if row[name] is None else format(row[name], form) for name, form in FORMS.items()]
            table.add_row(row["precision"], *cells, row["verdict"])
        print_table(console, table)
        console.print(f"version {report['version']}, digest {report['digest']}", soft_wrap=True, highlight=False)
