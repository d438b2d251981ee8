"""What can be compared: teachers, students, folders of them, and whatever else has scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.link import leads_to
from distill_rec.comparison.by_id import RankedById, student_scorer
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.cost import Served
from distill_rec.evaluation.others import others_of
from distill_rec.evaluation.results import Ending
from distill_rec.evaluation.scorer import Scorer
from distill_rec.handover import DATA, require_same
from distill_rec.pipeline.evaluate import tested_parts
from distill_rec.records import read_record
from distill_rec.runtime import Student
from distill_rec.runtime.errors import RunError
from distill_rec.sections.evaluation import OtherSection
from distill_rec.student_model import StudentModel, load_student
from distill_rec.teacher_model import Teacher
from distill_rec.training.outcome import Outcome

EXPECTED = "a Teacher, a Student, the folder of one, a file of scores, or an object with scores(...) or rank(...)"
Curve = list[tuple[float, float]]


@dataclass(frozen=True)
class Compared:
    """A model as the comparison needs it.

    Attributes:
        scorers: one per seed.
        served: what is loaded to measure what serving it costs; None where there is no such folder.
        curve, loss: validation nDCG@10 and training loss by update; empty where its training is not known.
        endings: what ended its trainings.
        remarks: what a reader must know of it, in sentences.
    """

    scorers: Sequence[Scorer]
    served: Served | None = None
    curve: Curve = field(default_factory=list)
    loss: Curve = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def compared(name: str, model: Any, dataset: Dataset) -> Compared:
    """A model, or several seeds of one.

    Raises:
        RunError: it is nothing that can be compared, or was made for another catalogue.
        DataError: a student lacks items of the data.
    """
    if isinstance(model, list | tuple):
        if not model:
            raise RunError(f"model {name!r}", "an empty list", "a model, or one for each seed")
        return _seeds([compared(name, one, dataset) for one in model])
    of_file = isinstance(model, Mapping) or (isinstance(model, str | Path) and Path(model).is_file())
    if of_file:
        read = others_of([_file(name, model)], dataset, tested_parts(dataset))
        return Compared(list(read.scorers.values()), remarks=read.remarks)
    found = _loaded(name, model) if isinstance(model, str | Path) else model
    if isinstance(found, Teacher):
        return _teacher(name, found, dataset)
    if isinstance(found, StudentModel):
        require_same(found.folder, f"the model {name!r}", found.config, dataset)
        return _with_training(Compared([found.scorer(name)]), found.folder)
    if isinstance(found, Student):
        return _student(name, found, dataset)
    if isinstance(found, Scorer):
        return Compared([found])
    if hasattr(found, "rank"):
        return Compared([RankedById(name, found.rank, dataset.items["item_id"].to_list())])
    raise RunError(f"model {name!r}", f"a value of type {type(found).__name__}", EXPECTED)


def _file(name: str, model: str | Path | Mapping[str, Any]) -> OtherSection:
    """A file of scores or ranked lists: its path, or with the keys of `[[evaluate.others]]` where columns differ."""
    keys = model if isinstance(model, Mapping) else {"path": str(model)}
    try:
        return OtherSection.model_validate({"name": name, **keys})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        expected = "a file, or a dict with the keys of [[evaluate.others]], as path and sample_column"
        raise RunError(f"model {name!r}", f"{key}: {first['msg']}", expected) from None


def _seeds(each: Sequence[Compared]) -> Compared:
    """Several trainings of a model; costs and curves are the first one's."""
    first = each[0]
    scorers = [scorer for one in each for scorer in one.scorers]
    endings = [ending for one in each for ending in one.endings]
    remarks = list(dict.fromkeys(remark for one in each for remark in one.remarks))
    return Compared(scorers, first.served, first.curve, first.loss, endings, remarks)


def _loaded(name: str, path: str | Path) -> Teacher | StudentModel | Student:
    """The model that a folder holds."""
    folder = Path(path)
    if (folder / "recipe.json").exists():
        do = f"Name one of its models: {folder / 'export' / 'student'}, {folder / 'teach'}."
        raise RunError(f"model {name!r}", f"{folder} is a whole run", "a model's folder", do)
    if (leads_to(folder) / MANIFEST).exists() and not (folder / "model.json").exists():
        return Student.load(folder, threads=1)
    if (folder / "knowledge").exists():
        return Teacher.load(folder)
    if (folder / "model.json").exists():
        return load_student(folder)
    expected = "the folder of a teacher (RUN/teach), of a student (RUN/distill/student) or of an artifact"
    raise RunError(f"model {name!r}", f"no model in {folder}", expected)


def _teacher(name: str, teacher: Teacher, dataset: Dataset) -> Compared:
    require_same(teacher.folder, f"the model {name!r}", teacher.knowledge.marks, dataset)
    parts = tested_parts(dataset)
    scorer = teacher.scorer_on(dataset, *parts, name=name)
    if scorer is None:
        why = next(found for part in parts if (found := teacher.uncovered(dataset, part)))
        raise RunError(f"model {name!r}", why, "scores of every test sample")
    served = Served("teacher", teacher.folder, cached=teacher.has_vectors)
    return _with_training(Compared([scorer], served), teacher.folder)


def _student(name: str, student: Student, dataset: Dataset) -> Compared:
    """An exported student; its training's curve where it still lies in its run."""
    info = student.info
    served = Served("student", info.folder, precision=info.precision, dim=info.dim)
    marks = student.fingerprints
    remarks = []
    if marks.get(DATA, dataset.fingerprint) != dataset.fingerprint:
        remarks.append(
            f"{name} was trained on other data than this test belongs to: where it has seen the test’s clicks, its "
            "figures are too good."
        )
    found = Compared([student_scorer(name, student, dataset)], served, remarks=remarks)
    run = info.folder.parents[2] if len(info.folder.parents) > 2 else info.folder
    ours = info.folder.parent.name == "versions" and info.folder.parents[1].name == "export"
    return _with_training(found, run / "distill" / "student") if ours else found


def _with_training(found: Compared, folder: Path) -> Compared:
    """The same with how it was trained, where its folder says so."""
    path = folder / "history.json"
    if not path.exists():
        return found
    outcome = read_record(Outcome, path)
    ending = Ending(stopped=outcome.stopped, rising=outcome.rising, updates=outcome.updates, kept=outcome.kept)
    return Compared(
        found.scorers, found.served, outcome.curve("ndcg@10"), outcome.curve("loss"), [ending], found.remarks
    )
