"""What a stage of a run must be. Light: the command line and the doctor read stages where only the runtime is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

    from distill_rec.data.dataset import Dataset
    from distill_rec.estimates import Sizes
    from distill_rec.pipeline.folder import RunFolder
    from distill_rec.progress import Progress
    from distill_rec.recipe import Recipe


@dataclass(frozen=True)
class Context:
    """A run's recipe with everything resolved.

    Attributes:
        recipe: as its user wrote it ('demo:' values kept).
        resolved: the same with 'demo:' values replaced by folders.
        base: folder that the data's files are relative to where `data.path` is empty.
        frames: hashes of the frames that are given in place of the data's files, by name.
    """

    recipe: Recipe
    resolved: Recipe
    base: Path
    frames: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What a stage gets.

    Attributes:
        fingerprints: of the stages so far, by name.
        clicks, items: frames in place of the recipe's files.
    """

    run: RunFolder
    context: Context
    progress: Progress
    fingerprints: dict[str, str]
    clicks: pl.DataFrame | None = None
    items: pl.DataFrame | None = None

    def folder(self, stage: str) -> Path:
        return self.run.stage(stage)

    def dataset(self) -> Dataset:
        from distill_rec.data import Dataset

        return Dataset.load(self.folder("prepare"))


@dataclass(frozen=True)
class Estimate:
    """What a stage would do, before any of it is done.

    Attributes:
        work: its sizes, in words.
        memory: peak of resident memory, bytes.
    """

    work: str
    seconds: float
    memory: int


class Stage(ABC):
    """One stage: its command, its records, its checks and its line of a plan are made from this.

    Attributes:
        name: of its folder in a run, of its command, of `--restart`.
        section: of the recipe; a recipe without it skips the stage.
        version: raised when its code gives another result for the same settings.
        still_good: earlier versions whose finished results a run goes on with.
        no_effect: dotted keys that do not decide its result (hashes of files stand for their paths).
        help, example: of its command.
        outputs: files of its folder that a later stage or a reader opens.
        product: name and place in its folder of what a user takes away.
        goes_on: it goes on from checkpoints, which belong to the settings that it was begun with.
        in_place: its folder keeps versions of its own, so that `--restart` need not keep the old one.
        holds: what its folder is of itself, which `doctor` checks as such.
    """

    name: str
    section: str
    version: int
    help: str
    example: str
    outputs: tuple[str, ...]
    still_good: frozenset[int] = frozenset()
    no_effect: frozenset[str] = frozenset()
    product: tuple[str, str] | None = None
    goes_on: bool = False
    in_place: bool = False
    holds: Literal["", "data set", "artifact"] = ""

    def require(self, recipe: Recipe) -> None:  # noqa: B027  (most need nothing)
        """See that the recipe has what else the stage needs.

        Raises:
            RecipeError: it has not.
        """

    def require_sources(self, recipe: Recipe, fetch: bool) -> None:  # noqa: B027  (most need nothing)
        """See that what it begins from outside can give what the recipe asks for, as far as that is on this machine.

        Args:
            recipe: whose 'demo:' values may stand there yet.
            fetch: small files that say so may be fetched.

        Raises:
            RecipeError: it cannot.
        """

    def resolve(self, section: Any) -> Any:
        """The stage's section with 'demo:' values fetched and replaced by folders."""
        return section

    def inputs(self, context: Context) -> dict[str, str]:
        """Hashes of what is read from outside the run, by key of the recipe."""
        return {}

    def expected(self, folder: Path) -> tuple[str, ...]:
        """Files that its finished folder must hold."""
        return self.outputs

    @abstractmethod
    def run(self, work: Work) -> None:
        """Read the folders of the stages before and write its own."""

    @abstractmethod
    def estimate(self, recipe: Recipe, sizes: Sizes) -> Estimate:
        """Work, seconds and memory of a recipe that has the stage's section."""

    @abstractmethod
    def report(self, folder: Path) -> dict[str, Any]:
        """What it made, for `--json`.

        Args:
            folder: of the run.
        """

    @abstractmethod
    def print_report(self, folder: Path, console: Any) -> None:
        """The same on a rich console, as tables."""
