"""The student, and the same one on clicks alone. Without a teacher there is only the latter, as the student."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill_rec.children import Job
from distill_rec.kinds import validated
from distill_rec.pipeline.beside import run_beside
from distill_rec.pipeline.stage import Context, Estimate, Stage, Work
from distill_rec.runtime.errors import RecipeError

if TYPE_CHECKING:
    from distill_rec.estimates import Sizes
    from distill_rec.progress import Progress
    from distill_rec.recipe import OptimizerSection, Recipe, Sourced, StudentSection, TeacherSection

RESIDENT = 1000 << 20
TAUGHT = 1.5
"""What a batch costs with a teacher, who reads it too, over what it costs on the clicks alone."""

FIRST_TEXTS_A_SECOND = 10_000
"""Through a small student and back."""
THERE_AND_BACK = 4
"""What a text costs that learns, over what it costs to read: once without a graph, once with it and back."""
USUAL_LAYERS = 6
"""Of the PLM whose texts a second are known."""


class Distill(Stage):
    name = "distill"
    section = "student"
    version = 3
    # 2 lets small logs, whose epochs have few updates, train to the floor and beyond; 3 starts `static` elsewhere
    still_good = frozenset({1, 2})
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
        threads = threads_of(recipe.student.device)
        if jobs and len(names) > 1 and threads > 1:
            _warm(recipe.student, trunk, work.folder("prepare"), work.progress)
            run_beside(jobs, threads, work.progress, share=share_of(threads, len(names)))
        else:
            for job in jobs:
                train(**job.arguments, progress=work.progress)

    def _taken_over(self, work: Work, recipe: Recipe) -> bool:
        """Whether the undistilled student is one of the teachers, whose files it then has."""
        from distill_rec.files import copy_linked

        if (twin := twin_of(recipe)) is None:
            return False
        place = work.folder(self.name) / "undistilled"
        if not place.exists():
            copy_linked(work.folder("teach") / twin, place)
        return True

    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        from distill_rec.pipeline.memory import held_by_training

        assert recipe.student is not None
        work, seconds = _work_of(recipe, recipe.student, sizes, _layers(recipe))
        return Estimate(work, seconds, held_by_training(RESIDENT, recipe, sizes))

    def report(self, folder: Path) -> dict[str, Any]:
        from distill_rec.pipeline.trainings import report_trainings

        return {"trained": report_trainings(folder / self.name)}

    def print_report(self, folder: Path, console: Any) -> None:
        from distill_rec.pipeline.trainings import print_trainings

        print_trainings(folder / self.name, console)


def twin_of(recipe: Recipe) -> Path | None:
    """Where in the stage teach the undistilled student lies already; None where it is to be trained.

    A teacher of kind `student` with the student's own settings and PLM, of all users, is the student without
    distillation, and training it once more would give it once more.
    """
    if recipe.student is None or recipe.teacher is None or not recipe.student.undistilled:
        return None
    wanted, trunk = section_of(recipe.student, "undistilled").on_clicks(), trunk_of(recipe)
    folds = getattr(recipe.teacher, "folds", {})
    for name, one in (recipe.teacher.parts() or {"": recipe.teacher}).items():
        found = one.on_clicks()
        if found is None or name in folds:
            continue
        section, own, place = found
        if (section.on_clicks(), own) == (wanted, trunk):
            return Path(name) / place
    return None


def section_of(section: StudentSection, name: str) -> StudentSection:
    """The section of one of the stage's students.

    `begin` names the student's, and others begin at those beside it; these learn from changed histories only where they
    are said to: without a teacher's answers a change can cost more than it gives, and the comparison would be unfair.
    """
    if name == "student":
        return section
    changes: dict[str, Any] = {}
    if section.begin:
        beside = Path(section.begin).parent / name
        changes["begin"] = str(beside) if (beside / "model.json").exists() else ""
    if not section.histories.alone:
        changes["histories"] = type(section.histories)()
    return section.model_copy(update=changes)


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


def threads_of(device: str) -> int:
    """Threads that trainings can share; 1 where they would share a GPU, or processes that were launched."""
    import torch

    from distill_rec.device import choose_device
    from distill_rec.ranks import count_launched

    if count_launched() > 1:
        return 1
    return torch.get_num_threads() if choose_device(device).type == "cpu" else 1


def share_of(threads: int, students: int) -> int:
    """Threads of each student, where they are trained beside each other."""
    return max(1, threads // students)


def trunk_of(recipe: Recipe) -> str:
    """The PLM of the student's tokens and first weights: its own, or else its teacher's; "" where there is none."""
    sections: tuple[Sourced | None, ...] = (recipe.student, recipe.teacher)
    return next((trunk for section in sections if section and (trunk := section.trunk_source())), "")


def _layers(recipe: Recipe) -> float:
    """How many layers of its PLM a student runs for a text; none of a kind that has no layers."""
    from distill_rec.contracts import student_spec
    from distill_rec.demo import place_of
    from distill_rec.plm_config import config_here

    assert recipe.student is not None
    layers = student_spec(recipe.student.kind).trunk_layers
    return 0.0 if layers is None else layers(recipe.student, config_here(place_of(trunk_of(recipe)), fetch=False))


def _work_of(recipe: Recipe, section: StudentSection, sizes: Sizes, layers: float) -> tuple[str, float]:
    from distill_rec.contracts import student_spec
    from distill_rec.estimates import seconds_beside, training_seconds

    teacher = recipe.teacher
    distilled, twin = teacher is not None, twin_of(recipe)
    others = {
        "without distillation": section.undistilled and twin is None,
        "from the teacher's start": section.initialised,
    }
    beside = [name for name, wanted in others.items() if distilled and wanted]
    share = share_of(sizes.threads, 1 + len(beside)) if beside else sizes.threads
    own = replace(sizes, threads=share)
    first, words = _first_stage(section, sizes, layers) if distilled and section.first is not None else (0.0, "")
    if teacher is not None and section.joint is not None:
        more, told = _joint(section, teacher, own)
        first, words = first + more, words + told
    passes = _layers_seconds(section.optimizer, own, layers)
    each = [first + passes + training_seconds(section, section.optimizer, own, TAUGHT if distilled else 1.0)]
    each += [passes + training_seconds(section, section.optimizer, own) for _ in beside]
    seconds = student_spec(section.kind).start_seconds + seconds_beside(each, sizes.threads // share)
    if twin is not None:
        beside.append(" ".join(["without distillation the teacher", *twin.parts[:-1], "itself"]))
    return ", and ".join([f"{section.kind}, {section.dim} dimensions{words}", *beside]), seconds


def _joint(section: StudentSection, teacher: TeacherSection, sizes: Sizes) -> tuple[float, str]:
    """Seconds of the teacher's part of a joint training, and what it is."""
    from distill_rec.contracts import teacher_spec

    assert section.joint is not None
    found = teacher_spec(teacher.kind).learner_seconds
    seconds = 0.0 if found is None else found.get()(teacher, section.joint.tuning, section.optimizer, sizes)
    tuning = f", tuning {section.joint.tuning}" if section.joint.tuning else ""
    return seconds, f", together with the teacher{tuning}"


