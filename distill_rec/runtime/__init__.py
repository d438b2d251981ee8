"""The light runtime: load an exported student, rank and recommend. Needs numpy and tokenizers; no torch."""

from distill_rec.artifact.errors import ArtifactError, DataError, DistillRecError
from distill_rec.runtime.ranker import Ranker
from distill_rec.runtime.request import Request
from distill_rec.runtime.student import Student

__all__ = ["ArtifactError", "DataError", "DistillRecError", "Ranker", "Request", "Student"]
