"""The student, and the same one on clicks alone. Without a teacher there is only the latter, as the student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.children import Job, run_beside, share_of
from distill_rec.kinds import validated
from distill_rec.pipeline.stage import Context, Estimate, Stage, Work
from distill_rec.pipeline.student_sections import section_of, trunk_of, twin_of
from distill_rec.runtime.errors import RecipeError

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.progress import Progress
    from distill_rec.recipe import Recipe, StudentSection

RESIDENT = 1000 << 20


class Distill(Stage):
    name = "distill"
    section = "student"
    version = 7
    # 2 lets small logs, whose epochs have few updates, train to the floor and beyond; 3 starts `static` elsewhere; of 4
    # `student.taught` is what holds a student with a teacher down; 5 lowers items without a click as `teach` does;
    # 6 fits the encoder of later texts; 7 solves that fit to its end
    still_good = frozenset({1, 2, 3, 4, 5, 6})
    no_effect = frozenset({"student.trunk", "student.begin", "student.device"})
    help = "Train the student from the teacher (after the stages before, where they are not finished)."
    example = "distill-rec distill students/static --restart distill"
    outputs = ("student/weights.safetensors", "student/model.json")
    goes_on = True

    def require(self, recipe: Recipe) -> None:
        if not trunk_of(recipe):
            found = "no teacher with a trunk, and none of its own"
            raise RecipeError("key student.trunk", found, "a section teacher that has a trunk, or student.trunk")

    def require_sources(self, recipe: Recipe, fetch: bool) -> None:
        from distill_rec.demo import place_of
        from distill_rec.plm_config import config_here

        assert recipe.student is not None
        recipe.student.refuse_plm(lambda: config_here(place_of(trunk_of(recipe)), fetch))

    def resolve(self, section: StudentSection) -> StudentSection:
        from distill_rec.demo import resolve

        return section.resolved(resolve)

    def inputs(self, context: Context) -> dict[str, str]:
        from distill_rec.sources import source_hashes

        assert context.resolved.student is not None
        return source_hashes(context.resolved.student, self.section)

    def run(self, work: Work) -> None:
        from distill_rec.device import threads_to_share

        recipe = work.context.resolved
        assert recipe.student is not None
        folder, trunk = work.folder(self.name), trunk_of(recipe)
        trained = self._taken_over(work, recipe)
        wanted = {"student": True, "undistilled": recipe.student.undistilled and not trained}
        wanted["initialised"] = recipe.student.initialised
        names = [name for name, one in wanted.items() if one] if recipe.teacher is not None else ["student"]
        shared = {
            "teach": str(work.folder("teach")) if recipe.teacher is not None else "",
            "prepared": str(work.folder("prepare")),
            "trunk": trunk,
        }
        jobs = [
            Job(
                f"distill/{name}",
                f"{__name__}:train",
                {
                    "section": section_of(recipe.student, name).model_dump(mode="json"),
                    "name": name,
                    "folder": str(folder / name),
                    **shared,
                },
            )
            for name in names
            if not (folder / name / "model.json").exists()
        ]
        threads = threads_to_share(recipe.student.device)
        if jobs and len(names) > 1 and threads > 1:
            _warm(recipe.student, trunk, work.folder("prepare"), work.progress)
            run_beside(jobs, threads, work.progress, share=share_of(threads, len(names)))
        else:
            for job in jobs:
                train(**job.arguments, progress=work.progress)
        if recipe.student.transition_term == "fitted":
            from distill_rec.distillation.transitions import fit_transition_terms

            beside = [folder / name for name in (*names[1:], *(["undistilled"] if trained else []))]
            fit_transition_terms(folder / names[0], beside, work.dataset(), work.progress)

    def _taken_over(self, work: Work, recipe: Recipe) -> bool:
        """Whether the undistilled student is one of the teachers, whose files it then has.

        One that an earlier command began to train goes on.
        """
        from distill_rec.files import copy_linked

        if (twin := twin_of(recipe)) is None:
            return False
        place = work.folder(self.name) / "undistilled"
        if not place.exists():
            copy_linked(work.folder("teach") / twin, place)
        return (place / "model.json").exists()

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.pipeline.memory import held_by_training
        from distill_rec.pipeline.student_work import work_of

        assert recipe.student is not None
        work, seconds = work_of(recipe, recipe.student, sizes)
        return Estimate(work, seconds, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        from distill_rec.pipeline.trainings import report_trainings

        return {"trained": report_trainings(folder / self.name)}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.pipeline.trainings import print_trainings

        print_trainings(folder / self.name, console)


def train(
    section: dict[str, Any], teach: str, prepared: str, trunk: str, name: str, folder: str, progress: Progress
) -> None:
    """Train one of the stage's students, by its name; see `distill_rec.distillation.distill`.

    Args:
        teach: folder of the teacher; "" where there is none.
    """
    from distill_rec.data import Dataset
    from distill_rec.distillation import distill

    distill(
        validated("student", section),
        Path(teach) / "knowledge" if teach and name != "undistilled" else None,
        Dataset.load(Path(prepared)),
        Path(folder),
        trunk=trunk,
        clicks_only=name == "initialised",
        progress=progress,
    )


def _warm(section: StudentSection, trunk: str, prepared: Path, progress: Progress) -> None:
    """See `contracts.WarmCaches`."""
    from distill_rec.contracts import student_spec
    from distill_rec.data import Dataset

    warm = student_spec(section.kind).warm
    if warm is not None:
        warm.get()(section, section.trunk or trunk, Dataset.load(prepared), progress)
