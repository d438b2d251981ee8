"""A student of item ids: vectors that clicks and teacher move freely, and texts for items that nobody has clicked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from conftest import Cli, environment
from pydantic import ValidationError
from safetensors.torch import load_file
from test_layers import BLOCK
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.export import export_student
from distill_rec.knowledge import Knowledge
from distill_rec.recipe import ExportSection, LossSection, OptimizerSection
from distill_rec.runtime import Student
from distill_rec.scoring import Settings, score
from distill_rec.student_model import load_student
from students.sequential.table import ItemTable, start_of
from teachers.item_ids.spec import ItemIdsSection
from teachers.item_ids.teach import teach

QUICK = OptimizerSection(batch_size=16, window=2, max_epochs=3, learning_rate=1e-2, warmup_updates=2)
NEW = "red cat 99"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Any:
    """A teacher of item ids, and what a student with these settings learns from it."""
    folder = tmp_path_factory.mktemp("sequential")
    dataset, trunk = make_dataset(), str(write_trunk(folder / "trunk"))
    teach(ItemIdsSection(dim=8, dropout=0.0, optimizer=QUICK), dataset, folder / "teach")
    knowledge = folder / "teach" / "knowledge"

    def trained(name: str, *, alone: bool = False, **settings: Any) -> Any:
        section = student_section("sequential", **{"optimizer": QUICK, "user_layers": 1, **settings})
        if not (folder / name / "model.json").exists():
            distill(section, None if alone else knowledge, dataset, folder / name, trunk=trunk)
        return load_student(folder / name)

    return SimpleNamespace(dataset=dataset, folder=folder, knowledge=Knowledge.load(knowledge), trained=trained)


@pytest.fixture(scope="module")
def exported(world: Any) -> Path:
    world.trained("student")
    section = ExportSection(precisions=["fp32", "fp16", "int8"], max_loss=1.0)
    export_student(section, world.folder / "student", world.dataset, world.folder / "export")
    return Path(world.folder / "export" / "student")


@pytest.mark.parametrize("alone", [True, False])
def test_clicked_items_stand_where_training_left_them_and_others_where_their_text_puts_them(
    world: Any, alone: bool
) -> None:
    name = "alone" if alone else "student"
    model, warm = world.trained(name, alone=alone), world.dataset.warm
    free = load_file(world.folder / name / "best.safetensors")["0.offsets.weight"].numpy()
    start = start_of(None if alone else world.knowledge, warm, 8).numpy()
    np.testing.assert_allclose(model.item_vectors[warm], (start + free)[warm], atol=1e-5)
    assert free[warm].any(axis=1).all() and not free[~warm].any()  # a gradient reached what was clicked, and no other
    texts = model.encode_texts(world.dataset.texts)[world.dataset.item_text]
    np.testing.assert_allclose(model.item_vectors[~warm], texts[~warm], atol=1e-5)
    # Two films of one title differ by their clicks alone.
    assert world.dataset.item_text[1] == world.dataset.item_text[4]
    assert np.abs(model.item_vectors[1] - model.item_vectors[4]).max() > 1e-2


def test_it_starts_as_its_teacher_and_of_fewer_dimensions_as_near_as_can_be(world: Any) -> None:
    warm, taught = world.dataset.warm, np.asarray(world.knowledge.item_vectors)
    table = ItemTable(torch.from_numpy(warm.copy()), start_of(world.knowledge, warm, 8)).eval()
    vectors = table().detach().numpy()
    np.testing.assert_array_equal(vectors[warm], taught[warm])
    np.testing.assert_allclose(vectors[~warm], np.tile(taught[warm].mean(0), (5, 1)), atol=1e-6)
    fewer = start_of(world.knowledge, warm, 5).numpy()[warm]
    left = np.linalg.svd(taught[warm], compute_uv=False)[5:]  # Eckart and Young: no five dimensions leave less
    assert np.linalg.norm(fewer @ fewer.T - taught[warm] @ taught[warm].T) == pytest.approx(
        np.linalg.norm(left**2), rel=1e-3
    )
    unknown = replace(world.knowledge, knows=np.arange(60) % 2 == 0)
    partial = ItemTable(torch.from_numpy(warm.copy()), start_of(unknown, warm, 8))
    assert partial.weight[1].abs().max() > 0 and not partial.weight[0].any() and not partial.start[1].any()


def test_losses_of_item_vectors_pull_the_table_to_the_teachers_items(world: Any) -> None:
    taught, warm = np.asarray(world.knowledge.item_vectors), world.dataset.warm

    def cosine(name: str, weight: float) -> float:
        loss = LossSection(kl=0, click=0.1, user_cosine=0, item_cosine=weight)
        vectors = world.trained(name, start="none", loss=loss).item_vectors
        both = (
            (vectors * taught).sum(1)
            / np.linalg.norm(vectors, axis=1)
            / np.maximum(np.linalg.norm(taught, axis=1), 1e-9)
        )
        return float(both[warm].mean())

    assert cosine("pulled", 10.0) > max(0.8, cosine("unpulled", 0.0) + 0.3)


def test_keys_that_would_do_nothing_are_refused() -> None:
    for wrong in ({"offsets": False}, {"projection": "mlp"}, {"new_texts": "learned"}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            student_section("sequential", **wrong)


def test_the_light_install_ranks_and_takes_new_items(world: Any, exported: Path) -> None:
    code = BLOCK + (
        "import json\nfrom distill_rec.runtime import Student\n"
        "student = Student.load(sys.argv[1], precision=sys.argv[2])\n"
        f"student.add_items({{'new': {NEW!r}, 'again': student.item_texts[57]}})\n"
        "new = student.rank(['i0', 'i3'], ['i57', 'again', 'new']).tolist()\n"
        "top = [item for item, _ in student.recommend(['i0', 'i3'], k=62, seen=True)]\n"
        "print(json.dumps([student.info.kind, new, top]))"
    )
    for precision in ("fp32", "fp16", "int8"):
        command = [sys.executable, "-c", code, str(exported), precision]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        kind, (cold, again, new), top = json.loads(done.stdout)
        assert kind == "static" and sorted(top) == sorted([*Student.load(exported).item_ids, "new", "again"])
        assert np.isfinite(new)
        assert precision == "int8" or cold == pytest.approx(again, abs=1e-2)  # the same text


def test_an_artifact_of_it_is_sound_timed_and_scored(exported: Path, cli: Cli, tmp_path: Path) -> None:
    assert (exported / "README.md").read_text().startswith("# A sequential student\n")
    doctor = cli("doctor", exported)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    quick = ("--batches", "2", "--histories", "3", "--rounds", "1", "--seconds", "0.1")
    assert cli("bench", exported, *quick, "--out", tmp_path / "bench").returncode == 0
    pl.DataFrame({"user_id": ["a", "b"], "history": [["i0", "i3"], []]}).write_parquet(tmp_path / "users.parquet")
    found = score(exported, str(tmp_path / "users.parquet"), tmp_path / "out", Settings(k=5))
    assert found["users"] == 2 and found["rows"] == 10
