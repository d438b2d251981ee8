"""The doctor: find out what a path is, and check that."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distill_rec.artifact.link import LINK
from distill_rec.doctor.artifact import artifact
from distill_rec.doctor.findings import Finding, lacking
from distill_rec.doctor.kinds import kind_of


def examine(path: str | None) -> tuple[str, list[Finding]]:
    """What was looked at, and what was found; the installation where no path is given."""
    if path is None:
        from distill_rec.doctor.installation import installation

        return "installation", installation()
    kind, place = kind_of(path)
    try:
        return kind, list(_checks(kind, path, place))
    except ModuleNotFoundError as error:
        export = place / "export" / LINK
        inside = artifact(export) if kind == "run" and (export.exists() or export.is_symlink()) else []
        return kind, [lacking(kind, path, error), *inside]


def _checks(kind: str, path: str, place: Path) -> Iterable[Finding]:
    """Each check is imported when it is wanted: an artifact's needs no more than the light install."""
    if kind == "artifact":
        return artifact(place)
    if kind == "run":
        from distill_rec.doctor.run import run

        return run(place)
    if kind == "data set":
        from distill_rec.doctor.dataset import dataset

        return dataset(place)
    if kind == "recipe":
        from distill_rec.doctor.recipe import recipe

        return recipe(str(place) if place.exists() else path)
    if kind == "raw data":
        from distill_rec.doctor.raw import raw

        return raw(place)
    found = "nothing of ours" if place.exists() else "not there"
    expected = "an artifact, a run's folder, a prepared data set, raw data or a recipe"
    return [Finding("problem", "path", path, f"{found}; expected {expected}", "Look at the path.")]
