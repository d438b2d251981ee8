"""Starts a process for each setting of threads, and puts together what they found."""

from __future__ import annotations

import json
import logging
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from distill_rec.bench.results import Bench, Case, Limits, Measured, Memory, Settings
from distill_rec.processes import PYTHON, THREADS, environment
from distill_rec.runtime import Student
from distill_rec.runtime.errors import DataError

log = logging.getLogger("distill_rec")

NUMPY_ALONE = """
import json, numpy
from distill_rec.evaluation.serving_cost import memory
print(json.dumps(memory()))
"""


def bench(settings: Settings) -> Bench:
    """Measure an artifact.

    Raises:
        ArtifactError: it cannot be loaded.
        DataError: a setting is out of its range, or a process failed; its last line is told.
    """
    _check(settings)
    info = Student.load(settings.artifact, dim=settings.dim).info
    served, plain = _child(settings), _run(["-c", NUMPY_ALONE], "", 1)
    memory = Memory(served.get("RssAnon"), served.get("RssFile"), plain.get("RssAnon"), plain.get("RssFile"))
    limits, cases = [], []
    for threads in settings.threads:
        log.info("measuring with %d thread%s", threads, "" if threads == 1 else "s")
        found = _child(settings, threads, settings.seconds / len(settings.threads))
        limits.append(_limits(found["limits"]))
        cases += [Measured(**{**one, "case": Case(**one["case"])}) for one in found["cases"]]
    student = {
        name: value
        for name, value in vars(info).items()
        if name in ("version", "digest", "kind", "dim", "items", "precision") and value is not None
    }
    return Bench(student, machine(), settings, memory, limits, cases)


def _check(settings: Settings) -> None:
    for name in ("threads", "batches", "histories", "items"):
        lowest = 0 if name == "histories" else 1
        if any(value < lowest for value in getattr(settings, name)):
            raise DataError(f"--{name}", str(getattr(settings, name)), f"numbers from {lowest} on")
    for name in ("threads", "batches"):
        if not getattr(settings, name):
            raise DataError(f"--{name}", "nothing", "at least one number")


def _child(settings: Settings, threads: int = 1, seconds: float = 0.0) -> dict[str, Any]:
    request = {"settings": asdict(settings), "threads": threads, "seconds": seconds}
    return _run(["-m", "distill_rec.bench.child"], json.dumps(request), threads)


def _run(arguments: list[str], given: str, threads: int) -> dict[str, Any]:
    done = subprocess.run(
        [*PYTHON, *arguments],
        input=given,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        env=environment(**dict.fromkeys(THREADS, str(threads))),
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise DataError(f"the process with {threads} threads", last, "figures", "Is there memory enough for --items?")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _limits(found: dict[str, Any]) -> Limits:
    """JSON has no whole numbers as keys."""
    for name in ("read_of", "product_of"):
        found[name] = {int(key): value for key, value in found[name].items()}
    return Limits(**found)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
