"""The files of each precision: item encoder and catalogue vectors, smaller where fp16 or int8 is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distill_rec.artifact.layout import stored_as
from distill_rec.artifact.save import write_vectors
from distill_rec.data.dataset import Dataset
from distill_rec.runtime.errors import RecipeError
from distill_rec.student_model import StudentModel

CALIBRATION_TEXTS = 256


def write_precisions(model: StudentModel, dataset: Dataset, folder: Path, precisions: list[str]) -> None:
    """Write the files of each precision.

    Raises:
        RecipeError: the student's kind has not one of them.
    """
    layout = model.layout
    if missing := [name for name in precisions if name not in layout.precisions]:
        found, do = f"{missing[0]} for a {model.kind} student", "Set export.precisions to some of these."
        raise RecipeError("key export.precisions", found, " or ".join(layout.precisions), do)
    for precision in precisions:
        write_vectors(folder / layout.files(precision)["items"], model.item_vectors, stored_as(precision))
    drawn = np.random.default_rng(0).choice(len(dataset.texts), min(CALIBRATION_TEXTS, len(dataset.texts)), False)
    model.write_encoders(folder, precisions, [dataset.texts[text] for text in drawn])
