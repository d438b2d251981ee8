"""The training loop that teachers and students share."""

from distill_rec.training.loop import Outcome, Training, scorer_of
from distill_rec.training.objective import Objective

__all__ = ["Objective", "Outcome", "Training", "scorer_of"]
