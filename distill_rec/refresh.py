"""A refresh: the recipe of a run that goes on from a finished one with new clicks, and where its student is published.

The recipe says all of it, so that the run is made again from its recipe alone: further files (`data.more_clicks`), from
when on clicks are new (`data.newest_from`), whose weights are gone on from (`begin`), how gently (`rate_factor`) and
with how much of the old (`replay`), and against which run the student is compared (`[refresh]`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.link import LINK, VERSIONS, kept, leads_to
from distill_rec.artifact.publish import new_version
from distill_rec.data import read_summary
from distill_rec.files import LOCK
from distill_rec.kinds import kind_of, settings_of, without_other_kinds
from distill_rec.pipeline.folder import RunFolder, RunRecord
from distill_rec.pipeline.opened import open_recipe
from distill_rec.pipeline.trainings import STUDENTS
from distill_rec.recipe import MERGED, Recipe
from distill_rec.recipe_merge import merge
from distill_rec.records import read_record
from distill_rec.runtime.errors import RecipeError, RunError
from distill_rec.training.outcome import Outcome

Settings = dict[str, Any]
GONE_THROUGH: Settings = {"first": None, "order": None}
"""Sections of a student's way that a trained one has behind it."""
NUMBERED = re.compile(r"^(.*?)-(\d+)$")


@dataclass(frozen=True)
class Gently:
    """How trained weights are trained on.

    Attributes:
        replay: share of the clicks that the run before has trained on, drawn for each epoch.
        rate: factor of its learning rates.
        max_updates: batches of each training at most; the recipe's own limits where not given.
    """

    replay: float = 0.2
    rate: float = 0.3
    max_updates: int | None = None


def refreshed_recipe(
    run: Path,
    clicks: Sequence[str] = (),
    items: Sequence[str] = (),
    gently: Gently | None = None,
    into: str = "",
    anyway: bool = False,
    changes: Sequence[str] | Mapping[str, Any] = (),
) -> tuple[Recipe, Path]:
    """The recipe of a run that goes on from a finished one, and what its data's files are relative to.

    Args:
        clicks, items: further files or globs; none where those of the run's own recipe have grown.
        into: export folder that a service follows.
        anyway: publish a student that is worse, too.
        changes: of the recipe, the last word.

    Raises:
        RunError: the run is not finished so far that it could be gone on from.
        RecipeError: its data cannot be added to; a change is wrong.
    """
    run = run.resolve()
    _require_trained(run)
    record = read_record(RunRecord, run / "recipe.json")
    settings, gently = without_other_kinds(record.recipe), gently or Gently()
    settings["data"] = _data(settings["data"], run, clicks, items)
    if settings.get("teacher"):
        settings["teacher"] = _teacher(settings["teacher"], run / "teach", gently)
    settings["student"] = _student(settings["student"], run, gently)
    settings["refresh"] = {"run": str(run), "into": into, "anyway": anyway}
    given = {key: value for key, value in settings.items() if value is not None}
    return open_recipe(given, changes, made=run)[0], Path(record.base)


def _require_trained(run: Path) -> None:
    folder = RunFolder(run)
    if not (run / "recipe.json").exists():
        raise RunError(run, "no run here", "a finished run's folder, as runs/demo", "Make one with `distill-rec run`.")
    recipe = read_record(RunRecord, run / "recipe.json").recipe
    if not recipe.get("student"):
        raise RunError(run, "a run without a student", "one that trains a student", "Add a section [student].")
    for stage in ("prepare", *(["teach"] if recipe.get("teacher") else []), "distill"):
        if folder.finished(stage) is None:
            do = f"Finish it first: distill-rec run RECIPE --out {run}"
            raise RunError(run / stage, "not finished, so nothing can go on from it", "a finished run", do)


def _data(data: Settings, run: Path, clicks: Sequence[str], items: Sequence[str]) -> Settings:
    last = read_summary(run / "prepare").last_time
    if data["format"] == "mind":
        raise RecipeError("data.format", "'mind', whose train and test are given", "a log of clicks, to refresh from")
    if last is None:
        raise RecipeError("data.time_column", "no times, so no click is newer than another", "clicks with times")
    if data["format"] == "table" and not data["clicks"]:
        do = "Write its frames to files and run a recipe that names them."
        raise RunError(run, "made from frames, which it does not keep", "a run whose recipe names its files", do)
    return data | {
        "more_clicks": [*data.get("more_clicks", []), *map(_absolute, clicks)],
        "more_items": [*data.get("more_items", []), *map(_absolute, items)],
        "newest_from": last + 1,
        "known": str(run / "prepare"),
        "split": "time",
        "new_items": 0.0,  # releases are real from here on, and those that were kept out are no longer
    }


