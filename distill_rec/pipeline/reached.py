"""Where the stages of a run stand: for a run, which hashes its inputs, or a plan, which takes them as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from distill_rec.pipeline.check import State, state_of
from distill_rec.pipeline.folder import RunFolder, StageRecord
from distill_rec.pipeline.stage import Stage
from distill_rec.pipeline.wanted import defaults_of, runs_anew, wanted
from distill_rec.recipe import Recipe


@dataclass(frozen=True)
class Reached:
    """Where a stage stands.

    Attributes:
        want: the record that it would have if it were made now.
        done: its record where it is finished.
    """

    stage: Stage
    want: StageRecord
    state: State
    done: StageRecord | None


def reached(
    run: RunFolder,
    recipe: Recipe,
    stages: list[Stage],
    restart: str | None,
    inputs: Callable[[Stage], dict[str, str]],
) -> list[Reached]:
    """Where each stage stands. A finished one is known by the fingerprint that it was recorded with.

    Args:
        inputs: hashes of what a stage reads from outside the run.

    Raises:
        RunError: a finished or begun stage is not what the recipe asks for.
    """
    out: list[Reached] = []
    before = ""
    for stage in stages:
        want, usual = wanted(stage, recipe, inputs(stage), before), defaults_of(stage, recipe)
        state: State = "missing" if runs_anew(stage, restart) else state_of(run, stage, want, usual)
        done = run.finished(stage.name) if state == "finished" else None
        before = done.fingerprint if done is not None else want.fingerprint
        out.append(Reached(stage, want, state, done))
    return out


def recorded_inputs(run: RunFolder, stage: Stage) -> dict[str, str]:
    """Hashes that a stage was finished or begun with; none where it was not."""
    found = run.finished(stage.name) or run.begun(stage.name)
    return {} if found is None else found.inputs
