"""Whether a run's finished stages are what its recipe and this release would make; needs the extra `train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distill_rec.doctor.findings import Finding
from distill_rec.doctor.kinds import object_in
from distill_rec.pipeline.folder import RunFolder
from distill_rec.pipeline.stages import VERSION, settings_of, stages_of
from distill_rec.recipe import Recipe
from distill_rec.recipe_errors import describe
from distill_rec.recipe_io import recorded

AREA = "run"
SHOWN = 3


def changed(folder: Path) -> list[Finding]:
    """Stages made by another release, or whose settings differ from `recipe.json`.

    Input files are not hashed anew: `distill-rec run` does that, and says so.

    Raises:
        RecipeError: `recipe.json` holds a key or value that this release does not know.
    """
    out: list[Finding] = []
    recipe = recorded(object_in(folder / "recipe.json").get("recipe", {}), str(folder / "recipe.json"))
    run = RunFolder(folder)
    defaults = json.loads(json.dumps({key: default for key, _, default in describe(Recipe)}, default=str))
    for stage in stages_of(recipe):
        record = run.finished(stage)
        if record is None:
            continue
        what, do = f"stage {stage}", f"Run it anew: --restart {stage}."
        if record.version != VERSION[stage]:
            found = f"made by version {record.version} of the stage, this release has {VERSION[stage]}"
            older = record.version < VERSION[stage]  # what it left is read; a run that goes on would not mix the two
            out.append(Finding("note" if older else "problem", AREA, what, found, do))
            continue  # another release has other keys too
        now = json.loads(json.dumps(settings_of(stage, recipe)))
        # A key that came with a later release was at its default.
        if others := [key for key in now if record.settings.get(key, defaults.get(key)) != now[key]]:
            differences = "; ".join(_difference(key, now[key], record.settings) for key in others[:SHOWN])
            more = f"; and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            out.append(Finding("problem", AREA, what, differences + more, do))
    return out


def _difference(key: str, now: Any, made_with: dict[str, Any]) -> str:
    if key not in made_with:
        return f"{key} is {json.dumps(now)}; it was made by a release that had no such key"
    return f"{key} is {json.dumps(now)}, it was made with {json.dumps(made_with[key])}"
