"""A recipe: one TOML file that declares a run, one section per stage.

The descriptions of the fields are the documentation: `distill-rec init` writes them into a new
recipe, and the errors quote them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from distill_rec.kinds import validated
from distill_rec.losses.checks import used
from distill_rec.losses.registry import first_losses, losses
from distill_rec.losses.section import loss_section
from distill_rec.losses.spec import LossSpec
from distill_rec.plm_config import PlmConfig
from distill_rec.sections.base import Section as Section
from distill_rec.sections.base import decisive as decisive
from distill_rec.sections.data import GROWING as GROWING
from distill_rec.sections.data import DataSection as DataSection
from distill_rec.sections.evaluation import OtherSection, SliceSection, as_slice, refuse_twice
from distill_rec.sections.joint import JointSection as JointSection
from distill_rec.sections.optimizer import RATES as RATES
from distill_rec.sections.optimizer import OptimizerSection as OptimizerSection
from distill_rec.sections.optimizer import Precision
from distill_rec.sections.refresh import RefreshSection as RefreshSection
from distill_rec.sections.schedule import at_largest, refuse_schedule
from distill_rec.sections.search import SearchSection
from distill_rec.sections.student import LearningSection, refuse_nested
from distill_rec.sections.tokens import TokensSection


class Sourced(Section):
    """A section whose model may begin from files outside the run."""

    def sources(self) -> dict[str, tuple[str, str]]:
        """Key of each such file, folder or hub id, to its value and its revision ("" where it has none)."""
        return {}

    def trunk_source(self) -> str:
        """The PLM that it begins from, the first of several; "" where there is none."""
        found = (value for key, (value, _) in self.sources().items() if key.rpartition(".")[2] == "trunk")
        return next(found, "")

    def resolved(self, resolve: Callable[[str], str]) -> Self:
        """The section with each of its sources replaced by what `resolve` makes of it."""
        return self.model_copy(update={key: resolve(value) for key, (value, _) in self.sources().items()})


class UserSection(Sourced):
    """What every model of item and user vectors has: their dimensions and the user encoder."""

    dim: int = Field(64, ge=2, description="dimensions of item and user vectors")
    user_encoder: Literal["auto", "attention", "causal", "gru", "mean", "nrms"] = Field(
        "auto",
        description="auto: causal for ordered clicks (SASRec), attention for impressions (NAML); gru: GRU4Rec; nrms: "
        "self-attention, then attention (NRMS)",
    )
    user_layers: int = Field(2, ge=1, description="layers of the causal or gru user encoder")
    user_heads: int = Field(2, ge=1, description="heads of the causal or nrms user encoder")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout in the user encoder")
    repeat_term: Literal["none", "one", "recency"] = Field(
        "none",
        description="a learned number added to the score of items that stand in the history: one for all, or by how "
        "many clicks ago (recency)",
    )
    begin: str = Field(
        "",
        description="folder of a trained model of the same kind and shape (RUN/teach, RUN/distill/student) that "
        "training goes on from; items that it did not have begin as new ones. '': none",
    )

    def sources(self) -> dict[str, tuple[str, str]]:
        return super().sources() | ({"begin": (self.begin, "")} if self.begin else {})


class ModelSection(UserSection):
    """What models that read texts share beside it: offsets and projection."""

    offsets: bool = Field(True, description="a free offset for each item with a training click")
    offset_dropout: float = Field(0.3, ge=0, lt=1, description="share of items without their offset in a batch")
    offset_decay: float = Field(0.05, ge=0, description="AdamW's decay of offsets")
    unclicked_cost: float = Field(
        0.01,
        ge=0,
        le=1,
        description="share of nDCG@10 that items without a click may cost by standing among the others: where on "
        "validation data they cost more, the scores of all of them are lowered together (and may be raised where "
        "teachers were merged, each of which had lowered them); 1: they stay as learned",
    )
    projection: Literal["linear", "mlp"] = Field("linear", description="linear, or two layers")
    hidden: int = Field(256, ge=1, description="width of the two-layer projection")


class TeacherSection(Sourced):
    """What every kind of teacher has; each kind's own settings lie with its code."""

    kind: str = Field("bi_encoder", description="what the teacher is")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: a GPU where there is one")
    seed: int = Field(0, description="initial weights, order of the data, dropout")

    def parts(self) -> dict[str, TeacherSection]:
        """Teachers that it is made of, by name; none where it is one itself."""
        return {}

    def beside(self, earlier: Sequence[TeacherSection]) -> Self:
        """The section less what one of these teachers of the same run has made already, for estimates."""
        return self

    @property
    def learns_layers(self) -> bool:
        """Whether layers of a PLM learn, whose products of matrices gain from every thread; small models do not."""
        return False

    def columns(self) -> list[str]:
        """Columns of the items that it reads beside their texts."""
        return []

    def supplied(self) -> frozenset[str] | None:
        """Signals that these settings hand over, where they decide it; None: all that its kind does."""
        return None

    def on_clicks(self) -> tuple[StudentSection, str, str] | None:
        """Of a teacher that is a student trained on clicks alone: its settings, its PLM, its folder within."""
        return None


