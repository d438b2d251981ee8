"""A run from Python: `run(recipe)` makes one, `Run.load(folder)` reads one that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from distill_rec.pipeline.folder import RunRecord
from distill_rec.pipeline.opened import open_recipe
from distill_rec.pipeline.run_stages import Frames, run_stages
from distill_rec.progress import Progress
from distill_rec.recipe_check import recorded
from distill_rec.recipe_io import naming_recipe
from distill_rec.records import read_record
from distill_rec.runtime.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

    from distill_rec.comparison import Comparison
    from distill_rec.data.dataset import Dataset
    from distill_rec.evaluation.results import Results
    from distill_rec.runtime import Student
    from distill_rec.teacher_model import Teacher

    Frame: TypeAlias = pl.DataFrame | pl.LazyFrame | pd.DataFrame


class Run:
    """A run folder, read when asked.

    Attributes:
        path: the folder.
        recipe: as it was run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "recipe.json").exists():
            raise RunError(self.path, "no run here", "a run's folder, as runs/demo", "Make one with `distill-rec run`.")
        record = read_record(RunRecord, self.path / "recipe.json")
        self.recipe = recorded(record.recipe, str(self.path / "recipe.json"))

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a run.

        Raises:
            RunError: the folder holds none.
        """
        return cls(path)

    @cached_property
    def results(self) -> Results:
        """All that the evaluation found."""
        from distill_rec.evaluation.results import Results

        return Results.read(self.path / "evaluate")

    @property
    def table(self) -> pl.DataFrame:
        """`part, metric` and one column per model: means over users."""
        return self.results.table()

    @property
    def per_user(self) -> pl.DataFrame:
        """`user_id, model, samples` and one column per metric."""
        found = self.results.per_user
        if found is None:
            raise RunError(self.path / "evaluate", "no per_user.parquet", "", "Evaluate anew with --restart evaluate.")
        return found

    @cached_property
    def dataset(self) -> Dataset:
        """The prepared data."""
        from distill_rec.data import Dataset

        return Dataset.load(self.path / "prepare")

    def samples(self, part: str = "train") -> pl.DataFrame:
        """`sample, user_id, time, history` (and `candidates`) of a part: what a teacher elsewhere is to score."""
        from distill_rec.data.samples import samples_of

        return samples_of(self.dataset, part)

    @cached_property
    def teacher(self) -> Teacher:
        """The teacher, in torch; of several, all together as one."""
        from distill_rec.teacher_model import Teacher

        return Teacher.load(self.path / "teach")

    @cached_property
    def teachers(self) -> dict[str, Teacher]:
        """Each of several teachers by its name; of one, that one."""
        from distill_rec.teacher_model import Teacher

        names = self.teacher.members
        return {name: Teacher.load(self.teacher.folder / name) for name in names} or {"teacher": self.teacher}

    @cached_property
    def student(self) -> Student:
        """The exported student, without torch."""
        from distill_rec.runtime import Student

        return Student.load(self.path / "export" / "student")

    @property
    def validation(self) -> dict[str, float]:
        """Best nDCG@10 on validation data of each model that was trained: what a choice between models is made by."""
        from distill_rec.pipeline.trainings import histories_of

        return {name: one.best for name, one in histories_of(self.path).items()}

    def compare(self) -> Comparison:
        """What the evaluation found, as a notebook shows it; nothing is computed anew.

        `distill_rec.compare(run, models)` evaluates other models on the run's test.
        """
        from distill_rec.comparison import Comparison

        return Comparison(self.results)

    def kinds(self, by: str, metric: str | None = None) -> pl.DataFrame:
        """The test's slices by a column of `evaluate.slices`: student against teacher, the student's worst first."""
        from distill_rec.evaluation.kinds_told import kinds_frame

        return kinds_frame(self.results, by, metric)

    def disagreements(self, n: int = 10) -> pl.DataFrame:
        """The n users on whom teacher and student differ most, by title."""
        return pl.DataFrame([example.model_dump() for example in self.results.examples[:n]])

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def run(
    recipe: str | Path | Mapping[str, Any],
    clicks: Frame | None = None,
    items: Frame | None = None,
    out: str | Path | None = None,
    set: Sequence[str] | Mapping[str, Any] = (),
    progress: Progress | None = None,
) -> Run:
    """Run all stages of a recipe; those that an earlier call finished are not run again.

    Args:
        recipe: path, shelf name, or the sections as a mapping.
        clicks, items: polars or pandas frames in place of the recipe's files (columns as the recipe names them).
        out: folder of the run; `runs/NAME` where not given.
        set: changes to the recipe, `key=value` or a mapping of dotted keys.

    Raises:
        RecipeError, DataError, ModelError, TrainingError, ArtifactError, RunError: as the stages do.
    """
    checked, folder = open_recipe(recipe, set, out)
    base = Path(recipe).resolve().parent if not isinstance(recipe, Mapping) and Path(recipe).is_file() else Path.cwd()
    frames = Frames(_polars(clicks), _polars(items))
    with naming_recipe(recipe):
        run_stages(checked, folder, base=base, frames=frames, progress=progress)
    return Run.load(folder)


def _polars(frame: Frame | None) -> pl.DataFrame | None:
    if frame is None or isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    return pl.from_pandas(frame)
