"""A recipe: is it one, are its files there, and what would it run? Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from distill_rec.data.columns import require_columns
from distill_rec.doctor.findings import Finding, problem_of
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.pipeline.stages.evaluate import columns_of
from distill_rec.pipeline.wanted import stages_of
from distill_rec.recipe import DataSection, EvaluateSection
from distill_rec.recipe_io import DEMO, find_recipe, load_recipe
from distill_rec.recipe_unread import cautions_of
from distill_rec.runtime.errors import DistillRecError

AREA = "recipe"


def recipe(path: str) -> Iterator[Finding]:
    """Its keys and stages, its data's files and columns, and each PLM."""
    try:
        loaded = load_recipe(path)
        yield Finding("ok", AREA, path, f"every key is known; the run is called {loaded.name!r}")
        yield from (Finding("note", AREA, path, text, "Leave it out.") for text in cautions_of(loaded))
        stages = stages_of(loaded)
        for stage in stages:
            stage.require_sources(loaded, fetch=False)
        yield Finding("ok", AREA, "stages", ", ".join(stage.name for stage in stages))
        sections = {"teacher": loaded.teacher, "student": loaded.student}
        for name, section in sections.items():
            sources = section.sources() if section is not None else {}
            yield from (_trunk(f"{name}.{key}", value) for key, (value, _) in sources.items())
        yield _data(loaded.data, find_recipe(path).parent, loaded.evaluate)
    except DistillRecError as error:
        yield problem_of(AREA, error)


def _data(section: DataSection, base: Path, evaluate: EvaluateSection | None) -> Finding:
    """Whether the data are there, with the columns that the recipe names, and how many rows."""
    if section.path.startswith(DEMO):
        return Finding("ok", AREA, "data.path", f"{section.path}, fetched when it is first needed")
    require_columns(section, base, columns_of(evaluate) if evaluate is not None else None)
    sizes = sizes_of(section, base)
    found = f"{base / section.path}: {sizes.clicks:,} rows of clicks, {sizes.items:,} of items"
    return Finding("ok", AREA, "data.path", found)


def _trunk(key: str, value: str) -> Finding:
    """A folder with weights, a file of vectors, or a name that is looked up when it is needed."""
    path = Path(value)
    if value.startswith(DEMO):
        return Finding("ok", AREA, key, f"{value}, fetched when it is first needed")
    if path.is_file():
        return Finding("ok", AREA, key, f"{path}, a file of {'scores' if key.endswith('.scores') else 'vectors'}")
    if path.is_dir():
        if (path / "config.json").exists() and any(path.glob("*.safetensors")):
            return Finding("ok", AREA, key, f"{path}: config.json and weights are there")
        do = "Name the folder that holds config.json and *.safetensors."
        return Finding("problem", AREA, key, f"{path} lacks config.json or *.safetensors", do)
    if path.is_absolute():
        return Finding("problem", AREA, key, f"{path} is not there", f"Set {key} to a model's folder or hub id.")
    return Finding("note", AREA, key, f"{value}: a hub id, not looked up here", "It is fetched when teach begins.")
