"""Kill a command while two of its trainings run beside each other."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from conftest import ROOT, command, environment

TWO = {"OMP_NUM_THREADS": "2"}
HELD = """
import sys

if "distill_rec.children" in sys.orig_argv:
    import threading

    from distill_rec.training.checkpoint import Checkpoints

    write = Checkpoints.write

    def write_and_wait(*given):
        write(*given)
        threading.Event().wait()

    Checkpoints.write = write_and_wait
"""
"""Makes a training wait for ever behind its first checkpoint: what ends it then is the end of its parent alone."""


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def kill_beside(ask: tuple[str | Path, ...], folder: Path, checkpoints: str, scratch: Path) -> None:
    """Kill a command when two trainings have checkpoints; none may outlive it.

    Args:
        folder: of the run, and the pattern of its trainings' checkpoints there.
    """
    (scratch / "sitecustomize.py").write_text(HELD)
    held = environment(**TWO, PYTHONPATH=f"{scratch}{os.pathsep}{ROOT}")
    parent = subprocess.Popen(command(*ask), env=held, stderr=subprocess.DEVNULL)
    while len({path.parent for path in folder.glob(checkpoints)}) < 2:  # two at once, and neither goes on from there
        assert parent.poll() is None, "ended before it could be killed"
        time.sleep(0.02)
    children = [int(pid) for pid in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]
    assert len(children) == 2 and all(map(alive, children))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert all(map(gone, children))
