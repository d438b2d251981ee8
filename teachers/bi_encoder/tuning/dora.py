"""`dora:k`: as `lora:k`, the lengths of the weights' rows learned apart (Liu et al. 2024), by peft."""

from __future__ import annotations

from functools import partial

from distill_rec.contracts import TuningSpec
from teachers.bi_encoder.tuning.lora import make

DORA = TuningSpec(
    "dora",
    "dora:k,rank=8,alpha=16",
    "lora, with the lengths of the weights' rows learned apart (slower)",
    partial(make, kind="dora"),
    rate=1e-3,
)
