"""What the page's plots show: who is on the front, what a slice keeps, and colours that the colour-blind tell apart."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from evaluation_worlds import build_world
from numpy.typing import NDArray

from distill_rec.evaluation.columns import COLUMNS, OTHERS, colour_rules, model_class
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.document import STYLE
from distill_rec.evaluation.pareto import COSTS, front, pareto, priced
from distill_rec.evaluation.report import page
from distill_rec.evaluation.results import POPULARITY, ModelCost, Results
from distill_rec.evaluation.retention import kept
from distill_rec.evaluation.svg import lines
from distill_rec.recipe import EvaluateSection

COST_OF = {"teacher": 9.0, "student": 0.2, "small": 0.1, "dear": 20.0}


@pytest.fixture(scope="module")
def results() -> Results:
    dataset, scorers = build_world({"student": 0.8, "small": 0.5, "dear": 0.3, "teacher": 1.0})
    costs = {name: ModelCost(p50_ms=ms, disk_bytes=int(ms * 1e6)) for name, ms in COST_OF.items()}
    return compare(scorers, dataset, EvaluateSection(bootstrap=100, examples=2), costs=costs)


def test_the_front_leaves_out_what_is_worse_and_dearer(results: Results) -> None:
    models = priced(results, "p50_ms")
    assert [one.point.model for one in models] == ["small", "student", "teacher", "dear"]
    assert [one.point.model for one in front(models)] == ["small", "student", "teacher"]


def test_a_model_that_was_not_trained_has_a_curve_of_its_start_alone() -> None:
    """A merged student is validated once, after no update; without another curve nothing else spans the axis."""
    drawn = lines({"student": [(0.0, 0.1)]}, "validation", "updates")
    assert "best 0.1000 at 0" in drawn and "nan" not in drawn


def test_a_cost_that_nobody_measured_has_no_plot(results: Results) -> None:
    assert pareto(results, "private_bytes") == ""
    drawn = pareto(results, "disk_bytes")
    assert COSTS["disk_bytes"][0] in drawn and all(f">{name}</text>" in drawn for name in COST_OF)


def test_labels_of_equal_points_do_not_cover_each_other(results: Results) -> None:
    same = results.model_copy(deep=True)
    for name in COST_OF:
        same.costs[name] = ModelCost(p50_ms=1.0)
        same.test.cells["ndcg@10"][name] = same.test.cells["ndcg@10"]["student"]
    places = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="label">', pareto(same, "p50_ms"))
    assert len(set(places)) == len(COST_OF)


def test_parts_of_slices_add_up_to_the_whole_difference(results: Results) -> None:
    sliced = results.sliced_by(POPULARITY)
    assert sliced is not None
    rows = kept(results, sliced, "Q")
    cells = results.test.cells["ndcg@10"]
    for model in ("student", "small", "dear"):
        own = [row for row in rows if row.model == model]
        assert sum(row.share for row in own) == pytest.approx(1.0)
        whole = cells[model].mean_samples - cells["teacher"].mean_samples
        assert sum(row.part for row in own) == pytest.approx(whole, abs=1e-9)
        assert all(row.difference.first == model for row in own)


def test_the_page_shows_both(results: Results) -> None:
    text = page(results)
    assert "Quality against cost" in text and "What is kept of the teacher" in text
    assert "Q · nDCG@10 · small" in text


SEEN = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "all cones": np.eye(3),
}
"""Linear RGB as it is seen (Machado et al. 2009, severity 1)."""
APART = 15.0
"""CIE76 distance; 2.3 is just noticeable, and marks are small."""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_told_apart_by_the_colour_blind(theme: str) -> None:
    light, _, dark = STYLE.read_text(encoding="utf-8").partition("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if theme == "light" else dark))
    names = [*COLUMNS, *(f"other-{place}" for place in range(OTHERS))]
    for seen, matrix in SEEN.items():
        labs = {name: _lab(np.asarray(matrix) @ _linear(colours[name])) for name in names}
        near = [(a, b) for a, b in combinations(names, 2) if np.linalg.norm(labs[a] - labs[b]) < APART]
        assert not near, f"{seen}, {theme}"


def test_models_of_other_names_have_colours_of_their_own() -> None:
    rules = colour_rules(["student", "static", "sequential", "tansict"])
    assert re.findall(r"--other-(\d)", rules) == ["0", "1", "2"]
    assert model_class("static") != model_class("tansict") and model_class("student") == "m-student"


def _linear(code: str) -> NDArray[np.float64]:
    share = np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
