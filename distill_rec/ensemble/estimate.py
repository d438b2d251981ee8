"""What teaching several costs: what each does, what they share once, and which are trained beside each other."""

from __future__ import annotations

from dataclasses import replace

from distill_rec.children import share_of
from distill_rec.contracts import teacher_spec
from distill_rec.ensemble.members import beside
from distill_rec.estimates import Sizes, seconds_beside
from distill_rec.recipe import TeacherSection
from distill_rec.several_teachers import EnsembleSection

WEIGHING = 10.0
"""Seconds of fitting the weights."""


def estimate(section: EnsembleSection, sizes: Sizes) -> tuple[str, float]:
    """See `contracts.EstimateTeacher`."""
    found, earlier, small = {}, list[TeacherSection](), beside(section, sizes.threads)
    share = share_of(sizes.threads, max(len(small), 1))
    for name, one in section.members.items():
        own = replace(sizes, threads=share) if name in small else sizes
        found[name] = teacher_spec(one.kind).estimate.get()(one.beside(earlier), own)
        earlier.append(one)
    words = "; ".join(f"{name}: {work}" for name, (work, _) in found.items())
    alone = sum(seconds for name, (_, seconds) in found.items() if name not in small)
    together = seconds_beside([found[name][1] for name in small], sizes.threads // share)
    return words, WEIGHING + alone + together
