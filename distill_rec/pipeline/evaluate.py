"""The evaluate stage: all models of a run as columns, what they cost to serve, the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from distill_rec.artifact.item_ids import KEY
from distill_rec.artifact.link import kept, leads_to
from distill_rec.artifact.manifest import Manifest
from distill_rec.handover import ITEM_IDS, require_same
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.trainings import JOINT, JOINT_FOLDER, STUDENTS, ensemble_of, histories_of
from distill_rec.progress import Progress, tell
from distill_rec.recipe import Recipe, TeacherSection

if TYPE_CHECKING:
    from distill_rec.data.dataset import Dataset
    from distill_rec.data.labels import Labels
    from distill_rec.evaluation.results import Ending, ModelCost, Results
    from distill_rec.evaluation.scorer import Scorer

LEVELS = (0.0, 0.5, 1.0)
"""That new items are also looked at, beside the student's own."""


def evaluate_run(
    run: RunFolder, recipe: Recipe, dataset: Dataset, progress: Progress, *, labels: Sequence[Labels] = ()
) -> Results:
    """Compare the run's models; write `results.json`, `per_user.parquet`, `report.html`.

    Args:
        labels: columns that the test is sliced by.
    """
    from distill_rec.evaluation.compare import compare
    from distill_rec.evaluation.others import others_of
    from distill_rec.evaluation.report import write_report

    section = recipe.evaluate
    assert section is not None
    costs = costs_of(run, dataset, progress) if section.cost else None
    others = others_of(section.others, dataset, tested_parts(dataset))
    scorers = scorers_of(run, recipe, dataset, progress)
    results = compare(
        {**scorers, **others.scorers},
        dataset,
        section,
        name=recipe.name,
        costs=costs,
        curves=curves_of(run.path),
        losses=curves_of(run.path, "loss"),
        endings=endings_of(run.path),
        shares=_shares(run, scorers.get("student"), dataset, progress),
        levels=levels_of(run, dataset),
        labels=labels,
        probabilities=others.probabilities,
        remarks=[*remarks_of(run, dataset), *_without_the_term(recipe, scorers), *others.remarks],
        progress=progress,
    )
    write_report(results, run.stage("evaluate"))
    _complete_card(run, results)
    for model in results.models:
        tell(progress, f"test/{model}", 0, {metric: cells[model].mean for metric, cells in results.test.cells.items()})
    return results


def _complete_card(run: RunFolder, results: Results) -> None:
    """Tell the artifact's readers what its lists are like; one that a service saved is not this run's to describe."""
    from distill_rec.export.card_lists import tell_lists

    artifact = run.stage("export") / "student"
    if artifact.exists() and not Manifest.read(leads_to(artifact)).made_from:
        tell_lists(leads_to(artifact), results)


def scorers_of(run: RunFolder, recipe: Recipe, dataset: Dataset, progress: Progress) -> dict[str, Scorer]:
    """The columns in their order; those whose model the run does not hold are left out."""
    from distill_rec.evaluation.scorer import popularity
    from distill_rec.student_model import load_student
    from distill_rec.teacher_model import Teacher

    found: dict[str, Scorer] = {"popularity": popularity(dataset.train_clicks)}
    if recipe.evaluate is not None and recipe.evaluate.transitions:
        from distill_rec.evaluation.transitions import Transitions

        found["transitions"] = Transitions.of(dataset)
    if recipe.teacher is not None:
        found |= _untrained(recipe.teacher, dataset, progress)
    for name, folder in STUDENTS.items():
        if (run.path / folder / "model.json").exists():
            student = load_student(run.path / folder)
            require_same(student.folder, f"the model {name!r}", student.config, dataset)
            found[name] = student.scorer(name)
    teachers: dict[str, Scorer] = {}
    if (learned := run.path / JOINT_FOLDER / "model.json").exists():
        teachers[JOINT] = Teacher.load(learned.parent).scorer(JOINT)
    if recipe.teacher is not None:
        teacher = Teacher.load(run.stage("teach"))
        require_same(teacher.folder, "the teacher", teacher.knowledge.marks, dataset)
        teachers |= {name: Teacher.load(teacher.folder / name).scorer(name) for name in teacher.members}
        one = teacher.scorer_on(dataset, *tested_parts(dataset))
        teachers |= {} if one is None else {"teacher": one}
    return found | _as_the_student(found.get("student"), teachers, dataset, progress)


def _as_the_student(
    student: Scorer | None, teachers: dict[str, Scorer], dataset: Dataset, progress: Progress
) -> dict[str, Scorer]:
    """Teachers, with a transition term where the student has one: what the term gives is not what distilling gives."""
    from distill_rec.evaluation.scorer import DotScorer

    if not isinstance(student, DotScorer) or student.transitions is None:
        return teachers
    from distill_rec.training.transition_term import with_transitions

    return with_transitions(teachers, dataset, progress)


