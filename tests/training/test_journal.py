"""`history.jsonl` grows while a training goes, and has no update twice when a killed one was gone on from."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from distill_rec.files import read_json
from distill_rec.journal import Journal, lines_of


def test_a_training_leaves_a_line_for_each_window_and_validation(tiny_run: Path) -> None:
    student = tiny_run / "distill" / "student"
    found = pl.read_ndjson(student / "history.jsonl")
    outcome = read_json(student / "history.json")
    validations = found.filter(pl.col("ndcg@10").is_not_null())
    assert validations["update"].to_list() == [one["update"] for one in outcome["history"]]
    assert validations["ndcg@10"].to_list() == [one["ndcg@10"] for one in outcome["history"]]
    windows = found.filter(pl.col("ndcg@10").is_null())["update"].to_list()
    assert len(windows) == outcome["steps"]["window"] and windows == sorted(set(windows))
    assert windows[-1] == outcome["updates"] and set(found["of"]) == {60}


def test_what_came_after_the_checkpoint_is_dropped_and_a_line_that_a_kill_cut_off_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 20)
    journal.begin(0)
    for update in (4, 8, 12):
        journal.note({"update": update, "loss": 0.5})
    path = tmp_path / "history.jsonl"
    path.write_text(path.read_text() + '{"update": 16, "lo')
    assert [line["update"] for line in lines_of(path)] == [4, 8, 12]
    again = Journal(tmp_path, 20)
    again.begin(8)
    again.note({"update": 12, "loss": 0.4})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["update"], line["of"], line["loss"]) for line in lines] == [(4, 20, 0.5), (8, 20, 0.5), (12, 20, 0.4)]
    Journal(tmp_path, 20).begin(0)
    assert not lines_of(path)
