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

from pydantic import ValidationError

from distill_rec.added_rates import with_added_rates
from distill_rec.contracts import (
    learner_of,
    refuse_without_layers,
    supplies_of,
    teacher_read,
    trunk_opener_of,
    tuning_of,
)
from distill_rec.files import nearest_to
from distill_rec.kinds import without_other_kinds
from distill_rec.losses.checks import refuse_kind, refuse_signals
from distill_rec.losses.spec import ITEM_VECTORS, USER_VECTORS, Kind
from distill_rec.own_student import with_own_student
from distill_rec.recipe import MERGED, DataSection, Recipe, StudentSection, TeacherSection
from distill_rec.recipe_errors import recipe_error
from distill_rec.recipe_unread import refuse_unread
from distill_rec.runtime.errors import DataError, RecipeError
from distill_rec.several_teachers import of_list, with_changes

Settings = dict[str, Any]

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
    return check(with_added_rates(with_own_student(settings), merge), where), where


def check(settings: Settings, where: str = "recipe") -> Recipe:
    """Validate sections, the teacher's variants included, and that each loss has a form for the data.

    Raises:
        RecipeError: for the first fault.
    """
    recipe = _checked(settings, where)
    for teacher in teachers_of(settings):
        base = {key: value for key, value in teacher.items() if key != "choose"}
        for variant in teacher.get("choose", []):
            _checked({"teacher": merge(base, variant)}, where)
    if recipe.teacher is not None and recipe.student is not None:
        refuse_kind(recipe.student.largest_loss, kind_of(recipe.data))
        refuse_signals(recipe.student.largest_loss, supplies_of(recipe.teacher))
        if recipe.student.first is not None:
            refuse_signals(recipe.student.first.loss, supplies_of(recipe.teacher), "student.first.loss")
            _refuse_tokens(recipe.student, recipe.teacher, where)
        if recipe.student.joint is not None:
            _refuse_joint(recipe.student.joint.tuning, recipe.teacher, where)
        _refuse_start(recipe.student, recipe.teacher, where)
        if recipe.student.mix != "sum" and not recipe.teacher.parts():
            found = f"{recipe.student.mix!r}, and the recipe has one teacher"
            raise RecipeError(f"{where}, key student.mix", found, "sum, or several teachers as [[teacher]]")
        if recipe.student.order is not None and not any(_trajectories(settings)):
            found = "set, and no teacher keeps a state from its way"
            do = "Name some updates, as trajectory = [40, 80, 160], of a teacher of kind bi_encoder or item_ids."
            raise RecipeError(f"{where}, section student.order", found, "a teacher with a key trajectory", do)
    _refuse_transitions(recipe, where)
    if recipe.teacher is None and recipe.student is not None:
        without = {
            "first": "a first stage of distillation",
            "order": "an order of what teachers knew",
            "joint": "a training with the teacher",
        }
        for key, found in without.items():
            if getattr(recipe.student, key) is not None:
                found = f"{found}, and the recipe has no teacher"
                raise RecipeError(f"{where}, section student.{key}", found, "a section [teacher]", "Or leave it out.")
    return recipe


def teachers_of(settings: Mapping[str, Any]) -> list[Settings]:
    """The sections of a recipe's teachers: of the one, or of each of several; none where it has none."""
    teacher = settings.get("teacher") or {}
    members = teacher.get("members") if isinstance(teacher, Mapping) else None
    found = list(members.values()) if isinstance(members, Mapping) else [teacher]
    return [one for one in found if isinstance(one, Mapping)]  # type: ignore[misc]


def _trajectories(settings: Mapping[str, Any]) -> list[Any]:
    """Those that teachers or their variants name."""
    teachers = teachers_of(settings)
    return [one.get("trajectory") for teacher in teachers for one in (teacher, *teacher.get("choose", []))]


def _refuse_transitions(recipe: Recipe, where: str) -> None:
    """Refuse a transition term of data that are no log of clicks."""
    if recipe.student is None or recipe.student.transition_term == "none" or kind_of(recipe.data) != "impressions":
        return
    found = f"{recipe.student.transition_term!r}, and the data are read as impressions, which have no order of clicks"
    raise RecipeError(f"{where}, key student.transition_term", found, "none, or data that are a log of clicks")


