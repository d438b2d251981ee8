"""A transition term from the command line to a service: fitted, exported, reported for teachers too, and refreshed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Cli

from distill_rec import Run, compare
from distill_rec.artifact.layout import MANIFEST, TRANSITIONS
from distill_rec.comparison.by_id import student_scorer
from distill_rec.data.dataset import Dataset
from distill_rec.evaluation.protocol import evaluate
from distill_rec.export import export_student
from distill_rec.pipeline.refreshed import scorer_of_before
from distill_rec.recipe import ExportSection
from distill_rec.recipe_io import load_recipe
from distill_rec.runtime import ArtifactError, Student
from distill_rec.student_model import load_student

CHAINS = """{before}[[teacher]]
name = "ids"
kind = "item_ids"
dim = 8
device = "cpu"
[teacher.optimizer]
{optimizer}max_updates = 60
[[teacher]]
name = "clicks"
kind = "student"
trunk = "{trunk}"
device = "cpu"
[student]
transition_term = "fitted"
{student}"""
OPTIMIZER = "batch_size = 16\nwindow = 2\ncheckpoint_seconds = 0\nvalidate_every = 10\nwarmup_updates = 2\n"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, tiny_trunk: Path, tiny_data: Path) -> Path:
    """Of a log in which an item of another colour mostly leads to a certain next one, which no vector of 8 can hold."""
    folder = tmp_path_factory.mktemp("chains")
    shutil.copy(tiny_data / "tiny.item", folder / "tiny.item")
    generator, leads = np.random.default_rng(2), np.random.default_rng(1).permutation(60)
    rows = []
    for user in range(200):
        item = int(generator.integers(60))
        for place in range(10):
            rows.append(f"{user}\t{item}\t5\t{1_600_000_000 + 100_000 * place + user}\n")
            item = int(leads[item]) if generator.random() < 0.6 else int(generator.integers(60))
    (folder / "tiny.inter").write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(rows))
    before, _, rest = tiny_recipe.read_text().replace(str(tiny_data), str(folder)).partition("[teacher]")
    student = rest.partition("[student]\n")[2].replace("initialised = true\n", "")
    path = folder / "chains.toml"
    path.write_text(CHAINS.format(before=before, optimizer=OPTIMIZER, trunk=tiny_trunk, student=student))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, recipe: Path, cli: Cli) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "chains"
    done = cli("run", recipe, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_report_gives_every_model_a_term_of_its_own(finished: Path) -> None:
    results = Run.load(finished).results
    assert set(results.transition_factors) == {"student", "undistilled", "ids", "clicks", "teacher"}
    # The undistilled student is the teacher `clicks`, and so they rank alike with the term too.
    assert results.transition_factors["undistilled"] == results.transition_factors["clicks"]
    means = results.test.cells["ndcg@10"]
    assert means["undistilled"].mean == pytest.approx(means["clicks"].mean)
    gain = results.transition_gain
    assert gain is not None and gain.low > 0.05
    assert any(f"gives the student +{gain.value:.4f}" in verdict.text for verdict in results.verdicts)
    plain = load_student(finished / "distill" / "student")
    assert load_student(finished / "teach" / "clicks" / "trained").transitions is None  # whose files these were
    bare = plain.scorer("student")
    assert bare.transitions is not None
    dataset = Dataset.load(finished / "prepare")
    with_it, without = (evaluate(one, dataset.test, dataset).values["ndcg@10"].mean() for one in (bare, _without(bare)))
    assert with_it > without + 0.05
    assert {share.name: share.gain is not None for share in results.shares}  # asked of sums that have the term


def _without(scorer: object) -> object:
    from dataclasses import replace

    return replace(scorer, transitions=None)  # type: ignore[type-var]


def test_a_service_ranks_as_the_evaluation_does(finished: Path) -> None:
    dataset, model = Dataset.load(finished / "prepare"), load_student(finished / "distill" / "student")
    student = Student.load(finished / "export" / "student", verify=True)
    assert json.loads(((finished / "export" / "student").resolve() / MANIFEST).read_text())["format_version"] == 6
    ids = dataset.items["item_id"].to_list()
    assert model.transitions is not None
    scorer = student_scorer("student", student, dataset)
    torchs = evaluate(model.scorer("student"), dataset.test, dataset).values["mrr"]
    np.testing.assert_allclose(evaluate(scorer, dataset.test, dataset).values["mrr"], torchs, atol=1e-6)
    for row, history in enumerate(dataset.test.history.take(np.arange(30))):
        clicked = [ids[item] for item in history]
        place = [item for item, _ in student.recommend(clicked, 60)]
        target = ids[int(dataset.test.target[row])]
        if target not in clicked:
            assert 1 / (1 + place.index(target)) == pytest.approx(torchs[row])


def test_golden_inputs_ask_for_followers_and_find_another_table(finished: Path, tmp_path: Path) -> None:
    version = (finished / "export" / "student").resolve()
    student = Student.load(version)
    golden = json.loads((version / "golden.json").read_text())
    assert all(
        set(list(student.transitions(one["history"]))[:5]) <= set(one["candidates"]) for one in golden["requests"]
    )
    copy = shutil.copytree(version, tmp_path / "copy")
    values = json.loads((copy / MANIFEST).read_text())
    del values["files"][TRANSITIONS]
    (copy / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match="scores in fp32 differ"):
        Student.load(copy, verify=True)


def test_an_export_that_adds_otherwise_than_torch_is_not_published(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Student.transitions
    monkeypatch.setattr(
        Student, "transitions", lambda self, history: {k: v / 2 for k, v in plain(self, history).items()}
    )
    dataset = Dataset.load(finished / "prepare")
    with pytest.raises(ArtifactError, match="difference of scores from torch's"):
        export_student(ExportSection(), finished / "distill" / "student", dataset, tmp_path / "export")


def test_in_a_notebook_a_teacher_beside_it_has_a_term_too(finished: Path) -> None:
    run = Run.load(finished)
    found = compare(run, {"teacher": run.teacher, "student": run.student}).results
    assert found.transition_factors == {name: run.results.transition_factors[name] for name in ("teacher", "student")}
    cells = run.results.test.cells["ndcg@10"]
    assert found.test.cells["ndcg@10"]["teacher"].mean == pytest.approx(cells["teacher"].mean)


def test_a_search_holds_its_students_against_a_teacher_that_has_it_too(finished: Path, recipe: Path) -> None:
    from distill_rec.evaluation.scorer import DotScorer
    from distill_rec.search.begin import teacher_of
    from distill_rec.search.trials import Budget, Search

    dataset = Dataset.load(finished / "prepare")
    for asked, has in (("fitted", True), ("none", False)):
        loaded = load_recipe(recipe, {"student.transition_term": asked})
        teacher = teacher_of(Search(loaded, finished, finished, Budget(), 2), dataset, "validation")
        assert isinstance(teacher, DotScorer) and (teacher.transitions is not None) == has


def test_a_refresh_compares_with_the_term_of_before(finished: Path, recipe: Path, tmp_path: Path, cli: Cli) -> None:
    new = tmp_path / "new.inter"
    rows = [f"{user}\t{item}\t5\t{1_700_000_000 + user + item}\n" for user in range(60) for item in (user % 7, 40)]
    new.write_text("user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + "".join(rows))
    given = ["--clicks", new, "--max-updates", 10, "--set", "refresh.max_loss=1.0", "--anyway"]
    done = cli("refresh", finished, *given, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    again = Dataset.load(tmp_path / "again" / "prepare")
    before, model = scorer_of_before(finished, again), load_student(finished / "distill" / "student")
    old = Dataset.load(finished / "prepare")
    assert before.transitions is not None and model.transitions is not None
    names = again.items["item_id"].to_list()
    clicked = ["3", "17", "40"]
    row = np.array([names.index(one) for one in clicked])
    found = dict(zip(*before.transitions.added(row, np.array([0, 3]))[1:], strict=True))
    theirs = old.items["item_id"].to_list()
    place = np.array([theirs.index(one) for one in clicked])
    expected = dict(zip(*model.transitions.added(place, np.array([0, 3]))[1:], strict=True))
    assert {names[k]: v for k, v in found.items()} == {theirs[k]: v for k, v in expected.items()}


def test_where_it_is_worth_nothing_no_model_has_one_and_the_report_says_so(
    finished: Path, recipe: Path, tiny_data: Path, tmp_path: Path, cli: Cli
) -> None:
    """The tiny log's users click their colour's items in any order."""
    text = recipe.read_text().replace(str(recipe.parent), str(tiny_data))
    (tmp_path / "plain.toml").write_text(text)
    done = cli("run", tmp_path / "plain.toml", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    results = Run.load(tmp_path / "run").results
    assert results.transition_factors == {} and results.transition_gain is None
    assert any("The student has no transition term" in verdict.text for verdict in results.verdicts)
    assert Student.load(tmp_path / "run" / "export" / "student").transition_term is None
    assert Student.load(finished / "export" / "student").info.transition_factor is not None


def test_impressions_have_no_such_term(recipe: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("run", recipe, "--out", tmp_path / "run", "--set", "data.read_as=impressions")
    assert done.returncode != 0
    assert "key student.transition_term" in done.stderr and "a log of clicks" in done.stderr
    assert not (tmp_path / "run" / "prepare").exists()
