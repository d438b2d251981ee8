"""A run folder: which stages are finished, stale or locked, what is damaged or left over, and the room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from distill_rec.artifact.link import LINK, VERSIONS
from distill_rec.artifact.refusals import in_words, refused, remedies
from distill_rec.doctor.artifact import artifact
from distill_rec.doctor.damage import damaged
from distill_rec.doctor.dataset import dataset
from distill_rec.doctor.findings import Finding, lacking, problem_of
from distill_rec.doctor.kinds import object_in
from distill_rec.doctor.machine import size
from distill_rec.files import locked_by
from distill_rec.pipeline.stage import Stage
from distill_rec.pipeline.stages import STAGES
from distill_rec.runtime.errors import DistillRecError

AREA = "run"
CHECKS = {"data set": dataset, "artifact": lambda folder: artifact(folder / LINK)}
"""Checks of what a stage's folder is of itself."""


def run(folder: Path) -> list[Finding]:
    """Stages in order; then the data set and the artifact in it, what is left over, and the disk."""
    holder = locked_by(folder)
    out = [*_lock(folder, holder), *_stages(folder, holder is not None), *_settings(folder)]
    for stage in STAGES:
        if stage.holds != "data set" and (folder / stage.name).is_dir():
            out += _damaged(folder, stage)
    out += [*_left_over(folder, holder is not None), _disk(folder)]
    for stage in STAGES:
        if stage.holds and (folder / stage.name / "stage.json").exists():
            out += CHECKS[stage.holds](folder / stage.name)
    return out


def _lock(folder: Path, holder: str | None) -> list[Finding]:
    if holder is not None:
        return [Finding("note", AREA, "lock", f"in use by process {holder}", "What is being written looks unfinished.")]
    if not (folder / "recipe.json").exists():
        do = "Name the folder that `distill-rec run` was given as --out."
        return [Finding("problem", AREA, "recipe.json", "not there", do)]
    return [Finding("ok", AREA, "lock", "no process is at work here")]


def _stages(folder: Path, busy: bool) -> list[Finding]:
    """Each stage of the run's recipe; a finished one is stale when the stage before it is another by now."""
    out, before = [], ""
    for stage in _asked_for(folder):
        record = object_in(folder / stage.name / "stage.json")
        fingerprint = str(record.get("fingerprint", ""))
        out.append(_stage(folder, stage, before, busy))
        before = fingerprint or before
    return out


def _asked_for(folder: Path) -> list[Stage]:
    recipe = object_in(folder / "recipe.json").get("recipe", {})
    wanted = [stage for stage in STAGES if recipe.get(stage.section) is not None]
    return wanted or [stage for stage in STAGES if (folder / stage.name).exists()]


def _stage(folder: Path, stage: Stage, before: str, busy: bool) -> Finding:
    place, what = folder / stage.name, f"stage {stage.name}"
    anew = f"distill-rec run RECIPE --out {folder} --restart {stage.name}"
    if (place / "stage.json").exists():
        record = object_in(place / "stage.json")
        if not record.get("fingerprint"):
            return Finding("problem", AREA, what, "its stage.json cannot be read", anew)
        if record.get("before", "") != before:
            found = f"stale: made from a {STAGES[max(STAGES.index(stage) - 1, 0)].name} that is there no more"
            return Finding("problem", AREA, what, found, f"The same `distill-rec run` makes it anew, or: {anew}")
        if missing := [name for name in stage.expected(place) if not (place / name).exists()]:
            return Finding("problem", AREA, what, f"finished, but lacks {', '.join(missing)}", anew)
        return Finding("ok", AREA, what, f"finished in {float(record.get('seconds', 0)):,.1f} s")
    if (place / "begun.json").exists():
        do = "" if busy else "The same command goes on from its last checkpoint."
        return Finding("note", AREA, what, "running" if busy else "begun and not finished", do)
    if place.exists() and any(place.iterdir()):
        if gates := [] if busy or stage.holds != "artifact" else refused(place):
            return Finding(
                "problem", AREA, what, f"not published, its gates refused: {in_words(gates)}", remedies(gates)
            )
        do = "" if busy else "The same command runs it from its start."
        return Finding("note", AREA, what, "running" if busy else "not finished", do)
    return Finding("note", AREA, what, "not run yet", f"distill-rec run RECIPE --out {folder}")


def _settings(folder: Path) -> list[Finding]:
    """Whether the records still belong to the recipe and to this release; needs the recipe's models."""
    try:
        from distill_rec.doctor.stage_records import changed, misread

        if found := misread(folder):
            return found
        found = changed(folder)
    except ModuleNotFoundError as error:
        return [lacking(AREA, "settings", error)]
    except DistillRecError as error:
        return [problem_of(AREA, error)]
    return found or [Finding("ok", AREA, "settings", "every finished stage has those of recipe.json")]


def _damaged(folder: Path, stage: Stage) -> Iterator[Finding]:
    """Files that are not whole; the artifact's own are compared by hash elsewhere."""
    for path, fault in damaged(folder / stage.name):
        name = path.relative_to(folder)
        inside = name.parts[1] if stage.holds == "artifact" else ""
        if inside not in (VERSIONS, LINK):
            yield Finding("problem", AREA, str(name), fault, f"Run it anew: --restart {stage.name}.")


def _left_over(folder: Path, busy: bool) -> Iterator[Finding]:
    """What a killed process left behind, and what `--restart` kept."""
    temporary = [path for path in sorted(folder.rglob(".*.tmp")) if not path.is_symlink()]
    if temporary and not busy:
        names = ", ".join(str(path.relative_to(folder)) for path in temporary[:3])
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
