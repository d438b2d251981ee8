"""Batch scoring: the best k items of every user of a file, to Parquet, in bounded memory."""

from distill_rec.scoring.inputs import Columns
from distill_rec.scoring.job import Settings
from distill_rec.scoring.run import score

__all__ = ["Columns", "Settings", "score"]