def _layers_seconds(optimizer: OptimizerSection, sizes: Sizes, layers: float) -> float:
    """Of all tries: every window passes the catalogue through the student's layers, there and back."""
    from distill_rec.estimates import TEXTS_A_SECOND, updates

    texts = [THERE_AND_BACK * sizes.items * updates(one, sizes) / one.window for one in optimizer.each_try()]
    each = [layers / USUAL_LAYERS * count / TEXTS_A_SECOND for count in texts]
    return sum(min(seconds, optimizer.max_seconds or seconds) for seconds in each)


def _first_stage(section: StudentSection, sizes: Sizes, layers: float) -> tuple[float, str]:
    """Seconds of a student's first stage, and what it is."""
    from distill_rec.estimates import TEXTS_A_SECOND, updates

    assert section.first is not None
    optimizer = section.first.optimizer
    texts = replace(sizes, samples=int(sizes.items * (1 - section.first.held_out)))
    steps = len(optimizer.each_try()) * updates(optimizer, texts)
    a_text = 1 / FIRST_TEXTS_A_SECOND + THERE_AND_BACK * layers / USUAL_LAYERS / TEXTS_A_SECOND
    words = ", after a first stage on item vectors"
    if section.first.token_losses:
        a_text += 1 / TEXTS_A_SECOND
        words += ", the teacher's PLM beside it"
    return steps * optimizer.batch_size * a_text, words
