"""`run --dry-run`: stages, sizes and an estimate of time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from distill_rec.cli.output import make_console, print_json

if TYPE_CHECKING:
    from distill_rec.recipe import Recipe


def print_plan(recipe: Recipe, folder: Path, base: Path, restart: str | None, as_json: bool) -> None:
    """Tell what a run would do; nothing is fetched, written or locked, and of the data headers alone are read."""
    from distill_rec.data.columns import require_columns
    from distill_rec.pipeline.plan import floors_of, plan_of
    from distill_rec.pipeline.sizes import sizes_of
    from distill_rec.pipeline.stages.evaluate import columns_of
    from distill_rec.recipe_io import DEMO
    from distill_rec.recipe_unread import cautions_of

    if not recipe.data.path.startswith(DEMO):
        further = columns_of(recipe.evaluate) if recipe.evaluate is not None else None
        require_columns(recipe.data, base, further)
    sizes = sizes_of(recipe.data, base)
    plan, floors = plan_of(recipe, folder, base, restart, sizes), floors_of(recipe, sizes)
    unread = cautions_of(recipe)
    if as_json:
        stages = [step.__dict__ for step in plan]
        cautions = [one.__dict__ for one in sizes.heavy]
        told = {"run": str(folder), "stages": stages, "cautions": cautions, "unread": unread, "floors": floors}
        print_json(told, indent=2)
        return
    from rich.table import Table

    from distill_rec.terminal import print_table

    table = Table(box=None, header_style="bold")
    for name in ("stage", "state", "work", "about", "memory"):
        table.add_column(name, justify="right" if name in ("about", "memory") else "left")
    for step in plan:
        table.add_row(step.stage, step.state, step.work, f"{step.seconds:,.0f} s", f"{step.memory / 2**20:,.0f} MiB")
    left = sum(step.seconds for step in plan if step.state != "finished")
    print_table(make_console(), table)
    for caution in sizes.heavy:
        print(f"look at: {caution.text}")
    for text in unread:
        print(f"look at: {text}")
    for floor in floors:
        print(floor)
    print(f"run: {folder}; about {left:,.0f} s left on two cores. Early stopping makes it shorter, a GPU much shorter.")
