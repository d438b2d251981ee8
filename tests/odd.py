"""Inputs whose names and contents are odd: a table of clicks in parts, items in Parquet, a PLM, a recipe."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
from conftest import TITLE
from tiny import WORDS

RECIPE = """name = "odd"
[data]
format = "table"
path = "data"
clicks = "clicks-[ab].csv"
items = "items.parquet"
time_column = "time"
text = "{title}"
max_history = 10
[teacher]
trunk = "./trunk"
dim = 16
device = "cpu"
[teacher.optimizer]
batch_size = 16
max_updates = 4
warmup_updates = 2
[student]
kind = "transformer"
layers = 1
dim = 16
undistilled = false
device = "cpu"
[student.optimizer]
batch_size = 16
max_updates = 4
warmup_updates = 2
[export]
precisions = ["fp32", "fp16"]
max_loss = 1.0
min_spread = 0.0
min_quality = 0.0
torch_export = true
teacher = true
[evaluate]
bootstrap = 100
"""


def write_inputs(folder: Path, trunk: Path, n_items: int = 30, n_users: int = 40) -> Path:
    """Write them below a folder; its item ids are é0, é1, ..."""
    data = folder / "data"
    data.mkdir(parents=True)
    generator = np.random.default_rng(3)
    titles = [f"{TITLE} {WORDS[item % 3]} {WORDS[3 + item % 17]}" for item in range(n_items)]
    items = pl.DataFrame({"item_id": [f"é{item}" for item in range(n_items)], "title": titles})
    items.write_parquet((data / "items.parquet").open("wb"))
    rows = [
        f"{user},é{item},{1_600_000_000 + int(generator.integers(0, 10_000_000))}\n"
        for user in range(n_users)
        for item in generator.permutation(np.arange(user % 3, n_items, 3))[:8]
    ]
    for name, part in (("a", rows[::2]), ("b", rows[1::2])):
        (data / f"clicks-{name}.csv").write_text("user_id,item_id,time\n" + "".join(part), "utf-8")
    shutil.copytree(trunk, folder / "trunk")
    (folder / "recipe.toml").write_text(RECIPE, "utf-8")
    return folder
