"""A study's folder: what it was begun with, and that the same command goes on with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distill_rec.pipeline.check import changes
from distill_rec.pipeline.stage import Context
from distill_rec.pipeline.stages import stage_named
from distill_rec.pipeline.wanted import defaults_of, resolved, settings_of
from distill_rec.records import read_record, write_record
from distill_rec.runtime.errors import RunError
from distill_rec.study.plan import Plan, PlannedRow
from distill_rec.study.records import Budget, PlanRecord, RowSettings

DECIDING = ("prepare", "teach")
"""Stages whose settings and inputs decide a training."""
DO = "Set it back, or name another folder with --out."


def begin(plan: Plan, folder: Path, base: Path) -> None:
    """Write what the study is begun with, or see that it is what an earlier command had begun.

    Rows and seeds may be added: what is trained stays as it is.

    Raises:
        RunError: a setting of the study or of one of its rows has changed.
    """
    path = folder / "plan.json"
    now = {row.name: settings_of_row(row, base, _inputs_once(base)) for row in plan.rows}
    before = read_record(PlanRecord, path) if path.exists() else None
    if before is not None:
        _refuse_changed_budget(plan.budget, before.budget, folder)
        for row in plan.rows:
            if row.name in before.rows:
                _refuse_changed_row(row, now[row.name], before.rows[row.name], folder)
    earlier = before.rows if before is not None else {}
    write_record(path, PlanRecord(budget=plan.budget, rows={**earlier, **now}))


def settings_of_row(row: PlannedRow, base: Path, inputs: Callable[[str, Context], dict[str, str]]) -> RowSettings:
    """What decides a row's trainings."""
    context = Context(row.recipe, resolved(row.recipe), base)
    settings: dict[str, Any] = {}
    hashes: dict[str, str] = {}
    for name in DECIDING:
        settings |= settings_of(stage_named(name), row.recipe)
        hashes |= inputs(name, context)
    del settings["teacher.seed"]  # each seed has a folder of its own
    return RowSettings(settings=json.loads(json.dumps(settings, default=str)), inputs=hashes)


def _inputs_once(base: Path) -> Callable[[str, Context], dict[str, str]]:
    """Hashes of a stage's inputs; rows that read the same files share them."""
    known: dict[str, dict[str, str]] = {}

    def inputs(name: str, context: Context) -> dict[str, str]:
        stage = stage_named(name)
        section = getattr(context.resolved, stage.section)
        key = f"{name} {section.model_dump_json() if name == 'prepare' else section.sources()}"
        if key not in known:
            known[key] = stage.inputs(context)
        return known[key]

    return inputs


def _refuse_changed_budget(now: Budget, then: Budget, folder: Path) -> None:
    if (now.unit, now.amount) != (then.unit, then.amount):
        option = f"--{now.unit.replace('_', '-')}"
        raise RunError(option, f"a budget of {now}, but study {folder} was begun with {then}", "", DO)
    if now.warm_up != then.warm_up:
        found = f"{now.warm_up:g}, but study {folder} was begun with {then.warm_up:g}"
        raise RunError("--warm-up", found, "", DO)


def _refuse_changed_row(row: PlannedRow, now: RowSettings, then: RowSettings, folder: Path) -> None:
    usual = _usual(row)
    for key, (value, was) in changes(now.settings, then.settings, usual).items():
        what = f"{json.dumps(value)}, but study {folder} was begun with {json.dumps(was)}"
        raise RunError(f"row {row.name}, key {key}", what, "", DO)
    for key, digest in now.inputs.items():
        if then.inputs.get(key) != digest:
            what = f"the files it names have changed since study {folder} was begun"
            raise RunError(f"row {row.name}, key {key}", what, "", DO)


def _usual(row: PlannedRow) -> dict[str, Any]:
    """Defaults, which keys of a later release had."""
    out: dict[str, Any] = {}
    for name in DECIDING:
        out |= defaults_of(stage_named(name), row.recipe)
    return out
