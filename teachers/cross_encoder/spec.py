"""What a cross-encoder teacher is, and its settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from distill_rec.contracts import EstimateTeacher, OpenRanker, Teach, TeacherSpec
from distill_rec.recipe import OptimizerSection, TrunkTeacherSection
from distill_rec.registry import Late
from teachers.bi_encoder.tuning.names import known_tuning, tuning_forms


class CrossEncoderSection(TrunkTeacherSection):
    """Keys of a cross-encoder: the PLM, how much of it learns, what it reads and what it is asked."""

    kind: Literal["cross_encoder"] = Field("cross_encoder", description="what the teacher is")
    trunk: str = Field("demo:all-MiniLM-L6-v2", description="PLM: folder, hub id, or 'demo:all-MiniLM-L6-v2'")
    revision: str = Field("main", description="revision of a hub id")
    layers: int | None = Field(
        None, ge=1, description="layers of the trunk that are kept, from the lowest; all: left out"
    )
    tuning: Annotated[str, AfterValidator(known_tuning)] = Field("full", description=tuning_forms())
    history: int = Field(10, ge=1, description="titles of the most recent clicks that are read with a candidate")
    max_tokens: int = Field(
        128, ge=8, description="tokens of history and candidate together; the history is cut first, at its oldest end"
    )
    negatives: int = Field(4, ge=1, description="other items that a clicked one is set against in training")
    proposer: str = Field(
        "",
        description="ordered clicks: folder of a finished teacher of this data with vectors (runs/NAME/teach), whose "
        "best items are negatives and what is scored; '': negatives at random, and the most popular items are scored",
    )
    top: int = Field(30, ge=2, description="ordered clicks: items of the catalogue that are scored for each sample")
    scored: int | None = Field(
        None, ge=1, description="training samples that are scored, drawn; all: left out. Others teach by clicks alone"
    )
    evaluated: bool = Field(True, description="score validation and test too, for the teacher's column in the report")
    optimizer: OptimizerSection = Field(
        default_factory=lambda: OptimizerSection(batch_size=16, learning_rate=1e-3, validation_users=200),
        description="how it is trained; window and item_chunk have no effect",
    )

    def sources(self) -> dict[str, tuple[str, str]]:
        found = {"trunk": (self.trunk, self.revision)}
        return found | ({"proposer": (self.proposer, "")} if self.proposer else {})


_teach: Late[Teach] = Late("teachers.cross_encoder.teach:teach")
_estimate: Late[EstimateTeacher] = Late("teachers.cross_encoder.estimate:estimate")
_ranker: Late[OpenRanker] = Late("teachers.cross_encoder.model:open_ranker")

SPEC = TeacherSpec(
    kind="cross_encoder",
    help="a PLM that reads history and candidate together",
    settings=CrossEncoderSection,
    supplies=frozenset({"scores"}),
    teach=_teach,
    estimate=_estimate,
    ranker=_ranker,
)
