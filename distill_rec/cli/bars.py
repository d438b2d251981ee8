"""Progress on stderr: bars with rate and time left on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from distill_rec.cli.output import make_console
from distill_rec.progress import Progress, Task

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

LINE_SECONDS = 10.0


def make_progress() -> Progress:
    """What fits stderr. The toolkit's log lines go there too."""
    progress: Progress = Bars() if sys.stderr.isatty() else Lines()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("distill_rec")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    # Export and evaluation load artifacts many times; what they loaded is for services to log.
    logging.getLogger("distill_rec.runtime").setLevel(logging.WARNING)
    return progress


class Bars:
    """Rich bars; nested tasks share one display, which is there as long as one of them runs."""

    def __init__(self) -> None:
        self.display: RichProgress | None = None
        self.running = 0

    def task(self, description: str, total: int | None = None) -> Task:
        return BarTask(self, description, total)

    def open(self) -> RichProgress:
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.running += 1
        if self.display is None:
            self.display = RichProgress(
                SpinnerColumn(finished_text="[green]✓[/]"),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}", markup=False),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                TextColumn("{task.fields[note]}", style="dim", markup=False),
                console=make_console(stderr=True),
            )
            self.display.start()
        return self.display

    def close(self) -> None:
        self.running -= 1
        if self.running == 0 and self.display is not None:
            self.display.stop()
            self.display = None


class BarTask:
    """One bar of `Bars`."""

    def __init__(self, bars: Bars, description: str, total: int | None) -> None:
        self.bars, self.description, self.total = bars, description, total
        self.display: RichProgress | None = None

    def __enter__(self) -> Self:
        self.display = self.bars.open()
        self.id = self.display.add_task(self.description, total=self.total, rate="", note="")
        return self

    def advance(self, steps: int = 1) -> None:
        if self.display is not None:
            self.display.advance(self.id, steps)
            speed = self.display.tasks[self.display.task_ids.index(self.id)].speed
            self.display.update(self.id, rate=f"{speed:,.3g}/s" if speed else "")

    def note(self, text: str) -> None:
        if self.display is not None:
            self.display.update(self.id, note=text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.display is None:
            return
        if kind is None:  # training may end before its limit: the bar is full when the work is done
            task = self.display.tasks[self.display.task_ids.index(self.id)]
            self.display.update(self.id, total=task.completed or 1, completed=task.completed or 1)
        self.display = None
        self.bars.close()


class Lines:
    """Plain lines, for logs."""

    def task(self, description: str, total: int | None = None) -> Task:
        return LineTask(description, total)


class LineTask:
    """A line when ten seconds have passed, and one at the end if there was one before."""

    def __init__(self, description: str, total: int | None) -> None:
        self.description, self.total, self.done, self.text = description, total, 0, ""
        self.began = self.spoke = time.monotonic()
        self.said = False

    def __enter__(self) -> Self:
        self.began = self.spoke = time.monotonic()
        return self

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        if time.monotonic() - self.spoke >= LINE_SECONDS:
            self.spoke, self.said = time.monotonic(), True
            self._print_line()

    def note(self, text: str) -> None:
        self.text = text

    def _print_line(self) -> None:
        rate = self.done / max(time.monotonic() - self.began, 1e-9)
        parts = [f"{self.description}: {self.done:,}" + (f" of {self.total:,}" if self.total else "")]
        parts.append(f"{rate:,.3g}/s")
        if self.total and rate > 0:
            parts.append(f"{max(self.total - self.done, 0) / rate:.0f} s left")
        print(", ".join([*parts, self.text] if self.text else parts), file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.said:
            print(f"{self.description}: done in {time.monotonic() - self.began:.0f} s", file=sys.stderr, flush=True)
