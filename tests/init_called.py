"""`distill-rec init` called in this process, and what the recipe that it writes leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from distill_rec.cli.main import app
from distill_rec.data import prepare
from distill_rec.recipe_io import load_recipe


def call(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output
    return done.output


def accepted(folder: Path, *arguments: object) -> tuple[dict[str, Any], Any, str]:
    """Keys of the recipe that `init` writes, what `prepare` makes of it, and what was printed; a dry run takes it."""
    recipe = folder / "recipe.toml"
    said = call("init", *arguments, "--out", recipe, "--force")
    call("prepare", recipe, "--out", folder / "run", "--restart", "prepare")
    planned = call("run", recipe, "--dry-run")
    section = load_recipe(recipe).data
    summary = prepare(section, folder / "out", base=folder)
    if section.format != "mind" and not section.where and "read as one log" not in said:
        assert f" {summary.interactions:,} clicks" in planned
    return section.model_dump(exclude_defaults=True), summary, said
