"""What teaching several costs: what each does, what they share once."""

from __future__ import annotations

from distill_rec.contracts import teacher_spec
from distill_rec.estimates import Sizes
from distill_rec.recipe import TeacherSection
from distill_rec.several_teachers import EnsembleSection

WEIGHING = 10.0
"""Seconds of fitting the weights."""


def estimate(section: EnsembleSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    found, earlier = {}, list[TeacherSection]()
    for name, one in section.members.items():
        found[name] = teacher_spec(one.kind).estimate.get()(one.beside(earlier), sizes)
        earlier.append(one)
    words = "; ".join(f"{name}: {work}" for name, (work, _) in found.items())
    return words, WEIGHING + sum(seconds for _, seconds in found.values())
