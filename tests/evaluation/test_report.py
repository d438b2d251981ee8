"""The page is whole, well-formed, and fetches nothing; the terminal's tables fit it."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import pytest
from evaluation_worlds import build_world, fixed, impressions, make_dataset
from markupsafe import escape
from rich.console import Console

from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.numerals import moment, percent, plain, signed
from distill_rec.evaluation.render import render
from distill_rec.evaluation.report import page
from distill_rec.evaluation.results import ModelCost, Results
from distill_rec.evaluation.svg import ticks
from distill_rec.recipe import EvaluateSection

SECTION = EvaluateSection(bootstrap=200, examples=3)


@pytest.fixture(scope="module")
def results() -> Results:
    dataset, scorers = build_world({"undistilled": 0.5, "student": 0.85, "teacher": 1.0})
    costs = {
        "student": ModelCost(parameters=1000, disk_bytes=5000, p50_ms=0.1, p99_ms=0.2, candidates=100, history=50),
        "teacher": ModelCost(missing={"process": "no <PLM> here"}, candidates=100, history=50),
    }
    curves = {"teacher": [(10.0, 0.1), (20.0, 0.2)], "student": []}
    everyone = scorers | {"popularity": fixed("popularity", dataset.train_clicks)}
    return compare(everyone, dataset, SECTION, name="toy <run> & co", costs=costs, curves=curves)


def test_report_is_well_formed_and_fetches_nothing(results: Results) -> None:
    text = page(results)
    ET.fromstring(re.sub(r"<style>.*?</style>|<!doctype html>", "", text, flags=re.S))
    assert not re.search(r"""(src|href)=|url\(|@import|https?://""", text)
    assert "toy &lt;run&gt; &amp; co" in text
    assert "viewport" in text
    assert "prefers-color-scheme: dark" in text
    for verdict in results.verdicts:
        assert escape(verdict.text) in text
    assert "no &lt;PLM&gt; here" in text


def test_report_of_impressions_names_the_grouping_and_both_mrrs() -> None:
    samples = impressions([[0, 1, 2]] * 4, [[1, 0, 1]] * 4, users=[0, 1, 2, 3])
    text = page(compare({"popularity": fixed("p", [3, 2, 1])}, make_dataset([3, 2, 1], samples), SECTION))
    for words in ("by impression", "MRR (first hit)", "MRR (MIND: mean over clicks)"):
        assert words in text


@pytest.mark.parametrize("width", [30, 80, 100])
def test_terminal_tables_fit_the_terminal_and_cut_no_figure(results: Results, width: int) -> None:
    out = io.StringIO()
    render(results, Console(file=out, width=width))
    shown = out.getvalue()
    assert max(len(line) for line in shown.splitlines()) <= width
    assert f"{results.test.cells['ndcg@10']['student'].mean:.4f}" in shown
    assert "\u2026" not in shown
    assert "not measured" in shown


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0123, 0.0124), (-3.0, 2.0), (0.0, 0.0), (1e-9, 5e3)])
def test_axis_ticks_span_the_values(low: float, high: float) -> None:
    marks = ticks(low, high)
    slack = 1e-5 * (high - low)
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert 1 <= len(marks) <= 8


def test_numbers_have_a_real_minus_and_no_negative_zero() -> None:
    assert [plain(-0.00001), plain(-0.02), plain(0.1)] == ["0.0000", "\u22120.0200", "0.1000"]
    assert [signed(-0.00001), signed(0.00001), signed(-0.02), signed(0.1)] == [
        "0.0000",
        "0.0000",
        "\u22120.0200",
        "+0.1000",
    ]
    assert percent(0.8734) == "87.3\u00a0%"


def test_a_moment_is_told_in_utc() -> None:
    assert moment("2026-11-05T01:22:17+02:00") == "4 November 2026, 23:22 UTC"
    assert moment("") == ""


def test_examples_beyond_the_first_are_folded(results: Results) -> None:
    many = results.model_copy(update={"examples": results.examples[:1] * 6})
    assert "<summary>2 more</summary>" in page(many)
    assert "<summary>2 more</summary>" not in page(results)
