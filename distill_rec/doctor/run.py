"""A run folder: which stages are finished, stale or changed, what is damaged or left over, and the room on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from distill_rec.artifact.link import LINK, VERSIONS
from distill_rec.artifact.refusals import in_words, refused, remedies
from distill_rec.doctor.artifact import artifact
from distill_rec.doctor.at_work import at_work
from distill_rec.doctor.damage import damaged
from distill_rec.doctor.dataset import dataset
from distill_rec.doctor.findings import Finding, problem_of, sound
from distill_rec.doctor.machine import size
from distill_rec.files import locked_by
from distill_rec.pipeline.check import changes
from distill_rec.pipeline.folder import RunFolder, RunRecord, StageRecord
from distill_rec.pipeline.stage import Stage
from distill_rec.pipeline.stages import STAGES
from distill_rec.pipeline.wanted import defaults_of, settings_of, stages_of
from distill_rec.recipe import Recipe
from distill_rec.recipe_check import recorded
from distill_rec.records import kind_of, read_record
from distill_rec.runtime.errors import DistillRecError, RunError

AREA = "run"
SHOWN = 3
CHECKS: dict[str, Callable[[Path], list[Finding]]] = {
    "data set": dataset,
    "artifact": lambda folder: artifact(folder / LINK),
}
"""Checks of what a stage's folder is of itself."""


def run(folder: Path) -> list[Finding]:
    """Stages in order; then the data set and the artifact in it, what is left over, and the disk."""
    holder = locked_by(folder)
    out = [_lock(folder, holder), *_misread(folder)]
    try:
        recipe = recorded(read_record(RunRecord, folder / "recipe.json").recipe, str(folder / "recipe.json"))
    except (DistillRecError, OSError) as error:
        recipe = None
        if isinstance(error, DistillRecError) and not isinstance(error, RunError):
            out.append(problem_of(AREA, error))
    stages = list(_stages(folder, recipe, holder is not None))
    out += stages
    if recipe is not None and sound(stages):
        out.append(Finding("ok", AREA, "settings", "every finished stage has those of recipe.json"))
    for stage in STAGES:
        if stage.holds != "data set" and (folder / stage.name).is_dir():
            out += _damaged(folder, stage)
    out += [*_left_over(folder, holder is not None), _disk(folder)]
    for stage in STAGES:
        if stage.holds and (folder / stage.name / "stage.json").exists():
            out += CHECKS[stage.holds](folder / stage.name)
    return out


def _lock(folder: Path, holder: str | None) -> Finding:
    if holder is not None:
        return Finding("note", AREA, "lock", f"in use by process {holder}", "What is being written looks unfinished.")
    if not (folder / "recipe.json").exists():
        do = "Name the folder that `distill-rec run` was given as --out."
        return Finding("problem", AREA, "recipe.json", "not there", do)
    return Finding("ok", AREA, "lock", "no process is at work here")


def _misread(folder: Path) -> Iterator[Finding]:
    """Records that cannot be read: of a newer release, or with a key that is missing or wrong."""
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if (kind := kind_of(name)) is not None:
            try:
                read_record(kind, path)
            except RunError as error:
                yield replace(problem_of(AREA, error), what=name)


def _stages(folder: Path, recipe: Recipe | None, busy: bool) -> Iterator[Finding]:
    """Each stage of the run's recipe; a finished one is stale when the stage before it is another by now."""
    before, last, running = "", "", False
    for stage in stages_of(recipe) if recipe else [one for one in STAGES if (folder / one.name).exists()]:
        try:
            record = RunFolder(folder).finished(stage.name)
        except RunError:  # told among the records
            continue
        if record is None:
            yield _running(folder, stage, last) if busy and not running else _unfinished(folder, stage, busy)
            running = True
            continue
        yield _finished(folder, stage, record, before)
        last = stage.name
        if recipe is not None:
            yield from _changed(stage, record, recipe)
        before = record.fingerprint


