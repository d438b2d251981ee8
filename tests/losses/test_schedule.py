"""Weights and temperatures that change: by hand, refused by name, and without a trace where there are none."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tiny import student_section

from distill_rec.pipeline.stages import stage_named
from distill_rec.pipeline.wanted import wanted
from distill_rec.recipe import Recipe, decisive
from distill_rec.sections.schedule import Ramp, at_largest, values_at


def test_a_ramp_stands_goes_and_stands() -> None:
    ramp = Ramp(start=4.0, end=1.0, over=0.5, after=0.25)
    assert [ramp.at(progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)] == [4.0, 4.0, 2.5, 1.0, 1.0]
    assert values_at({"kl": Ramp(start=0.0, end=1.0)}, 0.3) == {"kl": pytest.approx(0.3)}


def test_a_loss_that_is_on_at_any_time_counts_as_used() -> None:
    section = student_section(loss={"kl": 0.0}, schedule={"kl": {"start": 0.5, "end": 0.0}})
    assert section.loss.kl == 0.0 and section.largest_loss.kl == 0.5
    assert at_largest(section.loss, {}) == section.loss


@pytest.mark.parametrize(
    ("schedule", "told"),
    [
        ({"kll": {"start": 0, "end": 1}}, "schedule.kll is no key of student.loss"),
        ({"ranknet_top": {"start": 5, "end": 10}}, "can change gradually"),
        ({"temperature": {"start": 4, "end": 0}}, "schedule.temperature stays above 0"),
        ({"kl": {"start": 0, "end": 1, "over": 0.9, "after": 0.2}}, "after \\+ over is at most 1"),
    ],
)
def test_a_wrong_schedule_is_refused_by_name(schedule: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        student_section(schedule=schedule)


def test_no_schedule_leaves_no_trace_in_fingerprints() -> None:
    plain, ramped = student_section(), student_section(schedule={"kl": {"start": 0, "end": 1}})
    assert "schedule" not in decisive(plain, set()) and "schedule" in decisive(ramped, set())
    stage = stage_named("distill")
    names = [wanted(stage, Recipe(student=one), {}, "").fingerprint for one in (plain, ramped)]
    assert names[0] != names[1]
