"""A dry run's seconds and memory, held to twice and half of what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distill_rec.estimates import Sizes, training_seconds, updates
from distill_rec.pipeline.plan import plan_of
from distill_rec.pipeline.stages.distill import Distill
from distill_rec.recipe import OptimizerSection, Recipe
from distill_rec.recipe_io import load_recipe
from teachers.bi_encoder.estimate import estimate
from teachers.bi_encoder.spec import BiEncoderSection

FACTOR = 2.0
GUEST = Sizes(clicks=500_000, items=4_000, samples=9_100, rated=399_810, users=4_000)
MOVIELENS = Sizes(clicks=100_000, items=1_682, samples=1_529, rated=55_375, users=942)
"""As `sizes_of` counts them."""


def guest_recipe() -> Recipe:
    """That of `benchmarks/prepare.py --case guest --stages`."""
    sixty: dict[str, Any] = {"optimizer": {"max_updates": 60}}
    parts = {"teacher": sixty, "student": sixty, "export": {}, "evaluate": {"cost": False}}
    return Recipe.model_validate({"data": {"rating_column": "rating", "min_rating": 2}, **parts})


DEMO: dict[str, tuple[float, int]] = {
    "prepare": (0.4, 160), "teach": (64, 1848), "distill": (8.4, 731), "export": (6, 721), "evaluate": (23, 725),
}  # fmt: skip
MEASURED: list[tuple[str, Sizes, dict[str, tuple[float, int]]]] = [
    ("guest", GUEST, {
        "prepare": (1.3, 278), "teach": (66, 1091), "distill": (139, 1217), "export": (74, 978), "evaluate": (75, 976),
    }),
    ("demo", MOVIELENS, DEMO),
]  # fmt: skip
"""Seconds and MiB of each stage: of the guest's first three and the demo's teachers on two quiet cores."""


@pytest.mark.parametrize(("name", "sizes", "measured"), MEASURED)
def test_estimates_are_within_a_factor_of_two_of_what_was_measured(
    name: str, sizes: Sizes, measured: dict[str, tuple[float, int]], tmp_path: Any
) -> None:
    recipe = guest_recipe() if name == "guest" else load_recipe("students/static/demo")
    plan = {step.stage: step for step in plan_of(recipe, tmp_path / "run", tmp_path, sizes=sizes)}
    assert set(measured) <= set(plan)
    for stage, (seconds, memory) in measured.items():
        assert seconds / FACTOR <= plan[stage].seconds <= seconds * FACTOR, (stage, plan[stage].seconds)
        assert memory / FACTOR <= plan[stage].memory / 2**20 <= memory * FACTOR, (stage, plan[stage].memory)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_updates": 60}, 60),
        ({"max_updates": 800, "min_updates": 400, "batch_size": 64}, 477.8),  # twenty epochs, where no limit is nearer
        ({"max_updates": 8000, "min_updates": 900, "batch_size": 64}, 900),
        ({"max_updates": 800, "decay": "linear"}, 298.6),  # no plateau ends it: a hundred epochs
    ],
)
def test_a_training_ends_by_its_limits_or_by_a_plateau_after_its_floor(settings: Any, expected: float) -> None:
    assert updates(OptimizerSection(**settings), MOVIELENS) == pytest.approx(expected, abs=0.1)


def test_every_try_of_a_search_counts() -> None:
    section = Recipe.model_validate({"teacher": {}}).teacher
    one, two = OptimizerSection(), OptimizerSection(tries=[{}, {"learning_rate": 1e-3}])
    assert training_seconds(section, two, GUEST) == 2 * training_seconds(section, one, GUEST)  # type: ignore[arg-type]


def test_one_thread_takes_longer_and_students_beside_each_other_less_than_one_after_another() -> None:
    def seconds(threads: int, **student: bool) -> float:
        recipe = Recipe.model_validate({"teacher": {}, "student": student})
        return Distill().estimate(recipe, replace(GUEST, threads=threads)).seconds

    assert seconds(1, undistilled=False) > 1.2 * seconds(2, undistilled=False)
    assert seconds(2) < 0.9 * seconds(1)  # two students, a thread each
    assert seconds(1) == pytest.approx(seconds(1, undistilled=False) * (1 + 1 / 1.5), rel=0.2)
    assert seconds(6, initialised=True) < seconds(2, initialised=True)


def test_the_fit_of_later_texts_counts_and_its_items_are_bounded() -> None:
    def seconds(items: int, new_texts: str) -> float:
        student = {"undistilled": False, "new_texts": new_texts, "optimizer": {"max_updates": 160}}
        recipe = Recipe.model_validate({"teacher": {}, "student": student})
        return Distill().estimate(recipe, replace(MOVIELENS, items=items)).seconds

    few, many, more = (seconds(items, "fitted") - seconds(items, "learned") for items in (10_000, 50_000, 5_000_000))
    assert few > 1 and many == pytest.approx(5 * few) and more == pytest.approx(10 * few)


def test_layers_cost_by_how_many_and_how_wide_they_are(tiny_trunk: Path) -> None:
    """A whole layer of this PLM has 4 w w and 2 w 2w weights; each window passes the catalogue through all, there and
    back."""

    def seconds(**student: Any) -> float:
        own = {"undistilled": False, "optimizer": {"max_updates": 160, "window": 16, "decay": "linear"}}
        settings = {"teacher": {}, "student": {"trunk": str(tiny_trunk), **own, **student}}
        return Distill().estimate(Recipe.model_validate(settings), MOVIELENS).seconds

    none = seconds(kind="static", table_dim=8, new_texts="learned") - 15
    whole, two, narrow = (
        seconds(kind="transformer", **more) - none for more in ({}, {"layers": 2}, {"heads": 1, "intermediate": 32})
    )
    assert whole == pytest.approx(10 * 1_682 * 4 / 6 / 200)
    assert (two, narrow) == (pytest.approx(2 * whole), pytest.approx(whole / 2))


def test_a_window_of_impressions_passes_its_own_items_and_not_the_catalogue() -> None:
    """The MIND sample, the top two layers tuned by 32 batches in windows of 4: 8 windows of 27 s on one core."""
    mind = Sizes(clicks=5_000, items=51_282, samples=5_000, impressions=True)
    optimizer = {"batch_size": 64, "window": 4, "max_updates": 32, "decay": "linear"}

    def seconds(tuning: str, sizes: Sizes) -> float:
        teacher = {"tuning": tuning, "optimizer": optimizer, "trunk_optimizer": optimizer}
        return estimate(BiEncoderSection.model_validate(teacher), sizes)[1]

    tuned = seconds("last:2", mind) - seconds("head", mind)
    assert 8 * 27 / FACTOR < tuned < 8 * 27 * FACTOR
    few = replace(mind, items=1_000)  # no window reads more than there is
    assert seconds("last:2", few) - seconds("head", few) == pytest.approx(tuned * 1_000 / 6_400)
