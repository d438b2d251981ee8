"""Reading, splitting and writing data sets."""

from distill_rec.data.dataset import Dataset, Impressions, Queries, Sequences
from distill_rec.data.prepare import prepare, read_inputs_fingerprint
from distill_rec.data.ragged import Ragged
from distill_rec.data.summary import Summary, read_summary

__all__ = [
    "Dataset",
    "Impressions",
    "Queries",
    "Ragged",
    "Sequences",
    "Summary",
    "prepare",
    "read_inputs_fingerprint",
    "read_summary",
]
