"""A student that begins at an earlier one ranks as that one does, new items and new sub-words included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import grown, make_dataset, student_section, write_trunk

from distill_rec.begin import Earlier
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.distillation import distill
from distill_rec.distillation.training import StudentTraining
from distill_rec.progress import Quiet
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import RunError
from distill_rec.student_model import earlier_vectors, load_student

QUICK = OptimizerSection(batch_size=32, window=2, max_updates=6)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    make_dataset().write(tmp_path / "run" / "prepare")
    return tmp_path / "run", str(write_trunk(tmp_path / "trunk"))


@pytest.mark.parametrize(("kind", "pairs"), [("static", 0), ("static", 8), ("sequential", 8), ("transformer", None)])
def test_it_begins_where_the_earlier_one_ended(run: tuple[Path, str], kind: str, pairs: int | None) -> None:
    folder, trunk = run
    old = Dataset.load(folder / "prepare")
    own = {} if pairs is None else {"pairs": pairs, "word_texts": 2}
    section = student_section(kind, optimizer=QUICK, repeat_term="one", **own)
    distill(section, None, old, folder / "distill" / "student", trunk=trunk)
    before, dataset = load_student(folder / "distill" / "student"), grown(old)
    begun = section.model_copy(update={"begin": str(before.folder)})
    model = StudentTraining(begun, dataset, trunk, None, Quiet()).built.model.eval()
    vectors = earlier_vectors(before.as_learned, old, dataset)
    found = model.item_vectors().numpy()
    kept = dataset.warm if kind == "sequential" else np.ones(len(found), np.bool_)
    near = 0.02 if kind == "static" else 1e-5  # sub-words that were in no text are stored in int8
    assert np.abs(found - vectors)[kept].max() <= near * vectors.std()
    assert np.abs(found[1:] - before.item_vectors)[kept[1:]].max() <= near * vectors.std()
    history = Ragged.from_rows([[5, 9], [2]])
    torch.testing.assert_close(
        torch.from_numpy(model.user_vectors(history, torch.from_numpy(vectors))),
        torch.from_numpy(before.user_vectors(Ragged.from_rows([[4, 8], [1]]))),
    )
    np.testing.assert_allclose(model.repeat, before.repeat, rtol=1e-5)


def test_another_shape_is_refused_and_named(run: tuple[Path, str]) -> None:
    folder, trunk = run
    old = Dataset.load(folder / "prepare")
    distill(student_section(optimizer=QUICK), None, old, folder / "distill" / "student", trunk=trunk)
    begun = student_section(dim=6, begin=str(folder / "distill" / "student"))
    with pytest.raises(RunError, match="dim, user_encoder"):
        StudentTraining(begun, old, trunk, None, Quiet())
    with pytest.raises(RunError, match="no finished model"):
        Earlier.load(folder / "distill" / "other")
