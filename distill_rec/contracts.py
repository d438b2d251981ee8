"""What a teacher, a tuning and a student must be.

A spec is light: it says what its part is and names the code that does the work, which is imported when it is used.
Entry points lead to specs; `distill_rec.registry` finds them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from distill_rec.kinds import ENSEMBLE
from distill_rec.registry import STUDENTS, TEACHERS, TUNINGS, Late, find
from distill_rec.runtime.errors import RecipeError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from distill_rec.data.dataset import Dataset
    from distill_rec.data.ragged import Ragged
    from distill_rec.estimates import Sizes
    from distill_rec.evaluation.scorer import Scorer
    from distill_rec.knowledge import Knowledge
    from distill_rec.learner import Learner
    from distill_rec.plm_config import PlmConfig
    from distill_rec.progress import Progress
    from distill_rec.recipe import OptimizerSection, StudentSection, TeacherSection
    from distill_rec.student_build import Built
    from distill_rec.student_model import StudentModel
    from distill_rec.teacher_model import Teacher
    from distill_rec.trunks.load import Trunk

Signal = Literal["scores", "item vectors", "user vectors"]
"""What a teacher can hand over."""


class Teach(Protocol):
    """Train into a folder, or go on where a killed run stopped: `knowledge/`, `history.json`, `model.json` last."""

    def __call__(self, section: Any, dataset: Dataset, folder: Path, *, progress: Progress | None = None) -> None: ...


class OpenEncoder(Protocol):
    """A trained teacher's encoder of any texts, to `[n, d]`, with what it needs loaded once."""

    def __call__(self, teacher: Teacher) -> Callable[[list[str]], NDArray[np.float32]]: ...


class OpenRanker(Protocol):
    """A trained teacher's scores of any histories' candidates, as `Scorer.scores` gives them, all loaded once.

    For kinds without vectors to rank by.
    """

    def __call__(self, teacher: Teacher) -> Callable[[Ragged, Ragged], NDArray[np.float32]]: ...


class Untrained(Protocol):
    """The column that a teacher must beat to have learnt anything."""

    def __call__(self, section: Any, dataset: Dataset, progress: Progress | None = None) -> Scorer: ...


class OpenLearner(Protocol):
    """A finished teacher as a model that goes on learning beside a student.

    `tuning` says what of its PLM learns, "" as before; `chunk` texts are encoded at once.
    """

    def __call__(
        self, folder: Path, tuning: str, dataset: Dataset, device: torch.device, chunk: int, progress: Progress
    ) -> Learner: ...


class OpenTrunk(Protocol):
    """A trained teacher's PLM as it was tuned, frozen, for losses of a student that is run beside it."""

    def __call__(self, teacher: Teacher) -> Trunk: ...


class LearnerSeconds(Protocol):
    """Seconds that a teacher's part of a joint training takes on two cores; an order of magnitude.

    `optimizer` is the student's, which both are trained by.
    """

    def __call__(self, section: Any, tuning: str, optimizer: OptimizerSection, sizes: Sizes) -> float: ...


class EstimateTeacher(Protocol):
    """What teaching does, in words, and seconds on two cores; an order of magnitude."""

    def __call__(self, section: Any, sizes: Sizes) -> tuple[str, float]: ...


@dataclass(frozen=True)
class TeacherSpec:
    """A kind of teacher.

    Attributes:
        settings: subclass of `recipe.TeacherSection`: the keys of `[teacher]`.
        supplies: the signals that it hands over.
        teach, estimate: what it does and what that costs.
        encoder: None where it cannot encode texts.
        ranker: of a kind without vectors; None where it has vectors, or cannot be asked.
        untrained: None where nothing of it can rank before it is trained.
        learner, learner_seconds: of one that can go on learning beside a student (`student.joint`); None else.
        trunk: of one whose PLM reads an item's text alone, so that a student's layers may learn from its layers; None
            else.
    """

    kind: str
    help: str
    settings: type[TeacherSection]
    supplies: frozenset[Signal]
    teach: Late[Teach]
    estimate: Late[EstimateTeacher]
    encoder: Late[OpenEncoder] | None = None
    ranker: Late[OpenRanker] | None = None
    untrained: Late[Untrained] | None = None
    learner: Late[OpenLearner] | None = None
    learner_seconds: Late[LearnerSeconds] | None = None
    trunk: Late[OpenTrunk] | None = None


