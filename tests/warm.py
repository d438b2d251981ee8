"""Commands in processes that need not import torch and transformers anew: forks of one that has.

Most of a small command's time is those imports. A fork is a process of its own as a fresh one is, with its own
arguments, environment, folder, umask and streams; what is set before the imports (thread variables, encodings) is the
server's, so that commands which ask for another such setting are begun afresh by whoever calls (`conftest.cli`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

POLL = 0.005
IMPORTS = (
    "distill_rec.cli.main",
    "distill_rec.pipeline.stages",
    "distill_rec.recipe_io",
    "jinja2",
    "onnxscript",
    "rich.progress",
    "scipy.stats",
    "torch",
    "transformers.models.bert.modeling_bert",
)
"""What takes long to import and starts no thread (polars, pyarrow, scikit-learn and onnxruntime do)."""


class Warm:
    """The server, started when it is first asked."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._server: subprocess.Popen[str] | None = None

    def run(
        self, arguments: list[str], cwd: Path | None, env: dict[str, str], umask: int, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` of the command line, with captured text."""
        with tempfile.TemporaryDirectory() as folder:
            job = {
                "arguments": arguments,
                "cwd": str(cwd or Path.cwd()),
                "env": env,
                "umask": umask,
                "folder": folder,
            }
            pid = self._ask(job)
            code = self._wait(pid, Path(folder) / "code", timeout, arguments)
            out, err = ((Path(folder) / name).read_text("utf-8") for name in ("out", "err"))
        return subprocess.CompletedProcess(arguments, code, out, err)

    def _ask(self, job: dict[str, Any]) -> int:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self._environment,
            )
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def _wait(self, pid: int, code: Path, timeout: float, arguments: list[str]) -> int:
        deadline = time.monotonic() + timeout
        while not code.exists():
            if time.monotonic() > deadline:
                os.kill(pid, 9)
                # the server notes how it ended in the job's folder, and would die of one that has gone
                while not code.exists() and self._server is not None and self._server.poll() is None:
                    time.sleep(POLL)
                raise subprocess.TimeoutExpired(arguments, timeout)
            time.sleep(POLL)
        return int(code.read_text())

    def end(self) -> None:
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            self._server.wait()


def serve() -> None:
    """Fork for each job on stdin, tell the fork's number, and leave its exit code in the job's folder."""
    for module in IMPORTS:
        import_module(module)
    assert len(os.listdir("/proc/self/task")) == 1, "a fork has none of the other threads"
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            become(job)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        made = Path(job["folder"], "code.part")
        made.write_text(str(os.waitstatus_to_exitcode(status)))
        made.rename(Path(job["folder"], "code"))
    os._exit(0)  # unloading takes seconds


def become(job: dict[str, Any]) -> NoReturn:
    """Be the command's process."""
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(job["cwd"])
    streams = [open(os.devnull)]  # noqa: SIM115
    streams += [open(Path(job["folder"], name), "w", encoding="utf-8") for name in ("out", "err")]  # noqa: SIM115
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(0),  # noqa: SIM115
        open(1, "w", encoding="utf-8", closefd=False),  # noqa: SIM115
        open(2, "w", encoding="utf-8", closefd=False, buffering=1),  # noqa: SIM115
    )
    if job["umask"] >= 0:
        os.umask(job["umask"])
    sys.path[0] = ""  # as of `python -c`
    sys.argv = ["-c", *job["arguments"]]
    from distill_rec.cli.main import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
