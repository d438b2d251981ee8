"""The columns of a comparison: which there are, in what order, what each is called and in which colour it is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Column:
    """A model that every comparison knows.

    Attributes:
        name: of its column, and of its colour in the page's style (`--name`).
        title: within a sentence.
        short: where there is little room.
    """

    name: str
    title: str
    short: str


COLUMNS = {
    column.name: column
    for column in (
        Column("popularity", "popularity", "popular."),
        Column("transitions", "what most often came next", "transit."),
        Column("untrained", "the untrained PLM", "untrained"),
        Column("id-only", "the teacher of item ids", "id-only"),
        Column("undistilled", "the undistilled student", "undistill."),
        Column("initialised", "the student from the teacher's start", "initial."),
        Column("student", "the student", "student"),
        Column("joint-teacher", "the teacher as it learned beside the student", "joint"),
        Column("teacher", "the teacher", "teacher"),
    )
}
"""In the order of a table; models of other names, as the teachers of an ensemble have, stand before its last."""

OTHERS = 5
"""Colours that models of other names share, in their order."""


def ordered(models: Iterable[str]) -> list[str]:
    """Names in the order of a table."""
    given = list(models)
    known = [name for name in COLUMNS if name in given]
    others = [name for name in given if name not in COLUMNS]
    return [name for name in known if name != "teacher"] + others + [name for name in known if name == "teacher"]


def title_of(model: str) -> str:
    """What a model is called within a sentence."""
    return COLUMNS[model].title if model in COLUMNS else model


def short_of(model: str) -> str:
    """What a model is called where there is little room."""
    return COLUMNS[model].short if model in COLUMNS else model


def model_class(model: str) -> str:
    """The class of the page's style that carries a model's colour, the same in every plot; see `colour_rules`."""
    return f"m-{model}" if model in COLUMNS else f"m-x{crc32(model.encode()):08x}"


def colour_rules(models: Iterable[str]) -> str:
    """Style that gives models of other names their colours, so that those of one page differ while colours last."""
    others = [model for model in models if model not in COLUMNS]
    rules = (f".{model_class(model)} {{ --c: var(--other-{place % OTHERS}); }}" for place, model in enumerate(others))
    return "\n".join(rules)