class Tuning(Protocol):
    """How much of a trunk learns, with the argument of its recipe's string where it takes one (`last:2`)."""

    @property
    def name(self) -> str:
        """As the recipe writes it."""

    def lowest(self, depth: int) -> int | None:
        """The lowest of `depth` layers that learns, so where cached states may stand; `depth` where none does.

        None where what is below the layers learns too.
        """

    def prepare(self, trunk: Trunk) -> nn.Module:
        """Change a frozen trunk, in place, so that something of it learns.

        Returns:
            The part of the trunk that is saved with the teacher; of its weights those that ask for gradients learn.
        """

    def merge(self, trunk: Trunk) -> None:
        """Give a trained trunk the form that it had before, in place; it encodes the same.

        Where the spec says that it does not merge, the trunk is left as `prepare` made it.
        """


@dataclass(frozen=True)
class TuningSpec:
    """A kind of tuning.

    Attributes:
        form: how a recipe writes it, as "last:k".
        make: from what stands after the colon ("" where nothing does) to a tuning; ValueError where that is wrong.
        merges: whether what it learns can be written into the trunk's own weights, so that none are added.
        rate: `trunk_learning_rate` where the recipe says none; what is added wants more than the PLM's own weights.
        rounds: whether `prepare` rounds weights of the trunk, so that it encodes a little otherwise from then on.
        needs: package that has to be there to tune, which the extra of the tuning's name installs; "": none.
    """

    name: str
    form: str
    help: str
    make: Callable[[str], Tuning]
    merges: bool = True
    rate: float = 2e-5
    rounds: bool = False
    needs: str = ""


class BuildStudent(Protocol):
    """From settings to a model ready to train; `section.seed` draws what is random in it.

    `trunk` is the PLM of tokens and first weights. `knowledge` is the teacher that it starts from, or None.
    """

    def __call__(
        self, section: Any, trunk: str, dataset: Dataset, knowledge: Knowledge | None, progress: Progress
    ) -> Built: ...


class WarmCaches(Protocol):
    """Make what every student of these settings reads from the cache, with all threads of this process.

    Those that are then trained beside each other, with a thread each, do not wait for one that makes it.
    """

    def __call__(self, section: Any, trunk: str, dataset: Dataset, progress: Progress) -> None: ...


@dataclass(frozen=True)
class StudentSpec:
    """A kind of student.

    Attributes:
        settings: subclass of `recipe.StudentSection`: the keys of `[student]`.
        artifact: the runtime's kind that reads what is exported.
        build: makes one.
        model: subclass of `StudentModel`, which reads and exports one.
        warm: makes what several of them share; None where that is nothing.
        trunk_layers: of settings, how many layers of a PLM its text encoder (a `TrunkEncoder`) runs, by the PLM's sizes
            where they are known; a part of one where it runs less of each. None of a kind whose encoder is none.
        start_seconds, export_seconds: for the plan, on two cores.
        end_seconds: of settings and sizes, what follows each training; None where nothing does.
    """

    kind: str
    help: str
    settings: type[StudentSection]
    artifact: str
    build: Late[BuildStudent]
    model: Late[type[StudentModel]]
    warm: Late[WarmCaches] | None = None
    trunk_layers: Callable[[Any, PlmConfig | None], float] | None = None
    start_seconds: float = 0.0
    end_seconds: Callable[[Any, Sizes], float] | None = None
    export_seconds: float = 5.0

    def around(self, section: StudentSection, sizes: Sizes) -> float:
        """Seconds before and after a training of these settings."""
        return self.start_seconds + (0.0 if self.end_seconds is None else self.end_seconds(section, sizes))


