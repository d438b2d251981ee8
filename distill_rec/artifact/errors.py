"""Errors that tell a reader where, what was found, what was expected and what to do."""

from __future__ import annotations


class DistillRecError(Exception):
    """Base of every error that the toolkit raises on purpose; the CLI prints it and exits 1.

    Args:
        where: file, row, key or stage that is at fault.
        found: what was there.
        expected: what should have been there.
        do: the next thing to try.
    """

    def __init__(self, where: object, found: str, expected: str = "", do: str = "") -> None:
        self.where, self.found, self.expected, self.do = str(where), found, expected, do
        parts = [f"{where}: {found}"]
        if expected:
            parts.append(f"expected {expected}")
        message = "; ".join(parts)
        super().__init__(f"{message}. {do}" if do else message)

    def parts(self) -> dict[str, str]:
        """Its arguments, for JSON; an error is made of them again by `DataError(**parts)`."""
        return {"where": self.where, "found": self.found, "expected": self.expected, "do": self.do}


class RecipeError(DistillRecError):
    """A recipe has an unknown key, a bad value, or a setting that contradicts another."""


class DataError(DistillRecError):
    """An input file cannot be read as what the recipe says it is."""


class ModelError(DistillRecError):
    """A trunk folder or an embeddings file cannot be used."""


class TrainingError(DistillRecError):
    """Training cannot go on: a loss that is not finite, a checkpoint of another run."""


class ArtifactError(DistillRecError):
    """An exported student is damaged, tampered with, or of another format version."""


class WorseError(ArtifactError):
    """A refreshed student is worse than the one before it, and was not published."""


class RunError(DistillRecError):
    """A run folder is locked, incomplete, or made with other settings."""
