"""A model that is loaded in a process of its own, one thread, as a service would hold it; timed when it is asked."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from types import TracebackType
from typing import Any, Self

from distill_rec.processes import PYTHON, THREADS, environment

LIMIT_S = 300
"""For one answer."""


class ServingProcess:
    """A context manager: entered when the model is loaded; its process ends with it.

    Args:
        request: as `serving_cost` reads it.

    Attributes:
        rounds: what each took.
        missing: what cannot be measured, and why.
        fault: why there are no figures; "" while all is well.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self.rounds: list[dict[str, Any]] = []
        self.missing: dict[str, str] = {}
        self.fault = ""
        self._request = request
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "distill_rec.evaluation.serving_cost"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                encoding="utf-8",
                env=environment(**dict.fromkeys(THREADS, "1")),
            )
        except OSError as error:
            self.fault = str(error)
        self.missing = (self._ask(json.dumps(self._request)) or {}).get("missing", {})
        return self

    def measure(self) -> None:
        """One round; nothing where the process has ended."""
        if (found := self._ask("round")) is not None:
            self.rounds.append(found)

    def _ask(self, line: str) -> dict[str, Any] | None:
        process = self._process
        if self.fault or process is None or process.stdin is None or process.stdout is None:
            return None
        late = threading.Timer(LIMIT_S, process.kill)
        late.start()
        try:
            print(line, file=process.stdin, flush=True)
            found: dict[str, Any] = json.loads(process.stdout.readline())
            return found
        except (OSError, ValueError):  # it has ended, or was
            process.kill()
            process.wait()
            self.fault = self._last_words() or f"it ended without an answer (limit {LIMIT_S} s)"
            return None
        finally:
            late.cancel()

    def _last_words(self) -> str:
        """The last line on stderr."""
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()  # it has told all that it will
            self._process.communicate()
        self._said.close()
