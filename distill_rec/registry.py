"""What is installed of each kind of part: found through entry points, imported when it is asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from distill_rec.runtime.errors import DistillRecError, RecipeError

T_co = TypeVar("T_co", covariant=True)

TEACHERS, TUNINGS, STUDENTS = "distill_rec.teachers", "distill_rec.tunings", "distill_rec.students"
OURS = ("students", "teachers")
"""Packages that are installed beside `distill_rec`; their names are not ours alone."""


class Late(Generic[T_co]):
    """Something by its name, `module:attribute`, so that a spec which names it imports nothing heavy."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self) -> T_co:
        """Import it.

        Raises:
            RecipeError: another package hides the one that it is in.
        """
        module, _, attribute = self.name.partition(":")
        found: Any = _imported(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return cast(T_co, found)

    def __repr__(self) -> str:
        return f"Late({self.name!r})"


def names(group: str) -> list[str]:
    """Kinds of a group, sorted."""
    return sorted(_entry_points(group))


@cache
def find(group: str, kind: str) -> Any:
    """The spec of a kind.

    Raises:
        RecipeError: there is no such kind, another package hides the one that holds it, or its spec cannot be read.
    """
    known = _entry_points(group)
    if kind not in known:
        do = "Is the package that adds it installed in this environment?"
        if not known:
            do = "distill-rec is installed without its entry points: install it anew with pip."
        raise RecipeError(f"kind {kind!r}", f"no {_word(group)} of this kind", " or ".join(names(group)), do)
    try:
        _imported(known[kind].module)
        return known[kind].load()
    except (DistillRecError, ModuleNotFoundError):  # the latter names an extra that is missing
        raise
    except Exception as error:  # whatever a foreign module raises, its name is what helps
        for top in OURS:  # a plugin's spec may build on ours, which another package hides
            _require_ours(top)
        where = f"entry point {kind} ({group}: {known[kind].value})"
        do = "Mend that package, or uninstall it."
        raise RecipeError(where, f"{type(error).__name__}: {error}", "a spec", do) from error


def every(group: str) -> dict[str, Any]:
    """The specs of all kinds of a group, by name."""
    return {kind: find(group, kind) for kind in names(group)}


@cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            what = f"{other.value} and {point.value} both claim it"
            raise RecipeError(f"{_word(group)} {point.name!r}", what, "one package", "Uninstall one of the two.")
    return found


def _word(group: str) -> str:
    return group.rpartition(".")[2].removesuffix("s")


def _imported(module: str) -> Any:
    """A module; where it fails because another package hides one of ours that it imports, that is what is told."""
    _require_ours(module)
    try:
        return import_module(module)
    except Exception:
        for package in OURS:
            _require_ours(package)
        raise


def _require_ours(module: str) -> None:
    """Refuse a package of somebody else's that stands before ours on the path.

    Raises:
        RecipeError: naming its file.
    """
    top = module.partition(".")[0]
    if top not in OURS:
        return
    root, spec = Path(__file__).resolve().parent.parent, find_spec(top)
    places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or [])]
    if any(Path(place).resolve().is_relative_to(root / top) for place in places if place):
        return
    found = "is not installed" if spec is None else f"is another package, {next(filter(None, places), 'of no file')}"
    do = "Rename it or start from another folder; to serve, `distill_rec.runtime` needs no such package."
    raise RecipeError(f"package {top!r}", found, f"the one beside distill_rec, {root / top}", do)
