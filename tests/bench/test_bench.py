"""`distill-rec bench`: every call is timed, limits are those of the work done, and nothing heavy is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from artifacts import seal, static_arrays, write_artifact
from conftest import Cli, environment
from onnx import TensorProto, helper, numpy_helper

from distill_rec.bench.cases import make_calls, tiled
from distill_rec.bench.child import measured
from distill_rec.bench.results import Case, Limits, Settings
from distill_rec.bench.timing import Prepared, Times, interleave
from distill_rec.bench.work import work_per_text
from distill_rec.runtime import Student
from distill_rec.runtime.kinds import Work
from distill_rec.runtime.onnx_encoder import work_of


def test_every_operation_is_measured_and_written(tmp_path: Path, cli: Cli) -> None:
    artifact = write_artifact(tmp_path / "artifact")
    sizes = ("--batches", "1,4", "--histories", "0,5", "--items", "500", "--threads", "1,2")
    done = cli("bench", artifact, *sizes, "--rounds", "2", "--seconds", "0.4", "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == found
    cases = {(one["case"]["operation"], one["case"]["batch"], one["case"]["items"]) for one in found["cases"]}
    one, many = ("rank", "recommend", "search"), ("rank_many", "recommend_many", "search_many")
    for items in (60, 500):
        assert {(name, 1, items) for name in one[1:]} | {(name, 4, items) for name in many[1:]} <= cases
    assert {("encode_items", 1, 0), ("encode_items", 4, 0), ("rank", 1, 0), ("rank_many", 4, 0)} <= cases
    for row in found["cases"]:
        assert row["calls"] >= 2 and len(row["round_p50_ms"]) == 2
        assert 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"]
    assert [limit["threads"] for limit in found["limits"]] == [1, 2]
    page = (tmp_path / "out" / "bench.html").read_text()
    assert "<svg" in page and "http" not in page and "src=" not in page


def test_a_table_is_printed_and_wrong_numbers_are_refused(tmp_path: Path, cli: Cli) -> None:
    folder = write_artifact(tmp_path / "versions" / "1")
    artifact = seal(folder, removed=[f"i{row}" for row in range(0, 60, 2)])  # never a candidate
    quick = ("--batches", "2", "--histories", "3", "--rounds", "1", "--seconds", "0.1")
    shown = cli("bench", artifact, *quick)
    assert shown.returncode == 0, shown.stderr
    assert "recommend_many, 2 users, 3 clicks" in shown.stdout and "memory read at" in shown.stdout
    assert cli("bench", artifact, "--batches", "many").returncode == 2
    refused = cli("bench", artifact, "--threads", "0")
    assert refused.returncode == 1 and "--threads" in refused.stderr
    assert cli("bench", tmp_path).returncode == 1


def test_a_measuring_process_loads_nothing_heavy() -> None:
    code = "import sys, distill_rec.bench.child, distill_rec.bench.cases, distill_rec.bench.page; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "polars", "pyarrow", "onnx", "rich"} & set(done.stdout.split())


def test_cases_take_turns_with_ever_other_inputs() -> None:
    seen: list[tuple[str, int]] = []
    times = interleave([lambda n: seen.append(("a", n)), lambda n: seen.append(("b", n))], rounds=3, seconds=0.0)
    assert [name for name, _ in seen] == ["a", "b"] + ["a", "b"] * 3
    assert [number for name, number in seen if name == "b"] == [0, 1, 2, 3]
    assert [len(one.rounds) for one in times] == [3, 3]


def test_an_input_is_made_before_the_clock_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("distill_rec.bench.timing.time.perf_counter", lambda: clock[0])

    def spend(seconds: float, given: int) -> int:
        clock[0] += seconds
        return given

    times = interleave([Prepared(partial(spend, 100.0), partial(spend, 1.0))], rounds=3, seconds=0.0)
    assert times[0].seconds == [1.0] * 3


def test_items_are_encoded_from_texts_that_the_student_has_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[str] = []
    encode = Student.encode_items
    monkeypatch.setattr(Student, "encode_items", lambda self, texts: (met.extend(texts), encode(self, texts))[1])
    student = Student.load(write_artifact(tmp_path / "artifact"))
    calls = make_calls(student, Settings(str(tmp_path), batches=(1, 64), histories=(1,)), 1)
    interleave([call for case, call in calls.items() if case.operation == "encode_items"], rounds=30, seconds=0.0)
    assert len(met) == len(set(met)) == 31 * 65


def test_shares_are_of_the_limit_that_holds() -> None:
    limits = Limits(1, 10.0, {1000: 20.0}, 100.0, {8: 50.0})
    times = Times([[0.001, 0.001], [0.001]])
    search = measured(Case("search", 1, 0, 1000, 1), times, limits, 64, None)
    assert search.reached == pytest.approx(1000 * 64 * 4 / 1e-3 / 1e9)
    assert search.share == pytest.approx(search.reached / 20)
    many = measured(Case("search_many", 8, 0, 1000, 1), times, limits, 64, None)
    assert many.share == pytest.approx(2 * 1000 * 64 * 8 / 1e-3 / 1e9 / 50)
    encode = measured(Case("encode_items", 4, 0, 0, 1), times, limits, 64, 1e6)
    assert encode.share == pytest.approx(4e6 / 1e-3 / 1e9 / 100)
    assert encode.per_second == pytest.approx(4000)
    assert measured(Case("rank", 1, 5, 0, 1), times, limits, 64, None).share is None


def test_work_of_a_static_encoder_is_its_projections(tmp_path: Path) -> None:
    arrays = static_arrays()
    work = work_per_text(write_artifact(tmp_path / "artifact"), ["red cat", "red cat dog bird"])
    assert work == 2 * arrays["projection.linear.weight"].size + 3 * arrays["table"].shape[1]


def test_work_of_a_graph_is_that_of_its_products() -> None:
    draw = lambda *shape: np.zeros(shape, np.float32)  # noqa: E731
    weights = {"table": draw(50, 6), "up": draw(6, 8), "bias": draw(8), "down": draw(8, 4)}
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["x"]),
        helper.make_node("MatMul", ["x", "up"], ["h"]),
        helper.make_node("Add", ["h", "bias"], ["hb"]),
        helper.make_node("Gemm", ["hb", "down"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])]
    initial = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs, initial))
    assert work_of(model.SerializeToString()) == Work(0.0, 2 * (6 * 8 + 8 * 4))
    del model.graph.node[1:]
    assert work_of(model.SerializeToString()) is None


def test_a_repeated_catalogue_has_no_two_equal_items() -> None:
    vectors = np.random.default_rng(0).standard_normal((10, 4)).astype(np.float32)
    larger = tiled(vectors, 95)
    assert larger.shape == (95, 4) and larger.dtype == np.float32
    assert len(np.unique(larger, axis=0)) == 95
    assert np.abs(larger[:10] - vectors).max() < 1
