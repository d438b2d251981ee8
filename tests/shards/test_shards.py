"""Shards are each made once by whoever is there, and what a killed process leaves is gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import environment
from tiny import make_dataset, write_trunk

from distill_rec.contracts import teacher_spec
from distill_rec.data.dataset import Dataset
from distill_rec.files import fingerprint, read_array
from distill_rec.kinds import settings_of
from distill_rec.knowledge import Knowledge
from distill_rec.pipeline.stages import stage_named
from distill_rec.pipeline.wanted import settings_of as settings_of_stage
from distill_rec.progress import Quiet
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import RecipeError, RunError
from distill_rec.shards.job import Job, make_all, rows_of
from distill_rec.shards.rows import RowFile
from distill_rec.testing.kills import Counted, KilledError
from teachers.bi_encoder.variants import variants_of

TOTAL, SIZE = 43, 4


def job_in(folder, made=None, seconds=0.0, total=TOTAL, size=SIZE):
    """Rows `[total, 2]` of each number and its square; notes who made which shard."""

    def make(shard, task):
        time.sleep(seconds)
        if made is not None:
            made.append(shard)
        numbers = np.arange(shard * size, min((shard + 1) * size, total))
        task.advance(len(numbers))
        return np.stack([numbers, numbers**2], axis=1)

    return Job(RowFile(folder, np.float32, 2, size), total, "numbers", make)


def expected(total=TOTAL):
    return np.stack([np.arange(total), np.arange(total) ** 2], axis=1).astype(np.float32)


@pytest.mark.parametrize("total", [0, 1, SIZE, TOTAL])
def test_rows_are_those_of_the_map_and_are_made_once(tmp_path, total):
    made = []
    for _ in range(2):
        np.testing.assert_array_equal(rows_of(job_in(tmp_path / "rows", made, total=total), Quiet()), expected(total))
    assert made == list(range(-(-total // SIZE)))
    assert {path.name for path in (tmp_path / "rows").iterdir()} == {"rows.bin", "progress.json"}


def test_what_was_begun_with_shards_of_another_size_begins_anew(tmp_path):
    with pytest.raises(KilledError):
        rows_of(job_in(tmp_path / "rows", size=5), Counted(3))
    np.testing.assert_array_equal(rows_of(job_in(tmp_path / "rows"), Quiet()), expected())


class Died(BaseException):
    pass


@pytest.mark.parametrize("at", range(1, 4))
def test_a_death_while_shards_are_put_together_loses_no_row(tmp_path, monkeypatch, at):
    job, unlink, calls = job_in(tmp_path / "rows"), Path.unlink, []

    def dying(path, *args, **kwargs):
        calls.append(path)
        if len(calls) == at:
            raise Died
        unlink(path, *args, **kwargs)

    make_all(job, Quiet())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying)
        with pytest.raises(Died):
            job.file.collect(job.count)
    # as a kill in the middle of a write leaves it
    with job.file.part.open("ab") as file:
        file.write(b"half a row")
    np.testing.assert_array_equal(rows_of(job_in(tmp_path / "rows"), Quiet()), expected())


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path

from distill_rec.progress import Quiet
from distill_rec.shards.job import rows_of
from test_shards import expected, job_in

made = []
rows = rows_of(job_in(Path(sys.argv[1]), made, seconds=0.2), Quiet())
assert (rows == expected()).all()
print(len(made))
"""


def start(folder):
    command = [sys.executable, "-c", PROGRAM, str(folder), str(Path(__file__).parent)]
    paths = os.pathsep.join([environment()["PYTHONPATH"], str(Path(__file__).parents[1])])
    return subprocess.Popen(command, env=environment() | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)


def test_processes_share_the_shards_and_make_those_of_one_that_is_killed(tmp_path):
    both = [start(tmp_path / "rows") for _ in range(3)]
    shards = tmp_path / "rows" / "shards"
    while not (shards.exists() and list(shards.glob("[0-9]*.bin"))):
        assert all(one.poll() is None for one in both)
        time.sleep(0.01)
    both[0].send_signal(signal.SIGKILL)
    counts = [int(one.communicate(timeout=60)[0]) for one in both[1:]]
    assert all(one.returncode == 0 for one in both[1:])
    # all but what the killed one had finished, each by one of the others
    assert -(-TOTAL // SIZE) - 3 <= sum(counts) <= -(-TOTAL // SIZE)


@pytest.mark.parametrize("kind", ["bi_encoder", "cross_encoder"])
def test_workers_of_ray_make_the_same_knowledge(tmp_path, monkeypatch, kind):
    pytest.importorskip("ray", reason="ray is not installed: pip install 'distill-rec[ray]'")
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # as whoever installs the package has it
    dataset = make_dataset("clicks" if kind == "bi_encoder" else "impressions")
    dataset.write(tmp_path / "prepare")
    quick = {"batch_size": 16, "max_updates": 2, "window": 2}
    own = {"tuning": "last:1", "dim": 8} if kind == "bi_encoder" else {"max_tokens": 16}
    found = []
    for ray in ("", "local"):
        monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / f"cache{ray}"))
        settings = {"kind": kind, "trunk": str(write_trunk(tmp_path / "trunk")), "device": "cpu", "optimizer": quick}
        section = settings_of("teacher", kind).model_validate({**settings, **own, "ray": ray})
        folder = tmp_path / f"teach{ray}"
        teacher_spec(kind).teach.get()(section, Dataset.load(tmp_path / "prepare"), folder)
        found.append(Knowledge.load(folder / "knowledge"))
    one, other = found
    if kind == "bi_encoder":
        np.testing.assert_allclose(other.item_vectors, one.item_vectors, atol=1e-6)
        return
    for part, scores in one.scores.items():
        np.testing.assert_array_equal(other.scores[part].items.values, scores.items.values)
        np.testing.assert_allclose(other.scores[part].scores, scores.scores, atol=1e-6)


