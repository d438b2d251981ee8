"""Exit codes and messages: 0 ok, 1 failed, 2 usage, 130 interrupted."""

from __future__ import annotations

import errno
import functools
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import ParamSpec

import typer

from distill_rec.runtime.errors import DistillRecError

P = ParamSpec("P")

EXTRAS = {
    **dict.fromkeys(("accelerate", "onnx", "onnxscript", "polars", "pyarrow", "pydantic", "rich"), "train"),
    **dict.fromkeys(("peft", "sklearn", "torch", "transformers"), "train"),
    **dict.fromkeys(("matplotlib", "nbclient", "nbformat", "pandas"), "notebooks"),
    **dict.fromkeys(("fastapi", "httptools", "orjson", "prometheus_client", "starlette", "uvicorn"), "serve"),
    "optuna": "search",
    "ray": "ray",
}
FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file may not grow",
}


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the toolkit's errors into one message and an exit code; anything else is a fault and keeps its traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            again = ", without --restart," if "--restart" in " ".join(sys.argv) else ""
            fail(f"interrupted. What is finished is kept: the same command{again} goes on from there.", 130)
        except DistillRecError as error:
            fail(str(error))
        except ModuleNotFoundError as error:
            package = (error.name or "").split(".")[0]
            if package not in EXTRAS:
                raise
            extra = f"distill-rec[{EXTRAS[package]}]"
            fail(f"this command needs {package}, which is not installed. Install the extra: pip install '{extra}'")
        except OSError as error:
            fail(_message_of(error))

    return run


def _message_of(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in FULL:
        return (
            f"{where}{FULL[error.errno]} ({error.strerror}). Nothing finished is lost: make room and run the same "
            "command again."
        )
    return f"{where}{error.strerror or error}"


def require_train() -> None:
    """Find out at once, and not after a download, that the extra is missing.

    Raises:
        ModuleNotFoundError: naming the first package that is not installed.
    """
    for package, extra in EXTRAS.items():
        if extra == "train" and find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def fail(message: str, code: int = 1) -> None:
    """Say why on stderr and end."""
    print(f"error: {message}" if code == 1 else message, file=sys.stderr, flush=True)
    raise typer.Exit(code)
