"""What every student must hold, trained from a teacher on data of both kinds, exported and read without torch.

from distill_rec.contracts import student_spec
from distill_rec.testing.students import check_student

check_student(student_spec("mine"), tmp_path, {"layers": 1})

The data are made in code, and so is the PLM; the teacher is one of item ids, which knows clicked items alone.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from distill_rec.contracts import StudentSpec, teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.distillation import distill
from distill_rec.export import export_student
from distill_rec.losses.spec import KINDS, Kind
from distill_rec.recipe import ExportSection
from distill_rec.runtime import Student
from distill_rec.runtime.kinds import BUILT_IN, find_kind
from distill_rec.student_model import StudentModel, load_student
from distill_rec.testing.kills import Counted, KilledError, places
from distill_rec.testing.sections import fast_settings, own_cache, refused_keys
from distill_rec.testing.teachers import histories_of
from distill_rec.testing.trunks import write_trunk
from distill_rec.testing.worlds import make_dataset

TEACHER = "item_ids"
ODD = ["", "\x00\x07", "ξψω", "\U0001f600", "red ξψω", "red " * 3000]
NEAR, COARSE = 1e-4, 0.5
"""In standard deviations of the scores: the main precision, and whatever was quantised."""

HEAVY = ("torch", "transformers", "polars", "pyarrow", "onnx", "sklearn", "accelerate", "peft", "pandas")
ALONE = f"""
import json, sys
sys.modules.update(dict.fromkeys({HEAVY!r}))
from distill_rec.runtime import Student
student = Student.load(sys.argv[1])
print(json.dumps([student.rank(history, student.item_ids).tolist() for history in json.loads(sys.argv[2])]))
"""
"""Ranks in a process where importing what the light install lacks fails."""


@dataclass
class Distilled:
    """A student, trained on the tiny data from a teacher of item ids.

    Attributes:
        folder: holds `teach`, and the students of each training.
        told: how often its training told of progress.
    """

    spec: StudentSpec
    section: Any
    dataset: Dataset
    folder: Path
    told: int = 0

    @property
    def name(self) -> str:
        return f"student {self.spec.kind} ({self.dataset.kind})"

    @property
    def model(self) -> StudentModel:
        return load_student(self.folder / "student")

    @property
    def precisions(self) -> tuple[str, ...]:
        """Of what is exported: all that its runtime kind knows, and the main one again with another user encoder."""
        known = find_kind(self.spec.artifact, self.folder).layout.precisions
        return known if self.dataset.kind == "clicks" else known[:1]

    def train(self, name: str, *, alone: bool = False, progress: Counted | None = None) -> Path:
        """Train it, or go on, in a folder of this name."""
        knowledge, trunk = None if alone else self.folder / "teach" / "knowledge", str(self.folder / "trunk")
        with own_cache(self.folder):
            distill(self.section, knowledge, self.dataset, self.folder / name, trunk=trunk, progress=progress)
        return self.folder / name

    def exported(self, precision: str | None = None) -> Student:
        """The artifact, made where it is not there."""
        place = self.folder / "export"
        if not place.exists():
            wanted: Any = list(self.precisions)
            section = ExportSection(precisions=wanted, precision=wanted[0], max_loss=1.0)
            export_student(section, self.folder / "student", self.dataset, place)
        return Student.load(place / "student", precision=precision, verify=True)


def check_student(spec: StudentSpec, folder: Path, settings: dict[str, Any] | None = None) -> None:
    """Run every check, on clicks and on impressions.

    Args:
        folder: empty; holds what is trained.
        settings: of the student, beside small ones.

    Raises:
        AssertionError: naming student, data and what is wrong.
    """
    for kind in KINDS:
        student = distilled_on(spec, folder / kind, kind, settings)
        for check in CHECKS:
            check(student)


def distilled_on(spec: StudentSpec, folder: Path, kind: Kind, settings: dict[str, Any] | None = None) -> Distilled:
    """A student trained in `folder`, for checks one by one."""
    trunk, dataset = write_trunk(folder / "trunk"), make_dataset(kind)
    section = fast_settings(spec.settings, trunk, {"max_tokens": 16, **(settings or {})})
    teacher = teacher_spec(TEACHER)
    teacher.teach.get()(fast_settings(teacher.settings, trunk, {}), dataset, folder / "teach")
    student, counted = Distilled(spec, section, dataset, folder), Counted()
    student.train("student", progress=counted)
    student.told = counted.told
    return student


def check_settings(student: Distilled) -> None:
    """The settings are of this kind, and refuse keys of others; the plan gets numbers."""
    kind = student.spec.settings.model_fields["kind"].default
    assert kind == student.spec.kind, f"{student.name}: its settings' kind is {kind!r} where nobody gives one"
    taken = refused_keys("student", student.spec.settings)
    assert not taken, f"{student.name}: takes keys of no or another kind: {taken}"
    seconds = (student.spec.start_seconds, student.spec.export_seconds)
    assert all(math.isfinite(one) and one >= 0 for one in seconds), f"{student.name}: an estimate of {seconds} seconds"


def check_loaded(student: Distilled) -> None:
    """Read back, it encodes its catalogue as it was trained; only clicked items learned offsets."""
    model, dataset = student.model, student.dataset
    assert model.kind == student.spec.kind, f"{student.name}: model.json is of kind {model.kind!r}"
    vectors = model.encode_texts(dataset.texts)[dataset.item_text]
    if model.offsets is not None:
        vectors = vectors + model.offsets
    learned = model.as_learned.offsets
    if learned is not None:
        assert not learned[~dataset.warm].any(), f"{student.name}: learned offsets of items that nobody clicked"
    _same(student, "vectors of its catalogue", vectors, model.item_vectors, NEAR)
    _require(student, "user vectors", model.user_vectors(histories_of(dataset)), model.config["dim"])


def check_texts(student: Distilled) -> None:
    """Any text has a finite vector, and one that says nothing has always the same."""
    vectors = student.model.encode_texts(ODD)
    _require(student, "vectors of odd texts", vectors, student.model.config["dim"])
    _same(student, "vectors of two texts that say nothing", vectors[1], vectors[0], NEAR)


def check_alone(student: Distilled) -> None:
    """Without a teacher it learns from clicks."""
    model = load_student(student.train("undistilled", alone=True))
    _require(student, "undistilled item vectors", model.item_vectors, model.config["dim"])
    same = np.array_equal(model.item_vectors, student.model.item_vectors)
    assert not same, f"{student.name}: it is the same with and without a teacher"


def check_resume(student: Distilled) -> None:
    """Killed wherever it tells of progress and begun again, it ends in the same weights, bit for bit."""
    whole = load_file(student.folder / "student" / "weights.safetensors")
    for place in places(student.told):
        with suppress(KilledError):
            student.train(f"killed-{place}", progress=Counted(place))
        other = load_file(student.train(f"killed-{place}") / "weights.safetensors")
        assert whole.keys() == other.keys(), f"{student.name}: has other tensors after a kill: {sorted(other)}"
        differ = [name for name in whole if not np.array_equal(whole[name], other[name])]
        assert not differ, f"{student.name}: killed at {place} of {student.told}, its {differ[0]} differs"


def check_exported(student: Distilled) -> None:
    """Exported in every precision that its kind has, it ranks as torch does; new texts are encoded alike."""
    expected = _scores(student)
    for precision in student.precisions:
        if precision not in student.exported().info.precisions:
            continue  # its gates refused it, as they may
        found = np.stack([_rank(student.exported(precision), row) for row in histories_of(student.dataset)])
        limit = NEAR if precision == student.precisions[0] else COARSE
        _same(student, f"exported scores in {precision}", found, expected, limit)
    texts, main = [*student.dataset.texts, "red ξψω"], student.exported()
    _same(student, "exported vectors of texts", main.encode_items(texts), student.model.encode_texts(texts), NEAR)


def check_light(student: Distilled) -> None:
    """Where the package itself reads its artifact, it ranks without torch, to the same scores."""
    if student.spec.artifact not in BUILT_IN:
        return
    main, rows = student.exported(), histories_of(student.dataset)
    histories = [[main.item_ids[item] for item in row] for row in rows]
    command = [sys.executable, "-c", ALONE, str(student.folder / "export" / "student"), json.dumps(histories)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{student.name}: does not rank without torch: {done.stderr}"
    expected = np.stack([_rank(main, row) for row in rows])
    _same(student, "scores without torch", np.array(json.loads(done.stdout)), expected, NEAR)


CHECKS = (check_settings, check_loaded, check_texts, check_alone, check_resume, check_exported, check_light)


def _scores(student: Distilled) -> NDArray[Any]:
    """Torch's, `[n_histories, n_items]`."""
    model = student.model
    return np.asarray(model.user_vectors(histories_of(student.dataset)) @ model.item_vectors.T)


def _rank(student: Student, row: NDArray[Any]) -> NDArray[Any]:
    ids = student.item_ids
    return np.asarray(student.rank([ids[item] for item in row], ids))


def _require(student: Distilled, what: str, found: NDArray[Any], dim: int) -> None:
    assert found.ndim == 2 and found.shape[1] == dim, f"{student.name}: {what} are {list(found.shape)}, not [n, {dim}]"
    assert np.isfinite(found).all(), f"{student.name}: {what} that are not finite"


def _same(student: Distilled, what: str, found: NDArray[Any], expected: NDArray[Any], limit: float) -> None:
    apart = float(np.abs(found - expected).max()) / max(float(expected.std()), 1e-12)
    assert apart <= limit, f"{student.name}: {what} are {apart:.2g} standard deviations off"
