"""Recipes from TOML: `extends`, `--set`, shelf names; every path made absolute; errors that name the key."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distill_rec.added_rates import with_added_rates
from distill_rec.files import nearest_to
from distill_rec.own_student import with_own_student
from distill_rec.recipe import Recipe
from distill_rec.recipe_check import check
from distill_rec.recipe_merge import Settings, merge_recipes
from distill_rec.recipe_unread import refuse_unread
from distill_rec.runtime.errors import DataError, RecipeError
from distill_rec.several_teachers import of_list

SHELVES = ("students", "teachers")
TRUNKS = (("teacher", "trunk"), ("student", "trunk"))
PATHS = (
    *(("teacher", key) for key in ("scores", "vectors", "proposer", "begin")),
    *(("student", "begin"), ("data", "known"), ("refresh", "run"), ("refresh", "into")),
)
"""Keys that name a hub id, a folder or a file; and those that name a file or folder and nothing else."""
FILES = ("data.clicks", "data.items", "data.test")
DEMO = "demo:"
SECTION = re.compile(r"^\s*(\[\[?teacher\]\]?)", re.MULTILINE)
ONE_AND_SEVERAL = {"[teacher]", "[[teacher]]"}


def load_recipe(recipe: str | Path | Mapping[str, Any], changes: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """Read and check a recipe of what is made anew; see `distill_rec.pipeline.opened` for that of a run.

    Raises:
        RecipeError: naming the file or key, one that nothing would read among them.
    """
    checked, where = read_recipe(recipe, changes)
    refuse_unread(checked, where)
    return checked


def read_recipe(
    recipe: str | Path | Mapping[str, Any], changes: Sequence[str] | Mapping[str, Any] = ()
) -> tuple[Recipe, str]:
    """A recipe whose keys may be such that nothing reads them, and where it stands.

    Args:
        recipe: path of a TOML file, shelf name (`students/static`, `students/static/demo`), or its sections.
            Paths inside a file are relative to it.
        changes: `key=value` with dotted keys, later ones win; or a mapping of dotted keys. Paths in them are relative
            to the current folder.

    Raises:
        RecipeError: naming the file or key.
    """
    if isinstance(recipe, Mapping):
        settings = absolute_paths(_merged_bases(_of_several(recipe, "recipe"), Path.cwd(), ()), Path.cwd())
        where = "recipe"
    else:
        path = find_recipe(recipe)
        settings, where = _read(path, ()), str(path)
    for key, value in _parse(changes):
        if key in FILES and (Path.cwd() / str(value)).exists():
            value = _absolute(str(value), Path.cwd())
        settings = merge_recipes(settings, absolute_paths(_nested(key, value), Path.cwd()))
    return check(with_added_rates(with_own_student(settings)), where), where


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe.

    A name that begins with a shelf is looked up among the installed package's files and nowhere else; write
    `./students/mine.toml` for a file below the current folder.
    """
    text = str(name)
    shelf = text.split("/")[0]
    if not isinstance(name, Path) and shelf in SHELVES and "/" in text:
        return _on_shelf(text)
    path = Path(os.path.expanduser(text))
    if path.is_dir() and (path / "recipe.toml").exists():
        path = path / "recipe.toml"
    if not path.exists():
        near = _alike(text) or nearest_to(path)
        do = f"Did you mean {near}? " if near else ""
        do += f"On the shelves: {', '.join(shelf_names())}."
        raise RecipeError(path, "no such file", "a recipe's path or shelf name", do)
    if path.is_dir():
        of_run = (path / "recipe.json").exists()
        found, do = (
            ("a run's folder", f"Name the recipe, and the run with --out {path}.") if of_run else ("a folder", "")
        )
        raise RecipeError(path, found, "a recipe's path or shelf name", do)
    return path.resolve()


@contextlib.contextmanager
def naming_recipe(recipe: str | Path | Mapping[str, Any]) -> Iterator[None]:
    """Say in which recipe it stands where data are not there that a key names."""
    try:
        yield
    except DataError as error:
        if isinstance(recipe, Mapping) or not error.where.startswith("key "):
            raise
        where = f"{find_recipe(recipe)}, {error.where}"
        raise DataError(where, error.found, error.expected, error.do) from error


def shelf_root() -> Path:
    """The folder that holds the installed shelves: the one that holds this package."""
    return Path(__file__).resolve().parent.parent


def shelf_names() -> list[str]:
    """Names of all recipes on the shelves."""
    names = []
    for shelf in SHELVES:
        for path in sorted((shelf_root() / shelf).glob("*/*.toml")):
            folder = f"{shelf}/{path.parent.name}"
            names.append(folder if path.name == "recipe.toml" else f"{folder}/{path.stem}")
    return names


def _alike(name: str) -> str:
    """The recipe of the shelves that is spelt most like a name; "" where none is."""
    return next(iter(difflib.get_close_matches(name, shelf_names(), 1, 0.7)), "")


