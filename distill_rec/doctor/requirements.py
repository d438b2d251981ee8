"""What this package asks for: of Python, of the light install and of each extra."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

NAME = "distill-rec"
EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


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
    packages: dict[str, list[str]] = {"": []}
    for line in recorded.get("requires_dist", []):
        requirement, _, marker = str(line).partition(";")
        extra = EXTRA.search(marker)
        packages.setdefault(extra[1] if extra else "", []).append(requirement.strip())
    return Asked(str(recorded.get("requires_python", "")), packages)


def name_of(requirement: str) -> str:
    """`numpy` of `numpy>=1.26`."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0] if found else requirement


def installed(name: str) -> str | None:
    """The version that is installed, if any."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def range_of(requirement: str) -> str:
    """`>=1.26` of `numpy>=1.26`, extras and markers left out."""
    return re.sub(r"\[[^]]*\]", "", requirement.partition(";")[0])[len(name_of(requirement)) :].strip()


def fits(found: str, wanted: str) -> bool:
    """Whether a version is in a range, as ">=3.11,<3.14"; releases are compared number by number.

    `packaging` would know more (pre-releases, epochs), but the light install need not have it.
    """
    return all(_holds(found, part.strip()) for part in wanted.split(",") if part.strip())


def _holds(found: str, part: str) -> bool:
    match = re.match(r"(>=|<=|==|!=|~=|>|<)\s*([0-9]+(?:\.[0-9]+)*)(\.\*)?", part)
    if match is None:
        return True
    sign, bound, any_below = match[1], _numbers(match[2]), match[3]
    have = _numbers(found)
    if any_below or sign == "~=":
        width = len(bound) if any_below else len(bound) - 1
        same = have[:width] == bound[:width]
        return same and have >= bound if sign == "~=" else same == (sign == "==")
    width = max(len(have), len(bound))
    have, bound = have + (0,) * (width - len(have)), bound + (0,) * (width - len(bound))
    return {
        ">=": have >= bound,
        "<=": have <= bound,
        "==": have == bound,
        "!=": have != bound,
        ">": have > bound,
        "<": have < bound,
    }[sign]


def _numbers(text: str) -> tuple[int, ...]:
    release = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
    return tuple(int(part) for part in release[0].split(".")) if release else ()
