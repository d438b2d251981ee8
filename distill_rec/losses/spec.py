"""What a loss says of itself: light, so that a recipe knows its keys without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SCORES, ITEM_VECTORS, USER_VECTORS, CLICKS = "scores", "item vectors", "user vectors", "clicks"
POPULARITY = "popularity"
TOKEN_STATES, ATTENTION = "token states", "attention"
"""Signals: the first three are a teacher's, clicks and popularity are the data's, the last two its PLM's at work."""

OF_DATA = frozenset({CLICKS, POPULARITY})
"""Those that are there with any teacher."""

OF_PLM = frozenset({TOKEN_STATES, ATTENTION})
"""Those that no teacher hands over: its PLM is run beside the student, on the same texts."""

ALL_SUPPLIED = frozenset({SCORES, ITEM_VECTORS, USER_VECTORS})
"""What a teacher with item vectors and a user encoder supplies."""

Kind = Literal["clicks", "impressions"]
KINDS: tuple[Kind, ...] = ("clicks", "impressions")
"""Of data: sequences of clicks, each set against the whole catalogue; or candidates that were shown together."""


@dataclass(frozen=True)
class LossSpec:
    """A loss: its key in the recipe, the signals that it reads and where its functions are.

    A loss of scores or clicks names `rows`, which serves both kinds of data, or `impressions` or `catalogue` where it
    has a form of its own for one (or works for no other). A loss of vectors names `vectors`; one of a PLM's tokens
    (a key of `student.first.loss` alone) names `tokens`. All are dotted names, `package.module:function`:

    - `rows(student, teacher, clicks, mask, **settings)` -> `[batch]`: scores of student and teacher
      `[batch, n_candidates]`; bool, true where clicked; bool, false where padded. Differentiable by the student's.
    - `impressions(...)` -> scalar: the same arguments, for a mean of its own.
    - `catalogue(chunk, weight, **settings)` -> scalar: a closed form on a `distill_rec.losses.chunk.Chunk`.
    - `listed(chunk, weight, listed, **settings)` -> scalar: a closed form where the teacher scores few items
      (`distill_rec.losses.listed`); others have `rows` of those items alone.
    - `vectors(student, teacher, **settings)` -> scalar: `[n, d]` each, row i of both being the same item or user.
    - `tokens(student, teacher, mask, **settings)` -> scalar, a mean over texts: `[n, tokens, d]` each, of the same
      tokens, and bool `[n, tokens]`, false where padded. It is called for every pair of layers (needing token states),
      or for the queries, the keys and the values of one (needing attention), and what it gives is added up. ValueError
      where widths do not fit its settings, which is told before anything is trained.

    A loss of scores that needs popularity also gets `popularity`, the share of all training clicks that fell on less
    clicked items: `[n_items]` over the catalogue, `[batch, n_candidates]` of shown candidates.

    Attributes:
        name: its key below `student.loss` (or `student.first.loss`), whose value is its weight.
        description: of that key.
        needs: signals; `clicks` and `popularity` are there with any teacher.
        weight: default; zero: it is off unless a recipe names it.
        settings: further keys with type and pydantic's `Field(default, description=...)`. A key begins with the loss's
            name and an underscore; the function gets it without them.
        adapter: the student's vectors pass through the learned adapter, so that dimensions may differ; of `tokens` its
            states, through a map of their own.
        parts: what its mean over a batch is over: "rows" (impressions, or pairs of vectors) or "clicks"; "" where it is
            no such mean, so that several processes cannot each have a part of the batch. Of `rows` and `catalogue`
            the mean is the engine's own.
        joins: its `catalogue` takes rows of several clicks, see `distill_rec.losses.chunk.Term`.
        at_teacher: where student equals teacher it is "zero" (and nowhere less), "least", or neither ("").
    """

    name: str
    description: str
    needs: frozenset[str]
    weight: float = 0.0
    settings: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    rows: str = ""
    impressions: str = ""
    catalogue: str = ""
    listed: str = ""
    vectors: str = ""
    tokens: str = ""
    adapter: bool = True
    joins: bool = False
    at_teacher: Literal["zero", "least", ""] = ""
    parts: Literal["rows", "clicks", ""] = ""

    def works_on(self, kind: Kind) -> bool:
        """Whether it has a form for data of this kind."""
        own = self.catalogue if kind == "clicks" else self.impressions
        return bool(self.vectors or self.rows or own)

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The functions' keyword arguments, from the recipe's values by key."""
        return {key.removeprefix(f"{self.name}_"): values[key] for key in self.settings}
