"""What this package asks for: of Python, of the light install and of each extra."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

NAME = "distill-rec"


@dataclass(frozen=True)
class Asked:
    """Ranges as they are written.

    Attributes:
        python: as ">=3.11,<3.14".
        packages: extra ("" is the light install) to its requirements, as "numpy>=1.26".
    """

    python: str
    packages: dict[str, list[str]]


def asked() -> Asked | None:
    """From `pyproject.toml` where this is a source tree, else from what pip recorded; None where neither is there."""
    source = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if source.is_file():
        project = tomllib.loads(source.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == NAME:
            extras = project.get("optional-dependencies", {})
            return Asked(project["requires-python"], {"": project["dependencies"], **extras})
    try:
        recorded = metadata(NAME).json
    except PackageNotFoundError:
        return None
    extras, lines = ["", *recorded.get("provides_extra", [])], list(recorded.get("requires_dist", []))
    return Asked(str(recorded.get("requires_python", "")), _by_extra(lines, extras))


def _by_extra(lines: list[str], extras: list[str]) -> dict[str, list[str]]:
    """Requirements of the light install, and of each extra what it adds."""
    packages: dict[str, list[str]] = {extra: [] for extra in extras}
    for one in map(Requirement, lines):
        wanted = [extra for extra in extras if one.marker is None or one.marker.evaluate({"extra": extra})]
        for extra in wanted[:1] if "" in wanted else wanted:
            packages[extra].append(str(one).partition(";")[0].strip())
    return packages


def name_of(requirement: str) -> str:
    """`numpy` of `numpy>=1.26`."""
    return Requirement(requirement).name


def installed(name: str) -> str | None:
    """The version that is installed, if any."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def range_of(requirement: str) -> str:
    """`>=1.26` of `numpy>=1.26`, extras and markers left out."""
    return str(Requirement(requirement).specifier)


def fits(found: str, wanted: str) -> bool:
    """Whether a version is in a range, as ">=3.11,<3.14"; one that nobody can read is in none."""
    try:
        return SpecifierSet(wanted).contains(Version(found.rstrip("+")), prereleases=True)  # Python's own may end so
    except InvalidVersion:
        return not wanted
