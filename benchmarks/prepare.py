"""Seconds and peak memory of preparing a million interactions from a CSV file.

    python benchmarks/prepare.py --rows 1000000

Items are drawn by a power law, as in a shop; times are seconds, or ISO with --iso. The preparation runs in a process
of its own, whose peak resident memory is measured.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

SECTION = {
    "format": "table",
    "clicks": "clicks.csv",
    "items": "items.csv",
    "rating_column": "rating",
    "text": "{title} ({year})",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="interactions")
    parser.add_argument("--items", type=int, default=20_000, help="items of the catalogue")
    parser.add_argument("--users", type=int, default=60_000, help="users")
    parser.add_argument("--iso", action="store_true", help="times written as ISO 8601 in the place of seconds")
    parser.add_argument("--seed", type=int, default=0, help="draws the interactions")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name), options.rows, options.items, options.users, options.iso, options.seed)
        command = [sys.executable, __file__, "--measure", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    settings = {key: getattr(options, key) for key in ("rows", "items", "users", "iso")}
    print(json.dumps({**settings, **json.loads(done.stdout)}))


def generate(folder: Path, rows: int, items: int, users: int, iso: bool, seed: int) -> None:  # noqa: PLR0913
    """Write `items.csv` and `clicks.csv`."""
    random = np.random.default_rng(seed)
    words = np.array([*"abcdefghijklmnop"])
    titles = [" ".join(words[random.integers(0, len(words), 5)]) for _ in range(items)]
    catalogue = {"item_id": np.arange(items), "title": titles, "year": random.integers(1950, 2025, items)}
    pl.DataFrame(catalogue).write_csv(folder / "items.csv")
    seconds = pl.Series(random.integers(1_600_000_000, 1_700_000_000, rows))
    times = pl.from_epoch(seconds, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ") if iso else seconds
    clicks = {
        "user_id": random.integers(0, users, rows),
        "item_id": (items * random.random(rows) ** 2.5).astype(np.int64),
        "timestamp": times,
        "rating": random.integers(1, 6, rows),
    }
    pl.DataFrame(clicks).write_csv(folder / "clicks.csv")


def measure(folder: Path) -> None:
    from distill_rec.data import prepare
    from distill_rec.recipe import DataSection

    start = time.perf_counter()
    summary = prepare(DataSection.model_validate(SECTION), folder / "prepared", base=folder)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    counts = {"clicks": summary.clicks, "train": summary.train, "test": summary.test}
    print(json.dumps({"seconds": round(seconds, 2), "peak_rss_mib": round(peak), **counts}))


if __name__ == "__main__":
    main()
