"""The page from a shop's export to a student: its commands, run in their order."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from conftest import ROOT, Cli

PAGE = ROOT / "docs" / "your-own-log.md"
BUDGET = ("max_updates=20", "warmup_updates=2", "batch_size=16", "window=2")


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_page_lead_to_a_student(tmp_path: Path, tiny_trunk: Path, cli: Cli) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    small = [f"{part}.optimizer.{one}" for part in ("teacher.text", "student") for one in BUDGET]
    changes = [
        f"teacher.text.trunk={tiny_trunk}",
        "teacher.text.dim=8",
        "student.dim=8",
        "student.undistilled=false",
        "evaluate.cost=false",
        "evaluate.bootstrap=100",
        *small,
    ]
    flags = [part for change in changes for part in ("--set", change)]
    said = {}
    for program, *arguments in commands():
        assert program == "distill-rec"
        trains = arguments[0] in ("prepare", "run")
        done = cli(*arguments, *(flags if trains else ()), cwd=tmp_path)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        said[" ".join(arguments[:1] + arguments[-1:])] = done.stdout
    assert list(said) == [
        "init shop.toml", "prepare runs/shop", "run --dry-run", "run runs/shop", "recommend 3", "doctor runs/shop",
    ]  # fmt: skip
    shown = re.findall(r"^(?:data\.|note: ).*$", PAGE.read_text().split("```")[5], re.MULTILINE)
    assert len(shown) == 9 and all(line in said["init shop.toml"] for line in shown)
    summary = json.loads((tmp_path / "runs/shop/prepare/summary.json").read_text())
    assert (summary["left_out_rows"], summary["interactions"], summary["users"], summary["items"]) == (117, 383, 24, 10)
    assert "look at: 2 of 10 items are left to rank" in said["run runs/shop"]
    assert len(said["recommend 3"].splitlines()) == 3
