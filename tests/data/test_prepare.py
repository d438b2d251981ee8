"""A full disk and a kill leave nothing half-written."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from distill_rec.data import Dataset, prepare
from distill_rec.files import read_array, write_array
from distill_rec.recipe import DataSection


def frames(rows=2000):
    generator = np.random.default_rng(0)
    clicks = pl.DataFrame(
        {
            "user_id": generator.integers(0, 50, rows),
            "item_id": generator.integers(0, 40, rows),
            "timestamp": np.arange(rows),
        }
    )
    return clicks, pl.DataFrame({"item_id": [str(i) for i in range(40)], "title": [f"t{i}" for i in range(40)]})


def test_a_full_disk_is_an_error_and_leaves_the_old_folder(tmp_path):
    clicks, items = frames()
    prepare(DataSection(), tmp_path / "out", clicks=clicks, items=items)
    before = Dataset.load(tmp_path / "out").fingerprint
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(OSError, match=r"File too large: .*\.npy"):
            prepare(DataSection(test_share=0.3), tmp_path / "out", clicks=clicks, items=items)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert Dataset.load(tmp_path / "out").fingerprint == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_prepare_leaves_no_folder_and_the_next_one_cleans_up(tmp_path):
    clicks, items = frames(60_000)
    clicks.write_csv(tmp_path / "clicks.csv")
    items.write_csv(tmp_path / "items.csv")
    # The manifest, which is the last file, never comes.
    code = (
        "import time; from pathlib import Path; import distill_rec.data.dataset as module;"
        "from distill_rec.data import prepare; from distill_rec.recipe import DataSection;"
        "module.write_record = lambda *_: time.sleep(60);"
        f"folder = Path({str(tmp_path)!r});"
        "prepare(DataSection(clicks='clicks.csv', items='items.csv'), folder / 'out', base=folder)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*.tmp/test.*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    prepare(DataSection(path=str(tmp_path), clicks="clicks.csv", items="items.csv"), tmp_path / "out")
    assert not list(tmp_path.glob(".out.*"))
    assert Dataset.load(tmp_path / "out").n_items == 40


@pytest.mark.parametrize("flag", [True, False])
def test_the_data_set_says_how_entities_were_read(tmp_path, flag):
    clicks, items = frames()
    items = items.with_columns(title=pl.lit("Tom &amp; Jerry ") + pl.col("item_id"))
    prepare(DataSection(unescape_html=flag), tmp_path / "out", clicks=clicks, items=items)
    dataset = Dataset.load(tmp_path / "out")
    assert dataset.unescape_html is flag and dataset.texts[0] == f"Tom {'&' if flag else '&amp;'} Jerry 0"
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["unescape_html"]  # as an older release wrote it
    path.write_text(json.dumps(manifest))
    assert Dataset.load(tmp_path / "out").unescape_html is False


def test_empty_arrays_can_be_read_back(tmp_path):
    write_array(tmp_path / "a.npy", np.empty(0, np.int32))
    assert read_array(tmp_path / "a.npy").shape == (0,)
