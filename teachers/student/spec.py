"""What a student is as a teacher, and its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from distill_rec.contracts import EstimateTeacher, OpenEncoder, Teach, TeacherSpec, student_spec
from distill_rec.kinds import settings_of, validated
from distill_rec.recipe import AFTERWARDS, OF_DISTILLING, StudentSection, TeacherSection
from distill_rec.registry import Late

TRAINED = "trained"
"""Folder of the student itself, within the teacher's."""
GIVEN = ("trunk", "seed", "device", "begin")
"""Keys that the teacher's section has itself."""


def _why(key: str) -> str:
    if key in GIVEN:
        return f"teacher.{key} says it"
    return "it learns from clicks alone" if key in OF_DISTILLING else "a teacher hands over vectors"


Model = Annotated[SerializeAsAny[StudentSection], BeforeValidator(lambda value: validated("student", value))]


def _static() -> Any:
    return settings_of("student", "static")()


class StudentTeacherSection(TeacherSection):
    """Keys of a student as a teacher."""

    kind: Literal["student"] = Field("student", description="what the teacher is")
    trunk: str = Field("demo:all-MiniLM-L6-v2", description="PLM of its tokens and initial weights")
    begin: str = Field(
        "", description="folder of a trained teacher of this kind (RUN/teach) that training goes on from; '': none"
    )
    model: Model = Field(
        default_factory=_static,
        description="what it is made of, with the keys of [student]; left out: the recipe's own student",
    )

    @model_validator(mode="after")
    def _learns_from_clicks(self) -> Self:
        fields = type(self.model).model_fields
        for key in (*OF_DISTILLING, *AFTERWARDS, *GIVEN):
            if getattr(self.model, key) != fields[key].get_default(call_default_factory=True):
                raise ValueError(f"model.{key} has no effect here: {_why(key)}")
        if not self.model.histories.clicks:
            raise ValueError("model.histories.clicks is true here, where all that is learned is clicks")
        if self.model.histories.alone:
            raise ValueError(
                "model.histories.alone has no effect here: no student without a teacher is beside this one"
            )
        return self

    def sources(self) -> dict[str, tuple[str, str]]:
        return {"trunk": (self.trunk, "")} | ({"begin": (self.begin, "")} if self.begin else {})

    @property
    def learns_layers(self) -> bool:
        return student_spec(self.model.kind).trunk_layers is not None

    def on_clicks(self) -> tuple[StudentSection, str, str]:
        return self.student, self.trunk, TRAINED

    @property
    def student(self) -> StudentSection:
        """The student's section, with what this one says."""
        begin = str(Path(self.begin) / TRAINED) if self.begin else ""
        return self.model.model_copy(update={"seed": self.seed, "device": self.device, "begin": begin})


_teach: Late[Teach] = Late("teachers.student.teach:teach")
_estimate: Late[EstimateTeacher] = Late("teachers.student.estimate:estimate")
_encoder: Late[OpenEncoder] = Late("teachers.student.teach:open_encoder")

SPEC = TeacherSpec(
    kind="student",
    help="a student of any kind, trained on clicks alone",
    settings=StudentTeacherSection,
    supplies=frozenset({"scores", "item vectors", "user vectors"}),
    teach=_teach,
    estimate=_estimate,
    encoder=_encoder,
)