def _finished(folder: Path, stage: Stage, record: StageRecord, before: str) -> Finding:
    place, what = folder / stage.name, f"stage {stage.name}"
    anew = f"distill-rec run RECIPE --out {folder} --restart {stage.name}"
    if record.before != before:
        found = f"stale: made from a {STAGES[max(STAGES.index(stage) - 1, 0)].name} that is there no more"
        return Finding("problem", AREA, what, found, f"The same `distill-rec run` makes it anew, or: {anew}")
    if missing := [name for name in stage.expected(place) if not (place / name).exists()]:
        return Finding("problem", AREA, what, f"finished, but lacks {', '.join(missing)}", anew)
    return Finding("ok", AREA, what, f"finished in {record.seconds:,.1f} s")


def _running(folder: Path, stage: Stage, before: str) -> Finding:
    """The first stage of a run in use that is not finished."""
    return Finding("note", AREA, f"stage {stage.name}", at_work(folder, stage.name, before))


def _unfinished(folder: Path, stage: Stage, busy: bool) -> Finding:
    place, what = folder / stage.name, f"stage {stage.name}"
    if (place / "begun.json").exists():
        do = "" if busy else "The same command goes on from its last checkpoint."
        return Finding("note", AREA, what, "running" if busy else "begun and not finished", do)
    if gates := [] if busy or stage.holds != "artifact" else refused(place):
        found = f"not published, its gates refused: {in_words(gates)}"
        return Finding("problem", AREA, what, found, remedies(gates))
    if not place.exists() or not any(place.iterdir()):
        do = "" if busy else f"distill-rec run RECIPE --out {folder}"
        return Finding("note", AREA, what, "not there yet" if busy else "not run yet", do)
    do = "" if busy else "The same command runs it from its start."
    return Finding("note", AREA, what, "running" if busy else "not finished", do)


def _changed(stage: Stage, record: StageRecord, recipe: Recipe) -> Iterator[Finding]:
    """What `distill-rec run` would refuse or say of it; input files are not hashed anew."""
    what, do = f"stage {stage.name}", f"Run it anew: --restart {stage.name}."
    if record.version != stage.version:
        found = f"made by version {record.version} of the stage, this release has {stage.version}"
        if record.version not in stage.still_good:
            older = record.version < stage.version  # what it left is read; a run that goes on would not mix the two
            yield Finding("note" if older else "problem", AREA, what, found, do)
            return  # another release has other keys too
        yield Finding("note", AREA, what, f"{found} and goes on with it")
    others = changes(settings_of(stage, recipe), record.settings, defaults_of(stage, recipe))
    told = [f"{key} is {json.dumps(now)}, it was made with {json.dumps(then)}" for key, (now, then) in others.items()]
    if told:
        more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        yield Finding("problem", AREA, what, "; ".join(told[:SHOWN]) + more, do)


def _damaged(folder: Path, stage: Stage) -> Iterator[Finding]:
    """Files that are not whole; the artifact's own are compared by hash elsewhere, records are read above."""
    for path, fault in damaged(folder / stage.name):
        name = path.relative_to(folder)
        inside = name.parts[1] if stage.holds == "artifact" else ""
        if inside not in (VERSIONS, LINK) and kind_of(name.as_posix()) is None:
            yield Finding("problem", AREA, str(name), fault, f"Run it anew: --restart {stage.name}.")


def _left_over(folder: Path, busy: bool) -> Iterator[Finding]:
    """What a killed process left behind, and what `--restart` kept."""
    temporary = [path for path in sorted(folder.rglob(".*.tmp")) if not path.is_symlink()]
    if temporary and not busy:
        names = ", ".join(str(path.relative_to(folder)) for path in temporary[:SHOWN])
        found = f"{len(temporary)} left by a process that was killed, {size(_held(temporary))}: {names}"
        yield Finding("note", AREA, "temporary files", found, "Nothing reads them: delete them.")
    old = sorted(folder.glob("*.old-*"))
    if old:
        found = f"{', '.join(path.name for path in old)}: {size(_held(old))}"
        yield Finding("note", AREA, "kept by --restart", found, "Delete them when they are no longer wanted.")


def _held(paths: list[Path]) -> int:
    inside = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
    return sum(file.stat().st_size for file in inside)


def _disk(folder: Path) -> Finding:
    held, free = _held([folder]), shutil.disk_usage(folder).free
    found = f"the run holds {size(held)}; {size(free)} are free"
    if free < max(held, 2**28):
        return Finding("note", AREA, "disk", found, "A stage that runs anew may not fit: make room.")
    return Finding("ok", AREA, "disk", found)
