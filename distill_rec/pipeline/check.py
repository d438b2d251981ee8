"""Whether a finished stage is still what the recipe asks for."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel

from distill_rec.pipeline.folder import RunFolder, StageRecord
from distill_rec.pipeline.stage import Stage
from distill_rec.recipe import RATES
from distill_rec.runtime.errors import RunError

State = Literal["finished", "missing", "stale"]


def state_of(run: RunFolder, stage: Stage, wanted: StageRecord, usual: dict[str, Any]) -> State:
    """Finished with the same settings and inputs, not finished, or made from an earlier stage that is there no more.

    Args:
        usual: the settings' defaults.

    Raises:
        RunError: a setting, an input or the stage's own code has changed since it finished (or since it was begun,
            where it goes on from checkpoints).
    """
    found = run.finished(stage.name)
    if found is None:
        begun = run.begun(stage.name)
        if begun is not None and begun.before == wanted.before:
            _refuse_changes(run, stage, begun, wanted, usual, "was begun", free=RATES)
        return "missing" if begun is None or begun.before == wanted.before else "stale"
    _refuse_changes(run, stage, found, wanted, usual, "finished")
    return "finished" if found.before == wanted.before else "stale"


def changes(
    settings: dict[str, Any], found: dict[str, Any], usual: dict[str, Any], free: tuple[str, ...] = ()
) -> dict[str, tuple[Any, Any]]:
    """Value now and value then of each setting that differs; a key that came with a later release had its default.

    Args:
        settings: of the recipe.
        found: those that a stage was made with, as its record has them.
        usual: defaults, which keys that the record lacks had.
        free: last parts of keys that may differ.
    """
    usual, out = _as_recorded(usual), {}
    for key, now in _as_recorded(settings).items():
        then = found[key] if key in found else usual.get(key)
        if key.rpartition(".")[2] not in free and _without(then, free) != _without(now, free):
            out[key] = (now, then)
    return out


def _refuse_changes(  # noqa: PLR0913
    run: RunFolder,
    stage: Stage,
    found: StageRecord,
    wanted: StageRecord,
    usual: dict[str, Any],
    since: str,
    free: tuple[str, ...] = (),
) -> None:
    name = stage.name
    do = f"Set it back, name another folder with --out, or run the stage anew with --restart {name}."
    for key, (now, then) in changes(wanted.settings, found.settings, usual, free).items():
        what = f"{_show(now)}, but stage {name} of {run.path} {since} with {_show(then)}"
        raise RunError(f"key {key}", what, "", do)
    for key, digest in wanted.inputs.items():
        if found.inputs.get(key) != digest:
            what = f"the files it names have changed since stage {name} of {run.path} {since}"
            raise RunError(f"key {key}", what, "", do)
    if found.version != wanted.version and found.version not in stage.still_good:
        made = f"made by version {found.version} of the stage"
        raise RunError(run.stage(name), made, f"version {wanted.version}", do)


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    """A value without these keys of the mappings in it."""
    if isinstance(value, dict):
        return {key: _without(part, keys) for key, part in value.items() if key not in keys}
    return [_without(part, keys) for part in value] if isinstance(value, list) else value


def _as_recorded(settings: dict[str, Any]) -> dict[str, Any]:
    """As they come back from `stage.json`."""
    return json.loads(json.dumps(settings, default=_dumped))  # type: ignore[no-any-return]


def _dumped(value: Any) -> Any:
    """A section, which is some key's default; anything else that JSON has no form for, as another kind may have."""
    return value.model_dump() if isinstance(value, BaseModel) else str(value)


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
