"""The training loop that teachers and students share."""

from distill_rec.training.loop import Training, scorer_of
from distill_rec.training.objective import Objective
from distill_rec.training.outcome import Outcome

__all__ = ["Objective", "Outcome", "Training", "scorer_of"]
