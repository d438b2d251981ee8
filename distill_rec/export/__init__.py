"""Exporting students: files, parity gate, publication."""

from distill_rec.export.export import export_student

__all__ = ["export_student"]
