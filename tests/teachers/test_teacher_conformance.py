import dataclasses
import shutil

import numpy as np
import polars as pl
import pytest

from distill_rec.contracts import teacher_spec
from distill_rec.losses.spec import KINDS
from distill_rec.registry import TEACHERS, Late, names
from distill_rec.testing.teachers import CHECKS, check_teacher, taught_on
from teachers.item_ids.teach import teach

FILES = {"precomputed": ("scores", "vectors", "both")}
"""Kinds that begin from a file, with what it may be."""
SMALL = {"cross_encoder": {"top": 5, "negatives": 2, "scored": 40, "max_tokens": 24}}
"""Settings of kinds that are slow at their own."""
CASES = [(name, kind, form) for name in names(TEACHERS) for kind in KINDS for form in FILES.get(name, ("",))]


@pytest.fixture(scope="module", params=CASES, ids=["-".join(filter(None, case)) for case in CASES])
def taught(request, tmp_path_factory):
    name, kind, form = request.param
    folder = tmp_path_factory.mktemp(name)
    settings = written(folder, form) if form else SMALL.get(name)
    return taught_on(teacher_spec(name), folder, kind, settings)


def written(folder, form):
    """Files of what users like, and of the items' vectors but one, as settings."""
    users = [
        (f"u{user}", f"i{item}", float(user % 3 == item % 3) + item / 99) for user in range(80) for item in range(60)
    ]
    frame = pl.DataFrame(users, schema=["user_id", "item_id", "score"], orient="row")
    frame.write_parquet(folder / "scores.parquet")
    vectors = np.random.default_rng(0).normal(size=(59, 6)).astype(np.float32)
    np.savez(folder / "vectors.npz", item_id=np.array([f"i{item}" for item in range(59)]), vector=vectors)
    settings = {"scores": str(folder / "scores.parquet"), "vectors": str(folder / "vectors.npz")}
    return settings if form == "both" else {form: settings[form]}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_every_teacher_conforms(taught, check):
    check(taught)


def forgetful(section, dataset, folder, *, progress=None):
    """Where it was killed it begins anew, from other weights."""
    begun = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    teach(section.model_copy(update={"seed": int(begun)}), dataset, folder, progress=progress)


def boundless(section, dataset, folder, *, progress=None):
    teach(section, dataset, folder, progress=progress)
    vectors = np.load(folder / "knowledge" / "item_vectors.npy")
    vectors[3] = np.inf
    np.save(folder / "knowledge" / "item_vectors.npy", vectors)


def boastful(section, dataset, folder, *, progress=None):
    teach(section, dataset, folder, progress=progress)
    knows = np.ones(dataset.n_items, bool)
    np.save(folder / "knowledge" / "knows.npy", knows)


def untidy(section, dataset, folder, *, progress=None):
    teach(section, dataset, folder, progress=progress)
    (folder / "checkpoint-1.json").write_text("{}")


FAULTS = {
    "forgetful": "killed at 1 of [0-9]+, its item_vectors differ",
    "boundless": "item vectors that are not finite",
    "boastful": "texts that it knows are not its items'",
    "untidy": "leaves checkpoints",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_suite_finds_each_fault(fault, tmp_path):
    spec = dataclasses.replace(teacher_spec("item_ids"), teach=Late(f"{__name__}:{fault}"))
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        check_teacher(spec, tmp_path)


def test_the_suite_finds_a_spec_that_says_what_is_not_so(tmp_path):
    spec = teacher_spec("item_ids")
    for wrong, told in (
        (dataclasses.replace(spec, kind="other"), "its settings' kind is 'item_ids'"),
        (dataclasses.replace(spec, estimate=Late(f"{__name__}:backwards")), "an estimate of"),
        (dataclasses.replace(spec, encoder=Late(f"{__name__}:parrot")), "vectors of the catalogue's texts are"),
    ):
        with pytest.raises(AssertionError, match=told):
            check_teacher(wrong, tmp_path / told[:3])


def backwards(section, sizes):
    return "less for more", 1.0 / (1 + sizes.clicks)


def parrot(teacher):
    return lambda texts: np.ones((len(texts), teacher.knowledge.dim), np.float32)
