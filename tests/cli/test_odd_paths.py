"""A path is a path in every command: what lies in `run[1]` is read, and what lies in `run1` beside it is not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from conftest import ODD, Cli

from distill_rec import Run
from distill_rec.cli.guesses.look import look
from distill_rec.data.patterns import matching
from distill_rec.doctor import Finding, as_table
from distill_rec.runtime import Student
from distill_rec.serving.state import LOCK, State, Update

IDS = [f"é{item}" for item in range(30)]


def test_a_run_below_an_odd_name_reads_and_publishes_its_own(odd_run: Path) -> None:
    run = Run.load(odd_run)
    assert run.dataset.items["item_id"].to_list() == IDS
    assert run.student.item_ids == IDS and run.student.item_texts is not None
    assert run.results.costs["student"].missing == {} and run.results.costs["student"].disk_bytes
    assert set(run.per_user["user_id"]) <= {str(user) for user in range(40)}
    assert run.teacher.item_ids == IDS
    assert run.student.info.precisions[0] == "fp32" and len(run.student.info.precisions) > 1


def test_nothing_is_run_anew_and_a_dry_run_counts_every_row(odd_run: Path, cli: Cli) -> None:
    recipe, env = odd_run.parent / "recipe.toml", {"DISTILL_REC_CACHE": str(odd_run.parent)}
    done = cli("run", recipe, "--out", odd_run, "--dry-run", "--json", env=env)
    stages = json.loads(done.stdout)["stages"]
    assert [step["state"] for step in stages] == ["finished"] * 5
    assert stages[0]["work"] == "320 clicks, 30 items"
    for command in ("run", "prepare", "export"):
        done = cli(command, recipe, "--out", odd_run, "--json", env=env, umask=0o077)
        assert done.returncode == 0, done.stderr
        assert not any(stage["ran"] for stage in json.loads(done.stdout)["stages"])


def test_rank_recommend_and_doctor_take_it(odd_run: Path, tmp_path: Path, cli: Cli) -> None:
    artifact = odd_run / "export" / "student"
    done = cli("rank", artifact, "--history", "é1", "--candidates", "é2,é3", "--json")
    assert {one["id"] for one in json.loads(done.stdout)} == {"é2", "é3"}, done.stderr
    behaviors = odd_run.parent / "behaviors.tsv"
    shutil.copy(Path(__file__).parent.parent / "cases/mind/behaviors-unlabelled.tsv", tmp_path)
    behaviors.write_text("1\tu\t11/11/2019 9:05:58 AM\té1\té2 é3\n", "utf-8")
    assert cli("rank", odd_run, "--behaviors", behaviors).stdout.startswith("1 [")
    done = cli("recommend", odd_run, "--history", "é1", "-k", "2", "--json")
    assert len(json.loads(done.stdout)) == 2, done.stderr
    for path in (odd_run, artifact, odd_run / "prepare", odd_run.parent / "data", odd_run.parent / "recipe.toml"):
        done = cli("doctor", path, "--json")
        assert json.loads(done.stdout)["ok"], done.stdout


def test_compare_names_a_run_as_its_folder_is_called(odd_run: Path, tmp_path: Path, cli: Cli) -> None:
    page = tmp_path / ODD / "page.html"
    done = cli("compare", odd_run, "--out", page, env={"COLUMNS": "500"})
    assert done.returncode == 0, done.stderr
    assert str(odd_run) in done.stdout and page.exists()
    shutil.copytree(odd_run / "evaluate", tmp_path / "[red] [/] :star:" / "evaluate")
    shutil.copy(odd_run / "recipe.json", tmp_path / "[red] [/] :star:")
    done = cli("compare", "[red] [/] :star:", "--out", page, cwd=tmp_path)
    assert "[red] [/] :star:" in done.stdout, done.stderr


@pytest.mark.parametrize("kind", ["clicks.csv", "histories.parquet"])
def test_score_reads_and_writes_below_it(odd_run: Path, tmp_path: Path, cli: Cli, kind: str) -> None:
    users, out = tmp_path / ODD / kind, tmp_path / ODD / "job:1" / "out"
    users.parent.mkdir()
    if kind == "clicks.csv":
        users.write_text("user_id,item_id\nu,é1\nu,é2\nv,é3\n", "utf-8")
    else:
        frame = pl.DataFrame({"user_id": ["u", "v"], "history": [["é1", "é2"], ["é3"]]})
        frame.write_parquet(users.open("wb"))
    done = cli("score", odd_run, "--users", users, "--out", "job:1/out", "-k", "3", "--json", cwd=tmp_path / ODD)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["users"] == 2
    assert len(pl.read_parquet((out / "part-00000.parquet").open("rb"))) == 6


def test_bench_and_init_take_it(odd_run: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / ODD
    done = cli("bench", odd_run, "--seconds", "0.2", "--rounds", "1", "--batches", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert (out / "bench.html").exists() and (out / "bench.json").exists()
    data = odd_run.parent / "data"
    done = cli("init", "--clicks", data / "clicks-a.csv", "--items", data / "items.parquet", "--out", out / "new.toml")
    assert done.returncode == 0, done.stderr
    done = cli("prepare", out / "new.toml", "--out", out / "run", "--json")
    assert json.loads(done.stdout)["summary"]["items"] == 30, done.stderr


def test_catalogues_and_vectors_are_saved_below_it(odd_run: Path, tmp_path: Path) -> None:
    export = shutil.copytree(odd_run / "export", tmp_path / ODD, symlinks=True)
    student = Student.load(export / "student")
    student.add_items({"new": "red cat"})
    saved = student.save_catalogue()
    assert saved.parent == export / "versions" and Student.load(export / "student").item_ids == [*IDS, "new"]
    for name in ("vectors.parquet", "vectors.npy"):
        student.export_vectors(export / name)
    assert pl.read_parquet((export / "vectors.parquet").open("rb"))["item_id"].to_list() == [*IDS, "new"]


def test_init_looks_at_the_file_that_was_named(odd_run: Path) -> None:
    found = look(str(odd_run.parent / "data" / "items.parquet"), "utf-8")
    assert found["item_id"][0] == "é0"


def test_only_what_is_not_there_by_its_name_is_a_pattern(tmp_path: Path) -> None:
    for name in ("run[1]/a-1.csv", "run[1]/a-2.csv", "run1/a-3.csv", "run1/a[3].csv", "run1/b3.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {
        pattern: [str(path.relative_to(tmp_path)) for path in matching(tmp_path, pattern)]
        for pattern in ("run[1]/a-*.csv", "run[12]/a-*.csv", "run1/a[3].csv", "run1/b[3].csv", "run?/none", "*")
    }
    assert found == {
        "run[1]/a-*.csv": ["run[1]/a-1.csv", "run[1]/a-2.csv"],
        "run[12]/a-*.csv": ["run1/a-3.csv"],
        "run1/a[3].csv": ["run1/a[3].csv"],
        "run1/b[3].csv": ["run1/b3.csv"],
        "run?/none": [],
        "*": ["run1", "run[1]"],
    }
    whole = os.path.join(tmp_path, "run[1]", "a-*.csv")
    assert matching(Path("elsewhere"), whole) == [tmp_path / "run[1]/a-1.csv", tmp_path / "run[1]/a-2.csv"]


def test_a_service_keeps_its_updates_below_it_and_reads_them_where_it_cannot_write(tmp_path: Path) -> None:
    folder, update = tmp_path / ODD / "%3F#", Update("é", "red cat")
    state = State(folder)
    state.store([update])
    state.close()
    (folder / LOCK).unlink()
    (folder / LOCK).mkdir()  # as if the file system had become read-only
    state = State(folder)
    assert not state.writable and state.after(0)[0] == [update]
    state.close()


def test_a_command_with_a_quoted_path_is_not_broken_in_a_table() -> None:
    command = "distill-rec export 'my long run of films' --rollback --to 3"
    finding = Finding("problem", "artifact", "the link", "the run's link is not the user's", f"Restore it: {command}")
    assert any("'my long run of films'" in line for line in as_table([finding], 40).splitlines())
