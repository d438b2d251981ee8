"""A recipe: one TOML file that declares a run, one section per stage.

The descriptions of the fields are the documentation: `distill-rec init` writes them into a new
recipe, and the errors quote them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from distill_rec.evaluation_sections import OtherSection, SliceSection, as_slice, refuse_twice
from distill_rec.kinds import validated
from distill_rec.loss_schedule import at_largest, refuse_schedule
from distill_rec.losses.checks import used
from distill_rec.losses.registry import item_losses, losses
from distill_rec.losses.section import loss_section
from distill_rec.refresh_section import RefreshSection as RefreshSection
from distill_rec.search_section import SearchSection
from distill_rec.section import Section as Section
from distill_rec.section import decisive as decisive
from distill_rec.student_sections import LearningSection, refuse_nested

RATES = ("learning_rate", "trunk_learning_rate", "rate_factor", "clip")
"""Keys of an optimizer that an unfinished training may go on with at other values: what helps one that diverged."""
GROWING = ("more_clicks", "more_items", "newest_from", "known")
"""Keys of the data that a refresh sets."""
ROOM = 2
"""Floors that a training has room for where only the default of `max_epochs` limits it: a plateau takes updates too."""


class DataSection(Section):
    """What the items and clicks are and how they are split."""

    format: Literal["recbole", "mind", "table"] = Field(
        "table", description="recbole (atomic files, plain or sequence form), mind, or table (CSV, TSV, JSONL, Parquet)"
    )
    path: str = Field("", description="folder of the data set; 'demo:movielens-100k' fetches the demo's clicks")
    clicks: str = Field("", description="file or glob of clicks, relative to path (recbole: *.inter)")
    items: str = Field(
        "",
        description="file or glob of items, relative to path (recbole: *.item); '' takes their texts from the clicks",
    )
    test: str = Field(
        "", description="mind only: folder of the test behaviours (dev); the last day of path is validation"
    )
    more_clicks: list[str] = Field(
        default_factory=list,
        description="further files or globs of clicks, as a refresh adds them; a row that an earlier file has too is "
        "read once",
    )
    more_items: list[str] = Field(
        default_factory=list,
        description="further files or globs of items, as a refresh adds them; of an item that has stood before, the "
        "later text counts",
    )
    user_column: str = Field("user_id", description="column of the user's id in the clicks (user.id: a nested field)")
    item_column: str = Field("item_id", description="column of the item's id in clicks and items")
    item_id_column: str = Field("", description="column of the item's id in the items; '' where it is item_column too")
    time_column: str = Field(
        "timestamp", description="column of the click's time; '' where the file is in order of time"
    )
    time_format: str = Field(
        "", description="how times are written, as %d/%m/%Y %H:%M, or microseconds; '' tells the usual ones by itself"
    )
    where: str = Field(
        "",
        description="rows of the clicks that count, as \"Quantity > 0 and Country != 'Testland'\"; others are left out",
    )
    missing_user: Literal["refuse", "leave-out"] = Field(
        "refuse", description="rows without a user's id: refused (too many fail), or left out and counted"
    )
    rating_column: str = Field("", description="column of a rating; '' where every row is a click")
    min_rating: float = Field(4.0, description="a row is a click when its rating is at least this")
    event_column: str = Field("", description="column of the event type")
    event_weights: dict[str, float] = Field(
        default_factory=dict, description="weight of each event type as a click; types not named are left out"
    )
    sequence_column: str = Field("", description="recbole: column of the list of earlier items (sequence form)")
    text: str = Field("{title}", description="template of an item's text, columns in braces")
    timezone: str = Field("UTC", description="zone of times that carry none")
    encoding: str = Field("utf-8", description="encoding of text files")
    unescape_html: bool = Field(True, description="turn HTML entities in texts into characters")
    repeats: Literal["keep", "first", "last"] = Field("keep", description="repeated clicks of a user on an item")
    min_user_clicks: int = Field(1, ge=1, description="users with fewer clicks are left out")
    min_item_clicks: int = Field(0, ge=0, description="items with fewer clicks leave the clicks (not the catalogue)")
    max_refused: float = Field(0.01, ge=0, le=1, description="share of refused rows (and more than 10) that fails")
    split: Literal["time", "leave-last-out", "given"] = Field(
        "time", description="time: global cuts; leave-last-out: last item of each user; given: mind's train and dev"
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="split = time: last share of interactions for the test")
    validation_share: float = Field(0.1, gt=0, lt=1, description="split = time: the share before the test")
    newest_from: int | None = Field(
        None,
        description="split = time: the two shares are of the interactions from this second on (since 1970, UTC), and "
        "all earlier ones are trained on; of all where not given",
    )
    known: str = Field(
        "",
        description="folder prepare of an earlier run, whose training clicks optimizer.replay may leave out; '': none",
    )
    read_as: Literal["clicks", "impressions"] = Field(
        "clicks", description="clicks: full catalogue; impressions: what a user rated in a session, with real negatives"
    )
    session_minutes: int = Field(30, ge=1, description="a session ends after this long without a row")
    new_items: float = Field(0.0, ge=0, lt=1, description="share of items kept out of training as tomorrow's releases")
    max_history: int = Field(50, ge=1, description="most recent clicks that a history keeps")
    seed: int = Field(0, description="draws the new items")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        grown = [key for key in GROWING if getattr(self, key)]
        if grown and self.format == "mind":
            raise ValueError(f"{grown[0]} is for logs of clicks, not for MIND's files")
        if self.newest_from is not None and self.split != "time":
            raise ValueError(f"newest_from goes with split = 'time', not {self.split!r}")
        if self.more_items and self.format == "table" and not self.items:
            raise ValueError("more_items goes with a file of items; here the texts come from the clicks")
        return self


class OptimizerSection(Section):
    """How a model is trained; teacher and student have one each."""

    batch_size: int = Field(512, ge=1, description="users (clicks) or impressions per batch")
    window: int = Field(4, ge=1, description="batches between two updates of the item encoder")
    learning_rate: float = Field(2e-3, gt=0, description="AdamW's rate for user encoder, offsets and head")
    trunk_learning_rate: float = Field(
        2e-5,
        gt=0,
        description="AdamW's rate for what learns of the trunk; weights that a tuning adds want more, as 1e-3",
    )
    rate_factor: float = Field(1.0, gt=0, description="factor of all rates, below one to go on gently (begin)")
    replay: float = Field(
        1.0,
        ge=0,
        le=1,
        description="share of what an earlier run has trained on (data.known) that an epoch repeats, drawn for each",
    )
    trunk_layer_decay: float = Field(
        1.0,
        gt=0,
        le=1,
        description="factor of the trunk's rate from each layer to the one below it; 1: the same for all",
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decay of weight matrices")
    warmup_updates: int = Field(
        20, ge=0, description="steps of each optimiser (the item encoder's steps once per window) while its rate rises"
    )
    decay: Literal["none", "linear"] = Field(
        "none",
        description="linear: the rate falls to zero over max_updates (max_epochs where not given), and no plateau ends "
        "the training before",
    )
    clip: float = Field(1.0, gt=0, description="largest gradient norm of each parameter group")
    max_epochs: int = Field(
        100,
        ge=1,
        description="passes over the training data at most; at its default there is room for twice min_updates all the "
        "same (unless decay is linear), so that no small log is cut before its floor",
    )
    max_updates: int | None = Field(None, description="batches at most; a fixed number makes a run reproducible")
    max_seconds: float | None = Field(None, description="stop after this time; such a run will not reproduce")
    validate_every: int | None = Field(None, description="batches between validations; one epoch where not given")
    patience: int = Field(3, ge=1, description="validations without a gain before training stops")
    patience_updates: int = Field(
        50,
        ge=0,
        description="and steps without a gain, warm-up not counted, of the optimiser that steps least often (once per "
        "window)",
    )
    min_updates: int = Field(
        600, ge=0, description="batches before which no plateau ends a training: the same floor for compared models"
    )
    min_gain: float = Field(0.005, ge=0, description="relative gain that counts as one")
    keep_start: bool = Field(
        False,
        description="keep the weights that training began with unless it beats them on validation data by an interval "
        "above zero; for starts that already rank, such as an untrained PLM's",
    )
    validation_users: int = Field(5000, ge=1, description="validation samples drawn when there are more")
    checkpoint_seconds: float = Field(60.0, ge=0, description="seconds between checkpoints at least")
    item_chunk: int = Field(256, ge=1, description="texts that the trunk encodes at once, with a graph")
    sampled_items: int | None = Field(
        None, description="trunk tuning: other items whose gradient the trunk gets in a window; all where not given"
    )
    drawn_negatives: int | None = Field(
        None,
        ge=1,
        description="items drawn per window that clicked ones compete with, beside its batches' own; of impressions "
        "candidates without a click, drawn for each; left out: the whole catalogue, all that was shown",
    )
    drawn_by: Literal["uniform", "clicks"] = Field(
        "uniform", description="how drawn_negatives are drawn: all alike, or (clicks) by their training clicks"
    )
    refresh_windows: int = Field(
        1, ge=1, description="trunk tuning: windows between two encodings of the whole catalogue"
    )
    tries: list[dict[str, object]] = Field(
        default_factory=list,
        description="changes of this section; a training is run with each and the best on validation data is kept; "
        "compared models get the same ones. Empty: one try, as the section says",
    )

    @field_validator("tries")
    @classmethod
    def _each_is_a_section(cls, tries: list[dict[str, object]]) -> list[dict[str, object]]:
        for changes in tries:
            if "tries" in changes:
                raise ValueError("a try has no tries of its own")
            cls.model_validate(changes)
        return tries

    def epochs(self, updates_each: float) -> int:
        """Passes over the training data at most; a default that contradicts the floor of `min_updates` gives way.

        Args:
            updates_each: batches of a pass.
        """
        if self.decay == "linear" or self.max_epochs != type(self).model_fields["max_epochs"].default:
            return self.max_epochs
        return max(self.max_epochs, math.ceil(ROOM * self.min_updates / updates_each))

    def each_try(self) -> list[OptimizerSection]:
        """The section with each of its tries' changes; itself where it has none."""
        base = self.model_dump(exclude={"tries"})
        return [OptimizerSection.model_validate(base | changes) for changes in self.tries or [{}]]


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

    def columns(self) -> list[str]:
        """Columns of the items that it reads beside their texts."""
        return []

    def supplied(self) -> frozenset[str] | None:
        """Signals that these settings hand over, where they decide it; None: all that its kind does."""
        return None


