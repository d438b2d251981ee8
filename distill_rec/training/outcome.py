"""How a training ended, as `history.json` has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from distill_rec.records import Record, read_record, write_record

Stopped = Literal["plateau", "max_epochs", "max_updates", "max_seconds"]


class Try(BaseModel):
    """A training with one of the optimiser's tries.

    Attributes:
        changes: of the optimiser's section.
        stopped: "diverged" where it came to nothing; the other figures are missing then.
    """

    model_config = ConfigDict(extra="forbid")

    changes: dict[str, Any]
    stopped: Literal["diverged"] | Stopped
    best: float | None = None
    updates: int | None = None
    seconds: float | None = None
    rising: bool | None = None
    steps: dict[str, int] | None = None
    moved_last: dict[str, float] | None = None


class Variant(BaseModel):
    """A teacher that was trained to choose from.

    Attributes:
        settings: what differs from the teacher's section.
        ndcg: nDCG@10 on validation data.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    tuning: str
    settings: dict[str, Any]
    ndcg: float = Field(alias="ndcg@10")
    seconds: float
    updates: int
    stopped: Stopped
    rising: bool
    kept_start: bool = False


class Outcome(Record):
    """How a training ended.

    Attributes:
        best: nDCG@10 on validation (or another figure, see `by`) of the weights that were kept.
        updates, seconds: work done.
        history: one record per validation (`update`, `seconds`, `loss`, `ndcg@10`; of a loss's key that changes its
            value then, as `loss.kl`; and what else the training notes).
        stopped: what ended it.
        reproducible: false where the clock ended it.
        rising: a limit ended it within the patience after a gain that counts (at the gain itself where the rate had
            fallen to zero as planned).
        steps: of each optimiser: "batch" (user encoder, offsets), "window" (item encoder).
        moved: |end - start| / |start| of the kept weights, by part (`trunk layer 5`, `user encoder`).
        moved_last: the same of the last weights, kept or not: where nothing was gained, how far what was tried went.
        rates: learning rates by the update from which on they held; more than one where it went on at another.
        gain: of the best weights over the start's, mean and 95 % interval over users; where `keep_start` asks for it.
        kept_start: that interval held zero or less, and the start was kept.
        latest: of weights that are judged alike the latest were kept, not the first (an older release).
        by: figure of the history that weights were kept by, the larger the better.
        repeat_level: mean of the repeat term's numbers where validation data lowered it below what was learned.
        unclicked_level: what validation data had added to the scores of items without a click, where it was anything.
        tries, chosen_try: trainings that it was chosen from; None where there was one.
        before: how trainings that it goes on from ended, by name ("post-training" of a teacher's trunk, "first stage"
            of a student); their figures are of texts.
        variants, chosen: teachers that it was chosen from; None for anything else.
    """

    best: float
    updates: int
    seconds: float
    history: list[dict[str, int | float]]
    stopped: Stopped
    reproducible: bool
    rising: bool
    steps: dict[str, int] = Field(default_factory=dict)
    moved: dict[str, float] = Field(default_factory=dict)
    moved_last: dict[str, float] = Field(default_factory=dict)
    rates: list[dict[str, int | float]] = Field(default_factory=list)
    gain: list[float] | None = None
    kept_start: bool = False
    latest: bool = False
    by: str = "ndcg@10"
    repeat_level: float | None = None
    unclicked_level: float | None = None
    tries: list[Try] | None = None
    chosen_try: int | None = None
    before: dict[str, Outcome] = Field(default_factory=dict)
    variants: list[Variant] | None = None
    chosen: int | None = None

    @property
    def kept(self) -> int | None:
        """Update whose weights were kept; 0 for the start, None where no validation is noted."""
        if self.kept_start:
            return 0
        told = self.history[::-1] if self.latest else self.history
        best = max(told, key=lambda record: record[self.by], default=None)
        return None if best is None else int(best["update"])

    def curve(self, key: str) -> list[tuple[float, float]]:
        """A figure of each validation (`ndcg@10`, `loss`) by update; the start has no loss, as nothing was trained."""
        known = [record for record in self.history if key in record]
        return [(record["update"], record[key]) for record in known if key != "loss" or record["update"] > 0]


def note_before(folder: Path, name: str, earlier: Path) -> None:
    """Write into a training's history that of the one in `earlier`, which it went on from."""
    outcome = read_record(Outcome, folder / "history.json")
    before = {**outcome.before, name: read_record(Outcome, earlier / "history.json")}
    write_record(folder / "history.json", outcome.model_copy(update={"before": before}))
