"""Early stopping: validations, and steps of the optimiser, without a gain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Plateau:
    """Keeps the best value and counts validations and steps since the last real gain.

    A value is kept as the best however small its gain; only a relative gain of `min_gain` over `reference`
    resets the counts.

    Attributes:
        patience: validations without a gain before `finished`.
        patience_steps: steps without a gain before `finished`; those of the warm-up do not count.
        min_gain: relative gain that counts.
        gained_at: steps done when the last gain was seen.
    """

    patience: int
    min_gain: float
    patience_steps: int = 0
    best: float = float("-inf")
    reference: float = float("-inf")
    stale: int = 0
    gained_at: int = 0

    def update(self, value: float, step: int) -> bool:
        """Take a validation's value after so many steps; return whether it is the best so far."""
        better = value > self.best
        self.best = max(self.best, value)
        if self.reference == float("-inf") or value > self.reference + self.min_gain * abs(self.reference):
            self.reference, self.stale, self.gained_at = value, 0, step
        else:
            self.stale += 1
        return better

    def finished(self, step: int, warmup: int) -> bool:
        """Whether enough validations and steps have passed without a gain.

        Args:
            step: steps done by the optimiser that steps least often.
            warmup: its first steps, during which the rate is not yet what it will be.
        """
        waited = step - max(self.gained_at, warmup)
        return self.stale >= self.patience and waited >= self.patience_steps

    def state(self) -> dict[str, Any]:
        """Its values for JSON (infinities as null)."""
        return {key: None if value == float("-inf") else value for key, value in asdict(self).items()}

    @staticmethod
    def from_state(state: dict[str, Any]) -> Plateau:
        """What `state` gave; a checkpoint of an earlier release lacks the counts of steps."""
        values: dict[str, Any] = {key: float("-inf") if value is None else value for key, value in state.items()}
        return Plateau(**values)
