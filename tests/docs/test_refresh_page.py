"""The page on refreshing: the commands of its example, run in their order on a small log."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from conftest import ROOT, Cli

from distill_rec.files import read_json

PAGE = ROOT / "docs" / "refresh.md"
DAY, OURS = "888000000", "1607000000"
"""Of the page, in MovieLens-100k; and one in the tiny log."""


def commands() -> list[list[str]]:
    part = PAGE.read_text("utf-8").partition("\n## Try it\n")[2].partition("\n## ")[0]
    (block,) = re.findall(r"^```bash\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
    return [shlex.split(line.replace(DAY, OURS)) for line in block.splitlines()]


def test_the_commands_of_the_example_publish_a_refreshed_student(
    tmp_path: Path, tiny_data: Path, tiny_trunk: Path, cli: Cli
) -> None:
    small = {
        "data.path": tiny_data,
        "data.text": "{title}",
        "teacher.text.trunk": tiny_trunk,
        "teacher.text.dim": 8,
        "student.dim": 8,
        "evaluate.bootstrap": 100,
        "evaluate.max_users": 20,
    }
    small |= {f"{part}.optimizer.batch_size": 16 for part in ("teacher.text", "student")}
    small |= {f"{part}.optimizer.min_updates": 0 for part in ("teacher.text", "student")}
    flags = [text for key, value in small.items() for text in ("--set", f"{key}={value}")]
    said = []
    for program, *arguments in commands():
        assert program == "distill-rec"
        more = flags if arguments[0] == "run" else ["--anyway"] if arguments[0] == "refresh" else []
        done = cli(*arguments, *more, cwd=tmp_path)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        said.append(done.stdout)
    old, new = (read_json(tmp_path / "runs" / name / "prepare" / "summary.json") for name in ("winter", "winter-2"))
    assert 0 < old["interactions"] < new["interactions"] and old["last_time"] < int(OURS) < new["last_time"]
    assert read_json(tmp_path / "runs/winter-2/recipe.json")["recipe"]["data"]["newest_from"] == old["last_time"] + 1
    assert (tmp_path / "runs/winter-2/refresh/report.html").exists()
    assert len(said[3].splitlines()) == 3
    assert (tmp_path / "runs/live/student").readlink() == Path("versions/1")  # what the last command went back to
    assert (tmp_path / "runs/live/versions/2").is_dir()
