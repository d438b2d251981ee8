import dataclasses
import itertools

import pytest
import torch

from distill_rec import student_model
from distill_rec.contracts import student_spec
from distill_rec.distillation import training as student_training
from distill_rec.losses.spec import KINDS
from distill_rec.registry import STUDENTS, Late, names
from distill_rec.testing.students import CHECKS, check_student, distilled_on
from students.static.build import build
from students.static.model import StaticStudent

CASES = [(name, kind) for name in names(STUDENTS) for kind in KINDS]


@pytest.fixture(scope="module", params=CASES, ids=["-".join(case) for case in CASES])
def student(request, tmp_path_factory):
    name, kind = request.param
    return distilled_on(student_spec(name), tmp_path_factory.mktemp(name), kind)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_every_student_conforms(student, check):
    check(student)


def careless(section, trunk, dataset, knowledge, progress):
    """Its first weights are of no seed."""
    built = build(section, trunk, dataset, knowledge, progress)
    with torch.no_grad():
        built.model.text_encoder.table.add_(next(NOISE))
    return built


NOISE = itertools.count(0.1, 0.1)


class Doubled(StaticStudent):
    """Read back, it is twice as long as it was trained."""

    def encode_texts(self, texts):
        return 2 * super().encode_texts(texts)


FAULTS = {
    "careless": ("build", "killed at 2 of [0-9]+, its .* differs"),
    "Doubled": ("model", "vectors of its catalogue are"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_suite_finds_each_fault(fault, tmp_path, monkeypatch):
    part, told = FAULTS[fault]
    spec = dataclasses.replace(student_spec("static"), **{part: Late(f"{__name__}:{fault}")})
    monkeypatch.setattr(student_training, "student_spec", lambda kind: spec)
    monkeypatch.setattr(student_model, "find", lambda group, kind: spec)
    with pytest.raises(AssertionError, match=told):
        check_student(spec, tmp_path)
