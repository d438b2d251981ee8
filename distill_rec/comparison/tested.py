"""What models are compared on: the data, and how much is drawn of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.data.dataset import Dataset
from distill_rec.pipeline.folder import RunRecord
from distill_rec.recipe import EvaluateSection
from distill_rec.recipe_io import check, recorded
from distill_rec.records import read_record


@dataclass(frozen=True)
class Tested:
    """A prepared data set with the section that says how to evaluate on it.

    Attributes:
        name: of the comparison.
    """

    dataset: Dataset
    section: EvaluateSection
    name: str


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
        return Tested(given, _section(EvaluateSection(), evaluate), _name_of(given.folder))
    path = Path(getattr(given, "path", given))
    if not (path / "recipe.json").exists():
        return tested(Dataset.load(path), evaluate)
    dataset = given.dataset if hasattr(given, "dataset") else Dataset.load(path / "prepare")
    recipe = recorded(read_record(RunRecord, path / "recipe.json").recipe, str(path / "recipe.json"))
    return Tested(dataset, _section(recipe.evaluate or EvaluateSection(), evaluate), recipe.name)


def _section(own: EvaluateSection, changes: Mapping[str, Any]) -> EvaluateSection:
    found = check({"evaluate": {**own.model_dump(), **changes}}, "compare").evaluate
    assert found is not None
    return found


def _name_of(folder: Path | None) -> str:
    if folder is None:
        return "comparison"
    whole = folder.resolve()
    return whole.parent.name if whole.name == "prepare" else whole.name
