"""Memory and disk grow with the rows of a log, whoever they belong to."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from conftest import environment

from distill_rec.data import Dataset, prepare
from distill_rec.evaluation.protocol import evaluate
from distill_rec.evaluation.scorer import popularity
from distill_rec.recipe import DataSection
from distill_rec.training.batches import make_batches

ROWS, HEAVY = 60_000, 20_000
BYTES_A_ROW, MOST_MIB = 64, 200
PROGRAM = """
import json, sys, threading, time
from pathlib import Path
import polars as pl
from distill_rec.data import Dataset, prepare
from distill_rec.evaluation.protocol import evaluate
from distill_rec.evaluation.scorer import popularity
from distill_rec.recipe import DataSection

folder = Path(sys.argv[1])
peak = 0
def private():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
def watch():
    global peak
    while True:
        peak = max(peak, private())
        time.sleep(0.005)
before = private()
threading.Thread(target=watch, daemon=True).start()
prepare(DataSection(clicks="clicks.csv", items="items.csv"), folder / "out", base=folder)
dataset = Dataset.load(folder / "out")
evaluate(popularity(dataset.train_clicks), dataset.test, dataset)
print(json.dumps({"growth": peak - before}))
"""


def frames(kind, items):
    """A user with a third of the rows, or 30 users of 2,000 rows each; none of whom sticks to an item."""
    generator = np.random.default_rng(0)
    user = generator.integers(1, 4000, ROWS)
    if kind == "heavy":
        user[generator.choice(ROWS, HEAVY, replace=False)] = 0
    else:
        user = generator.permutation(ROWS) % 30
    clicks = {"user_id": user, "item_id": generator.integers(0, items, ROWS), "timestamp": np.arange(ROWS)}
    ids = np.arange(items).astype(str)
    return pl.DataFrame(clicks), pl.DataFrame({"item_id": ids, "title": ids})


@pytest.mark.parametrize("kind", ["heavy", "equal"])
@pytest.mark.parametrize(
    "options", [{}, {"repeats": "last"}, {"read_as": "impressions"}], ids=["keep", "last", "sessions"]
)
def test_a_prepared_log_takes_so_many_bytes_a_row(tmp_path, kind, options):
    clicks, items = frames(kind, 500)
    if options.get("read_as"):
        if kind == "equal":  # an hour between a user's sessions, which last five clicks
            clicks = clicks.with_columns(timestamp=pl.int_range(pl.len()) // 150 * 3600)
        clicks = clicks.with_columns(rating=pl.Series(np.random.default_rng(1).integers(3, 6, ROWS)))
        options = options | {"rating_column": "rating"}
    prepare(DataSection(**options), tmp_path / "out", clicks=clicks, items=items)
    history = 4 * 50 if options.get("repeats") == "last" else 0  # kept with a query there, and never longer than this
    written = sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert written < ROWS * BYTES_A_ROW + 0.3 * ROWS * history
    if not options:
        dataset = Dataset.load(tmp_path / "out")
        batches = make_batches(dataset, 64, 0)
        assert sum(len(batches.make(samples).target) for samples in batches.epoch(0)) == dataset.train_clicks.sum()
        assert len(evaluate(popularity(dataset.train_clicks), dataset.test, dataset)) == len(dataset.test)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="private memory is read from /proc")
def test_preparing_and_evaluating_a_heavy_user_takes_bounded_memory(tmp_path):
    clicks, items = frames("heavy", 3000)
    clicks.write_csv(tmp_path / "clicks.csv")
    items.write_csv(tmp_path / "items.csv")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment(), capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert json.loads(done.stdout)["growth"] < MOST_MIB
