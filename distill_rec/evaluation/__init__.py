"""Metrics, protocols, comparison and report."""

from __future__ import annotations

from distill_rec.evaluation.protocol import PerSample, evaluate, validation_metric
from distill_rec.evaluation.scorer import Scorer, popularity

__all__ = ["PerSample", "Scorer", "evaluate", "popularity", "validation_metric"]
