"""What a student is as a teacher, and its settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from distill_rec.contracts import EstimateTeacher, OpenEncoder, Teach, TeacherSpec
from distill_rec.kinds import settings_of, validated
from distill_rec.recipe import StudentSection, TeacherSection
from distill_rec.registry import Late

OF_DISTILLING = ("loss", "start", "undistilled", "initialised", "mix", "mix_temperature", "adapter", "first")
GIVEN = ("trunk", "seed", "device")
"""Keys that the teacher's section has itself."""

Model = Annotated[SerializeAsAny[StudentSection], BeforeValidator(lambda value: validated("student", value))]


def _static() -> Any:
    return settings_of("student", "static")()


class StudentTeacherSection(TeacherSection):
    """Keys of a student as a teacher."""

    kind: Literal["student"] = Field("student", description="what the teacher is")
    trunk: str = Field("demo:all-MiniLM-L6-v2", description="PLM of its tokens and initial weights")
    model: Model = Field(default_factory=_static, description="what it is made of, with the keys of [student]")

    @model_validator(mode="after")
    def _learns_from_clicks(self) -> Self:
        fields = type(self.model).model_fields
        for key in (*OF_DISTILLING, *GIVEN):
            if getattr(self.model, key) != fields[key].get_default(call_default_factory=True):
                what = "it learns from clicks alone" if key in OF_DISTILLING else f"teacher.{key} says it"
                raise ValueError(f"model.{key} has no effect here: {what}")
        if not self.model.histories.clicks:
            raise ValueError("model.histories.clicks is true here, where all that is learned is clicks")
        return self

    def sources(self) -> dict[str, tuple[str, str]]:
        return {"trunk": (self.trunk, "")}

    @property
    def student(self) -> StudentSection:
        """The student's section, with what this one says."""
        return self.model.model_copy(update={"seed": self.seed, "device": self.device})


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
