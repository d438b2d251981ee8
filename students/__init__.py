"""Students: one folder for each kind, with its code, recipes and card; and the front door for services."""

from distill_rec.runtime import Student

__all__ = ["Student"]