def _shares(
    run: RunFolder, student: Scorer | None, dataset: Dataset, progress: Progress
) -> dict[str, tuple[float, Scorer | str | None]] | None:
    """Of several teachers each one's weight, and the sum without it; see `compare`."""
    from distill_rec.ensemble.sums import shares_of

    if ensemble_of(run.path) is None:
        return None
    shares = shares_of(run.stage("teach"))
    sums = {name: rest for name, (_, rest) in shares.items() if rest is not None and not isinstance(rest, str)}
    fitted = _as_the_student(student, sums, dataset, progress)
    return {name: (weight, fitted.get(name, rest)) for name, (weight, rest) in shares.items()}


def levels_of(run: RunFolder, dataset: Dataset) -> dict[float, Scorer]:
    """The student with new items at its own level and at others; none where there are none, or it has no level."""
    from distill_rec.student_model import load_student

    folder = run.path / STUDENTS["student"]
    if dataset.test_new is None or not (folder / "model.json").exists():
        return {}
    student = load_student(folder)
    if student.new_level is None:
        return {}
    levels = dict.fromkeys([round(student.new_level.level, 6), *LEVELS])
    return {level: student.with_new_at(level, "student", dataset) for level in levels}


def tested_parts(dataset: Dataset) -> list[str]:
    """Parts of the data that models are compared on."""
    return ["test"] if dataset.test_new is None else ["test", "test_new"]


def remarks_of(run: RunFolder, dataset: Dataset) -> list[str]:
    """What a reader must know of a teacher that has no column, in plain sentences."""
    from distill_rec.teacher_model import Teacher

    if not (run.stage("teach") / "model.json").exists():
        return []
    teacher = Teacher.load(run.stage("teach"))
    why = next((found for part in tested_parts(dataset) if (found := teacher.uncovered(dataset, part))), "")
    said = f"The teacher has no column: {why}. What the student keeps of it, Q and G, is not told."
    return [said] if why else []


def _without_the_term(recipe: Recipe, scorers: Mapping[str, Scorer]) -> list[str]:
    """That the recipe asks for a transition term and the student has none."""
    from distill_rec.evaluation.scorer import DotScorer

    student = scorers.get("student")
    asked = recipe.student is not None and recipe.student.transition_term != "none"
    if not asked or not isinstance(student, DotScorer) or student.transitions is not None:
        return []
    return ["The student has no transition term: on validation data it gave nothing that can be told from zero."]


def _untrained(section: TeacherSection, dataset: Dataset, progress: Progress) -> dict[str, Scorer]:
    """What the teachers must beat to have learnt anything, once for each PLM that they begin from."""
    from distill_rec.contracts import teacher_spec

    found: dict[str, Scorer] = {}
    met = set()
    for name, one in (section.parts() or {"": section}).items():
        untrained, trunk = teacher_spec(one.kind).untrained, one.trunk_source()
        if untrained is None or trunk in met:
            continue
        met.add(trunk)
        found[f"untrained-{name}" if found else "untrained"] = untrained.get()(one, dataset, progress)
    return found


def costs_of(run: RunFolder, dataset: Dataset, progress: Progress) -> dict[str, ModelCost] | None:
    """What serving teacher and student costs; None where nothing was exported."""
    from distill_rec.evaluation.cost import measure_costs

    artifact, teacher = run.stage("export") / "student", run.stage("teach")
    if not artifact.exists() and not kept(artifact.parent):
        return None
    manifest = Manifest.read(leads_to(artifact))
    if not manifest.made_from:  # a service may have saved a catalogue of its own
        require_same(artifact, "the exported student", {ITEM_IDS: manifest.fingerprints.get(KEY, "")}, dataset)
    served = {"folder": str(teacher)} if (teacher / "model.json").exists() else None
    return measure_costs(artifact, served, dataset, progress)


def curves_of(path: Path, key: str = "ndcg@10") -> dict[str, list[tuple[float, float]]]:
    """Validation nDCG@10, or another figure of `history.json`, by update of each model that was trained."""
    return {name: found for name, one in histories_of(path).items() if (found := one.curve(key))}


def endings_of(path: Path) -> dict[str, list[Ending]]:
    """What ended the training of each model of a run."""
    from distill_rec.evaluation.results import Ending

    found = histories_of(path)
    ensemble = ensemble_of(path)
    names = {} if ensemble is None else dict.fromkeys(ensemble.weights, "teacher")
    out: dict[str, list[Ending]] = {}
    for name, one in found.items():  # several teachers' are the teacher's, each one of them
        member = name if name in names else ""
        fields = {key: getattr(one, key) for key in ("stopped", "rising", "updates", "kept", "unclicked_level")}
        ending = Ending(name=member, **fields)
        out.setdefault(names.get(name, name), []).append(ending)
    if (path / JOINT_FOLDER / "model.json").exists():  # one training, so one end
        out[JOINT] = out["student"]
    return out
