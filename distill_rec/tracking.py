"""Validations of a run's trainings, sent to a tracker (TensorBoard, MLflow, Weights & Biases) while they run.

`history.json` of each training has the same figures, tracker or not; a tracker shows them before its training ends.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from distill_rec.progress import Progress, Task
from distill_rec.runtime.errors import RecipeError

log = logging.getLogger("distill_rec")

PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow-skinny", "wandb": "wandb"}
"""Trackers that a recipe may name, and what to install for each."""
FOLDER = "track"
"""Of a run: what TensorBoard reads, and what Weights & Biases keeps of an offline run."""
KEPT = {"tensorboard": "logging_dir", "wandb": "dir"}
"""By which argument a tracker is told where it keeps its files; MLflow has an address of its own for that."""


def require_trackers(names: Sequence[str]) -> None:
    """See that the package of each tracker is installed, as accelerate finds it.

    Raises:
        RecipeError: one is not.
    """
    if not names:
        return
    from accelerate.tracking import get_available_trackers

    there = {str(getattr(found, "value", found)) for found in get_available_trackers()}
    for name in names:
        if name not in there:
            found, do = f"{name!r}, whose package is not installed", f"Install it with `pip install {PACKAGES[name]}`."
            raise RecipeError("recipe, key track", found, "trackers that are installed", do)


@contextlib.contextmanager
def tracked(progress: Progress, names: Sequence[str], run: str, folder: Path, settings: Any) -> Iterator[Progress]:
    """Progress whose values go to trackers too; they are closed when the block ends.

    Args:
        names: of trackers; none leaves everything as it is.
        run: what the run is called there.
        folder: of the run.
        settings: dotted keys and values, shown beside the curves.

    Raises:
        RecipeError: see `require_trackers`.
    """
    require_trackers(names)
    trackers = [found for name in names if (found := _started(name, run, folder, settings)) is not None]
    if not trackers:
        yield progress
        return
    whole = Tracked(progress, trackers)
    try:
        yield whole
    finally:
        whole.finish()


class Tracked:
    """Another's progress, whose values are sent to trackers. A tracker that fails is left out from then on."""

    def __init__(self, progress: Progress, trackers: Sequence[Any]) -> None:
        self._progress, self._trackers = progress, list(trackers)

    def task(self, description: str, total: int | None = None) -> Task:
        return self._progress.task(description, total)

    def values(self, name: str, step: int, values: Mapping[str, float]) -> None:
        """See `distill_rec.progress.Measuring`."""
        named = {_key(f"{name}/{key}"): value for key, value in values.items()}
        for tracker in list(self._trackers):
            # Weights & Biases drops steps that go back, as a second training's do: it gets the step as a value.
            its_own = tracker.name == "wandb"
            at = {_key(f"{name}/update"): step} if its_own else {}
            self._try(tracker, "log", named | at, step=None if its_own else step)

    def finish(self) -> None:
        for tracker in list(self._trackers):
            self._try(tracker, "finish")

    def _try(self, tracker: Any, method: str, *given: Any, **named: Any) -> None:
        try:
            getattr(tracker, method)(*given, **named)
        except Exception as error:  # a service that is down must not end a training
            log.warning("tracker %s failed and gets nothing more: %s", tracker.name, error)
            self._trackers.remove(tracker)


def _started(name: str, run: str, folder: Path, settings: Mapping[str, Any]) -> Any:
    """A tracker that has begun; None where it cannot, which is told."""
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    kind = LOGGER_TYPE_TO_CLASS[name]
    try:
        within = folder / FOLDER
        within.mkdir(exist_ok=True)
        tracker = kind(run, **{KEPT[name]: str(within)} if name in KEPT else {})
        tracker.start()
        tracker.store_init_configuration({_key(key): _plain(value) for key, value in settings.items()})
    except Exception as error:  # trackers raise their own kinds
        log.warning("tracker %s could not begin, and gets nothing: %s", name, error)
        return None
    return tracker


def _key(name: str) -> str:
    """A name that all of them take: MLflow refuses most signs."""
    return re.sub(r"[^\w ./-]+", "_", name.replace("@", "_at_"))


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
