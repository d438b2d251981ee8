"""Tunings as recipes write them."""

from __future__ import annotations

from distill_rec.contracts import tuning_of
from distill_rec.registry import TUNINGS, every, names


def tuning_forms() -> str:
    """How recipes write the tunings that are installed."""
    *others, last = sorted((spec.form for spec in every(TUNINGS).values()), key=lambda form: (form == "full", form))
    return f"{', '.join(others)}, or {last}"


def known_tuning(text: str) -> str:
    """A recipe's string that names a tuning, as it is; ValueError where none has the name."""
    name = text.partition(":")[0]
    if name not in names(TUNINGS):
        raise ValueError(f"one of {tuning_forms()}")
    tuning_of(text)
    return text
