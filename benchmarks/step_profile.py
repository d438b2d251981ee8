"""Where the time of a student's batches goes: which of our functions runs or waits for torch, for what share of it.

    OMP_NUM_THREADS=1 python benchmarks/step_profile.py RUN
    OMP_NUM_THREADS=1 python benchmarks/step_profile.py RUN --alone

RUN is a finished one. Its student is trained anew in a temporary folder, from its start and its teachers (`--alone`: on
clicks alone), and looked at once a millisecond while windows run: what counts is the innermost function of this
project. The backward pass of torch's own operations is that of whoever asked for it. First windows, validation and
what is read before are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from interleaved import rounded

from distill_rec.data import Dataset
from distill_rec.demo import resolve
from distill_rec.distillation import distill
from distill_rec.pipeline.student_sections import trunk_of
from distill_rec.runs import Run
from distill_rec.training import Training

ROOT = Path(__file__).resolve().parent.parent
OURS = tuple(str(ROOT / name) for name in ("distill_rec", "teachers", "students"))
EVERY = 1e-3
WARM = 1
"""Windows before the clock starts."""


class Watch:
    """Looks at a thread while it is told to."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.seconds, self.batches, self.windows = 0.0, 0, 0
        self._of, self._on = threading.get_ident(), threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while self._on.wait():
            self.found[_innermost(sys._current_frames()[self._of])] += 1
            time.sleep(EVERY)

    def around(self, training: Training) -> float:
        """A window of a training, looked at."""
        done, began = training.state.update, time.perf_counter()
        self.windows += 1
        if self.windows > WARM:
            self._on.set()
        loss = WINDOW(training)
        if self._on.is_set():
            self._on.clear()
            self.seconds += time.perf_counter() - began
            self.batches += training.state.update - done
        return loss


WINDOW = Training._window


def _innermost(frame: FrameType | None) -> str:
    """The project's function that runs, as `module: function`."""
    while frame is not None and not frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    if frame is None:
        return "?"
    place = Path(frame.f_code.co_filename).relative_to(ROOT).with_suffix("")
    return f"{'.'.join(place.parts)}: {frame.f_code.co_qualname}"


def train_windows(run: Run, alone: bool, windows: int) -> None:
    """Train a run's student anew for so many windows, with no look at validation data before the last.

    Args:
        alone: on clicks alone, in place of its teachers.
    """
    section = run.recipe.student
    assert section is not None
    changes = {"max_updates": windows * section.optimizer.window, "min_updates": 0, "tries": [], "decay": "none"}
    taught = section.taught.model_copy(update={"max_updates": None})
    section = section.model_copy(
        update={"optimizer": section.optimizer.model_copy(update=changes), "taught": taught, "first": None}
    )
    knowledge = None if alone else run.path / "teach" / "knowledge"
    with tempfile.TemporaryDirectory() as folder:
        dataset, trunk = Dataset.load(run.path / "prepare"), resolve(trunk_of(run.recipe))
        distill(section, knowledge, dataset, Path(folder) / "student", trunk=trunk)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--most", type=int, default=12, help="functions that are told")
    args = parser.parse_args()
    watch = Watch()
    Training._window = lambda self: watch.around(self)  # type: ignore[method-assign]
    train_windows(Run.load(args.run), args.alone, args.windows + WARM)
    looks = sum(watch.found.values())
    told = {
        "milliseconds_a_batch": rounded(watch.seconds / watch.batches * 1e3),
        "batches": watch.batches,
        "looks": looks,
        "share": {name: rounded(count / looks) for name, count in watch.found.most_common(args.most)},
    }
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
