"""A recipe: is it one, are its files there, and what would it run? Needs the extra `train` for its keys."""

from __future__ import annotations

import tomllib
from pathlib import Path

from distill_rec.doctor.findings import Finding, lacking, problem_of
from distill_rec.runtime.errors import DistillRecError

AREA = "recipe"


def recipe(path: str) -> list[Finding]:
    """TOML in the light install; keys, stages, data and PLM with the extra."""
    try:
        from distill_rec.doctor.recipe_parts import data_files, stages, trunks
        from distill_rec.recipe_io import find_recipe, load_recipe

        loaded = load_recipe(path)
        base = find_recipe(path).parent
        return [
            Finding("ok", AREA, path, f"every key is known; the run is called {loaded.name!r}"),
            stages(loaded),
            *data_files(loaded, base),
            *trunks(loaded),
        ]
    except ModuleNotFoundError as error:
        return [*_toml(Path(path)), lacking(AREA, "its keys", error)]
    except DistillRecError as error:
        return [problem_of(AREA, error)]


def _toml(path: Path) -> list[Finding]:
    if not path.is_file():
        return []
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return [Finding("problem", AREA, str(path), str(error), "Mend it: a recipe is TOML in UTF-8.")]
    return [Finding("ok", AREA, str(path), "TOML that can be read")]
