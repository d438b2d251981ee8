"""Whether a finished stage is still what the recipe asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

from distill_rec.pipeline.folder import Record, RunFolder
from distill_rec.recipe import RATES, Recipe
from distill_rec.recipe_errors import describe
from distill_rec.runtime.errors import RunError

State = Literal["finished", "missing", "stale"]


def state_of(run: RunFolder, wanted: Record) -> State:
    """Finished with the same settings and inputs, not finished, or made from an earlier stage that is there no more.

    Raises:
        RunError: a setting, an input or the stage's own code has changed since it finished (or since it was begun,
            where it goes on from checkpoints).
    """
    found = run.finished(wanted.stage)
    if found is None:
        begun = run.begun(wanted.stage)
        if begun is not None and begun.before == wanted.before:
            _refuse_changes(run, begun, wanted, "was begun", free=RATES)
        return "missing" if begun is None or begun.before == wanted.before else "stale"
    _refuse_changes(run, found, wanted, "finished")
    return "finished" if found.before == wanted.before else "stale"


def with_its_name(run: RunFolder, wanted: Record) -> Record:
    """The record with the fingerprint that its finished stage has, where it is the same but for keys of later releases.

    Later stages know the stage by that name, and would be made anew for another one.
    """
    found = run.finished(wanted.stage)
    if found is None or found.before != wanted.before:
        return wanted
    try:
        _refuse_changes(run, found, wanted, "finished")
    except RunError:
        return wanted
    return replace(wanted, fingerprint=found.fingerprint)


def _refuse_changes(run: RunFolder, found: Record, wanted: Record, since: str, free: tuple[str, ...] = ()) -> None:
    stage = wanted.stage
    do = f"Set it back, name another folder with --out, or run the stage anew with --restart {stage}."
    defaults = {key: default for key, _, default in describe(Recipe)}
    for key, now in _jsonlike(wanted.settings).items():
        # A key that came with a later release was at its default.
        then = found.settings[key] if key in found.settings else defaults.get(key)
        if key.rpartition(".")[2] not in free and _without(then, free) != _without(now, free):
            where = f"key {key}"
            raise RunError(where, f"{_show(now)}, but stage {stage} of {run.path} {since} with {_show(then)}", "", do)
    for key, now in wanted.inputs.items():
        if found.inputs.get(key) != now:
            where = f"key {key}"
            raise RunError(where, f"the files it names have changed since stage {stage} of {run.path} {since}", "", do)
    if found.version != wanted.version:
        raise RunError(
            run.stage(stage), f"made by version {found.version} of the stage", f"version {wanted.version}", do
        )


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    """A value without these keys of the mappings in it."""
    if isinstance(value, dict):
        return {key: _without(part, keys) for key, part in value.items() if key not in keys}
    return [_without(part, keys) for part in value] if isinstance(value, list) else value


def _jsonlike(settings: dict[str, Any]) -> dict[str, Any]:
    """As they come back from `stage.json`."""
    return json.loads(json.dumps(settings))  # type: ignore[no-any-return]


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
