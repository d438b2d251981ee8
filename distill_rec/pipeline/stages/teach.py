"""The teacher, trained, and its knowledge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.pipeline.stage import Context, Estimate, Stage, Work

if TYPE_CHECKING:
    from distill_rec.pipeline.sizes import Sizes
    from distill_rec.recipe import Recipe, TeacherSection

TEXTS_A_SECOND = 200
RESIDENT = 900 << 20


class Teach(Stage):
    name = "teach"
    section = "teacher"
    version = 1
    no_effect = frozenset(
        {
            "teacher.trunk",
            "teacher.device",
            "teacher.optimizer.checkpoint_seconds",
            "teacher.trunk_optimizer.checkpoint_seconds",
        }
    )
    help = "Train the teacher and cache its knowledge (after prepare, where that is not finished)."
    example = "distill-rec teach students/static --set teacher.dim=32"
    outputs = ("weights.safetensors", "model.json", "knowledge/manifest.json")
    goes_on = True

    def resolve(self, section: TeacherSection) -> TeacherSection:
        from distill_rec.demo import resolve

        trunks = [{"trunk": resolve(str(one["trunk"]))} if "trunk" in one else {} for one in section.choose]
        choose = [one | trunk for one, trunk in zip(section.choose, trunks, strict=True)]
        return section.model_copy(update={"trunk": resolve(section.trunk), "choose": choose})

    def inputs(self, context: Context) -> dict[str, str]:
        from distill_rec.pipeline.wanted import trunk_hash

        section = context.resolved.teacher
        assert section is not None
        return {"teacher.trunk": trunk_hash(section.trunk, section.revision)}

    def run(self, work: Work) -> None:
        from distill_rec.teachers import teach

        section = work.context.resolved.teacher
        assert section is not None
        teach(section, work.dataset(), work.folder(self.name), progress=work.progress)

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.pipeline.estimates import held_by_training

        assert recipe.teacher is not None
        return Estimate(*_work_of(recipe.teacher, sizes), held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        from distill_rec.pipeline.trainings import report_trainings

        return {"trained": report_trainings(folder / self.name)}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.pipeline.trainings import print_trainings

        print_trainings(folder / self.name, console)


def _work_of(section: TeacherSection, sizes: Sizes) -> tuple[str, float]:
    """In words, and seconds; variants of the same head share its training."""
    from distill_rec.pipeline.estimates import training_seconds, updates_of
    from distill_rec.recipe import TeacherSection
    from distill_rec.recipe_io import merge

    base = section.model_dump(exclude={"choose"}, exclude_none=True)
    variants = [TeacherSection.model_validate(merge(base, variant)) for variant in section.choose or [{}]]
    seconds = sizes.items / TEXTS_A_SECOND + training_seconds(section, section.optimizer, sizes)
    for variant in variants:
        if variant.tuning != "head":  # every window passes the catalogue through the tuned layers, forwards and back
            optimizer = variant.trunk_optimizer or variant.optimizer
            share = 1.0 if variant.tuning == "full" else int(variant.tuning.split(":")[1]) / 6
            windows = updates_of(optimizer, sizes) / optimizer.window
            tuned = windows * 3 * sizes.items / TEXTS_A_SECOND * share
            seconds += min(tuned, optimizer.max_seconds or tuned)
    return f"{sizes.items:,} texts through the PLM, tuning {', '.join(variant.tuning for variant in variants)}", seconds
