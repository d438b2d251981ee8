"""Costs are measured in processes of their own, and never stop an evaluation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from evaluation_worlds import make_dataset, queries

from distill_rec.data.dataset import Dataset
from distill_rec.evaluation import cost, serving_cost


def small() -> Dataset:
    return make_dataset([1] * 10, queries([0], [[1, 2, 3]]))


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


def test_a_speed_is_of_texts_that_are_met_for_the_first_time() -> None:
    met: list[str] = []
    texts = cost._request(small())["texts"]
    assert serving_cost.texts_per_second(met.extend, texts) > 0
    assert len(set(met)) == len(met) >= serving_cost.WARM + serving_cost.BATCH


def test_the_measuring_process_holds_nothing_that_a_service_would_not() -> None:
    heavy = "('torch', 'polars', 'pydantic', 'numpy')"
    code = f"import sys, distill_rec.evaluation.serving_cost; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_memory_is_private_and_mapped_or_absent() -> None:
    found = serving_cost.memory()
    assert found == {} or (found["RssAnon"] > 1e6 and found["RssFile"] > 1e5)
