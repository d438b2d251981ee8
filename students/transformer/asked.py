"""What a transformer student's keys ask of a PLM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distill_rec.plm_config import PlmConfig
from distill_rec.runtime.errors import RecipeError
from distill_rec.trunks.inside import INSIDE

EVERY_OTHER = "every_other"


def layers_of(asked: int | Sequence[int] | str, depth: int) -> list[int]:
    """Numbers, from 0, of the layers that are asked for of a trunk of so many.

    Every other one is half of them, evenly from the first to the last: of 12 those of DistilBERT (Sanh et al. 2019,
    arXiv 1910.01108; 0, 2, 4, 7, 9, 11).

    Raises:
        RecipeError: it has not so many.
    """
    if asked == EVERY_OTHER:
        count = (depth + 1) // 2
        return [round(place * (depth - 1) / max(count - 1, 1)) for place in range(count)]
    numbers = list(range(asked)) if isinstance(asked, int) else [int(one) for one in asked]
    if numbers[-1] >= depth:
        found, expected = f"{asked}, and the trunk has {depth} layers", f"layers 0 to {depth - 1}, {depth} at most"
        raise RecipeError("key student.layers", found, expected)
    return numbers


@dataclass(frozen=True)
class Narrow:
    """How narrow layers are to be; None: as the PLM's."""

    intermediate: int | None = None
    heads: int | None = None
    width: int | None = None


def refuse_narrow(asked: Narrow, plm: PlmConfig) -> None:
    """
    Raises:
        RecipeError: the PLM has not so many neurons, heads or dimensions, or its architecture cannot be cut there.
    """
    for key, what in WHAT.items():
        number, there = getattr(asked, key), getattr(plm, key)
        if number is None:
            continue
        if plm.family not in (families := families_with(key)):
            found = f"{number}, and layers of kind {plm.family!r}, which cannot be cut there"
            raise RecipeError(f"key student.{key}", found, f"a PLM of kind {', '.join(families)}", "Or leave it out.")
        if there is not None and number > there:
            found = f"{number}, and a layer of the trunk has {there} {what}"
            raise RecipeError(f"key student.{key}", found, f"{there} at most")


WHAT = {
    "intermediate": "neurons in its feed-forward network",
    "heads": "attention heads",
    "width": "dimensions of a token's state",
}


def families_with(key: str) -> list[str]:
    """Families of PLMs whose layers can be cut there."""
    part = {"intermediate": "neurons", "heads": "heads", "width": "norms"}[key]
    return [name for name, one in INSIDE.items() if getattr(one, part) is not None]


def share_of_layer(asked: Narrow, plm: PlmConfig) -> float:
    """Weights of a narrow layer over those of a whole one of the PLM, biases and norms left out; 1 where not known."""
    if plm.width is None or plm.heads is None or plm.intermediate is None:
        return 1.0
    attention, feed_forward = 4 * plm.width, 2 * plm.intermediate  # times the width
    kept = attention * (asked.heads or plm.heads) / plm.heads
    kept += feed_forward * (asked.intermediate or plm.intermediate) / plm.intermediate
    return kept / (attention + feed_forward) * (asked.width or plm.width) / plm.width
