"""The shelf of students: recipes to copy from, and the front door for services."""

from distill_rec.runtime import Student

__all__ = ["Student"]
