"""Reload: a new version is tried in a child process, loaded, given the updates, and switched to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from distill_rec.artifact.link import leads_to
from distill_rec.runtime import ArtifactError, DistillRecError
from distill_rec.serving.live import Live, Version
from distill_rec.serving.metrics import Metrics
from distill_rec.serving.refusal import Refusal
from distill_rec.serving.settings import Settings, load_student
from distill_rec.serving.state import State
from distill_rec.serving.updates import Updates, apply_updates

log = logging.getLogger("distill_rec.serving")
CHECK_SECONDS = 600.0


class Reloader:
    """One reload at a time; a version that fails leaves the old one in place."""

    def __init__(self, settings: Settings, live: Live, updates: Updates, metrics: Metrics) -> None:
        self._settings, self._live, self._updates, self._metrics = settings, live, updates, metrics
        self._lock = asyncio.Lock()

    async def on_request(self) -> dict[str, Any]:
        """
        Raises:
            Refusal: 409, another reload is under way, or the new version is bad.
        """
        if self._lock.locked():
            raise Refusal(409, "reload", "another one is under way", "one at a time", "Try again when it is done.")
        try:
            return await self._reload()
        except DistillRecError as error:
            raise Refusal(
                409, error.where, error.found, error.expected, f"{error.do} The old version serves on."
            ) from error

    async def on_signal(self) -> None:
        """Wait for the one under way and reload; the outcome is logged."""
        with contextlib.suppress(Exception):  # logged where it happened
            await self._reload()

    async def _reload(self) -> dict[str, Any]:
        async with self._lock:
            began = time.monotonic()
            try:
                version = await self._switch()
            except Exception as error:
                self._metrics.reloads.labels("refused").inc()
                fields = {"where": error.where, "found": error.found} if isinstance(error, DistillRecError) else {}
                log.error("reload refused; the old version serves on", extra={"fields": fields}, exc_info=not fields)
                raise
            info, seconds = version.student.info, round(time.monotonic() - began, 3)
            self._metrics.reloads.labels("done").inc()
            self._metrics.serving(str(info.version), info.digest)
            done: dict[str, Any] = {
                "version": str(info.version),
                "digest": info.digest,
                "items": info.items,
                "seconds": seconds,
            }
            log.info("reloaded", extra={"fields": done})
            return done

    async def _switch(self) -> Version:
        # The link is followed once: what is checked is what is loaded, even if it is switched again meanwhile.
        folder = leads_to(self._settings.artifact)
        digest = await _check(folder, self._settings)
        return await asyncio.to_thread(self._load, folder, digest)

    def _load(self, folder: Path, digest: str) -> Version:
        version = Version(load_student(folder, self._settings.load, digest))
        state = self._updates.state
        number = 0 if state is None else catch_up(version, state, 0)
        with self._updates.switching:
            if state is not None:  # what came while the others were encoded; few
                catch_up(version, state, number)
            self._live.version = version
        return version


def catch_up(version: Version, state: State, number: int) -> int:
    """Apply the updates after a number; returns the last one's.

    Raises:
        ArtifactError: this version cannot encode an update that the service has acknowledged.
    """
    updates, last = state.after(number)
    try:
        apply_updates(version, updates)
    except DistillRecError as error:
        raise ArtifactError(
            version.student.info.folder,
            "cannot encode an update of the catalogue; its template may read other fields",
            "a version that encodes all updates",
        ) from error
    return last


async def _check(folder: Path, settings: Settings) -> str:
    """The digest of a version that loads and gives its golden scores.

    Raises:
        ArtifactError: it does not, or takes too long.
    """
    try:
        process = await _start(folder, settings)
    except OSError as error:
        do = "Look at the limits of processes and memory."
        raise ArtifactError(folder, f"no process to try it in: {error.strerror}", "a version that loads", do) from error
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            out, _ = await process.communicate()
    except TimeoutError:
        raise ArtifactError(folder, f"not loaded within {CHECK_SECONDS:g} s", "a version that loads") from None
    finally:
        if process.returncode is None:
            process.kill()
    try:
        answer = json.loads(out)
    except ValueError:
        found = f"the process that tried it ended with code {process.returncode}"
        raise ArtifactError(folder, found, "a version that loads") from None
    if "error" in answer:
        raise ArtifactError(**answer["error"])
    return str(answer["digest"])


async def _start(folder: Path, settings: Settings) -> asyncio.subprocess.Process:
    package = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    arguments = ["-P", "-m", "distill_rec.serving.check", str(folder), json.dumps(settings.load)]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
