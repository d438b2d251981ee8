"""Exporting students: files of each precision, gates, publication."""

from distill_rec.export.export import export_student
from distill_rec.export.report import ExportReport

__all__ = ["ExportReport", "export_student"]
