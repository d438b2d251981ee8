"""Costs are measured in processes of their own, and never stop an evaluation."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from evaluation_worlds import make_dataset, queries

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation import cost, serving_cost
from distill_rec.evaluation.results import ModelCost
from distill_rec.evaluation.speeds import faster, span_of


def small() -> Dataset:
    return make_dataset([1] * 10, queries([0], [[1, 2, 3]]))


def small_of(run: Path) -> Dataset:
    """The data that a run's artifact is asked about."""
    return Dataset.load(run / "prepare")


def test_what_cannot_be_measured_says_so_and_stops_nothing(tmp_path: Path) -> None:
    found = cost.measure_costs(tmp_path / "absent", {"folder": str(tmp_path / "nor-this")}, small())
    assert set(found) == {"student", "teacher"}
    for one in found.values():
        assert one.p50_ms is None
        assert one.missing["process"]


def test_a_request_has_the_longest_history_of_the_test() -> None:
    request = cost._request(small())
    assert request["history"] == ["i1", "i2", "i3"]
    assert len(request["candidates"]) == 10
    assert len(set(request["texts"])) == cost.TEXTS and not set(request["texts"]) & set(small().texts)


def test_a_speed_is_of_texts_that_are_met_for_the_first_time_in_every_round() -> None:
    met: list[str] = []
    encoding = serving_cost.Encoding(met.extend, cost._request(small())["texts"], cost.ROUNDS)
    assert all(encoding.round() > 0 for _ in range(cost.ROUNDS))
    assert len(set(met)) == len(met) >= 2 * serving_cost.WARM + cost.ROUNDS * serving_cost.BATCH


def test_rounds_of_the_models_follow_in_turn_and_a_slow_minute_meets_both(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    class Turns(AbstractContextManager["Turns"]):
        """A model that is ten times as quick as its name says, on a machine that is slower every round."""

        def __init__(self, request: dict[str, Any]) -> None:
            self.rate, self.path = float(Path(request["path"]).name), request["path"]
            self.rounds: list[dict[str, Any]] = []
            self.missing, self.fault = {}, ""

        def measure(self) -> None:
            order.append(self.path)
            self.rounds.append({"seconds": [0.1], "items_per_second": self.rate / (1 + len(self.rounds))})

        def __exit__(self, *error: object) -> None:
            order.append("ended")

    monkeypatch.setattr(cost, "ServingProcess", Turns)
    models = {name: cost.Served("student", Path(name)) for name in ("400", "100")}
    found = cost.measure_each(models, small())
    assert order == [*["400", "100"] * cost.ROUNDS, "ended", "ended"]
    assert found["400"].items_per_second == pytest.approx(400 / 3)  # the median of 400, 200, 133, 100, 80
    assert faster(found["400"], found["100"]) == "4.0 times as fast (median of 5 rounds in turn, 4.0 to 4.0)"
    assert span_of(found["400"], "items_per_second") == "80 to 400"


def test_an_older_measurement_is_said_to_be_one() -> None:
    student, teacher = (ModelCost(items_per_second=rate) for rate in (196.0, 1.0))
    assert faster(student, teacher) == "196 times as fast (measured once)" and not span_of(student, "items_per_second")


def test_a_student_is_measured_in_its_process(tiny_run: Path) -> None:
    artifact = tiny_run / "export" / "student"
    (found,) = cost.measure_each({"student": cost.Served("student", artifact)}, small_of(tiny_run)).values()
    assert found.items_per_second and found.p50_ms and found.p50_ms <= (found.p99_ms or 0) and not found.missing
    assert [len(found.rounds[key]) for key in ("items_per_second", "p50_ms")] == [cost.ROUNDS] * 2


def test_the_measuring_process_holds_nothing_that_a_service_would_not() -> None:
    heavy = "('torch', 'polars', 'pydantic', 'numpy')"
    code = f"import sys, distill_rec.evaluation.serving_cost; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_memory_is_private_and_mapped_or_absent() -> None:
    found = serving_cost.memory()
    assert found == {} or (found["RssAnon"] > 1e6 and found["RssFile"] > 1e5)
