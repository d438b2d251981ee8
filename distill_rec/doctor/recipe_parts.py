"""What a recipe that can be read would use: stages, data files, PLMs. Nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from distill_rec.data.columns import require_columns
from distill_rec.doctor.findings import Finding, problem_of
from distill_rec.pipeline.sizes import sizes_of
from distill_rec.pipeline.wanted import stages_of
from distill_rec.recipe import Recipe
from distill_rec.recipe_io import DEMO
from distill_rec.runtime.errors import DistillRecError

AREA = "recipe"


def stages(recipe: Recipe) -> Finding:
    """The stages that it has sections for."""
    return Finding("ok", AREA, "stages", ", ".join(stage.name for stage in stages_of(recipe)))


def data_files(recipe: Recipe, base: Path) -> list[Finding]:
    """Whether the data are there, and how many rows."""
    section = recipe.data
    if section.path.startswith(DEMO):
        return [Finding("ok", AREA, "data.path", f"{section.path}, fetched when it is first needed")]
    folder = base / section.path
    if not folder.exists():
        return [Finding("problem", AREA, "data.path", f"{folder} is not there", "Set data.path to the data's folder.")]
    try:
        require_columns(section, base)
    except DistillRecError as error:
        return [problem_of(AREA, error)]
    sizes = sizes_of(section, base)
    if not sizes.clicks:
        do = "Look at data.format, data.clicks and data.items; `distill-rec doctor` on the folder shows its files."
        return [Finding("problem", AREA, "data.path", f"no file of clicks in {folder}", do)]
    return [Finding("ok", AREA, "data.path", f"{folder}: {sizes.clicks:,} rows of clicks, {sizes.items:,} of items")]


def trunks(recipe: Recipe) -> list[Finding]:
    """Each PLM: a folder with weights, or a name that is looked up when it is needed."""
    sections = {"teacher": recipe.teacher, "student": recipe.student}
    return [
        _trunk(f"{name}.{key}", value)
        for name, section in sections.items()
        if section is not None
        for key, (value, _) in section.sources().items()
    ]


def _trunk(key: str, value: str) -> Finding:
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