def _refuse_joint(tuning: str, teacher: TeacherSection, where: str) -> None:
    """Refuse a teacher that cannot learn beside the student, and a tuning that there is not."""
    learner_of(teacher.kind)
    try:
        tuning_of(tuning) if tuning else None
    except ValueError as error:
        raise RecipeError(f"{where}, key student.joint.tuning", f"{tuning!r}: {error}", "a tuning as last:2") from None


def _refuse_tokens(student: StudentSection, teacher: TeacherSection, where: str) -> None:
    """Refuse losses of token states where student or teacher runs no PLM, or where it is not said which teacher."""
    assert student.first is not None
    if not student.first.token_losses:
        return
    key, parts = f"student.first.loss.{student.first.token_losses[0].name}", teacher.parts()
    refuse_without_layers(student.kind, key)
    name = teacher_read(student.first.tokens.of, parts)
    one = parts[name] if name else teacher
    trunk_opener_of(one.kind, key)
    from distill_rec.trunks.vectors import is_vector_file  # noqa: PLC0415  (polars)

    if is_vector_file(one.trunk_source()):
        found = "a teacher whose trunk is a file of vectors, which has no layers"
        raise RecipeError(f"{where}, key {key}", found, "a trunk that is a model", f"Set {key} = 0 to leave it out.")


def _refuse_start(student: StudentSection, teacher: TeacherSection, where: str) -> None:
    """Refuse a start that is no teacher's, and a column that would differ by nothing from the undistilled one's."""
    names, start = teacher.parts(), student.start
    expected = " or ".join(["auto", "none", MERGED, *names])
    if start not in ("auto", "none", MERGED, *names):
        raise RecipeError(f"{where}, key student.start", f"{start!r}", expected)
    if start == MERGED:
        _refuse_merged(student, teacher, where)
    if student.initialised and (start == "none" or (names and start == "auto")):
        found = f"true, and student.start = {start!r} starts from no teacher"
        do = f"Name one of several teachers with student.start ({', '.join(names)})." if names else "Set it to false."
        raise RecipeError(f"{where}, key student.initialised", found, "a start from a teacher", do)
    if student.initialised and ITEM_VECTORS not in supplies_of(teacher):
        found = "true, and the teacher hands over scores alone, which no student can start from"
        raise RecipeError(f"{where}, key student.initialised", found, "a teacher of vectors", "Set it to false.")


def _refuse_merged(student: StudentSection, teacher: TeacherSection, where: str) -> None:
    """Refuse what a start from all teachers together cannot be, and what would undo it before it is used."""
    place, start = f"{where}, key student.start", f"{MERGED!r}, "
    if not {ITEM_VECTORS, USER_VECTORS} <= supplies_of(teacher):
        expected = "teachers of item and user vectors"
        raise RecipeError(place, f"{start}and a teacher hands over scores alone", expected, "Set it to 'none'.")
    for name in ("first", "joint", "order"):
        if getattr(student, name) is not None:
            found = f"{start}and section student.{name}, for students that begin with less than their teachers know"
            raise RecipeError(
                place, found, "one of the two", f"Leave student.{name} out, or set student.start = 'none'."
            )


def recorded(settings: Settings, where: str) -> Recipe:
    """A recipe that an earlier command wrote down, of this release or an older one.

    Raises:
        RecipeError: it holds a key or value that this release does not know.
    """
    return check(without_other_kinds(settings), where)


def _checked(settings: Settings, where: str) -> Recipe:
    try:
        return Recipe.model_validate(settings)
    except ValidationError as error:
        raise recipe_error(error, where, settings) from None


def kind_of(section: DataSection) -> Kind:
    """What the data is read as; MIND's behaviours are impressions whatever `read_as` says."""
    return "impressions" if section.format == "mind" else section.read_as


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


def merge_recipes(base: Settings, changes: Mapping[str, Any]) -> Settings:
    """`base` with the changes on top. A list of teachers takes the place of what was there.

    Raises:
        RecipeError: `base` has several teachers, and a change names none of them.
    """
    mine, theirs = base.get("teacher"), changes.get("teacher")
    if isinstance(theirs, Mapping) and "members" in theirs:
        base = {key: value for key, value in base.items() if key != "teacher"}
    elif isinstance(mine, Mapping) and "members" in mine and isinstance(theirs, Mapping):
        changes = {key: value for key, value in changes.items() if key != "teacher"}
        base = base | {"teacher": with_changes(mine, theirs, merge)}
    return merge(base, changes)


def merge(base: Settings, changes: Mapping[str, Any]) -> Settings:
    """`base` with the changes on top, section by section."""
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merge(out[key], value) if both else value
    return out


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
