"""Seconds, peak private memory and bytes written of preparing a log, beside what the dry run says.

    python benchmarks/prepare.py                    # four logs: even, heavy, equal, guest
    python benchmarks/prepare.py --case heavy
    python benchmarks/prepare.py --case guest --stages --trunk demo:all-MiniLM-L6-v2

even: a million rows, items drawn by a power law, as in a shop. heavy: one of its users has 200,000 rows over 50 items.
equal: five thousand users of 200 rows each. guest: half a million rows, 133,000 of them one guest's. With --stages the
whole run of a `static` student follows (`max_updates` fixed), each stage beside its estimate.
The preparation runs in a process of its own, whose private memory (`RssAnon`) is read every 20 ms. Needs Linux. Prints
one JSON object a case.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

RECIPE = """name = "{case}"
[data]
clicks = "clicks.csv"
items = "items.csv"
rating_column = "rating"
min_rating = 2
text = "{{title}} ({{year}})"
"""
STAGES = """[teacher]
trunk = "{trunk}"
device = "cpu"
[teacher.optimizer]
max_updates = {updates}
[student]
device = "cpu"
[student.optimizer]
max_updates = {updates}
[export]
[evaluate]
cost = false
"""
COMMAND = "from distill_rec.cli.main import main; main()"


@dataclass(frozen=True)
class Case:
    """A made log.

    Attributes:
        heavy: rows of one user, over `few` items; nobody where 0.
        each: every user has so many rows; drawn where 0.
    """

    rows: int
    users: int
    items: int
    heavy: int = 0
    few: int = 50
    each: int = 0


CASES = {
    "even": Case(1_000_000, 60_000, 20_000),
    "heavy": Case(1_000_000, 60_000, 20_000, heavy=200_000),
    "equal": Case(1_000_000, 5_000, 20_000, each=200),
    "guest": Case(500_000, 4_000, 4_000, heavy=133_000, few=4_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, help="one of the logs; all where not given")
    parser.add_argument("--iso", action="store_true", help="times written as ISO 8601 in the place of seconds")
    parser.add_argument("--seed", type=int, default=0, help="draws the interactions")
    parser.add_argument("--stages", action="store_true", help="all stages of a run, and not the preparation alone")
    parser.add_argument("--updates", type=int, default=60, help="updates of each training")
    parser.add_argument("--trunk", default="demo:all-MiniLM-L6-v2", help="of the run")
    options = parser.parse_args()
    for name in [options.case] if options.case else CASES:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(name, Path(folder), options)), flush=True)


def generate(folder: Path, case: Case, iso: bool, seed: int) -> None:
    """Write `items.csv` and `clicks.csv`."""
    random = np.random.default_rng(seed)
    words = np.array([*"abcdefghijklmnop"])
    titles = [" ".join(words[random.integers(0, len(words), 5)]) for _ in range(case.items)]
    catalogue = {"item_id": np.arange(case.items), "title": titles, "year": random.integers(1950, 2025, case.items)}
    pl.DataFrame(catalogue).write_csv(folder / "items.csv")
    user = np.arange(case.rows) // case.each if case.each else random.integers(1, case.users, case.rows)
    item = (case.items * random.random(case.rows) ** 2.5).astype(np.int64)
    guest = random.choice(case.rows, case.heavy, replace=False)
    user[guest] = 0
    item[guest] = (case.few * random.random(case.heavy) ** 2.5).astype(np.int64)
    order = random.permutation(case.rows)
    seconds = pl.Series(random.integers(1_600_000_000, 1_700_000_000, case.rows))
    times = pl.from_epoch(seconds, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ") if iso else seconds
    clicks = {"user_id": user[order], "item_id": item[order], "timestamp": times}
    clicks["rating"] = random.integers(1, 6, case.rows)
    pl.DataFrame(clicks).write_csv(folder / "clicks.csv")


def measure(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    case = CASES[name]
    generate(folder, case, options.iso, options.seed)
    stages = STAGES.format(trunk=options.trunk, updates=options.updates) if options.stages else ""
    (folder / "recipe.toml").write_text(RECIPE.format(case=name) + stages)
    arguments = ["run", str(folder / "recipe.toml"), "--out", str(folder / "run"), "--json"]
    plan = json.loads(subprocess.run(command(*arguments, "--dry-run"), check=True, capture_output=True).stdout)
    seconds, peak = watched(command(*arguments), folder / "log")
    written = sum(path.stat().st_size for path in (folder / "run" / "prepare").iterdir())
    out = {"case": name, "rows": case.rows, "seconds": round(seconds, 2), "peak_private_mib": round(peak / 2**20)}
    out |= {"prepared_bytes_a_row": round(written / case.rows, 1), "stages": []}
    for step in plan["stages"]:
        record = json.loads((folder / "run" / step["stage"] / "stage.json").read_text())
        one = {"stage": step["stage"], "seconds": record["seconds"], "estimated_seconds": step["seconds"]}
        one |= {"peak_mib": round(record["peak_bytes"] / 2**20), "estimated_mib": round(step["memory"] / 2**20)}
        out["stages"].append(one)
    return out


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", COMMAND, *arguments]


def watched(arguments: list[str], log: Path) -> tuple[float, int]:
    """Seconds and peak private memory of a process."""
    began, peak = time.perf_counter(), 0
    with log.open("wb") as file, subprocess.Popen(arguments, stdout=file, stderr=file) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            lines = status.read_text().splitlines()
            peak = max([peak, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))])
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(log.read_text())
    return time.perf_counter() - began, peak


if __name__ == "__main__":
    main()
