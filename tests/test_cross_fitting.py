"""A teacher that learned without some users teaches about these alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.distillation.cross_fitting import CrossFitting, without
from distill_rec.ensemble.teach import teach
from distill_rec.folds import Fold
from distill_rec.knowledge import Knowledge
from distill_rec.recipe_check import check
from distill_rec.runtime.errors import RecipeError
from distill_rec.several_teachers import of_list
from distill_rec.training.batches import make_batches

QUICK = {"batch_size": 16, "window": 2, "max_updates": 6, "checkpoint_seconds": 0, "warmup_updates": 1}


def test_each_user_is_in_one_fold_and_folds_are_as_large_as_each_other():
    folds = np.stack([Fold.of(f"{number}/3").users(100) for number in (1, 2, 3)])
    np.testing.assert_array_equal(folds.sum(0), 1)
    assert sorted(folds.sum(1)) == [33, 33, 34]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/1", "1", "1/2/3", "a/b"])
def test_what_is_no_fold_is_refused(text):
    with pytest.raises(RecipeError, match="first of four"):
        check({"teacher": of_list([{"name": "one", "kind": "item_ids", "fold": text}], "recipe")})


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_a_teacher_learns_from_the_other_users_alone(kind):
    dataset = make_dataset(kind)
    fold, rest = Fold.of("1/2").users(len(dataset.users)), without(dataset, "1/2")
    assert set(rest.train.user) == set(np.asarray(dataset.train.user)[~fold[dataset.train.user]])
    assert len(rest.validation) == len(dataset.validation)
    assert rest.fingerprint == dataset.fingerprint
    assert without(dataset, "") is dataset


@pytest.mark.parametrize("kind", ["clicks", "impressions"])
def test_those_who_did_not_learn_from_a_user_weigh_what_all_do_together(kind):
    dataset = make_dataset(kind)
    weights = torch.tensor([0.5, 1.5, 1.0])
    fit = CrossFitting(["1/2", "2/2", ""], weights, [2, 1, 1], dataset)
    batches = make_batches(dataset, 32, seed=0)
    batch = batches.make(batches.epoch(0)[0])
    train = dataset.train
    user = np.repeat(train.user, train.items.lengths) if kind == "clicks" else np.asarray(train.user)
    first = Fold.of("1/2").users(len(dataset.users))[user[batch.number]]
    found = fit.of(torch.ones(len(first), 4), batch.number).numpy()
    np.testing.assert_allclose(found[first], np.tile([6.0, 6.0, 0.0, 0.0], (first.sum(), 1)))
    np.testing.assert_allclose(found[~first], np.tile([0.0, 0.0, 2.0, 0.0], ((~first).sum(), 1)))
    assert 0 < first.sum() < len(first)


def test_a_user_whom_all_have_learned_from_is_left_to_their_sum():
    dataset = make_dataset()
    fit = CrossFitting(["1/2", ""], torch.tensor([1.0, 1.0]), [1, 1], dataset)
    second = ~Fold.of("1/2").users(len(dataset.users))
    np.testing.assert_allclose(fit.factors[torch.from_numpy(second)], 1.0)


def test_teachers_of_folds_teach_a_student_and_are_told_apart_by_their_folds(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    dataset, trunk = make_dataset(), str(write_trunk(tmp_path / "trunk"))
    each = {"kind": "item_ids", "dim": 4, "optimizer": QUICK, "weight": 1.0}
    teachers = [{"name": f"ids-{fold}", "fold": f"{fold}/2", **each} for fold in (1, 2)]
    teach(check({"teacher": of_list(teachers, "recipe")}).teacher, dataset, tmp_path / "teach")
    one, two = (load_file(tmp_path / "teach" / f"ids-{fold}" / "weights.safetensors") for fold in (1, 2))
    assert any(not torch.equal(one[name], two[name]) for name in one)
    knowledge = tmp_path / "teach" / "knowledge"
    assert Knowledge.load(knowledge).folds == ("1/2", "2/2")

    def taught(name, **keys):
        student = student_section("static", optimizer=QUICK, start="none", **keys)
        distill(student, knowledge, dataset, tmp_path / name, trunk=trunk)
        return load_file(tmp_path / name / "weights.safetensors")

    crossed = taught("crossed")
    with pytest.raises(RecipeError, match=r"student\.mix"):
        taught("mixed", mix="by_loss")
    manifest = knowledge / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"1/2"', '""').replace('"2/2"', '""'))
    plain = taught("plain")
    assert any(not torch.equal(crossed[name], plain[name]) for name in crossed)
