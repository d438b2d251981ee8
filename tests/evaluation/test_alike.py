"""Agreement of two rankings: scipy, ir-measures' family of definitions by hand, and what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_worlds import build_world, impressions, make_dataset
from scipy.stats import pearsonr, rankdata, spearmanr

from distill_rec.evaluation import alike
from distill_rec.evaluation.alike import (
    AGREEMENT,
    Ranked,
    first_of,
    of_candidates,
    of_catalogue,
    overlap,
    pearson,
    ranks_of,
    rbo,
    tau,
)
from distill_rec.evaluation.alike import spearman as rank_correlation
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.recipe import EvaluateSection


def scores(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_rank_biased_overlap_is_the_sum_of_its_definition() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        ours, theirs = (generator.permutation(30)[:12] for _ in range(2))
        shares = [len(set(ours[:d]) & set(theirs[:d])) / d for d in range(1, 13)]
        expected = shares[-1] * 0.9**12 + 0.1 * sum(share * 0.9**d for d, share in enumerate(shares))
        assert rbo(ours, theirs) == pytest.approx(expected)
    assert rbo(ours, ours) == pytest.approx(1.0) and rbo(np.arange(5), np.arange(5, 10)) == 0.0


def test_lists_by_hand() -> None:
    assert overlap(np.array([1, 2, 3]), np.array([3, 9, 1])) == pytest.approx(2 / 3)
    assert overlap(np.array([1]), np.array([1, 2])) == 0.5  # the longer list counts
    assert math.isnan(overlap(np.array([]), np.array([])))
    assert first_of(scores(1, -np.inf, 3, 3, 2), 3).tolist() == [2, 3, 4]  # equal ones by place
    assert first_of(scores(-np.inf, 1), 3).tolist() == [1]


def test_correlations_are_scipys() -> None:
    generator = np.random.default_rng(1)
    a, b = (generator.integers(0, 9, 40).astype(np.float32) for _ in range(2))  # with ties
    assert pearson(a, b) == pytest.approx(pearsonr(a, b).statistic)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert ranks_of(a).tolist() == rankdata(a).tolist() and ranks_of(a[:0]).tolist() == []
    assert math.isnan(pearson(a, np.ones(40))) and math.isnan(pearson(a[:2], b[:2]))


@pytest.mark.parametrize(("ours", "expected"), [([1, 2], 1.0), ([2, 1], -1.0), ([1, 1], None), ([3], None)])
def test_two_items_agree_or_do_not_and_no_order_is_none(ours: list[float], expected: float | None) -> None:
    found = tau(scores(*ours), scores(*[1, 2][: len(ours)]))
    assert math.isnan(found) if expected is None else found == expected


def test_what_is_left_out_counts_in_no_measure() -> None:
    generator = np.random.default_rng(2)
    a, b = (generator.normal(size=50).astype(np.float32) for _ in range(2))
    out = np.arange(0, 50, 7)
    a[out], b[out] = -np.inf, -np.inf
    kept = np.isfinite(a)
    first, second = (Ranked(one, np.arange(50)) for one in (a, b))
    rest = of_catalogue(*(Ranked(one[kept], np.arange(int(kept.sum()))) for one in (a, b)))
    assert list(of_catalogue(first, second)) == list(AGREEMENT) and of_catalogue(first, second) == pytest.approx(rest)
    nothing = Ranked(np.full_like(a, -np.inf), np.arange(50))
    assert all(math.isnan(value) for value in of_catalogue(nothing, second).values())
    a[kept.argmax()] = -np.inf  # what only one leaves out is in no correlation either
    less = np.isfinite(a)
    ranked = of_catalogue(Ranked(a, np.arange(50)), second)["spearman"]
    assert ranked == pytest.approx(spearmanr(a[less], b[less]).statistic)
    few = of_candidates(a[kept][:8], b[kept][:8])
    assert math.isnan(few["overlap@10"]) and not math.isnan(few["rbo"])  # of eight shown, all are among ten


def test_agreement_is_of_all_columns_with_the_teacher_and_one_that_ranks_alike_agrees() -> None:
    dataset, models = build_world({"undistilled": 0.1, "student": 0.9, "teacher": 1.0})
    twin = DotScorer("twin", models["teacher"].item_vectors * 2, models["teacher"].user_vectors)  # type: ignore[attr-defined]
    found = compare(models | {"twin": twin}, dataset, EvaluateSection(bootstrap=100, list_users=50))
    (table,) = found.agreements
    assert table.users == 50 and list(table.cells) == list(AGREEMENT)
    for cells in table.cells.values():
        assert list(cells) == ["undistilled", "student", "twin"]
        assert cells["undistilled"].high < cells["student"].low <= cells["student"].mean < cells["twin"].mean
        assert cells["twin"].mean == pytest.approx(1.0)
    assert found.agreement is not None and found.agreement.kendall == table.cells["kendall"]["student"].mean


def test_scores_of_a_user_are_ranked_once_whatever_they_are_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, models = build_world({"undistilled": 0.1, "student": 0.9, "teacher": 1.0})
    ranked = []
    monkeypatch.setattr(alike, "ranks_of", lambda scores: ranked.append(1) or ranks_of(scores))
    compare(models, dataset, EvaluateSection(bootstrap=100, list_users=20))
    assert len(ranked) == 20 * 3


def test_of_impressions_what_was_shown_is_compared_too() -> None:
    generator = np.random.default_rng(3)
    shown = impressions(
        [generator.permutation(40)[:15].tolist() for _ in range(30)], [[1] + [0] * 14] * 30, users=list(range(30))
    )
    vectors = generator.normal(size=(40, 3)).astype(np.float32)

    def model(name: str, noise: float) -> DotScorer:
        moved = vectors + noise * generator.normal(size=(40, 3)).astype(np.float32)
        return DotScorer(name, moved, lambda history: np.ones((len(history), 3), np.float32))

    models = {"student": model("student", 0.2), "teacher": model("teacher", 0.0)}
    found = compare(models, make_dataset([1] * 40, shown), EvaluateSection(bootstrap=100))
    assert [table.key for table in found.agreements] == ["agreement", "agreement-shown"]
    row = 4
    place = slice(*shown.candidates.offsets[row : row + 2])
    ours, theirs = (models[name].item_vectors[shown.candidates.values[place]].sum(1) for name in models)
    assert of_candidates(ours, theirs)["spearman"] == pytest.approx(spearmanr(ours, theirs).statistic)
    assert 0.5 < found.agreements[1].cells["spearman"]["student"].mean < 1
