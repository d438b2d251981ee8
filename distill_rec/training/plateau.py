"""Early stopping: validations without a gain."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass
class Plateau:
    """Keeps the best value and counts validations since the last real gain.

    A value is kept as the best however small its gain; only a relative gain of `min_gain` over `reference`
    resets the count.

    Attributes:
        patience: validations without a gain before `finished`.
        min_gain: relative gain that counts.
    """

    patience: int
    min_gain: float
    best: float = float("-inf")
    reference: float = float("-inf")
    stale: int = 0

    def update(self, value: float) -> bool:
        """Take a validation's value; return whether it is the best so far."""
        better = value > self.best
        self.best = max(self.best, value)
        if self.reference == float("-inf") or value > self.reference + self.min_gain * abs(self.reference):
            self.reference, self.stale = value, 0
        else:
            self.stale += 1
        return better

    @property
    def finished(self) -> bool:
        return self.stale >= self.patience

    def state(self) -> dict[str, float | int | None]:
        """Its values for JSON (infinities as null)."""
        return {key: None if value == float("-inf") else value for key, value in asdict(self).items()}

    @staticmethod
    def from_state(state: dict[str, float | int | None]) -> Plateau:
        values = {key: float("-inf") if value is None else value for key, value in state.items()}
        return Plateau(
            int(values["patience"]), values["min_gain"], values["best"], values["reference"], int(values["stale"])
        )
