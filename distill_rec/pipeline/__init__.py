"""Stages in order, each in its own folder of the run; finished ones are not run again."""

from distill_rec.pipeline.run_stages import Frames, StageReport, run_stages
from distill_rec.stages import STAGES

__all__ = ["STAGES", "Frames", "StageReport", "run_stages"]
