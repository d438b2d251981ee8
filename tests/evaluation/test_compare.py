"""What a comparison says, and when it must not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from evaluation_worlds import build_world, fixed, impressions, make_dataset, queries

from distill_rec.evaluation.bootstrap import interval, resampled_means
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.report import write_report
from distill_rec.evaluation.results import POPULARITY, Ending, Results
from distill_rec.evaluation.retention import kept
from distill_rec.evaluation.slices import by_clicks
from distill_rec.recipe import EvaluateSection

SECTION = EvaluateSection(bootstrap=400, examples=3)


def test_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    n = 4000
    values = np.random.default_rng(0).normal(3.0, 2.0, size=(n, 1))
    low, high = interval(resampled_means(values, 2000, 1)[:, 0])
    half = 1.96 * values.std() / np.sqrt(n)
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_resamples_are_paired() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1))
    draws = resampled_means(np.hstack([values, values + 0.25]), 100, 0)
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 0.25, atol=1e-6)


def test_slices_are_zero_one_to_three_and_thirds_of_the_rest() -> None:
    clicks = np.array([0, 0, 1, 3, 4, 5, 6, 7, 8, 9, np.nan])
    assert [(name, int(rows.sum())) for name, rows in by_clicks(clicks)] == [
        ("0", 2),
        ("1 to 3", 2),
        ("4 to 5", 2),
        ("6 to 7", 2),
        ("8 to 9", 2),
    ]


@pytest.fixture(scope="module")
def results() -> Results:
    dataset, scorers = build_world({"undistilled": 0.5, "student": 0.85, "teacher": 1.0})
    return compare(scorers | {"popularity": fixed("popularity", dataset.train_clicks)}, dataset, SECTION, name="toy")


def test_columns_stand_in_their_order(results: Results) -> None:
    assert results.models == ["popularity", "undistilled", "student", "teacher"]


def test_new_items_are_ranked_among_all_and_among_the_new(results: Results) -> None:
    among_all, among_new = results.tables[1:]
    for model in results.models:
        assert among_new.cells["mrr"][model].mean >= among_all.cells["mrr"][model].mean


def test_ratios_are_those_of_the_means(results: Results) -> None:
    cells = results.test.cells["ndcg@10"]
    student, teacher, plain = (cells[name].mean for name in ("student", "teacher", "undistilled"))
    q, g = results.test.ratio("Q", "ndcg@10"), results.test.ratio("G", "ndcg@10")
    assert q is not None
    assert g is not None
    assert q.value == pytest.approx(student / teacher)
    assert g.value == pytest.approx((student - plain) / (teacher - plain))
    percentile = results.test.cells["percentile"]
    above = results.test.ratio("Q'", "percentile")
    assert above is not None
    assert above.value == pytest.approx((percentile["student"].mean - 0.5) / (percentile["teacher"].mean - 0.5))


def test_a_clear_gain_is_told(results: Results) -> None:
    gain = results.test.difference("ndcg@10", "student", "undistilled")
    assert gain is not None
    assert gain.clear
    assert any(v.tone == "good" and v.text.startswith("Distillation gained") for v in results.verdicts)


def test_json_gives_the_same_results_back(results: Results) -> None:
    text = results.to_json()
    assert Results.model_validate_json(text).to_json() == text


def test_written_results_are_read_back_with_users(results: Results, tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_report(results, tmp_path)
    again = Results.read(tmp_path)
    assert again.to_json() == results.to_json()
    assert again.per_user is not None
    teacher = again.per_user.filter(model="teacher")["ndcg@10"]
    assert teacher.mean() == pytest.approx(results.test.cells["ndcg@10"]["teacher"].mean)


def test_gain_recovered_is_not_defined_where_the_teacher_is_no_better() -> None:
    dataset, scorers = build_world({"undistilled": 1.0, "student": 1.0, "teacher": 1.0})
    found = compare(scorers, dataset, SECTION)
    g = found.test.ratio("G", "ndcg@10")
    assert g is not None
    assert g.value is None
    assert "not defined" in g.reason
    texts = " ".join(v.text for v in found.verdicts)
    assert "gain of distillation cannot be told from zero" in texts
    assert "300 users" in texts
    assert "teacher cannot be told from" in texts


def test_what_the_losses_add_to_the_start_is_said_apart() -> None:
    dataset, scorers = build_world({"undistilled": 0.5, "initialised": 0.7, "student": 0.9, "teacher": 1.0})
    texts = [(v.tone, v.text) for v in compare(scorers, dataset, SECTION).verdicts]
    assert any(tone == "good" and "over a student that only starts from the teacher" in text for tone, text in texts)


def test_what_a_teacher_learned_beside_the_student_is_said_of_itself() -> None:
    dataset, scorers = build_world({"student": 0.6, "joint-teacher": 0.9, "teacher": 0.7})
    found = compare(scorers, dataset, SECTION)
    assert ("good", True) in [
        (v.tone, v.text.startswith("The teacher gained by learning beside")) for v in found.verdicts
    ]
    assert not [v for v in found.verdicts if "loses to joint-teacher" in v.text]
    sliced = found.sliced_by(POPULARITY)
    assert sliced is not None and {row.model for row in kept(found, sliced, "Q")} == {"student"}


def ended(stopped: str = "plateau", rising: bool = False, updates: int = 700) -> Ending:
    return Ending(stopped=stopped, rising=rising, updates=updates)  # type: ignore[arg-type]


@pytest.mark.parametrize("early", [ended("max_updates", rising=True), ended("max_seconds")])
def test_no_conclusion_is_drawn_from_a_training_that_was_cut_or_still_rising(early: Ending) -> None:
    dataset, scorers = build_world({"popularity": 0.0, "undistilled": 0.4, "student": 0.9, "teacher": 1.0})
    endings = {"undistilled": [ended(), early], "student": [ended()], "teacher": [ended()]}
    found = compare(scorers, dataset, SECTION, endings=endings)
    gain = next(v for v in found.verdicts if v.text.startswith("Distillation gained"))
    assert gain.tone == "open" and "No conclusion: the undistilled student" in gain.text
    rival = next(v for v in found.verdicts if "beats the undistilled student" in v.text)
    assert rival.tone == "open"
    # What was trained to its end is still judged.
    assert [v.tone for v in found.verdicts if v.text.startswith("The student beats popularity")] == ["good"]
    assert "after 700 updates" in found.verdicts[-1].text and "a plateau" in found.verdicts[-1].text


def test_without_one_of_two_teachers_the_other_one_is_left_and_is_not_asked_again() -> None:
    dataset, scorers = build_world({"student": 0.8, "a": 0.6, "b": 0.9, "teacher": 1.0})
    third = dataclasses.replace(scorers["a"], name="b and c")  # type: ignore[type-var]
    found = compare(scorers, dataset, SECTION, shares={"a": (0.3, "b"), "b": (0.7, "a"), "c": (0.1, third)})
    cells = found.test.cells["ndcg@10"]
    assert {one.name: one.weight for one in found.shares} == {"a": 0.3, "b": 0.7, "c": 0.1}
    for share, left in zip(found.shares, ("b", "a", "a"), strict=True):
        assert share.gain is not None and share.gain.second == f"teacher without {share.name}"
        assert share.gain.value == pytest.approx(cells["teacher"].mean - cells[left].mean)


def test_each_of_several_teachers_is_named_with_its_end_and_the_weights_that_were_kept() -> None:
    dataset, scorers = build_world({"popularity": 0.0, "undistilled": 0.4, "student": 0.9, "teacher": 1.0})
    text = Ending(stopped="plateau", rising=False, updates=900, name="text", kept=750)
    ids = Ending(stopped="max_epochs", rising=True, updates=100, name="ids", kept=0)
    found = compare(scorers, dataset, SECTION, endings={"teacher": [text, ids], "student": [ended()]})
    assert found.verdicts[-1].text == (
        "Trainings were ended: the teacher 'text' by a plateau after 900 updates (kept: those after 750); the teacher "
        "'ids' by max_epochs, still rising after 100 updates (kept: the start); the student by a plateau after 700 "
        "updates."
    )
    rival = next(v for v in found.verdicts if "beats the undistilled student" in v.text)
    assert rival.tone == "good" and rival.text.startswith("The teacher beats"), "it would win by more"


def test_a_model_that_was_cut_while_it_is_behind_has_not_lost() -> None:
    dataset, scorers = build_world({"popularity": 0.0, "undistilled": 0.9, "student": 0.4, "teacher": 1.0})
    early, done = ended("max_epochs", rising=True), ended()
    for student, undistilled, tone in [(early, done, "open"), (done, early, "bad"), (early, early, "open")]:
        endings = {"student": [student], "undistilled": [undistilled], "teacher": [done]}
        found = compare(scorers, dataset, SECTION, endings=endings)
        (told,) = [v for v in found.verdicts if v.text.startswith(("Distillation gained", "Distillation lost in"))]
        assert told.tone == tone and ("No conclusion: the student" in told.text) == (tone == "open")


def test_whose_items_without_a_click_were_lowered_is_told() -> None:
    dataset, scorers = build_world({"popularity": 0.0, "undistilled": 0.4, "student": 0.9, "teacher": 1.0})
    text = Ending(stopped="plateau", rising=False, updates=900, name="text", unclicked_level=-0.5)
    alone = [ended().model_copy(update={"unclicked_level": -one}) for one in (1.25, 0.875)]
    ends = {"teacher": [text, ended()], "undistilled": alone, "student": [ended()]}
    told = compare(scorers, dataset, SECTION, endings=ends).verdicts[-1].text
    assert told.endswith("the undistilled student by 0.875 to 1.25.") and "the teacher 'text' by 0.5" in told
    assert told.startswith("Scores of items without a click were lowered") and "the student by" not in told


def test_a_student_that_stayed_as_its_teachers_merged_is_not_called_unfinished() -> None:
    dataset, scorers = build_world({"popularity": 0.0, "undistilled": 0.4, "student": 0.9, "teacher": 1.0})
    text = Ending(stopped="plateau", rising=False, updates=900, name="text", kept=750)
    student = Ending(stopped="max_updates", rising=False, updates=0, kept=0, unclicked_level=0.125)
    found = compare(scorers, dataset, SECTION, endings={"teacher": [text], "student": [student]})
    *_, trained, level = (one.text for one in found.verdicts)
    assert trained.endswith("(kept: those after 750). Not trained, by max_updates = 0: the student.")
    assert level.startswith("Scores of items without a click were raised") and level.endswith("the student by 0.125.")
    assert not any("No conclusion" in one.text for one in found.verdicts)


def test_a_teacher_without_weight_is_named_with_what_to_do() -> None:
    dataset, scorers = build_world({"popularity": 0.0, "text": 0.9, "ids": 0.4, "teacher": 1.0})
    found = compare(scorers, dataset, SECTION, shares={"text": (1.0, None), "ids": (0.0, None)})
    (told,) = [verdict.text for verdict in found.verdicts if "adds nothing" in verdict.text]
    assert told.startswith("ids adds nothing") and "Leave it out to save its training" in told


def test_the_student_stands_against_popularity_first() -> None:
    dataset, scorers = build_world({"popularity": 0.9, "undistilled": 0.4, "student": 0.2, "teacher": 1.0})
    first = compare(scorers, dataset, SECTION).verdicts[0]
    assert first.tone == "bad" and first.text.startswith("The student loses to popularity")
    assert "Do not serve it" in first.text


@pytest.mark.parametrize(("repeated", "wanted"), [(0.05, False), (0.42, True)])
def test_repeated_targets_are_named_and_ranked_both_ways(repeated: float, wanted: bool) -> None:
    dataset, scorers = build_world({"popularity": 0.5, "undistilled": 0.4, "student": 0.9, "teacher": 1.0})
    found = compare(scorers, dataclasses.replace(dataset, repeated_targets=repeated), SECTION)
    both = [table for table in found.tables if table.key == "test-all"]
    said = [verdict.text for verdict in found.verdicts if "had been clicked before" in verdict.text]
    assert (len(both), len(said)) == ((1, 1) if wanted else (0, 0))
    if wanted:
        # Its users' histories are four popular items each: among them a target ranks lower.
        assert both[0].cells["ndcg@10"]["student"].mean < found.test.cells["ndcg@10"]["student"].mean
        assert said[0].startswith("42.0%")


def test_a_teacher_below_popularity_is_said_to_be() -> None:
    samples = queries([5] * 40)
    dataset = make_dataset([0, 0, 0, 0, 0, 9] + [0] * 20, samples)
    scores = {
        "popularity": fixed("popularity", dataset.train_clicks),
        "teacher": fixed("teacher", -dataset.train_clicks),
    }
    found = compare(scores, dataset, SECTION)
    assert any(v.tone == "bad" and "popularity" in v.text and "Do not serve it" in v.text for v in found.verdicts)


def test_few_users_carry_no_claim() -> None:
    samples = queries([5] * 3)
    dataset = make_dataset([0] * 26, samples)
    better = np.zeros(26, dtype=np.float32)
    better[5] = 1
    found = compare({"undistilled": fixed("u", -better), "student": fixed("s", better)}, dataset, SECTION)
    assert [v.tone for v in found.verdicts if "istillation" in v.text] == ["open"]


def test_seeds_are_averaged_before_users_are_drawn_and_their_spread_is_shown() -> None:
    samples = queries([0, 1] * 20)
    dataset = make_dataset([0] * 12, samples)
    seeds = [fixed("student", [2, 1] + [0] * 10), fixed("student", [1, 2] + [0] * 10)]
    cell = compare({"student": seeds}, dataset, SECTION).test.cells["mrr"]["student"]
    assert (cell.mean, cell.low, cell.high) == (0.75, 0.75, 0.75)  # every user has 1 and 1/2
    assert cell.spread == 0.0


def test_impressions_print_their_grouping_and_count_what_is_left_out() -> None:
    samples = impressions([[0, 1], [0, 1, 2], [0, 1]], [[1, 0], [0, 1, 0], [0, 0]], users=[0, 1, 2])
    found = compare({"popularity": fixed("p", [3, 2, 1])}, make_dataset([3, 2, 1], samples), SECTION)
    assert found.grouping == "by impression"
    assert found.main_metric == "auc"
    assert found.test.samples == 2
    assert list(found.test.left_out.values()) == [1]
    assert found.test.cells["auc"]["popularity"].mean == 0.75


def test_means_are_over_users_with_the_mean_over_samples_beside() -> None:
    samples = queries([0, 0, 0, 1], users=[0, 0, 0, 1])
    cell = compare({"m": fixed("m", [2, 1, 0])}, make_dataset([0] * 3, samples), SECTION).test.cells["mrr"]["m"]
    assert (cell.mean, cell.mean_samples) == (0.75, 0.875)


def test_most_users_are_drawn_whole() -> None:
    samples = queries([0, 1] * 30, users=[i // 2 for i in range(60)])
    section = EvaluateSection(bootstrap=100, max_users=7)
    found = compare({"m": fixed("m", [2, 1, 0])}, make_dataset([0] * 3, samples), section)
    assert (found.test.users, found.test.samples) == (7, 14)
