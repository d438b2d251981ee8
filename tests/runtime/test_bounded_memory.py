"""A catalogue of half a gigabyte is served and written by a process whose own memory hardly grows."""

import json
import subprocess
import sys

import numpy as np
import pytest
from artifacts import arrays_of, random_user_encoder, seal, static_arrays, write_artifact
from conftest import environment
from safetensors.numpy import save

from distill_rec.artifact.save import write_vectors

DIM, ITEMS = 1024, 125_000
MOST_MIB = 150
PROGRAM = """
import json, sys, threading, time
from pathlib import Path
import numpy as np
import pyarrow.parquet
from distill_rec.runtime import Student

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
peak = 0
def private():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
def watch():
    global peak
    while True:
        peak = max(peak, private())
        time.sleep(0.002)
before = private()
threading.Thread(target=watch, daemon=True).start()
student = Student.load(folder)
student.rank(["i1", "i5"], [f"i{n}" for n in range(100)])
student.recommend(["i1", "i5"], k=10)
student.recommend_many([[f"i{n}"] for n in range(64)], k=10)
student.add_items({"new": {"title": "red cat", "year": ""}})
student.export_vectors(out / "items.npy")
student.export_vectors(out / "items.parquet")
again = Student.load(student.save_catalogue(out / "export"))
ranked = again.rank(["i1"], ["i2", "new"]), student.rank(["i1"], ["i2", "new"])
print(json.dumps({"growth": peak - before, "same": bool((ranked[0] == ranked[1]).all())}))
"""


class Drawn:
    """Random rows, a block of which is drawn when it is asked for."""

    def __len__(self):
        return ITEMS

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(ITEMS)
        return np.random.default_rng(start).standard_normal((stop - start, DIM), dtype=np.float32)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="private memory is read from /proc")
def test_a_large_catalogue_stays_in_its_file(tmp_path):
    folder = write_artifact(tmp_path / "artifact", "mean")
    write_vectors(folder / "items.safetensors", Drawn(), "fp32")
    (folder / "items.json").write_text(json.dumps([f"i{row}" for row in range(ITEMS)]))
    (folder / "static.safetensors").write_bytes(save(static_arrays(dim=DIM)))
    (folder / "user_encoder.safetensors").write_bytes(save(arrays_of(random_user_encoder("mean", DIM))))
    settings = json.loads((folder / "manifest.json").read_text())["user_encoder"] | {"dim": DIM}
    seal(folder, dim=DIM, items=ITEMS, user_encoder=settings)
    assert (folder / "items.safetensors").stat().st_size > 500e6
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, tmp_path],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["same"]
    assert found["growth"] < MOST_MIB
    vectors = np.load(tmp_path / "items.npy", mmap_mode="r")
    assert vectors.shape == (ITEMS + 1, DIM)
    np.testing.assert_array_equal(vectors[:10], Drawn()[0:1024][:10])