class TrunkTeacherSection(TeacherSection):
    """What every kind of teacher that runs a PLM has."""

    trunk_precision: Precision = Field(
        "fp32",
        description="what the PLM is run in: where frozen layers pass all texts once, where the teacher encodes, and "
        "in the batches of its training (which optimizer.precision = 'bf16' runs so by itself). bf16 is quicker on a "
        "GPU and on a processor that multiplies it itself (AMX), and slower elsewhere",
    )
    ray: str = Field(
        "",
        description="address of a cluster of Ray, or 'local', whose workers run the PLM where all texts or samples pass"
        " it once (frozen layers, item vectors, a cross-encoder's scores); '': this process, and those launched with "
        "it",
    )


if TYPE_CHECKING:

    class LossSection(Section):
        """Weights of the distillation objective; its keys are those of the registered losses."""

    class FirstLossSection(Section):
        """The same of the losses of item vectors alone, and of those of a PLM's tokens."""
else:
    LossSection = loss_section(Section, losses())
    FirstLossSection = loss_section(Section, first_losses())


class FirstSection(Section):
    """A first stage of distillation: the teacher's vectors of all items' texts, clicked or not, and no clicks."""

    loss: FirstLossSection = Field(default_factory=FirstLossSection, description="what it is distilled by")
    tokens: TokensSection = Field(
        default_factory=TokensSection,
        description="what the losses hidden and attention_relation read: the teacher's PLM is run beside a transformer "
        "student",
    )
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of the texts, drawn by the seed and at most 1,000, that judge it"
    )
    optimizer: OptimizerSection = Field(
        default_factory=OptimizerSection, description="how it is trained; a batch is of texts"
    )

    @field_validator("loss")
    @classmethod
    def _learns(cls, loss: FirstLossSection) -> FirstLossSection:
        if not any(spec.vectors for spec in used(loss)):
            raise ValueError("a loss of item vectors with a weight above zero")
        return loss

    @model_validator(mode="after")
    def _reads_tokens(self) -> Self:
        if self.tokens != TokensSection() and not self.token_losses:
            raise ValueError("tokens are read by loss.hidden and loss.attention_relation, and neither has a weight")
        return self

    @property
    def token_losses(self) -> list[LossSpec]:
        """Losses with a weight that read the teacher's PLM."""
        return [spec for spec in used(self.loss) if spec.tokens]


MERGED = "merged"
"""A student's start: what all its teachers give together."""

OF_DISTILLING = (
    *("loss", "schedule", "start", "undistilled", "initialised", "mix", "mix_temperature", "adapter", "experts"),
    *("first", "joint", "order", "taught"),
)
"""Keys of a student that have no effect where it learns from clicks alone."""

AFTERWARDS = ("transition_term",)
"""Keys of a student that change nothing of its training: what they name is fitted to the finished model."""


