"""Settings of preference tuning."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from distill_rec.recipe import OptimizerSection, Section

READS = {
    "dpo": {"beta", "negatives"},
    "s-dpo": {"beta", "negatives"},
    "policy-gradient": {"beta", "reward", "rankings", "top"},
    "supervised": set[str](),
}
"""Keys that each method reads, beside its optimizer."""


class PreferenceOptimizer(OptimizerSection):
    """How a trained teacher goes on: gently, and kept only for a clear gain."""

    learning_rate: float = Field(5e-4, gt=0, description="AdamW's rate for user encoder, offsets and head")
    min_updates: int = Field(200, ge=0, description="batches before which no plateau ends it")
    keep_start: bool = Field(
        True,
        description="keep the teacher as it was unless what it became beats it on validation data by an interval above "
        "zero",
    )


class PreferenceSection(Section):
    """Preference tuning of a trained teacher, on impressions."""

    method: Literal["dpo", "s-dpo", "policy-gradient", "supervised"] = Field(
        "s-dpo",
        description="dpo: each clicked candidate over each rejected one; s-dpo: over several at once; policy-gradient: "
        "rankings are rewarded (PL-Rank); supervised: as many more updates of the click loss, to compare with",
    )
    beta: float = Field(
        0.1, ge=0, description="how dear it is to leave the reference (of policy-gradient: weight of the divergence)"
    )
    negatives: int = Field(
        3, ge=1, description="dpo, s-dpo: candidates shown and not clicked, drawn per impression and batch"
    )
    reward: Literal["clicks", "ratings"] = Field(
        "clicks", description="what policy-gradient rewards: clicks, or the ratings themselves where the data have them"
    )
    rankings: int = Field(16, ge=1, description="rankings that policy-gradient draws of each impression")
    top: int = Field(10, ge=1, description="first places of a ranking that policy-gradient rewards (DCG)")
    optimizer: PreferenceOptimizer = Field(
        default_factory=PreferenceOptimizer, description="how the teacher is trained on"
    )

    @model_validator(mode="after")
    def _reads_its_keys(self) -> Self:
        fields, own = type(self).model_fields, READS[self.method] | {"method", "optimizer"}
        for key in fields:
            if key not in own and getattr(self, key) != fields[key].default:
                readers = " or ".join(repr(method) for method, keys in READS.items() if key in keys)
                raise ValueError(f"{key} is read by method = {readers} alone; leave it out for {self.method!r}")
        if self.method in ("dpo", "s-dpo") and self.beta == 0:
            raise ValueError(f"beta = 0 leaves {self.method} nothing to learn; a number above zero")
        return self
