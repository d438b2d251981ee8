"""The stages of a run, in their order, and the section of a recipe that each has."""

from __future__ import annotations

STAGES = ("prepare", "teach", "distill", "export", "evaluate")
SECTION = {"prepare": "data", "teach": "teacher", "distill": "student", "export": "export", "evaluate": "evaluate"}