if TYPE_CHECKING:

    class LossSection(Section):
        """Weights of the distillation objective; its keys are those of the registered losses."""

    class ItemLossSection(Section):
        """The same of the losses of item vectors alone."""
else:
    LossSection = loss_section(Section, losses())
    ItemLossSection = loss_section(Section, item_losses())


class FirstSection(Section):
    """A first stage of distillation: the teacher's vectors of all items' texts, clicked or not, and no clicks."""

    loss: ItemLossSection = Field(default_factory=ItemLossSection, description="what it is distilled by")
    held_out: float = Field(
        0.1, gt=0, lt=1, description="share of the texts, drawn by the seed and at most 1,000, that judge it"
    )
    optimizer: OptimizerSection = Field(
        default_factory=OptimizerSection, description="how it is trained; a batch is of texts"
    )

    @field_validator("loss")
    @classmethod
    def _learns(cls, loss: ItemLossSection) -> ItemLossSection:
        if not used(loss):
            raise ValueError("a loss of item vectors with a weight above zero")
        return loss


class StudentSection(ModelSection, LearningSection, Sourced):
    """The small model and how it learns from the teacher; each kind's own settings lie with its code."""

    kind: str = Field("static", description="what the student is")
    trunk: str = Field("", description="PLM of tokens and initial weights; the teacher's where not given")
    max_tokens: int = Field(32, ge=4, description="tokens of a text that are read")
    projection: Literal["linear", "mlp"] = Field("mlp", description="linear, or two layers")
    start: str = Field(
        "auto",
        description="what its first weights are taken from: auto (the teacher; with several teachers none), none (the "
        "PLM alone), or the name of one of several teachers",
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

    @model_validator(mode="after")
    def _nested_widths(self) -> Self:
        refuse_nested(self.dim, self.nested, self.nested_weights)
        return self

    @model_validator(mode="after")
    def _scheduled_keys(self) -> Self:
        refuse_schedule(self.loss, self.schedule)
        return self

    @property
    def largest_loss(self) -> LossSection:
        """The losses, each scheduled key at its largest."""
        return at_largest(self.loss, self.schedule)

    def sources(self) -> dict[str, tuple[str, str]]:
        return super().sources() | ({"trunk": (self.trunk, "")} if self.trunk else {})


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