def _on_shelf(name: str) -> Path:
    plain = name.removesuffix(".toml").removesuffix("/recipe").rstrip("/")
    if plain not in shelf_names():
        do = f"Did you mean {near}? " if (near := _alike(plain)) else ""
        do += f"For a file of yours write ./{name}."
        raise RecipeError(name, "not on the shelves", f"one of {', '.join(shelf_names())}", do)
    path = shelf_root() / plain
    return path / "recipe.toml" if (path / "recipe.toml").exists() else path.with_suffix(".toml")


def _read(path: Path, above: tuple[Path, ...]) -> Settings:
    if path in above:
        raise RecipeError(path, "a recipe that extends itself", "a chain of `extends` with an end")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        if set(SECTION.findall(path.read_text(encoding="utf-8", errors="replace"))) >= ONE_AND_SEVERAL:
            do = "Turn [teacher] into [[teacher]] with a name; [teacher.optimizer] belongs to the [[teacher]] above."
            raise RecipeError(path, "both [teacher] and [[teacher]]", "one teacher or several", do) from error
        if path.name == "recipe.json":
            do = f"Name the recipe that the run was made from, with --out {path.parent} and the --set of then."
            raise RecipeError(path, "what a run has noted of its recipe", "a recipe, which is TOML", do) from error
        raise RecipeError(path, str(error), "a TOML file in UTF-8") from error
    return absolute_paths(_merged_bases(_of_several(settings, str(path)), path.parent, (*above, path)), path.parent)


def _of_several(settings: Mapping[str, Any], where: str) -> Settings:
    """A layer with its list of teachers as one section."""
    teacher = settings.get("teacher")
    return dict(settings) | ({"teacher": of_list(teacher, where)} if isinstance(teacher, list) else {})


def _merged_bases(settings: Settings, folder: Path, above: tuple[Path, ...]) -> Settings:
    base = settings.pop("extends", None)
    if base is None:
        return settings
    if not isinstance(base, str):
        raise RecipeError("extends", f"{base!r}", "a recipe's path or shelf name")
    found = find_recipe(base) if base.split("/")[0] in SHELVES else find_recipe(folder / base)
    return merge_recipes(_read(found, above), absolute_paths(settings, folder))


def absolute_paths(settings: Settings, folder: Path) -> Settings:
    """Make the paths of a layer absolute. Files named in `data` stay relative to `data.path`."""
    out = {key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
    data = out.get("data")
    if isinstance(data, dict) and isinstance(data.get("path"), str) and data["path"]:
        data["path"] = _absolute(data["path"], folder)
    evaluate = out.get("evaluate")
    if isinstance(evaluate, dict) and isinstance(evaluate.get("others"), list):
        evaluate["others"] = [_absolute_other(one, folder) for one in evaluate["others"]]
    for section, key in (*TRUNKS, *PATHS):
        part = out.get(section)
        if isinstance(part, dict) and isinstance(part.get(key), str):
            part[key] = _absolute_trunk(part[key], folder) if key == "trunk" else _absolute_file(part[key], folder)
        if isinstance(part, dict) and isinstance(part.get("choose"), list):
            part["choose"] = [absolute_paths({section: one}, folder)[section] for one in part["choose"]]
        if isinstance(part, dict) and isinstance(part.get("members"), Mapping):
            members = part["members"].items()
            part["members"] = {name: absolute_paths({section: one}, folder)[section] for name, one in members}
    return out


def _absolute(value: str, folder: Path) -> str:
    return value if value.startswith(DEMO) else str((folder / Path(os.path.expanduser(value))).resolve())


def _absolute_other(other: Any, folder: Path) -> Any:
    """A model of elsewhere with its file's path made absolute; what is none is left for the check that follows."""
    if not isinstance(other, Mapping) or not isinstance(other.get("path"), str):
        return other
    return {**other, "path": _absolute_file(other["path"], folder)}


def _absolute_file(value: str, folder: Path) -> str:
    return value and _absolute(value, folder)


def _absolute_trunk(value: str, folder: Path) -> str:
    """A hub id (`owner/name`) looks like a path: it is one where it says so, or where it is there."""
    if not value or value.startswith(DEMO):
        return value
    says_so = value.startswith((".", "~", "/"))
    return _absolute(value, folder) if says_so or (folder / value).exists() else value


def _parse(changes: Sequence[str] | Mapping[str, Any]) -> list[tuple[str, Any]]:
    if isinstance(changes, Mapping):
        return list(changes.items())
    pairs = []
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key.strip():
            raise RecipeError(f"--set {change}", "no key=value", "for example --set teacher.dim=32")
        pairs.append((key.strip(), _value(text.strip())))
    return pairs


def _value(text: str) -> Any:
    """A TOML value; what is none is text, so that quotes may be left out."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _nested(key: str, value: Any) -> Settings:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value  # type: ignore[no-any-return]