@pytest.mark.parametrize("kind", ["bi_encoder", "cross_encoder"])
def test_a_cluster_of_ray_is_refused_for_data_in_memory_and_where_none_answers(tmp_path, monkeypatch, kind):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    dataset = make_dataset("clicks" if kind == "bi_encoder" else "impressions")
    quick = {"batch_size": 16, "max_updates": 2, "window": 2}
    settings = {"kind": kind, "trunk": str(write_trunk(tmp_path / "trunk")), "optimizer": quick, "ray": "127.0.0.1:1"}
    section = settings_of("teacher", kind).model_validate(settings)
    with pytest.raises(RecipeError, match=r"teacher\.ray: data that lie in this process alone"):
        teacher_spec(kind).teach.get()(section, dataset, tmp_path / "teach")
    dataset.write(tmp_path / "prepare")
    with pytest.raises(RunError, match="no cluster of Ray"):
        teacher_spec(kind).teach.get()(section, Dataset.load(tmp_path / "prepare"), tmp_path / "teach")
    assert not (tmp_path / "teach").exists()  # before any work


def test_the_address_of_a_cluster_decides_no_result_and_is_of_all_variants(tmp_path):
    teacher = {"kind": "bi_encoder", "trunk": "somewhere"}
    made = [load_recipe({"data": {"path": "x"}, "teacher": {**teacher, "ray": ray}}) for ray in ("", "local")]
    assert len({fingerprint(settings_of_stage(stage_named("teach"), recipe)) for recipe in made}) == 1
    section = settings_of("teacher", "bi_encoder").model_validate({**teacher, "choose": [{"ray": "local"}]})
    with pytest.raises(RecipeError, match=r"teacher.choose\[0\].ray"):
        variants_of(section)


TEACH = """
import json
import os
import signal
import sys
from pathlib import Path

from distill_rec.shards import rows
from distill_rec.testing.kills import places
from distill_rec.testing.worlds import make_dataset
from distill_rec.trunks import prefix
from teachers.bi_encoder import passes
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

trunk, folder = sys.argv[1], Path(sys.argv[2])
prefix.SHARD = passes.SHARD = 16
write = rows.RowFile.write


def taught(name, kill_at):
    # shards that a fork of this process has written, and how it ended
    counts, told = os.pipe()
    if (pid := os.fork()) == 0:
        os.environ["DISTILL_REC_CACHE"] = str(folder / name / "cache")
        written = 0

        def counting(self, shard, values):
            nonlocal written
            written += 1
            if written == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            write(self, shard, values)
            os.write(told, b".")

        rows.RowFile.write = counting
        quick = {"batch_size": 16, "max_updates": 2, "window": 2}
        section = BiEncoderSection(trunk=trunk, tuning="last:1", dim=8, device="cpu", optimizer=quick)
        teach(section, make_dataset(), folder / name / "teach")
        os._exit(0)
    os.close(told)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(counts, "rb") as file:
        return len(file.read()), os.waitstatus_to_exitcode(status)


found = [taught("whole", 0)]
for kill_at in places(found[0][0]):
    found.append(taught("killed", kill_at - sum(written for written, _ in found[1:])))
found.append(taught("killed", 0))
print(json.dumps(found))
"""


def knowledge_of(folder):
    return {path.name: read_array(path) for path in sorted((folder / "teach" / "knowledge").glob("*.npy"))}


def test_a_killed_teach_goes_on_at_its_shard_to_the_same_knowledge(tmp_path):
    command = [sys.executable, "-c", TEACH, str(write_trunk(tmp_path / "trunk")), str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    whole, *killed = json.loads(done.stdout)
    assert whole[0] >= 9  # of frozen layers, pooled texts and vectors, three shards at least each
    assert [code for _, code in killed] == [*[-signal.SIGKILL] * 3, 0], done.stderr
    assert sum(written for written, _ in killed) == whole[0]  # none is made twice
    one, other = knowledge_of(tmp_path / "whole"), knowledge_of(tmp_path / "killed")
    assert one.keys() == other.keys() and {"item_vectors.npy", "text_vectors.npy"} <= one.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)