def teacher_spec(kind: str) -> TeacherSpec:
    """See `registry.find`."""
    found: TeacherSpec = (
        Late[TeacherSpec]("distill_rec.ensemble.spec:SPEC").get() if kind == ENSEMBLE else find(TEACHERS, kind)
    )
    return found


def supplies_of(section: TeacherSection) -> frozenset[Signal]:
    """Signals that a recipe's teacher hands over; of several those that each does."""
    parts = section.parts().values()
    if parts:
        return frozenset.intersection(*map(supplies_of, parts))
    own = section.supplied()
    return teacher_spec(section.kind).supplies if own is None else own  # type: ignore[return-value]


def learner_of(kind: str) -> Late[OpenLearner]:
    """What opens a teacher of a kind to go on learning beside a student.

    Raises:
        RecipeError: it cannot.
    """
    found = teacher_spec(kind).learner
    if found is None:
        what = f"a teacher of kind {kind!r}, which hands over what it knows once"
        expected = "one that can learn beside the student, as bi_encoder"
        raise RecipeError("section student.joint", what, expected, "Or leave the section out.")
    return found


def trunk_opener_of(kind: str, key: str) -> Late[OpenTrunk]:
    """What opens a teacher of a kind as a PLM whose layers a student's may learn from.

    Args:
        key: of what reads them.

    Raises:
        RecipeError: it has none.
    """
    found = teacher_spec(kind).trunk
    if found is None:
        what = f"a teacher of kind {kind!r}, which has no PLM that reads an item's text alone"
        raise RecipeError(f"key {key}", what, "a bi_encoder, whose layers are read", f"Set {key} = 0 to leave it out.")
    return found


def refuse_without_layers(kind: str, key: str) -> None:
    """Refuse a loss of token states of a student that runs no PLM.

    Args:
        key: of the loss.

    Raises:
        RecipeError: naming key and kind.
    """
    if student_spec(kind).trunk_layers is None:
        found = f"of a student of kind {kind!r}, which has no layers"
        raise RecipeError(f"key {key}", found, "a student of kind 'transformer'", f"Set {key} = 0 to leave it out.")


def teacher_read(of: str, names: Collection[str]) -> str:
    """Whose PLM losses of token states read, by `student.first.tokens.of`: a name, or "" of a teacher that is one.

    Args:
        names: of several teachers.

    Raises:
        RecipeError: of several none is named, or there is none of the name.
    """
    key = "key student.first.tokens.of"
    if names and of not in names:
        raise RecipeError(key, f"{of!r}, and there are several teachers", f"the name of one: {', '.join(names)}")
    if of and not names:
        raise RecipeError(key, f"{of!r}, and there is one teacher", "''")
    return of


def student_spec(kind: str) -> StudentSpec:
    """See `registry.find`."""
    found: StudentSpec = find(STUDENTS, kind)
    return found


def tuning_spec(name: str) -> TuningSpec:
    """See `registry.find`."""
    found: TuningSpec = find(TUNINGS, name)
    return found


def require_tuning(text: str) -> None:
    """Find out before any work whether a tuning can be done here.

    Args:
        text: as a recipe writes it.

    Raises:
        RecipeError: a package that it needs is not installed.
    """
    spec = tuning_spec(text.partition(":")[0])
    if spec.needs and importlib.util.find_spec(spec.needs) is None:
        found, do = f"{text!r}, and {spec.needs} is not installed", f"pip install 'distill-rec[{spec.name}]'"
        raise RecipeError("key teacher.tuning", found, spec.needs, do)


def tuning_of(text: str) -> Tuning:
    """The tuning that a recipe's string names, as "last:2".

    Raises:
        RecipeError: there is no such tuning.
        ValueError: its argument is wrong.
    """
    name, _, argument = text.partition(":")
    return tuning_spec(name).make(argument)
