"""Files and calls between `distill-rec run` and the first loss, counted in a traced tiny run; and the size of the code.

A reader who follows a run from the command line to the loss passes through these files. The run is made in a temporary
folder, of a PLM of random weights and sixty items; it ends at the loss.

    python benchmarks/path_to_a_loss.py --json path.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OURS = ("distill_rec", "teachers", "students")
RECIPE = """name = "traced"
[data]
clicks = "clicks.csv"
items = "items.csv"
[teacher]
trunk = "{trunk}"
dim = 16
device = "cpu"
[teacher.optimizer]
max_updates = 1
"""


class LossReachedError(BaseException):
    """Ends the traced run; no `except Exception` on its way may take it."""


class Trace:
    """Counts calls of our functions from its start until one of a loss.

    Attributes:
        calls: by file, relative to the root.
        stack: files whose calls lead to the loss, outermost first.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root) + "/"
        self.calls: Counter[str] = Counter()
        self.stack: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(self.root) or frame.f_code.co_name == "<module>":
            return
        inside = name.removeprefix(self.root)
        if inside.split("/")[0] not in OURS or in_class_body(frame.f_code):
            return
        self.calls[inside] += 1
        if inside.startswith("distill_rec/losses/"):
            self.stack = self._leading_to(frame)
            sys.setprofile(None)
            raise LossReachedError

    def _leading_to(self, frame: FrameType | None) -> list[str]:
        found = []
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(self.root) and name.removeprefix(self.root).split("/")[0] in OURS:
                found.append(f"{name.removeprefix(self.root)}:{frame.f_code.co_name}")
            frame = frame.f_back
        return found[::-1]


def in_class_body(code: CodeType) -> bool:
    """Whether the code is that of a class as it is made, which is no call of ours."""
    return "__module__" in code.co_names and "__qualname__" in code.co_names and not code.co_varnames


def write_world(folder: Path) -> Path:
    """A tiny PLM, a log of ninety users and a recipe; returns the recipe."""
    from tiny import write_trunk

    trunk = write_trunk(folder / "tiny-bert")
    titles = "".join(f"i{item},{('red', 'green', 'blue')[item % 3]} cat {item}\n" for item in range(60))
    (folder / "items.csv").write_text("item_id,title\n" + titles)
    clicks = [(user, (user + 3 * step) % 60, 1_600_000_000 + 900 * (20 * step + user % 20))
              for user in range(90) for step in range(12)]  # fmt: skip
    rows = "".join(f"u{user},i{item},{time}\n" for user, item, time in clicks)
    (folder / "clicks.csv").write_text("user_id,item_id,timestamp\n" + rows)
    (folder / "recipe.toml").write_text(RECIPE.format(trunk=trunk))
    return folder / "recipe.toml"


def traced(root: Path, folder: Path) -> Trace:
    """A run from the command line's `main` to the first loss."""
    from distill_rec.cli.main import main

    recipe, trace, before = write_world(folder), Trace(root), sys.argv
    sys.argv = ["distill-rec", "run", str(recipe), "--out", str(folder / "run")]
    threading.setprofile(None)
    sys.setprofile(trace)
    try:
        main()
    except LossReachedError:
        pass
    finally:
        sys.setprofile(None)
        sys.argv = before
    if not trace.stack:
        sys.exit("the run ended before a loss was called")
    return trace


def sizes(root: Path) -> dict[str, Any]:
    """Files of Python and their lines."""
    lines = {
        str(path.relative_to(root)): len(path.read_text("utf-8").splitlines())
        for part in OURS
        for path in sorted((root / part).rglob("*.py"))
    }
    largest = max(lines, key=lambda name: lines[name])
    return {
        "files": len(lines),
        "lines": sum(lines.values()),
        "median lines": statistics.median(lines.values()),
        "largest": {"file": largest, "lines": lines[largest]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="a checkout of the project (the one of this file)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    root = options.root.resolve()
    sys.path[:0] = [str(root), str(root / "tests")]
    with tempfile.TemporaryDirectory() as folder:
        trace = traced(root, Path(folder))
    found = {
        "files passed": len(trace.calls),
        "calls": sum(trace.calls.values()),
        "files on the stack": len({name.partition(":")[0] for name in trace.stack}),
        "calls on the stack": len(trace.stack),
        "stack": trace.stack,
        **sizes(root),
    }
    print("\n".join(f"{name}: {value}" for name, value in found.items() if name != "stack"))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
