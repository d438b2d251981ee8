"""The loss's spec, in a module without settings: the recipe is put together from these."""

from __future__ import annotations

from distill_rec.losses.spec import USER_VECTORS, LossSpec

ABSOLUTE = LossSpec(
    "user_absolute",
    "mean absolute difference of user vectors",
    frozenset({USER_VECTORS}),
    vectors="rec_example.absolute:absolute_loss",
    at_teacher="zero",
)
