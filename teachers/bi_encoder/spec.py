"""What a bi-encoder teacher is, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from distill_rec.contracts import (
    EstimateTeacher,
    LearnerSeconds,
    OpenEncoder,
    OpenLearner,
    OpenTrunk,
    Teach,
    TeacherSpec,
    Tuning,
    Untrained,
    tuning_of,
)
from distill_rec.recipe import ModelSection, OptimizerSection, TeacherSection, TrunkTeacherSection
from distill_rec.registry import Late
from distill_rec.sections.histories import HistoriesSection
from distill_rec.sections.trajectory import TrajectorySection
from teachers.bi_encoder.post_training.section import PostTrainingSection
from teachers.bi_encoder.preference.section import PreferenceSection
from teachers.bi_encoder.tuning.names import known_tuning, tuning_forms


class BiEncoderSection(ModelSection, TrajectorySection, TrunkTeacherSection):
    """Keys of a bi-encoder: the PLM, its head, and how much of it learns."""

    kind: Literal["bi_encoder"] = Field("bi_encoder", description="what the teacher is")
    trunk: str = Field(
        "demo:all-MiniLM-L6-v2", description="folder, hub id, 'demo:all-MiniLM-L6-v2', or a Parquet/NPZ file of vectors"
    )
    revision: str = Field("main", description="revision of a hub id")
    tuning: Annotated[str, AfterValidator(known_tuning)] = Field(
        "head", description=f"{tuning_forms()}; k: layers from the top (where left out, all; last needs it)"
    )
    pooling: Literal["auto", "mean", "attention", "cls", "last"] = Field(
        "auto", description="over tokens; auto: the folder's own, else mean for encoders and last for decoders"
    )
    prefix: str | None = Field(
        None,
        description="text put before every item's text, as the instruction that an embedding model was trained with "
        "('passage: '); left out: the folder's own",
    )
    whiten: bool = Field(False, description="whiten the pooled vectors with the catalogue's covariance")
    max_tokens: int = Field(32, ge=4, description="tokens of a text that are read")
    choose: list[dict[str, object]] = Field(
        default_factory=list,
        description="variants of this section; each is trained and the best on validation data is the teacher",
    )
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection, description="how the head is trained")
    trunk_optimizer: OptimizerSection | None = Field(
        None, description="how the trunk is tuned, after the head has converged; the same as optimizer where not given"
    )
    histories: HistoriesSection = Field(
        default_factory=HistoriesSection,
        description="changes the histories of training, so that fewer are learned by heart; none where not given",
    )
    preference: PreferenceSection | None = Field(
        None, description="preference tuning after that, for impressions; none where not given"
    )

    post_training: PostTrainingSection | None = Field(
        None,
        description="contrastive matching of two views of each item, before all else; none where not given. Teachers "
        "with the same one share it",
    )

    @property
    def how(self) -> Tuning:
        """The tuning that `tuning` names."""
        return tuning_of(self.tuning)

    @property
    def tunings(self) -> list[str]:
        """Its own and its post-training's."""
        return [self.tuning, *([] if self.post_training is None else [self.post_training.tuning])]

    @property
    def post_trained(self) -> tuple[object, ...]:
        """What its post-training is known by, but for which of the snapshots is taken."""
        post = self.post_training
        base = self.trunk, self.revision, self.pooling, self.prefix, self.max_tokens, self.seed, self.trunk_precision
        return (*base, None if post is None else post.model_copy(update={"snapshot": None}))

    @property
    def learns_layers(self) -> bool:
        return self.tuning != "head" or bool(self.choose) or self.post_training is not None

    def beside(self, earlier: Sequence[TeacherSection]) -> Self:
        others = [one.post_trained for one in earlier if isinstance(one, BiEncoderSection)]
        return self.model_copy(update={"post_training": None}) if self.post_trained in others else self

    def columns(self) -> list[str]:
        return [] if self.post_training is None else self.post_training.columns

    def sources(self) -> dict[str, tuple[str, str]]:
        return super().sources() | {"trunk": (self.trunk, self.revision)}

    def resolved(self, resolve: Callable[[str], str]) -> Self:
        trunks: list[dict[str, Any]] = [
            {"trunk": resolve(str(one["trunk"]))} if "trunk" in one else {} for one in self.choose
        ]
        choose = [one | trunk for one, trunk in zip(self.choose, trunks, strict=True)]
        return super().resolved(resolve).model_copy(update={"choose": choose})


_teach: Late[Teach] = Late("teachers.bi_encoder.teach:teach")
_estimate: Late[EstimateTeacher] = Late("teachers.bi_encoder.estimate:estimate")
_encoder: Late[OpenEncoder] = Late("teachers.bi_encoder.encoder:open_encoder")
_learner: Late[OpenLearner] = Late("teachers.bi_encoder.learner:open_learner")
_learner_seconds: Late[LearnerSeconds] = Late("teachers.bi_encoder.estimate:learner_seconds")
_trunk: Late[OpenTrunk] = Late("teachers.bi_encoder.encoder:open_tuned_trunk")
_untrained: Late[Untrained] = Late("teachers.bi_encoder.untrained:untrained_scorer")

SPEC = TeacherSpec(
    kind="bi_encoder",
    help="a PLM with a small head",
    settings=BiEncoderSection,
    supplies=frozenset({"scores", "item vectors", "user vectors"}),
    teach=_teach,
    estimate=_estimate,
    encoder=_encoder,
    untrained=_untrained,
    learner=_learner,
    learner_seconds=_learner_seconds,
    trunk=_trunk,
)
