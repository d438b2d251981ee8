"""What a path is, from what lies there: an artifact, a run, a prepared data set, raw data or a recipe."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from distill_rec.artifact.layout import ITEM_VECTORS, LAYOUTS, USER_ENCODER, WHOLE
from distill_rec.artifact.link import LINK, kept
from distill_rec.pipeline.stages import NAMES

Kind = Literal["artifact", "run", "data set", "raw data", "recipe", "unknown"]

PARTS = (ITEM_VECTORS.format(""), USER_ENCODER, *(layout.files(WHOLE)["encoder"] for layout in LAYOUTS.values()))
"""Files by which an artifact is known that has lost its manifest."""
RAW = (".inter", ".item", ".tsv", ".csv", ".jsonl", ".ndjson", ".parquet")
NAMED = (*RAW, ".json", ".txt", ".xlsx", ".xls")
"""Endings of a file that is named itself; in a folder, `.json` and `.txt` are mostly something else."""
SHELVES = ("students/", "teachers/")


def kind_of(path: str) -> tuple[Kind, Path]:
    """The kind, and where to look: the run for one of its stages, `export/student` for its `export` folder.

    A name on a shelf, as `students/static`, is a recipe where no such path is there.
    """
    place = Path(os.path.expanduser(path))
    if place.name == LINK and not place.is_dir() and kept(place.parent):
        return "artifact", place  # a link that was lost, or came as a text file
    if place.is_file():
        return ("recipe" if place.suffix == ".toml" else "raw data" if is_raw(place, NAMED) else "unknown"), place
    if not place.is_dir():
        # A link that leads nowhere is an artifact whose version is gone.
        return ("artifact" if place.is_symlink() else "recipe" if path.startswith(SHELVES) else "unknown"), place
    manifest = object_in(place / "manifest.json")
    if (place / "summary.json").exists() or {"max_history", "test_new"} <= manifest.keys():
        return "data set", place
    if (place / "stage.json").exists() and (place.parent / "recipe.json").exists() and place.name != "export":
        return "run", place.parent
    if (place / "recipe.json").exists() or any((place / name / "stage.json").exists() for name in NAMES):
        return "run", place
    if (place / "versions").is_dir():
        return "artifact", place / LINK
    if "files" in manifest or any((place / name).exists() for name in PARTS):
        return "artifact", place
    if (place / "recipe.toml").exists():
        return "recipe", place / "recipe.toml"
    if (place / "manifest.json").exists():
        return "artifact", place
    return ("raw data" if raw_files(place) else "unknown"), place


def is_raw(path: Path, endings: tuple[str, ...] = RAW) -> bool:
    """Whether a file's name says that clicks or items may be in it, packed or not."""
    name = path.name.lower()
    return name.removesuffix(".gz").endswith(endings)


def raw_files(place: Path) -> list[Path]:
    """The file itself, or a folder's own and those one folder below (MIND's `train` and `dev`)."""
    if place.is_file():
        return [place]
    return sorted(path for pattern in ("*", "*/*") for path in place.glob(pattern) if path.is_file() and is_raw(path))


def object_in(path: Path) -> dict[str, Any]:
    """A JSON file's object; empty where there is none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
