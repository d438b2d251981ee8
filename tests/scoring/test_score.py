"""Batch scoring: what is written is what the student recommends, whatever the input's form and whatever was killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from artifacts import write_artifact
from conftest import Cli, command, environment

from distill_rec.runtime import Student
from distill_rec.runtime.errors import DataError, RunError
from distill_rec.scoring import Columns, Settings, clicks, part, score

USERS = 100
SMALL = Settings(k=5, part_users=30, batch=7)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("artifact") / "student")


@pytest.fixture(scope="module")
def histories() -> dict[str, list[str]]:
    """Users with one to twelve of i0 ... i63, of which the student does not know the last four; some repeat an item."""
    random = np.random.default_rng(5)
    return {f"user {n}": [f"i{i}" for i in random.integers(0, 64, random.integers(1, 13))] for n in range(USERS)}


def as_log(histories: dict[str, list[str]]) -> pl.DataFrame:
    """One row per click, in no order; two clicks of a second stand in the file's order."""
    rows = [(u, i, 1_600_000_000 + at // 2) for u, items in histories.items() for at, i in enumerate(items)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    seconds = np.random.default_rng(1).permutation(log["timestamp"].unique().to_numpy())
    return pl.concat([log.filter(pl.col("timestamp") == one) for one in seconds.tolist()])


def write(form: str, histories: dict[str, list[str]], folder: Path) -> Path:
    users, lists = list(histories), list(histories.values())
    path = folder / form
    if form == "lists.parquet":
        pl.DataFrame({"user_id": users, "history": lists}).write_parquet(path, row_group_size=23)
    elif form == "lists.jsonl":
        path.write_text("".join(json.dumps({"user_id": u, "history": h}) + "\n" for u, h in histories.items()))
    elif form == "lists.csv":
        path.write_text("user_id,history\n" + "".join(f"{u},{' '.join(h)}\n" for u, h in histories.items()))
    elif form == "log.parquet":
        as_log(histories).write_parquet(path)
    elif form == "log.tsv.gz":
        path.write_bytes(gzip.compress(as_log(histories).write_csv(separator="\t").encode()))
    elif form == "log.jsonl":
        as_log(histories).write_ndjson(path)
    else:
        raise ValueError(form)
    return path


FORMS = ["lists.parquet", "lists.jsonl", "lists.csv", "log.parquet", "log.tsv.gz", "log.jsonl"]


def read(out: Path) -> dict[str, list[tuple[str, float]]]:
    """Ranked items of each user; ranks must count from 1."""
    rows: dict[str, list[tuple[str, float]]] = {}
    frames = [pl.read_parquet(path) for path in sorted(out.glob("*.parquet"))]
    for user, item, value, rank in pl.concat(frames).iter_rows():
        rows.setdefault(user, []).append((item, value))
        assert rank == len(rows[user])
    return rows


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_what_the_student_recommends(
    form: str, artifact: Path, histories: dict[str, list[str]], tmp_path: Path
) -> None:
    found = score(artifact, str(write(form, histories, tmp_path)), tmp_path / "out", SMALL)
    student = Student.load(artifact)
    assert read(tmp_path / "out") == {user: student.recommend(items, k=5) for user, items in histories.items()}
    unknown = sum(item in {"i60", "i61", "i62", "i63"} for items in histories.values() for item in items)
    assert (found["users"], found["parts"], found["rows"]) == (USERS, 4, 5 * USERS)
    assert found["unknown_items"] == unknown > 0
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {*(f"part-{n:05d}.parquet" for n in range(4)), "_SUCCESS", ".lock"}


def test_batches_threads_and_buckets_change_nothing(
    artifact: Path, histories: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = str(write("log.parquet", histories, tmp_path))
    score(artifact, log, tmp_path / "one", SMALL)
    monkeypatch.setattr(clicks, "BUCKET", 1 << 12)
    monkeypatch.setattr(part, "GROUP", 40)
    score(artifact, log, tmp_path / "many", Settings(k=5, part_users=17, batch=3, threads=3))
    assert read(tmp_path / "one") == read(tmp_path / "many")


def test_users_without_known_items_are_ranked_as_new_ones_and_counted(artifact: Path, tmp_path: Path) -> None:
    rows = {"user_id": ["a", "b", "c", "d"], "history": [[], None, ["nothing", None], ["i1", "nothing", "i2"]]}
    pl.DataFrame(rows).write_parquet(tmp_path / "users.parquet")
    found = score(artifact, str(tmp_path / "users.parquet"), tmp_path / "out")
    rows_of = read(tmp_path / "out")
    assert rows_of["a"] == rows_of["b"] == rows_of["c"] == Student.load(artifact).recommend([])
    assert (found["without_history"], found["nothing_known"], found["unknown_items"]) == (2, 1, 2)


def test_seen_items_may_be_included_and_removed_ones_never_are(artifact: Path, tmp_path: Path) -> None:
    student = Student.load(artifact)
    student.remove_items(["i3"])
    kept = student.save_catalogue(tmp_path / "other")
    history = ["i1", "i3", "i4", "i2"]
    scores = student.rank(history, [item for item in student.item_ids if item != "i3"]).tolist()
    ids = [item for item in student.item_ids if item != "i3"]
    order = sorted(range(len(ids)), key=lambda place: -scores[place])  # stable: i4 has i1's vector and comes later
    (tmp_path / "users.jsonl").write_text(json.dumps({"user_id": 7, "history": history}) + "\n")
    score(kept, str(tmp_path / "users.jsonl"), tmp_path / "out", Settings(k=59, seen=True))
    assert read(tmp_path / "out") == {"7": [(ids[place], scores[place]) for place in order]}


def test_only_these_items_are_ranked_and_fewer_than_k_are_counted(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "users.jsonl").write_text('{"user_id": "u", "history": ["i1"]}\n')
    users = str(tmp_path / "users.jsonl")
    found = score(artifact, users, tmp_path / "out", Settings(only=("i1", "i5", "i9")))
    assert {item for item, _ in read(tmp_path / "out")["u"]} == {"i5", "i9"}
    assert found["fewer"] == 1
    with pytest.raises(DataError, match="unknown item 'other'"):
        score(artifact, users, tmp_path / "more", Settings(only=("i1", "other")))


def test_a_killed_job_goes_on_to_the_same_files(
    artifact: Path, histories: dict[str, list[str]], tmp_path: Path, cli: Cli
) -> None:
    many = {f"{user} {copy}": items for copy in range(10) for user, items in histories.items()}
    log = write("log.parquet", many, tmp_path)
    ask = ["score", artifact, "--users", log, "--part-users", 20]
    whole = cli(*ask, "--out", tmp_path / "whole", "--json")
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "killed"
    process = subprocess.Popen(command(*ask, "--out", out), env=environment(), stderr=subprocess.DEVNULL)
    while not (out / "part-00002.parquet").exists() and process.poll() is None:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    early = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert 3 <= len(early) < 50, "killed too late to test anything"
    assert not (out / "_SUCCESS").exists()
    done = cli(*ask, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert names == {path.name for path in out.iterdir()}
    for name in names - {".lock"}:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    again = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert sum(again[name] == early[name] for name in early) >= len(early) - 1  # its record may not have been written
    same = ("users", "rows", "unknown_items", "clicks")
    summaries = [json.loads(one.stdout) for one in (done, whole)]
    assert [summaries[0][key] for key in same] == [summaries[1][key] for key in same]


def test_other_settings_on_the_same_folder_are_refused_by_name(
    artifact: Path, histories: dict[str, list[str]], tmp_path: Path
) -> None:
    users, out = write("lists.jsonl", histories, tmp_path), tmp_path / "out"
    score(artifact, str(users), out, SMALL)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    score(artifact, str(users), out, Settings(k=5, part_users=30, batch=50))
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("*.parquet")}, "finished is finished"
    changes: dict[str, Settings] = {
        "k = 5, and now k = 6": Settings(k=6, part_users=30),
        "history items = excluded": Settings(k=5, part_users=30, seen=True),
        "only = None": Settings(k=5, part_users=30, only=tuple(f"i{n}" for n in range(9))),
    }
    for told, settings in changes.items():
        with pytest.raises(RunError, match=told):
            score(artifact, str(users), out, settings)
    with pytest.raises(RunError, match="begun with artifact"):
        score(write_artifact(tmp_path / "other", n_items=61), str(users), out, SMALL)
    users.write_text(users.read_text().replace("i1", "i2"))
    with pytest.raises(RunError, match="begun with users"):
        score(artifact, str(users), out, SMALL)


def test_a_folder_with_other_files_is_left_alone(
    artifact: Path, histories: dict[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    pl.DataFrame({"mine": [1]}).write_parquet(tmp_path / "out" / "part-00000.parquet")
    with pytest.raises(RunError, match="another origin"):
        score(artifact, str(write("lists.csv", histories, tmp_path)), tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "part-00000.parquet").columns == ["mine"]


BAD: dict[str, tuple[str, str]] = {
    "no user column": ("x,history\n1,i1\n", "no column 'user_id'"),
    "neither form": ("user_id,x\n1,i1\n", "neither a column 'history' nor 'item_id'"),
    "half of the rows": ("user_id,item_id,timestamp\n" + "u,i1,10\nu,i1,soon\n" * 20, r"20 of 40 rows.*\.csv:3"),
    "quote": ('user_id,history\n1,"i1\n', "a quote that is never closed"),
    "nothing": ("", "an empty file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_leaves_nothing(case: str, artifact: Path, tmp_path: Path) -> None:
    content, told = BAD[case]
    (tmp_path / "users.csv").write_text(content)
    with pytest.raises(DataError, match=told):
        score(artifact, str(tmp_path / "users.csv"), tmp_path / "out")
    assert not list(tmp_path.glob("out/*.parquet"))
    (tmp_path / "users.csv").write_text("user_id,history\n1,i1\n")
    score(artifact, str(tmp_path / "users.csv"), tmp_path / "out")  # the mended file, with nothing to clean up before


def test_ids_that_are_fractions_are_refused(artifact: Path, tmp_path: Path) -> None:
    """A column of whole numbers with gaps becomes 7.0 in pandas, which no student knows."""
    pl.DataFrame({"user_id": ["u"], "history": [[7.0]]}).write_parquet(tmp_path / "users.parquet")
    with pytest.raises(DataError, match="Float64; expected ids that are text or whole numbers"):
        score(artifact, str(tmp_path / "users.parquet"), tmp_path / "out")


def test_few_bad_rows_are_left_out_and_counted(artifact: Path, tmp_path: Path) -> None:
    pl.DataFrame({"user_id": ["u", None, ""], "history": [["i1"]] * 3}).write_parquet(tmp_path / "a.parquet")
    found = score(artifact, str(tmp_path / "a.parquet"), tmp_path / "a")
    assert (found["users"], found["refused"]) == (1, {"no user_id": 2})
    (tmp_path / "b.csv").write_text("who;what\nu;i1\nu\nv;i2\n;i3\n")
    found = score(artifact, str(tmp_path / "b.csv"), tmp_path / "b", Settings(columns=Columns("who", "", "what", "")))
    assert (found["users"], found["clicks"]) == (2, 4)
    assert found["refused"] == {"expected 2 columns, found 1": 1, "no user_id": 1}


def test_no_users_give_one_file_without_rows(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id,history\n")
    assert score(artifact, str(tmp_path / "users.csv"), tmp_path / "out")["users"] == 0
    assert pl.read_parquet(tmp_path / "out" / "*.parquet").columns == ["user_id", "item_id", "score", "rank"]


def test_a_cluster_that_does_not_answer_is_found_out_before_any_work(artifact: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no cluster of Ray"):
        score(artifact, "not looked at", tmp_path / "out", ray="127.0.0.1:1")
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_two_workers_of_ray_write_the_same_rows(
    artifact: Path, histories: dict[str, list[str]], tmp_path: Path, cli: Cli
) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'distill-rec[ray]'")
    log = write("log.parquet", histories, tmp_path)
    ask: list[Any] = ["score", artifact, "--users", log, "--part-users", 7, "-k", 5, "--json"]
    here = cli(*ask, "--out", tmp_path / "here")
    there = cli(*ask, "--out", tmp_path / "there", "--ray", "local", "--workers", 2)
    assert there.returncode == 0, there.stderr
    assert read(tmp_path / "there") == read(tmp_path / "here")
    assert (tmp_path / "there" / "_SUCCESS").read_bytes() == (tmp_path / "here" / "_SUCCESS").read_bytes()
    assert json.loads(there.stdout)["users"] == json.loads(here.stdout)["users"] == USERS
