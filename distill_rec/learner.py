"""A trained teacher that goes on learning beside a student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distill_rec.nn.recommender import Recommender

FOLDER = "teacher"
"""Within the student's, of the teacher as it was when the student's weights were kept."""


@dataclass(frozen=True)
class Learner:
    """A teacher's model, ready to learn.

    Attributes:
        model: on the data's own texts, with the weights that it was taught.
        tuning: what of its PLM learns, as a recipe writes it.
        write: writes the model as it is then, as the folder of a teacher: `knowledge/`, `model.json` last.
    """

    model: Recommender
    tuning: str
    write: Callable[[Path], None]
