"""The teacher, trained, and its knowledge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.files import read_json
from distill_rec.pipeline.stage import Context, Estimate, Stage, Work

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.recipe import Recipe, TeacherSection

RESIDENT = 900 << 20


class Teach(Stage):
    name = "teach"
    section = "teacher"
    version = 5
    # 2 lets small logs, whose epochs have few updates, train to the floor and beyond; 3 starts `static` elsewhere; 4
    # lowers items without a click where they crowd the ranking; 5 weighs several by likelihood before ranking
    still_good = frozenset({1, 2, 3, 4})
    no_effect = frozenset(
        f"teacher.{key}" for key in ("trunk", "begin", "scores", "vectors", "proposer", "device", "ray")
    )
    help = "Train the teacher and cache its knowledge (after prepare, where that is not finished)."
    example = "distill-rec teach students/static --set teacher.dim=32"
    outputs = ("weights.safetensors", "model.json", "knowledge/manifest.json")
    goes_on = True

    def resolve(self, section: TeacherSection) -> TeacherSection:
        from distill_rec.demo import resolve

        return section.resolved(resolve)

    def inputs(self, context: Context) -> dict[str, str]:
        from distill_rec.sources import source_hashes

        assert context.resolved.teacher is not None
        return source_hashes(context.resolved.teacher, self.section)

    def expected(self, folder: Path) -> tuple[str, ...]:
        path = folder / "ensemble.json"
        names = read_json(path)["weights"] if path.exists() else {}
        members = [f"{name}/{file}" for name in names for file in self.outputs]
        return (*members, *self.outputs[1:]) if members else self.outputs

    def run(self, work: Work) -> None:
        from distill_rec.contracts import teacher_spec

        section = work.context.resolved.teacher
        assert section is not None
        teach = teacher_spec(section.kind).teach.get()
        teach(section, work.dataset(), work.folder(self.name), progress=work.progress)

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.contracts import teacher_spec
        from distill_rec.ensemble.members import beside
        from distill_rec.pipeline.memory import held_by_training
        from distill_rec.several_teachers import EnsembleSection

        assert recipe.teacher is not None
        work, seconds = teacher_spec(recipe.teacher.kind).estimate.get()(recipe.teacher, sizes)
        at_once = 1
        if isinstance(recipe.teacher, EnsembleSection):
            at_once = max(1, min(len(beside(recipe.teacher, sizes.threads)), sizes.threads))
        return Estimate(work, seconds, at_once * held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        from distill_rec.pipeline.trainings import report_trainings

        return {"trained": report_trainings(folder / self.name)}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.pipeline.trainings import print_trainings

        print_trainings(folder / self.name, console)
