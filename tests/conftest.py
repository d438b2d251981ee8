"""Session fixtures: a tiny PLM, a data set that can be learnt, a finished run on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from warm import Warm

ROOT = Path(__file__).resolve().parent.parent
COLOURS = ("red", "green", "blue")
THINGS = ("cat", "dog", "bird", "fish", "house", "tree", "river", "stone", "wind", "fire", "rain", "snow", "night")

# Threads are fixed before anything loads, so that sums have one order in every process of the tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"

# The same examples each time, so that a change is told by what it broke; HYPOTHESIS_PROFILE=default draws others.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
LONGEST = (
    "study/test_study.py",
    "search/test_search.py",
    "pipeline/test_killed_runs.py",
    "plugin/test_plugin.py",
    "pipeline/test_several_teachers.py",
    "pipeline/test_several_processes.py",
    "cli/test_odd_paths.py",
    "cli/test_terminals.py",
    "notebooks/test_notebook.py",
    "docs/test_your_own_log.py",
)
WHILE_RUNNING = {"COLUMNS", "DISTILL_REC_CACHE", "DISTILL_REC_TOKEN"}
"""Variables that a command reads when it needs them; others are read before its first import ends."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that of two processes none ends with one of them while the other is idle."""
    items.sort(key=lambda item: not item.nodeid.split("::")[0].endswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder of the tests' own."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["DISTILL_REC_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers and 32 dimensions with random weights."""
    from tiny import write_trunk

    return write_trunk(tmp_path_factory.mktemp("trunk") / "tiny-bert")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RecBole files: 60 items, 90 users who stay with one colour, with times and ratings."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(7)
    names = [f"{COLOURS[item % 3]} {THINGS[item % 13]} {THINGS[item // 5 % 13]}" for item in range(60)]
    (folder / "tiny.item").write_text(
        "item_id:token\ttitle:token_seq\n" + "".join(f"{item}\t{name}\n" for item, name in enumerate(names)), "utf-8"
    )
    rows = []
    for user in range(90):
        own = generator.permutation(np.arange(user % 3, 60, 3))[: generator.integers(8, 14)]
        times = 1_600_000_000 + np.sort(generator.integers(0, 10_000_000, len(own)))
        ratings = generator.choice([2, 4, 5], len(own), p=[0.1, 0.4, 0.5])
        rows += [f"{user}\t{item}\t{r}\t{t}\n" for item, r, t in zip(own, ratings, times, strict=True)]
    (folder / "tiny.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(rows), "utf-8"
    )
    return folder


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory, tiny_trunk: Path, tiny_data: Path) -> Path:
    """A recipe of all stages that runs in seconds; a checkpoint after every window."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    optimizer = "batch_size = 16\nwindow = 2\ncheckpoint_seconds = 0\nvalidate_every = 10\nwarmup_updates = 2\n"
    path.write_text(
        f"""name = "tiny"
[data]
format = "recbole"
path = "{tiny_data}"
rating_column = "rating"
text = "{{title}}"
max_history = 10
[teacher]
trunk = "{tiny_trunk}"
dim = 16
device = "cpu"
[teacher.optimizer]
{optimizer}max_updates = 60
[student]
initialised = true
dim = 16
table_dim = 16
hidden = 16
device = "cpu"
[student.optimizer]
{optimizer}max_updates = 60
[export]
[evaluate]
bootstrap = 100
cost = false
examples = 5
""",
        "utf-8",
    )
    return path


def command(*arguments: object) -> list[str]:
    """The command line as a process."""
    start = "from distill_rec.cli.main import main; main()"
    return [sys.executable, "-c", start, *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "COLUMNS": "200",
        "NO_COLOR": "1",
        **more,
    }


def own_umask() -> int:
    """This process's, which a test may have changed since `warm` began."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A process that has imported what takes long, and forks."""
    server = Warm(environment())
    yield server
    server.end()


@pytest.fixture(scope="session")
def cli(cache: Path, warm: Warm) -> Cli:
    """Run the command line and wait for it."""

    def run(
        *arguments: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        umask: int = -1,
        timeout: float = 200,
    ) -> subprocess.CompletedProcess[str]:
        asked = environment(**(env or {}))
        if not (env or {}).keys() - WHILE_RUNNING:
            return warm.run([*map(str, arguments)], cwd, asked, umask if umask >= 0 else own_umask(), timeout)
        return subprocess.run(
            command(*arguments),
            cwd=cwd,
            env=asked,
            capture_output=True,
            text=True,
            timeout=timeout,
            umask=umask,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, cli: Cli) -> Path:
    """A finished run of `tiny_recipe`, made by the command line. Not to be changed: copy it first."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    done = cli("run", tiny_recipe, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


ODD = "run[1] *? %41 ;'$HOME é"
"""A folder's name of characters that mean something to globs, shells, URLs and terminals."""
MATCHED = "run1 xy %41 ;'$HOME é"
"""What that name would match as a pattern."""
TITLE = "Amélie 東京 ☃"


@pytest.fixture(scope="session")
def odd_run(tmp_path_factory: pytest.TempPathFactory, tiny_trunk: Path, tiny_run: Path, cli: Cli) -> Path:
    """A finished run whose recipe, data, PLM and cache all lie below `ODD`, beside another run below `MATCHED`.

    Its item ids and titles are not ASCII, it is made under umask 077, and its student is a transformer. Not to be
    changed: copy it first.
    """
    from odd import write_inputs

    root = tmp_path_factory.mktemp("odd")
    folder = write_inputs(root / ODD, tiny_trunk)
    shutil.copytree(tiny_run, root / MATCHED / "run", symlinks=True)
    done = cli(
        "run", folder / "recipe.toml", "--out", folder / "run", env={"DISTILL_REC_CACHE": str(folder)}, umask=0o077
    )
    assert done.returncode == 0, done.stderr
    return folder / "run"
