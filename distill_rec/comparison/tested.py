"""What models are compared on: the data, and how much is drawn of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill_rec.data.dataset import Dataset
from distill_rec.data.labels import Labels, read_labels
from distill_rec.demo import resolve
from distill_rec.pipeline.folder import RunRecord
from distill_rec.recipe import EvaluateSection
from distill_rec.recipe_check import check, recorded
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError


@dataclass(frozen=True)
class Tested:
    """A prepared data set with the section that says how to evaluate on it.

    Attributes:
        name: of the comparison.
        labels: columns that the test is sliced by.
    """

    dataset: Dataset
    section: EvaluateSection
    name: str
    labels: list[Labels] = field(default_factory=list)


def tested(given: Any, evaluate: Mapping[str, Any]) -> Tested:
    """Read what `compare` was given.

    Args:
        given: a `Run`, a `Dataset`, the folder of one of them.
        evaluate: keys of `[evaluate]`, in place of the run's own or of the defaults.

    Raises:
        RunError: there is no prepared data.
        RecipeError: a key is unknown, or its value out of its range.
    """
    if isinstance(given, Dataset):
        section = _section(EvaluateSection(), evaluate)
        if section.slices:
            do = "Compare on the run that it was prepared for."
            raise RecipeError("compare, key evaluate.slices", "prepared data, which have no such columns", "a run", do)
        return Tested(given, section, _name_of(given.folder))
    path = Path(getattr(given, "path", given))
    if not (path / "recipe.json").exists():
        return tested(Dataset.load(path), evaluate)
    dataset = given.dataset if hasattr(given, "dataset") else Dataset.load(path / "prepare")
    record = read_record(RunRecord, path / "recipe.json")
    recipe = recorded(record.recipe, str(path / "recipe.json"))
    own = (recipe.evaluate or EvaluateSection()).model_copy(update={"others": []})  # models are what was named
    section = _section(own, evaluate)
    data = recipe.data.model_copy(update={"path": resolve(recipe.data.path)})
    labels = read_labels(section.slices, data, Path(record.base), dataset, None, None)
    return Tested(dataset, section, recipe.name, labels)


def _section(own: EvaluateSection, changes: Mapping[str, Any]) -> EvaluateSection:
    found = check({"evaluate": {**own.model_dump(), **changes}}, "compare").evaluate
    assert found is not None
    return found


def _name_of(folder: Path | None) -> str:
    if folder is None:
        return "comparison"
    whole = folder.resolve()
    return whole.parent.name if whole.name == "prepare" else whole.name