def _absolute(pattern: str) -> str:
    return str(Path.cwd() / Path(pattern).expanduser())


def _teacher(teacher: Settings, folder: Path, gently: Gently) -> Settings:
    """The teacher's section, or each one's of several, begun at the trained one; its choices are made."""
    if "members" in teacher:
        folds = teacher.get("folds", {})  # drawn anew for more users: who learned without one is taught anew
        members = {
            name: one if folds.get(name) else _teacher(one, folder / name, gently)
            for name, one in teacher["members"].items()
        }
        return teacher | {"members": members}
    history = read_record(Outcome, folder / "history.json") if (folder / "history.json").exists() else None
    if teacher.get("choose") and history is not None and history.variants and history.chosen is not None:
        teacher = merge(teacher, history.variants[history.chosen].settings) | {"choose": []}
    if "begin" not in settings_of("teacher", kind_of("teacher", teacher)).model_fields:
        return teacher
    section: Settings = _gently(teacher, history, gently)
    way: Settings = {"trajectory": []} if "trajectory" in section else {}
    return section | {"begin": str(folder)} | way


def _student(student: Settings, run: Path, gently: Gently) -> Settings:
    folder = run / STUDENTS["student"]
    section: Settings = _gently(student, read_record(Outcome, folder / "history.json"), gently)
    # What its teachers are together today is nearer to them than what they were.
    begin = "" if section.get("start") == MERGED else str(folder)
    return section | {"begin": begin, "undistilled": False, "initialised": False, **GONE_THROUGH}


def taught_anew(recipe: Recipe) -> dict[str, str]:
    """Teachers of a refresh that do not go on from trained weights, by name, each with its kind."""
    if recipe.teacher is None:
        return {}
    found = recipe.teacher.parts() or {"teacher": recipe.teacher}
    return {name: one.kind for name, one in found.items() if not getattr(one, "begin", "")}


def _gently(value: Any, history: Outcome | None, gently: Gently) -> Any:
    """A section with each optimiser within it trained on gently, and the try that was chosen as its only one."""
    if not isinstance(value, Mapping):
        return value
    if "learning_rate" not in value or "batch_size" not in value:
        return {key: _gently(one, history, gently) for key, one in value.items()}
    tried = [] if history is None or history.tries is None else history.tries
    chosen = tried[history.chosen_try].changes if history is not None and history.chosen_try is not None else {}
    own = chosen if chosen in value.get("tries", []) else {}
    more: Settings = {"tries": [], "replay": gently.replay, "rate_factor": gently.rate, "min_updates": 0}
    if gently.max_updates is not None:
        more["max_updates"] = gently.max_updates
    return {**value, **own, **more}


def folder_beside(run: Path, recipe: Recipe) -> Path:
    """Where a refresh of a run goes: `films-2` beside `films`, or the next number whose folder is free.

    A folder of the same refresh is it, whether that was interrupted or has ended.
    """
    matched = NUMBERED.match(run.name)
    name, number = (matched[1], int(matched[2])) if matched else (run.name, 1)
    wanted = recipe.model_dump(mode="json")
    while True:
        number += 1
        folder = run.parent / f"{name}-{number}"
        if not folder.exists() or _same(folder, wanted):
            return folder


def _same(folder: Path, wanted: Settings) -> bool:
    """Whether a folder holds the same refresh, or has not come so far as to tell."""
    if not (folder / "recipe.json").exists():
        return not any(one for one in folder.iterdir() if one.name != LOCK)
    mine, theirs = (
        _without_publication(one) for one in (wanted, read_record(RunRecord, folder / "recipe.json").recipe)
    )
    return mine == theirs


def _without_publication(recipe: Settings) -> Settings:
    refresh = {key: value for key, value in (recipe.get("refresh") or {}).items() if key not in ("anyway", "into")}
    return {**recipe, "refresh": refresh}


def publish_into(run: Path, into: Path, keep: int, report: Callable[[str], None] = lambda text: None) -> str | None:
    """Make a run's student the next version of an export folder, and lead its link there.

    A student that is a version of it already is not published again, whatever was rolled back since.

    Args:
        keep: versions kept.
        report: told what was done.

    Returns:
        The version's number; None where the run has published no student.
    """
    if not kept(run / "export"):
        return None
    source = leads_to(run / "export" / LINK)
    manifest = (source / MANIFEST).read_bytes()
    for number in kept(into):
        if (into / VERSIONS / str(number) / MANIFEST).read_bytes() == manifest:
            return str(number)
    with new_version(into, keep) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
    version = leads_to(into / LINK).name
    report(f"{into / LINK} leads to version {version} now, the student of {run}")
    return version
