"""The distillation loop: how a student is trained from what its teachers know."""

from distill_rec.distillation.distill import distill

__all__ = ["distill"]
