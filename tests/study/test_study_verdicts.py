"""What a study says, by figures made up for it: yes, no, not to be told, cut while rising, failed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from distill_rec.evaluation.results import Cell, Difference
from distill_rec.study.page import page_of
from distill_rec.study.records import Baseline, Budget, Failure, Row, StudyRecord, Trained
from distill_rec.study.table import render
from distill_rec.study.verdicts import verdicts


def cell(mean: float, spread: float | None = None) -> Cell:
    return Cell(mean=mean, low=mean - 0.01, high=mean + 0.01, mean_samples=mean, spread=spread)


def apart(value: float, width: float = 0.005) -> Difference:
    low, high = value - width, value + width
    return Difference(metric="ndcg@10", first="a", second="b", value=value, low=low, high=high, users=200)


def training(seed: int, tuned: bool, **changes: Any) -> Trained:
    usual: dict[str, Any] = {
        "seed": seed,
        "stopped": "plateau",
        "rising": False,
        "updates": 600,
        "seconds": 50.0,
        "warm_up_seconds": 20.0 if tuned else 0.0,
        "process_seconds": 60.0,
        "peak_bytes": 700 << 20,
        "resumed": False,
        "best": 0.1,
        "moved": {},
        "trunk_moved": 0.1 if tuned else None,
        "curve": [(0.0, 0.01), (20.0, 0.08), (50.0, 0.1)],
        "at_equal_seconds": 0.1,
    }
    return Trained.model_validate(usual | changes)


def row(tuning: str, mean: float, spread: float = 0.001, weights: int = 100, **changes: Any) -> Row:
    tuned = tuning != "head"
    return Row(
        name=tuning,
        tuning=tuning,
        variation={},
        trunk_rate=2e-5 if tuned else None,
        trained=[training(seed, tuned, **changes) for seed in (0, 1, 2)],
        failures=[],
        trained_parameters=weights,
        parameters=1000,
        quality={"ndcg@10": cell(mean, spread)},
        against_head=apart(mean - 0.1) if tuned else None,
        against_untrained=apart(mean - 0.01),
    )


def study(*rows: Row) -> StudyRecord:
    best = max((one for one in rows if one.quality), key=lambda one: one.quality["ndcg@10"].mean)  # type: ignore[index]
    for one in rows:
        if one is not best and one.quality and best.quality:
            one.against_best = apart(one.quality["ndcg@10"].mean - best.quality["ndcg@10"].mean)
    found = StudyRecord(
        name="made <up>",
        created="2026-11-28T20:00:00+00:00",
        budget=Budget(unit="max_seconds", amount=50, warm_up=0.5),
        seeds=[0, 1, 2],
        grouping="one target",
        metrics={"ndcg@10": "nDCG@10"},
        main_metric="ndcg@10",
        resamples=100,
        users=200,
        samples=400,
        equal_seconds=50.0,
        baselines=[Baseline(name="popularity", quality={"ndcg@10": cell(0.02)})],
        rows=list(rows),
        verdicts=[],
    )
    found.verdicts = verdicts(found)
    return found


def said(found: StudyRecord, begin: str) -> str:
    return next(one.text for one in found.verdicts if one.text.startswith(begin))


def head() -> Row:
    return row("head", 0.1, weights=10)


@pytest.mark.parametrize(
    ("rival", "answer"),
    [
        (row("last:1", 0.13), "Yes, within this budget"),
        (row("last:1", 0.08), "No, within this budget head is better"),
        (row("last:1", 0.102), "It cannot be told"),
        (row("last:1", 0.13, stopped="max_seconds", rising=True), "Yes, within this budget"),  # all the more so
        (
            row("last:1", 0.08, stopped="max_seconds", rising=True),
            "No conclusion: last:1 was still rising in 3 of 3 seeds",
        ),
        (
            row("last:1", 0.102, stopped="max_seconds", rising=True),
            "No conclusion: last:1 was still rising in 3 of 3 seeds",
        ),
    ],
)
def test_whether_the_head_alone_is_poor_is_said_by_the_interval(rival: Row, answer: str) -> None:
    text = said(study(head(), rival), "Does “output layer only is poor” hold here?")
    assert answer in text, text


def test_the_rival_of_the_head_is_the_best_on_validation_data_not_on_the_test() -> None:
    text = said(study(head(), row("last:1", 0.13, best=0.09), row("full", 0.08, best=0.12)), "Does “output")
    assert "No, within this budget head is better; full, the best of the others on validation data" in text


def test_last_layers_are_called_unstable_where_their_spread_is_too_large_for_luck() -> None:
    assert "? Yes: standard deviation over 3 seeds 0.0200" in said(study(head(), row("last:1", 0.1, 0.02)), "Are last")
    assert "Nothing here says so" in said(study(head(), row("last:1", 0.1, 0.002)), "Are last")


def test_the_cheapest_within_noise_has_the_fewest_weights_that_learn() -> None:
    text = said(study(head(), row("last:1", 0.103, weights=900), row("lora:1", 0.05, weights=50)), "Best in")
    assert text.startswith("Best in nDCG@10: last:1 (0.1030, 0.0930 to 0.1130); it cannot be told from head.")
    assert "The cheapest within noise of the best is head: 10 weights learn" in text


def test_what_failed_was_cut_or_stood_still_is_named() -> None:
    broken = row("full", 0.1).model_copy(
        update={"trained": [], "quality": None, "failures": [Failure(seed=0, why="ended by SIGKILL")]}
        | {"against_head": None, "against_untrained": None}
    )
    still = row("last:1", 0.1, trunk_moved=0.0, rising=True, stopped="max_updates", warm_up_rising=True)
    found = study(head(), still, broken)
    assert "full in 1 of 3 seeds (seed 0: ended by SIGKILL)" in said(found, "Failed: ")
    assert "last:1 was still rising in 3 of 3 seeds when max_updates ended it" in said(
        found, "The budget of 50 seconds"
    )
    assert "the warm-up of last:1 was cut in 3 of 3 seeds" in said(found, "The budget of 50 seconds")
    assert "last:1" in said(found, "The trunk stood still")
    assert "Not final: last:1" in said(found, "Best in")
    out = io.StringIO()
    render(found, Console(file=out, width=250))
    assert "failed (1 of 1)" in out.getvalue() and "50.0 (warm-up 20.0)" in out.getvalue()
    page = page_of(found)
    assert "made &lt;up&gt;" in page and "made <up>" not in page and "failed (1 of 1)" in page
