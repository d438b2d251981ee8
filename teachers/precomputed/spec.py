"""What a teacher that is a file is, and its settings."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from distill_rec.contracts import EstimateTeacher, Teach, TeacherSpec
from distill_rec.losses.spec import ALL_SUPPLIED, SCORES
from distill_rec.recipe import ModelSection, OptimizerSection, TeacherSection
from distill_rec.registry import Late


class PrecomputedSection(ModelSection, TeacherSection):
    """Keys of a file's teacher; those of model and optimizer are of the head that is learned over `vectors`."""

    kind: Literal["precomputed"] = Field("precomputed", description="what the teacher is")
    scores: str = Field("", description="Parquet file of scores: a row for each sample (or user) and item; '': none")
    vectors: str = Field(
        "",
        description="Parquet file of item vectors (columns item_id, vector) or NPZ (arrays of these names); a head and "
        "a user encoder are learned over them on the clicks; '': none",
    )
    sample_column: str = Field(
        "", description="scores: column of the sample, as Run.samples() names it (train-17); '': they are a user's"
    )
    user_column: str = Field("user_id", description="scores, where no column names samples: column of the user's id")
    time_column: str = Field(
        "", description="scores of a user: column of the sample's time (seconds); '': they hold at any time"
    )
    item_column: str = Field("item_id", description="scores: column of the item's id")
    score_column: str = Field("score", description="scores: column of the score, a logit: larger is better")
    rest_column: str = Field(
        "",
        description="scores of ordered clicks: column of the log of the sum of exp(score) over all items without a row "
        "of the sample, the same in all its rows; '': not known, and the listed items are set against each other alone",
    )
    unknown: Literal["refuse", "skip"] = Field(
        "refuse",
        description="rows of items, users or samples that the data have not: an error, or left out and counted",
    )
    whiten: bool = Field(False, description="vectors: whiten them with the catalogue's covariance")
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection, description="how the head is trained")

    @model_validator(mode="after")
    def _names_a_file(self) -> Self:
        if not (self.scores or self.vectors):
            raise ValueError("name a file: scores, vectors, or both")
        return self

    def sources(self) -> dict[str, tuple[str, str]]:
        found = {"scores": self.scores, "vectors": self.vectors}
        return {key: (value, "") for key, value in found.items() if value}

    def supplied(self) -> frozenset[str]:
        return ALL_SUPPLIED if self.vectors else frozenset({SCORES})


_teach: Late[Teach] = Late("teachers.precomputed.teach:teach")
_estimate: Late[EstimateTeacher] = Late("teachers.precomputed.estimate:estimate")

SPEC = TeacherSpec(
    kind="precomputed",
    help="a file of scores, or of item vectors, from anywhere",
    settings=PrecomputedSection,
    supplies=frozenset({"scores", "item vectors", "user vectors"}),
    teach=_teach,
    estimate=_estimate,
)
