"""The data of a study: prepared once for each form that its rows read, all with the same test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.evaluation.protocol import Samples
from distill_rec.files import fingerprint
from distill_rec.pipeline.run_stages import run_stages
from distill_rec.progress import Progress
from distill_rec.recipe import Recipe
from distill_rec.runtime.errors import RecipeError
from distill_rec.study.plan import Plan, PlannedRow


def data_folder(row: PlannedRow, folder: Path) -> Path:
    """Where a row's data is prepared: rows with the same data settings share it."""
    return folder / "data" / fingerprint(row.recipe.data.model_dump())[:8]


def prepare_data(plan: Plan, folder: Path, base: Path, progress: Progress) -> dict[str, Path]:
    """Prepare what is not there yet.

    Returns:
        The prepared folder of each row, by its name.

    Raises:
        RecipeError: a variation changes the test, so that its rows could not be compared.
    """
    found: dict[str, Path] = {}
    tests: dict[Path, str] = {}
    for row in plan.rows:
        place = data_folder(row, folder)
        if place not in tests:
            only_data = Recipe(name=row.recipe.name, data=row.recipe.data)
            run_stages(only_data, place, base=base, until="prepare", progress=progress)
            tests[place] = test_of(Dataset.load(place / "prepare"))
        if tests[place] != next(iter(tests.values())):
            what = "another test than that of the first row"
            do = "Vary only what leaves users and targets of the test as they are, or make two studies."
            raise RecipeError(f"row {row.name}", what, "the same test for all rows", do)
        found[row.name] = place / "prepare"
    return found


def test_of(dataset: Dataset) -> str:
    """A hash of whom the test asks for what: users and targets by id, in order, whatever their histories hold."""
    samples: Samples = dataset.test
    users, items = dataset.users["user_id"].to_list(), dataset.items["item_id"].to_list()
    asked = samples.target if isinstance(samples, Queries) else samples.candidates.values
    labels = [] if isinstance(samples, Queries) else np.asarray(samples.labels.values).tolist()
    whom, what = ([names[i] for i in np.asarray(at).tolist()] for names, at in ((users, samples.user), (items, asked)))
    return fingerprint(whom, what, labels, sorted(items))
