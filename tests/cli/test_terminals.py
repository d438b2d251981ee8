"""A stream that cannot encode a character gets another one, and the command goes on; JSON stays JSON."""

from __future__ import annotations

import io
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TITLE, command, environment

from distill_rec.serving.logs import JsonFormatter

STREAMS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "strict": {"PYTHONIOENCODING": "ascii:strict"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.fixture(params=STREAMS)
def ask(request: pytest.FixtureRequest):
    """Run a command on such a stream; stdout and stderr as they come."""

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        env = environment(**STREAMS[request.param])
        done = subprocess.run(
            command(*arguments),
            env=env,
            cwd=cwd,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            umask=0o077,  # a run writes its recipe.json anew
        )
        assert b"Traceback" not in done.stderr and b"Logging error" not in done.stderr, done.stderr
        return done

    return run


def test_ids_that_are_not_ascii_are_ranked(odd_run: Path, ask) -> None:
    done = ask("recommend", odd_run, "-k", "30")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 30
    done = ask("recommend", odd_run, "-k", "30", "--json")
    assert {one["id"] for one in json.loads(done.stdout)} == {f"é{item}" for item in range(30)}
    done = ask("rank", odd_run, "--history", "é1", "--candidates", "é2,東京")
    assert done.returncode == 1 and done.stderr.startswith(b"error: ")


def test_tables_and_reports(odd_run: Path, tmp_path: Path, ask) -> None:
    for arguments in (
        ("compare", odd_run, "--out", tmp_path / "page.html"),
        ("doctor", odd_run),
        ("run", odd_run.parent / "recipe.toml", "--out", odd_run),
        ("run", odd_run.parent / "recipe.toml", "--out", odd_run, "--dry-run"),
        ("keys", "export"),
        ("--help",),
        ("export", "--help"),
    ):
        done = ask(*arguments)
        assert done.returncode == 0 and done.stdout, done.stderr
    assert ask("bench", "--nothing").returncode == 2


def test_json_of_every_table_is_json(odd_run: Path, tmp_path: Path, ask) -> None:
    done = ask("compare", odd_run, "--out", tmp_path / "page.html", "--json")
    assert {row["run"] for row in json.loads(done.stdout)}, done.stderr
    done = ask("run", odd_run.parent / "recipe.toml", "--out", odd_run, "--json")
    assert TITLE in json.dumps(json.loads(done.stdout)["results"]["examples"], ensure_ascii=False)
    assert json.loads(ask("doctor", odd_run, "--json").stdout)["ok"]


def test_init_prepare_and_score(odd_run: Path, tmp_path: Path, ask) -> None:
    shutil.copytree(odd_run.parent / "data", tmp_path / "data")
    done = ask("init", "--clicks", "data/clicks-a.csv", "--items", "data/items.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = ask("prepare", "recipe.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "users.csv").write_text("user_id,history\né,é1 é2\n", "utf-8")
    done = ask("score", odd_run, "--users", "users.csv", "--out", "out", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["users"] == 1, done.stderr


def test_bars_show_a_text_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from distill_rec.cli.bars import Bars
    from distill_rec.cli.output import never_refuse

    stream = io.TextIOWrapper(io.BytesIO(), "ascii", "strict")
    monkeypatch.setattr(sys, "stderr", stream)
    never_refuse()
    with Bars().task(f"{TITLE} [red] :star:", 3) as task:
        task.advance(3)
        task.note("[/]")
    stream.flush()
    shown = stream.buffer.getvalue()  # type: ignore[attr-defined]
    assert b"[red] :star:" in shown and b"[/]" in shown


def test_lines_of_the_service_s_log_are_ascii() -> None:
    record = logging.LogRecord("distill_rec", logging.INFO, "", 0, TITLE, (), None)
    line = JsonFormatter().format(record)
    assert line.isascii() and json.loads(line)["event"] == TITLE
