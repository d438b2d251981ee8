"""Whether a run's finished stages are what its recipe and this release would make; needs the extra `train`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from distill_rec.doctor.findings import Finding, problem_of
from distill_rec.pipeline.check import changes
from distill_rec.pipeline.folder import RunFolder, RunRecord
from distill_rec.pipeline.wanted import defaults_of, settings_of, stages_of
from distill_rec.recipe_io import recorded
from distill_rec.records import kind_of, read_record
from distill_rec.runtime.errors import RunError

AREA = "run"
SHOWN = 3


def changed(folder: Path) -> list[Finding]:
    """Stages made by another release, or whose settings differ from `recipe.json`.

    Input files are not hashed anew: `distill-rec run` does that, and says so.

    Raises:
        RecipeError: `recipe.json` holds a key or value that this release does not know.
    """
    out: list[Finding] = []
    recipe = recorded(read_record(RunRecord, folder / "recipe.json").recipe, str(folder / "recipe.json"))
    run = RunFolder(folder)
    for stage in stages_of(recipe):
        record = run.finished(stage.name)
        if record is None:
            continue
        what, do = f"stage {stage.name}", f"Run it anew: --restart {stage.name}."
        if record.version in stage.still_good:
            found = (
                f"made by version {record.version} of the stage, this release has {stage.version} and goes on with it"
            )
            out.append(Finding("note", AREA, what, found))
        elif record.version != stage.version:
            found = f"made by version {record.version} of the stage, this release has {stage.version}"
            older = record.version < stage.version  # what it left is read; a run that goes on would not mix the two
            out.append(Finding("note" if older else "problem", AREA, what, found, do))
            continue  # another release has other keys too
        if others := changes(settings_of(stage, recipe), record.settings, defaults_of(stage, recipe)):
            pairs = list(others.items())[:SHOWN]
            told = [f"{key} is {json.dumps(now)}, it was made with {json.dumps(then)}" for key, (now, then) in pairs]
            more = f"; and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
            out.append(Finding("problem", AREA, what, "; ".join(told) + more, do))
    return out


def misread(folder: Path) -> list[Finding]:
    """Records that cannot be read: of a newer release, or with a key that is missing or wrong."""
    out = []
    for path in sorted(folder.rglob("*.json")):
        kind = kind_of(path.relative_to(folder).as_posix())
        if kind is None:
            continue
        try:
            read_record(kind, path)
        except RunError as error:
            out.append(replace(problem_of(AREA, error), what=str(path.relative_to(folder))))
    return out
