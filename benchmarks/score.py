"""Users per second and peak private memory of `distill-rec score`, on drawn users.

    python benchmarks/score.py runs/demo/export/student --users 1000000 --clicks 20

Histories are drawn by a power law from the artifact's items, one in a hundred clicks on an item that it does not know.
`lists` is Parquet with a history per row, `log` a CSV with a click per row in no order, with times. Each is scored by a
process of its own, whose private memory (`RssAnon`) is read every 50 ms; both must give the same number of rows.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from distill_rec.runtime import Student

COMMAND = [sys.executable, "-c", "from distill_rec.cli.main import main; main()", "score"]


def generate(folder: Path, ids: list[str], users: int, clicks: int) -> None:
    """Write `lists.parquet` and `log.csv`, the same users a block at a time."""
    random = np.random.default_rng(0)
    names = pl.Series([*ids, *(f"unknown-{number}" for number in range(max(1, len(ids) // 100)))])
    order = random.permutation(len(names))
    block = 100_000
    for start in range(0, users, block):
        count = min(block, users - start)
        items = order[np.minimum(random.pareto(1.1, (count, clicks)) * len(ids) / 100, len(names) - 1).astype(np.int64)]
        user = pl.Series([f"user-{number}" for number in range(start, start + count)])
        flat = names.gather(items.ravel())
        lists = pl.DataFrame({"user_id": user, "history": flat.reshape((count, clicks)).arr.to_list()})
        lists.write_parquet(folder / f"{start:09d}.parquet")
        shuffled = random.permutation(count * clicks)
        log = pl.DataFrame({
            "user_id": user.gather(shuffled // clicks),
            "item_id": flat.gather(shuffled),
            "timestamp": 1_600_000_000 + shuffled % clicks,
        })  # fmt: skip
        with (folder / "log.csv").open("ab") as file:
            log.write_csv(file, include_header=start == 0)


def measure(command: list[str]) -> dict[str, object]:
    """Run it; its summary, with seconds and peak `RssAnon` in MiB."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))])
        time.sleep(0.05)
    output = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{' '.join(command[4:])} ended with {process.returncode}")
    seconds = time.perf_counter() - began
    found = json.loads(output)
    return found | {"peak_mib": peak // 1024, "users_a_second": round(found["users"] / seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", help="an exported student")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--clicks", type=int, default=20, help="of a user")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--only", choices=("lists", "log"), action="append", help="one of the two forms")
    args = parser.parse_args()
    student = Student.load(args.artifact)
    result: dict[str, object] = {
        "items": student.info.items,
        "user_encoder": student._files.manifest.user_encoder["kind"],
        **{name: getattr(args, name) for name in ("users", "clicks", "k", "threads", "batch")},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder, student.item_ids, args.users, args.clicks)
        for form in args.only or ("lists", "log"):
            given = folder / ("*.parquet" if form == "lists" else "log.csv")
            more = ["--out", str(folder / form), "-k", str(args.k), "--threads", str(args.threads)]
            command = [*COMMAND, args.artifact, "--users", str(given), *more, "--batch", str(args.batch), "--json"]
            result[form] = measure(command)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
