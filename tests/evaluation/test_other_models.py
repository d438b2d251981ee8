"""Models of elsewhere by a file of scores or ranked lists: the figures of the model that wrote it, and its faults."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from evaluation_worlds import build_world
from sklearn.calibration import calibration_curve
from tiny import make_dataset

from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.others import others_of
from distill_rec.evaluation.protocol import evaluate
from distill_rec.recipe import EvaluateSection
from distill_rec.runtime.errors import DataError
from distill_rec.sections.evaluation import OtherSection

PARTS = ("test", "test_new")


def listed(models, dataset, name="student"):  # type: ignore[no-untyped-def]
    """`user_id, item_id, score` of every test user and item."""
    model, users = models[name], np.arange(len(dataset.test))
    scores = model.user_vectors(dataset.test.history.take(users)) @ model.item_vectors.T
    return pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in users for _ in range(dataset.n_items)],
            "item_id": [f"i{item}" for _ in users for item in range(dataset.n_items)],
            "score": scores.ravel(),
        }
    )


def written(frame: pl.DataFrame, form: str, path: Path) -> Path:
    path = path / f"model.{form.split('-')[0]}"
    if form == "parquet":
        frame.write_parquet(path)
    elif form == "csv":  # ranks and no scores
        ranks = pl.col("score").rank("ordinal", descending=True).over("user_id").alias("rank")
        frame.with_columns(ranks).drop("score").sample(fraction=1, shuffle=True, seed=0).write_csv(path)
    else:
        grouped = frame.sort("score", descending=True).group_by("user_id", maintain_order=True).agg("item_id", "score")
        rows = grouped.to_dicts() if form == "jsonl-scores" else grouped.drop("score").to_dicts()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl-scores", "jsonl"])
def test_a_file_gets_the_figures_of_the_model_that_wrote_it(form: str, tmp_path: Path) -> None:
    dataset, models = build_world({"student": 0.8, "teacher": 1.0}, n_users=60)
    other = OtherSection(name="elsewhere", path=str(written(listed(models, dataset), form, tmp_path)))
    found_others = others_of([other], dataset, PARTS)
    scorers = found_others.scorers
    assert found_others.remarks == [] and found_others.probabilities == {}
    for samples, options in ((dataset.test, {}), (dataset.test_new, {"among_new": True})):
        ours, theirs = (evaluate(one, samples, dataset, **options) for one in (scorers["elsewhere"], models["student"]))
        for name in theirs.values:
            np.testing.assert_allclose(ours.values[name], theirs.values[name], atol=1e-6)
    found = compare(models | scorers, dataset, EvaluateSection(bootstrap=100, examples=0))
    assert found.models == ["student", "elsewhere", "teacher"]
    assert found.lists["elsewhere"] == found.lists["student"]
    cells = found.agreements[0].cells["overlap@10"]
    assert cells["elsewhere"] == cells["student"]
    difference = found.test.difference("ndcg@10", "student", "elsewhere")
    assert difference is not None and difference.value == pytest.approx(0, abs=1e-9)


def test_impressions_are_ranked_by_scores_of_candidates_and_missing_ones_are_said(tmp_path: Path) -> None:
    from distill_rec.data.samples import samples_of

    dataset = make_dataset("impressions")
    frame = samples_of(dataset, "test").explode("candidates").select("sample", pl.col("candidates").alias("item_id"))
    frame = frame.unique(maintain_order=True).with_columns(score=pl.col("item_id").hash(1) % 1000 / 10)
    frame.filter(pl.col("sample") != "test-3")[1:].write_parquet(tmp_path / "ours.parquet")
    other = OtherSection(name="ours", path=str(tmp_path / "ours.parquet"), sample_column="sample")
    others = others_of([other], dataset, ["test"])
    scorers, (told,) = others.scorers, others.remarks
    assert "nothing for 1 of 80 samples" in told and "not all candidates of 1 impressions" in told
    values = evaluate(scorers["ours"], dataset.test, dataset).values["auc"]
    assert values[3] == 0.5  # all of its candidates tie


def test_cut_lists_are_told_with_what_they_cannot_say(tmp_path: Path) -> None:
    dataset, models = build_world({"student": 0.8}, n_users=60)
    frame = listed(models, dataset)
    cut = frame.filter(pl.col("score").rank("ordinal", descending=True).over("user_id") <= 5)
    others = others_of([OtherSection(name="ours", path=str(written(cut, "parquet", tmp_path)))], dataset, PARTS)
    assert f"at most 5 of {dataset.n_items} items per sample" in others.remarks[0]
    assert "rank percentile" in others.remarks[0]
    found = compare({"student": models["student"], **others.scorers}, dataset, EvaluateSection(bootstrap=100))
    assert any(one.text.startswith("The student") and " ours in nDCG@10: " in one.text for one in found.verdicts)


def test_users_without_a_row_rank_at_random_and_are_counted(tmp_path: Path) -> None:
    dataset, models = build_world({"student": 0.8}, n_users=60)
    frame = listed(models, dataset).filter(pl.col("user_id") != "u7")
    other = OtherSection(name="ours", path=str(written(frame, "parquet", tmp_path)))
    others = others_of([other], dataset, PARTS)
    scorers, (told, _) = others.scorers, others.remarks
    assert told == (
        "ours has nothing for 1 of 60 samples (1 of 60 users have none at all), where it ranks at random (test)."
    )
    values = evaluate(scorers["ours"], dataset.test, dataset).values
    left = dataset.n_items - len(dataset.test.excluded(np.array([7])).values)
    assert values["recall@10"][7] == pytest.approx(10 / left) and values["percentile"][7] == 0.5
    found = compare(scorers, dataset, EvaluateSection(bootstrap=100, examples=0))
    assert found.lists["ours"].users == 59


FAULTS = {
    r"row 3, column item_id: item 'x9' \(1 such": lambda f: f.with_columns(
        item_id=pl.when(pl.int_range(pl.len()) == 2).then(pl.lit("x9")).otherwise("item_id")
    ),
    r"row 1, column user_id: user 'nobody' \(60 such": lambda f: f.with_columns(
        user_id=pl.when(pl.col("user_id") == "u0").then(pl.lit("nobody")).otherwise("user_id")
    ),
    "row 2, column score: None": lambda f: f.with_columns(
        score=pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise("score")
    ),
    "no column 'score' and none 'rank'": lambda f: f.rename({"score": "s"}),
    r"row 2, column user_id: u0, i0 has more than one score": lambda f: pl.concat([f[:1], f]),
    "no rows": lambda f: f.clear(),
}


@pytest.mark.parametrize("told", FAULTS)
def test_what_is_wrong_in_a_file_is_told_by_row_and_column(told: str, tmp_path: Path) -> None:
    dataset, models = build_world({"student": 0.8}, n_users=5)
    path = written(FAULTS[told](listed(models, dataset)), "parquet", tmp_path)
    with pytest.raises(DataError, match=told) as caught:
        others_of([OtherSection(name="ours", path=str(path))], dataset, ["test"])
    assert "model.parquet" in str(caught.value)


def test_a_file_of_nobody_who_is_tested_is_refused(tmp_path: Path) -> None:
    dataset, models = build_world({"student": 0.8}, n_users=5)
    users = pl.DataFrame({"user_id": [*dataset.users["user_id"], "late"]})
    path = written(listed(models, dataset)[:3].with_columns(user_id=pl.lit("late")), "parquet", tmp_path)
    with pytest.raises(DataError, match="no row of a test sample"):
        others_of([OtherSection(name="ours", path=str(path))], dataclasses.replace(dataset, users=users), ["test"])


def test_probabilities_of_clicks_are_calibrated_or_not_and_only_where_they_are_said_to_be_some(tmp_path: Path) -> None:
    from distill_rec.data.samples import samples_of

    dataset = make_dataset("impressions")
    frame = samples_of(dataset, "test").explode("candidates").select("sample", pl.col("candidates").alias("item_id"))
    frame = frame.unique(maintain_order=True).with_columns(score=0.01 + pl.col("item_id").hash(1) % 1000 / 1100)
    frame.write_parquet(tmp_path / "ours.parquet")
    given = {"name": "ours", "path": str(tmp_path / "ours.parquet"), "sample_column": "sample"}
    others = others_of([OtherSection(**given, score_is="probability")], dataset, ["test"])
    section = EvaluateSection(bootstrap=100, examples=0)
    found = compare(others.scorers, dataset, section, probabilities=others.probabilities).calibrations["ours"]
    probability, clicked = others.probabilities["ours"], np.asarray(dataset.test.labels.values) > 0
    expected = calibration_curve(clicked, probability, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([bin.clicked for bin in found.bins], expected[0])
    np.testing.assert_allclose([bin.predicted for bin in found.bins], expected[1])
    weights = np.array([bin.candidates for bin in found.bins])
    assert found.error == pytest.approx(np.average(np.abs(expected[0] - expected[1]), weights=weights))
    assert all(bin.low <= bin.clicked <= bin.high for bin in found.bins) and weights.sum() == len(clicked)
    with pytest.raises(DataError, match="a score of"):
        frame.with_columns(pl.col("score") * 9).write_parquet(tmp_path / "ours.parquet")
        others_of([OtherSection(**given, score_is="probability")], dataset, ["test"])
    as_logits = others_of([OtherSection(**given, score_is="logit")], dataset, ["test"]).probabilities["ours"]
    np.testing.assert_allclose(as_logits, 1 / (1 + np.exp(-9 * probability)), rtol=1e-5)
