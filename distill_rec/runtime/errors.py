"""The errors of the toolkit, at the place where services import them from."""

from distill_rec.artifact.errors import (
    ArtifactError,
    DataError,
    DistillRecError,
    ModelError,
    RecipeError,
    RunError,
    TrainingError,
    WorseError,
)

__all__ = [
    "ArtifactError",
    "DataError",
    "DistillRecError",
    "ModelError",
    "RecipeError",
    "RunError",
    "TrainingError",
    "WorseError",
]