class StudentSection(ModelSection, LearningSection, Sourced):
    """The small model and how it learns from the teacher; each kind's own settings lie with its code."""

    kind: str = Field("static", description="what the student is")
    trunk: str = Field("", description="PLM of tokens and initial weights; the teacher's where not given")
    max_tokens: int = Field(32, ge=4, description="tokens of a text that are read")
    projection: Literal["linear", "mlp"] = Field("mlp", description="linear, or two layers")
    start: str = Field(
        "auto",
        description="what its first weights are taken from: auto (the teacher; with several teachers none), none (the "
        "PLM alone), merged (all teachers together, cut to `dim`, which needs no training: the student has the user "
        "encoders of all, and leaves this start for better weights alone), or the name of one of several teachers",
    )
    transition_term: Literal["none", "fitted"] = Field(
        "none",
        description="fitted: numbers added to the scores of items that people clicked soon after those of the history, "
        "counted in the training clicks; how much they count is fitted on validation data, for the teachers in the "
        "report too. Of a log of clicks alone",
    )
    undistilled: bool = Field(True, description="also train the same student on clicks alone, for comparison")
    initialised: bool = Field(
        False, description="also train it from the teacher's start on clicks alone: apart, what start and losses give"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: a GPU where there is one")
    seed: int = Field(0, description="initial weights, order of the data, dropout")
    loss: LossSection = Field(default_factory=LossSection, description="the distillation objective")
    optimizer: OptimizerSection = Field(default_factory=OptimizerSection, description="how the student is trained")
    first: FirstSection | None = Field(
        None, description="a stage before that, on the teacher's item vectors alone; none where not given"
    )
    joint: JointSection | None = Field(
        None, description="the finished teacher goes on learning while it teaches; it stays as it is where not given"
    )

    @model_validator(mode="after")
    def _nested_widths(self) -> Self:
        refuse_nested(self.dim, self.nested, self.nested_weights)
        return self

    @model_validator(mode="after")
    def _scheduled_keys(self) -> Self:
        refuse_schedule(self.loss, self.schedule)
        return self

    def on_clicks(self) -> dict[str, Any]:
        """What decides a training on clicks alone, its PLM and device apart."""
        apart = dict.fromkeys((*OF_DISTILLING, *AFTERWARDS, "trunk", "device"), True)
        return self.model_dump(mode="json", exclude={**apart, "histories": {"alone", "clicks"}})

    def as_taught(self) -> Self:
        """The section of a student that learns from a teacher: held down as `taught` says.

        One that begins as its teachers together ranks as they do, and what changes it has to show that it is better.
        """
        optimizer = self.taught.training(self.optimizer)
        if self.start == MERGED:
            optimizer = optimizer.model_copy(update={"keep_start": True})
        return self.model_copy(update=self.taught.apart() | {"optimizer": optimizer})

    @property
    def largest_loss(self) -> LossSection:
        """The losses, each scheduled key at its largest."""
        return at_largest(self.loss, self.schedule)

    def sources(self) -> dict[str, tuple[str, str]]:
        return super().sources() | ({"trunk": (self.trunk, "")} if self.trunk else {})

    def unread(self) -> Iterable[tuple[str, str, str]]:
        """Of its kind's own keys those that are given and that nothing reads: key, what makes it so, what to do."""
        return ()

    def refuse_plm(self, read: Callable[[], PlmConfig | None]) -> None:
        """Refuse a PLM that has not what its kind's own keys ask of it.

        Args:
            read: gives the PLM's sizes; None where they cannot be known yet.

        Raises:
            RecipeError: naming the key.
        """


class ExportSection(Section):
    """The artifact."""

    parity_samples: int = Field(
        200, ge=100, description="real items and histories on which torch and export must agree"
    )
    precisions: list[Literal["fp32", "fp16", "int8", "int8-static"]] = Field(
        ["fp32"],
        min_length=1,
        description="what is written; int8 quantises weights (dynamic), int8-static a transformer's activations too, "
        "calibrated on real items",
    )
    precision: Literal["fp32", "fp16", "int8", "int8-static"] = Field(
        "fp32", description="the main one: loaded where none is asked for, and its gates refuse the publication"
    )
    require: list[str] = Field(
        default_factory=list, description="further precisions whose failed gates refuse the publication too"
    )
    max_loss: float = Field(
        0.01, ge=0, le=1, description="relative nDCG@10 on validation data that fp16 and int8 may lose against torch"
    )
    min_quality: float = Field(
        0.0, ge=0, description="share of the teacher's nDCG@10 on validation data that must be kept; 0: no gate"
    )
    min_spread: float = Field(
        0.01,
        ge=0,
        le=1,
        description="a student whose item vectors, or vectors from text alone, vary less than this has collapsed "
        "(1 - |mean|^2)",
    )
    max_p50_ms: float | None = Field(
        None, gt=0, description="milliseconds of ranking 100 candidates, one thread; left out: no gate"
    )
    max_mb: float | None = Field(
        None, gt=0, description="megabytes of what one precision loads, catalogue included; left out: no gate"
    )
    texts: bool = Field(True, description="carry the items' texts, for search and for new texts of known items")
    teacher: bool = Field(False, description="carry the teacher's vectors and user encoder, to compare with")
    weights: bool = Field(True, description="carry torch weights (training/), so that training can go on from a copy")
    torch_export: bool = Field(
        False, description="transformer: also write torch.export's program, export/pt2/N.pt2, beside the artifact"
    )
    keep: int = Field(3, ge=1, description="versions kept")


class EvaluateSection(Section):
    """The protocol and the report."""

    bootstrap: int = Field(2000, ge=100, description="paired resamples of users for the intervals")
    max_users: int | None = Field(None, description="test users drawn when there are more; all where not given")
    seen_items: Literal["auto", "left-out", "both"] = Field(
        "auto",
        description="full catalogue: left-out ranks what a user has not seen; both also ranks all items; auto: both "
        "where more than a tenth of the test's targets had been clicked before",
    )
    transitions: bool = Field(
        False,
        description="a further baseline for ordered clicks: what most often came next after the last click, hard to "
        "beat on many logs of sequences",
    )
    cost: bool = Field(True, description="measure memory and latency of teacher and student")
    list_users: int = Field(
        1000, ge=1, description="test users drawn, a sample each, whose top-10 lists are looked at and compared"
    )
    slices: list[SliceSection] = Field(
        default_factory=list,
        description="columns of the items' file that the test is sliced by, as ['genres']; [[evaluate.slices]] for one "
        "of the clicks' file or of several values",
    )
    others: list[OtherSection] = Field(
        default_factory=list,
        description="further models, each by a file of scores or ranked lists: [[evaluate.others]] with name and path",
    )
    examples: int = Field(20, ge=0, description="disagreements kept, by title")
    seed: int = Field(0, description="draws users and resamples")

    @field_validator("slices", mode="before")
    @classmethod
    def _columns(cls, value: Any) -> Any:
        return [as_slice(one) for one in value] if isinstance(value, list) else value

    @field_validator("slices", "others")
    @classmethod
    def _each_once(cls, found: list[Any]) -> list[Any]:
        refuse_twice([one.key for one in found])
        return found


class Recipe(Section):
    """A whole run."""

    name: str = Field("run", description="name of the run; its folder is runs/NAME")
    track: list[Literal["tensorboard", "mlflow", "wandb"]] = Field(
        [],
        description="trackers that get loss and validation nDCG@10 of each training while it runs, and the test's "
        "means; TensorBoard reads the run's folder track/",
    )
    data: DataSection = Field(default_factory=DataSection, description="items and clicks")
    teacher: SerializeAsAny[TeacherSection] | None = Field(
        None, description="the teacher, or several as [[teacher]], each with a name; left out: no teaching"
    )
    student: SerializeAsAny[StudentSection] | None = Field(None, description="the student; left out: no distillation")
    refresh: RefreshSection | None = Field(
        None, description="what `distill-rec refresh` adds; left out: the run is no refresh"
    )
    export: ExportSection | None = Field(None, description="the artifact; left out: no export")
    evaluate: EvaluateSection | None = Field(None, description="the report; left out: no evaluation")
    search: SearchSection | None = Field(
        None, description="what `distill-rec search` varies; left out: sizes and losses of the student's kind"
    )

    @field_validator("teacher", "student", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        return validated(info.field_name or "", value)
