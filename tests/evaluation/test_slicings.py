"""The test in slices by columns, histories and users; which the student ranks worse, and what may be said of it."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import polars as pl
import pytest
from evaluation_worlds import build_world, fixed, impressions, make_dataset, queries

from distill_rec.data.labels import Labels, labels_of
from distill_rec.evaluation.compare import compare
from distill_rec.evaluation.kinds_told import compared, kinds_frame
from distill_rec.evaluation.numerals import signed
from distill_rec.evaluation.results import POPULARITY, Difference, Ending, Results, Slicing
from distill_rec.evaluation.scorer import Scorer
from distill_rec.pipeline.wanted import stages_of
from distill_rec.recipe import EvaluateSection
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime.errors import RecipeError, RunError

SECTION = EvaluateSection(bootstrap=300, examples=0)


def labels(values: list[str | None], separator: str = "") -> Labels:
    ids = pl.Series([f"i{i}" for i in range(len(values))])
    return labels_of("genre", "items", ids, pl.DataFrame({"id": ids, "value": values}), separator)


def sliced(values: list[str | None], targets: list[int], separator: str = "") -> Slicing:
    samples = queries(targets)
    dataset = make_dataset([1] * len(values), samples)
    models = {"student": fixed("s", np.arange(len(values))), "teacher": fixed("t", -np.arange(len(values)))}
    return compare(models, dataset, SECTION, labels=[labels(values, separator)]).slicings[0]


def test_labels_are_split_stripped_and_in_no_slice_where_there_is_none() -> None:
    found = labels(["a|b", " b ", None, "", "b|b|c"], "|")
    assert found.names == ["a", "b", "c"]
    assert [row.tolist() for row in found.numbers] == [[0, 1], [1], [], [], [1, 2]]
    assert labels(["a|b", "x"]).names == ["a|b", "x"]


def test_values_are_slices_rare_ones_together_and_shares_are_of_all_samples() -> None:
    values = ["comedy"] * 3 + ["drama"] * 3 + ["noir", "western", None, "comedy|drama"]
    found = sliced(values, [0] * 50 + [3] * 25 + [6] * 4 + [7] * 3 + [8] * 10 + [9] * 8, "|")
    assert {one.name: one.share for one in found.slices} == {"comedy": 0.58, "drama": 0.33, "2 other values": 0.07}
    assert (found.overlapping, found.merged, found.left_out) == (True, 2, 10)
    assert found.slices[0].table.samples == 58


def test_a_column_of_many_numbers_is_cut_into_bands() -> None:
    found = sliced([*map(str, range(1950, 1999)), "unknown"], list(range(50)) * 4)
    names = [one.name for one in found.slices]
    assert len(names) == 5 and names[0].startswith("1950 to ") and names[-1].endswith(" to 1998")
    assert sum(one.table.samples for one in found.slices) == 196 and found.left_out == 4


def test_impressions_are_sliced_by_what_was_clicked() -> None:
    shown = impressions([[0, 1, 2]] * 60, [[1, 0, 0]] * 30 + [[0, 1, 0]] * 30, users=list(range(60)))
    models = {"student": fixed("s", [0, 1, 2]), "teacher": fixed("t", [2, 1, 0])}
    found = compare(models, make_dataset([1] * 3, shown), SECTION, labels=[labels(["a", "b", "c"])])
    a, b = found.slicings[0].slices
    assert (a.name, b.name, a.share) == ("a", "b", 0.5)
    assert a.table.cells["auc"]["teacher"].mean == 1.0 and b.table.cells["auc"]["teacher"].mean == 0.5


def test_histories_and_new_users_are_slices_of_their_own() -> None:
    dataset, models = build_world({"student": 0.9, "teacher": 1.0}, new=1)
    known = dataclasses.replace(dataset.train, user=np.arange(0, 300, 2, dtype=np.int32))
    found = compare(models, dataclasses.replace(dataset, train=known, test_new=None), SECTION)
    popularity, users = found.slicings  # all histories are of four clicks
    assert popularity.by == POPULARITY and sum(one.share for one in popularity.slices) == pytest.approx(1.0)
    assert [(one.name, one.share) for one in users.slices] == [
        ("new users, without a training sample", 0.5),
        ("known users", 0.5),
    ]


def test_slices_of_an_older_release_are_read_as_what_they_are_now() -> None:
    dataset, models = build_world({"student": 0.9, "teacher": 1.0}, new=1)
    found = compare(models, dataset, SECTION)
    kept = found.model_dump(mode="json")
    (popularity,) = (one for one in kept["slicings"] if one["by"] == POPULARITY)
    tables = [
        one["table"] | {"key": f"slice-{n}", "title": f"target with {one['name']} training clicks"}
        for n, one in enumerate(popularity["slices"])
    ]
    older = kept | {"slices": tables, "slicings": [one for one in kept["slicings"] if one["by"] != POPULARITY]}
    read = Results.model_validate(older).sliced_by(POPULARITY)
    assert read is not None and read.ordered
    assert [(one.name, one.share) for one in read.slices] == [
        (one["name"], pytest.approx(one["share"])) for one in popularity["slices"]
    ]


def test_which_kinds_the_student_ranks_worse_is_said_with_what_they_weigh() -> None:
    dataset, models = build_world({"student": 1.0, "teacher": 1.0}, n_users=600, new=1)
    dataset = dataclasses.replace(dataset, test_new=None)
    bad = np.arange(60) % 4 == 0
    student = models["student"]
    vectors = np.where(bad[:, None], 0.3 * student.item_vectors, student.item_vectors)  # type: ignore[attr-defined]
    broken = dataclasses.replace(student, item_vectors=vectors)  # type: ignore[type-var]
    column = labels(["horror" if one else ("drama", "comedy", "crime")[i % 3] for i, one in enumerate(bad)])
    found = compare({"student": broken, "teacher": models["teacher"]}, dataset, SECTION, labels=[column])
    (told,) = [verdict for verdict in found.verdicts if verdict.text.startswith("By genre")]
    assert told.tone == "bad" and "1 of 4 kinds of items clearly worse than the teacher" in told.text
    assert "clearly worse than the teacher in nDCG@10: horror " in told.text
    frame = kinds_frame(found, "genre")
    assert frame["slice"][0] == "horror" and frame["clear"].to_list()[0] and frame["difference"][0] < 0
    whole = found.test.cells["ndcg@10"]
    apart = whole["student"].mean_samples - whole["teacher"].mean_samples
    assert frame["weight"].sum() == pytest.approx(apart)  # no sample is in two slices
    said = f"It makes {signed(frame['weight'][0])} of the {signed(apart)} by which the means over all targets differ"
    assert said in told.text
    with pytest.raises(RunError, match="no slices by 'year'; there are 'genre'"):
        kinds_frame(found, "year")


def test_whom_distillation_helped_and_whom_it_cost_is_said_though_the_mean_stands_still() -> None:
    dataset, models = build_world({"student": 1.0, "undistilled": 1.0}, n_users=600, new=1)
    dataset = dataclasses.replace(dataset, test_new=None)
    kinds = [("horror", "drama", "comedy", "crime")[i % 4] for i in range(60)]

    def blind_to(kind: str) -> Scorer:
        faint = np.array([0.3 if one == kind else 1.0 for one in kinds])[:, None]
        return dataclasses.replace(models["student"], item_vectors=faint * models["student"].item_vectors)  # type: ignore[attr-defined,type-var]

    both = {"student": blind_to("horror"), "undistilled": blind_to("drama")}
    column = labels(list(kinds))
    found = compare(both, dataset, SECTION, labels=[column])
    (told,) = [verdict for verdict in found.verdicts if verdict.text.startswith("By genre")]
    assert told.tone == "note"
    assert re.search(r"distillation gained on drama \+0\.\S+ .*; it lost on horror −0\.", told.text)
    assert told.text.count("drama") == told.text.count("horror") == 1
    alike = compare(dict.fromkeys(both, models["student"]), dataset, SECTION, labels=[column])
    assert not [verdict for verdict in alike.verdicts if verdict.text.startswith("By genre, in")]
    cut = [Ending(stopped="max_updates", updates=10, rising=True)]
    rising = compare(both, dataset, SECTION, labels=[column], endings={"student": cut})
    (told,) = [verdict for verdict in rising.verdicts if verdict.text.startswith("By genre")]
    assert told.tone == "open" and "Not final" in told.text


def test_nothing_is_claimed_where_one_of_many_slices_differs_by_luck() -> None:
    found = sliced(["a", "b", "c", "d"], [0, 1, 2, 3] * 30)
    pair = {"metric": "ndcg@10", "first": "student", "second": "teacher", "users": 30}

    def moved(value: float) -> list[bool]:
        close = Difference(value=value, low=value - 0.098, high=value + 0.098, **pair)  # type: ignore[arg-type]
        slices = [
            one.model_copy(update={"table": one.table.model_copy(update={"differences": [close]})})
            for one in found.slices
        ]
        return [row.clear for row in compared(found.model_copy(update={"slices": slices}), "ndcg@10")]

    # 2.2 standard errors are told from zero alone and not among four; 2.6 are
    assert moved(-0.11) == [False] * 4 and moved(-0.13) == [True] * 4


def test_a_column_of_clicks_that_no_file_has_is_refused_before_anything_is_read() -> None:
    settings = {
        "data": {"format": "mind", "path": "x"},
        "evaluate": {"slices": [{"column": "country", "of": "clicks"}]},
    }
    with pytest.raises(RecipeError, match="'country' of the clicks, and MIND's behaviors have no further columns"):
        stages_of(load_recipe(settings))
