"""What a recipe asks of a loss that data or teacher cannot give is refused before training."""

from __future__ import annotations

from pydantic import BaseModel

from distill_rec.losses.registry import every_loss
from distill_rec.losses.spec import KINDS, OF_DATA, OF_PLM, POPULARITY, SCORES, USER_VECTORS, Kind, LossSpec
from distill_rec.runtime.errors import RecipeError

KEY = "student.loss"


def used(section: BaseModel) -> list[LossSpec]:
    """Losses with a weight, of a section that may have some of them alone."""
    return [spec for spec in every_loss().values() if getattr(section, spec.name, 0) > 0]


def refuse_kind(section: BaseModel, kind: Kind) -> None:
    """Refuse a loss that has no form for this kind of data.

    Raises:
        RecipeError: naming key and kind.
    """
    for spec in used(section):
        if not spec.works_on(kind):
            other = next(one for one in KINDS if one != kind)
            raise RecipeError(f"key student.loss.{spec.name}", f"a loss on {kind}", f"data of {other}", _off(spec))


def refuse_signals(section: BaseModel, supplies: frozenset[str], key: str = KEY) -> None:
    """Refuse a loss that needs a signal which the teacher does not supply.

    Args:
        key: of the section.

    Raises:
        RecipeError: naming key and signal.
    """
    for spec in used(section):
        for signal in sorted(spec.needs - supplies - OF_DATA - OF_PLM):
            raise RecipeError(
                f"key {key}.{spec.name}",
                f"needs {signal}, and the teacher supplies {', '.join(sorted(supplies)) or 'none'}",
                f"a teacher that supplies {signal}",
                _off(spec, key),
            )


def refuse_parts(section: BaseModel, kind: Kind) -> None:
    """Refuse a loss whose value of a batch is no mean of its parts' values.

    Raises:
        RecipeError: naming the key.
    """
    for spec in used(section):
        own = spec.impressions if kind == "impressions" else ""
        if (own or (spec.vectors and USER_VECTORS in spec.needs)) and not spec.parts:
            found = "a loss that cannot be divided among processes"
            raise RecipeError(f"key student.loss.{spec.name}", found, "one process", _off(spec))


def refuse_listed(section: BaseModel, kind: Kind) -> None:
    """Refuse a loss of scores that needs those of the whole catalogue, of a teacher that lists some items.

    Raises:
        RecipeError: naming the key.
    """
    for spec in used(section):
        if {SCORES, POPULARITY} <= spec.needs:
            found = "goes by popularity, and the teacher's scores were made once"
            raise RecipeError(f"key student.loss.{spec.name}", found, "a teacher that can be asked", _off(spec))
        if kind == "clicks" and SCORES in spec.needs and not (spec.listed or spec.rows):
            found = "needs scores of the whole catalogue, and the teacher lists some items of each sample"
            raise RecipeError(f"key student.loss.{spec.name}", found, "a loss that has `rows` or `listed`", _off(spec))


def _off(spec: LossSpec, key: str = KEY) -> str:
    return f"Set {key}.{spec.name} = 0 to leave it out."
