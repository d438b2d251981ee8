"""A new recipe as TOML, each key with its description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from distill_rec.cli.guesses.formats import BEHAVIORS
from distill_rec.data.shown import shown
from distill_rec.kinds import DEFAULT, kinds_in_words, settings_of
from distill_rec.recipe import (
    MERGED,
    DataSection,
    EvaluateSection,
    ExportSection,
    LossSection,
    OptimizerSection,
)
from distill_rec.recipe_toml import toml_of
from distill_rec.sections.taught import TaughtSection

NOTE = 1000
OF_CLICKS = ("min_rating", "split", "test_share", "validation_share", "new_items", "repeats", "min_user_clicks")
OF_IMPRESSIONS = ("max_history",)
"""Keys of `[data]` that are shown beside those that were guessed."""
TRAINED = ("batch_size", "window", "learning_rate", "decay", "max_epochs", "max_updates", "max_seconds", "patience")

TEACHER, STUDENT = (settings_of(section, kind) for section, kind in DEFAULT.items())
OF_TEACHER = ("trunk", "tuning", "dim", "user_encoder", "repeat_term", "offsets", "whiten", "max_tokens", "seed")
TWO = """
# Two teachers, whose scores are summed by weights that validation data give: what texts say, and below it what clicks
# alone do. `--set teacher.text.dim=32` changes the first.
[[teacher]]
name = "text"\
"""
OTHER = """
# The second is the student itself, as it learns from clicks alone: the report's undistilled student, trained once.
[[teacher]]
name = "clicks"
kind = "student"\
"""
SEVERAL: dict[str, dict[str, Any]] = {
    "student": {"start": MERGED, "transition_term": "fitted"},
    "student.loss": {"click": 0.0, "item_cosine": 0.0, "user_cosine": 0.0},
    "student.taught": {"rate_factor": 0.5},
}
"""Keys that a student of clicks and several teachers has otherwise: it begins as they are together, what it learns from
there is to be that in fewer dimensions, and what follows what, which no vectors hold, stands beside them."""
SHOWN: dict[str, tuple[type[BaseModel], tuple[str, ...]]] = {
    "student": (
        STUDENT,
        (
            *("kind", "dim", "start", "table_dim", "repeat_term", "transition_term", "offsets", "projection"),
            *("undistilled", "initialised"),
        ),
    ),
    "student.loss": (LossSection, ("kl", "temperature", "click", "item_cosine", "user_cosine")),
    "student.taught": (TaughtSection, ("rate_factor", "max_updates")),
    "student.optimizer": (OptimizerSection, TRAINED),
    "export": (
        ExportSection,
        ("precisions", "precision", "max_loss", "min_quality", "min_spread", "max_p50_ms", "max_mb", "teacher", "keep"),
    ),
    "evaluate": (EvaluateSection, ("bootstrap", "max_users", "cost")),
}


def name_of(out: Path, clicks: str) -> str:
    """What a recipe, and so its run's folder, is called: as its file, or as the clicks where that is `recipe.toml`.

    Args:
        clicks: a file, a folder or a glob, whose folder's name stands for it.
    """
    if out.stem != "recipe":
        return out.stem
    path = Path(clicks).expanduser().absolute()
    if path.name == BEHAVIORS or (not path.exists() and any(sign in path.name for sign in "*?[")):
        path = path.parent
    if path.name == "train":  # of some data set, by whose name it is called
        path = path.parent
    return path.name.partition(".")[0] or "run"


def recipe_text(data: Mapping[str, Any], folder: Path, notes: Sequence[str] = (), name: str = "run") -> str:
    """The text of a recipe for the guessed `[data]`; files below its folder are named relative to it."""
    lines = [
        "# Written by `distill-rec init`. Keys that are commented out show their defaults; others: `distill-rec keys`.",
        f"name = {toml_of(name)}",
        "",
        "[data]",
        *(f"# {shown(note, NOTE)}" for note in notes),
    ]
    given = dict(data)
    for key in ("path",) if "path" in given else ("clicks", "items"):  # these two are relative to that one
        if key in given:
            path = Path(given[key])
            given[key] = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    others = OF_IMPRESSIONS if data["format"] == "mind" else OF_CLICKS
    lines += [_line(DataSection, key, value) for key, value in given.items()]
    lines += [_line(DataSection, key) for key in others if key not in given]
    several = data["format"] != "mind"
    lines += [TWO] if several else ["", "[teacher]"]
    lines += [*_lines(TEACHER, OF_TEACHER), "", "[teacher.optimizer]", *_lines(OptimizerSection, TRAINED)]
    lines += [OTHER] if several else []
    for section, (model, keys) in SHOWN.items():
        set_here = SEVERAL.get(section, {}) if several else {}
        lines += ["", f"[{section}]", *_lines(model, keys, set_here)]
    return "\n".join(lines) + "\n"


def _lines(model: type[BaseModel], keys: Sequence[str], given: Mapping[str, Any] | None = None) -> list[str]:
    return [_line(model, key, (given or {}).get(key)) for key in keys]


def _line(model: type[BaseModel], key: str, value: Any = None) -> str:
    """`key = value  # description`; commented out where the value is the default."""
    field = model.model_fields[key]
    description = kinds_in_words("student") if model is STUDENT and key == "kind" else field.description or ""
    if value is not None:
        return f"{key} = {toml_of(value)}  # {description}"
    default = field.get_default(call_default_factory=True)
    return f"# {key} =   # {description}" if default is None else f"# {key} = {toml_of(default)}  # {description}"
