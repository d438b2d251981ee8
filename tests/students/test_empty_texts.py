"""An item whose text says nothing ranks in the middle, unless clicks taught otherwise: in torch, teacher and export."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tiny import make_dataset, student_section, write_trunk

from distill_rec.data.ragged import Ragged
from distill_rec.distillation import distill
from distill_rec.export import export_student
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import Student
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=1)
COLD, WARM = 57, 3


def with_empty(item):
    """The tiny data set with an item whose text is empty."""
    dataset = make_dataset()
    texts = [*dataset.texts, ""]
    item_text = dataset.item_text.copy()
    item_text[item] = len(texts) - 1
    texts_of = pl.Series("text", [texts[text] for text in item_text])
    return replace(dataset, texts=texts, item_text=item_text, items=dataset.items.with_columns(texts_of))


def made(kind, dataset, folder, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(folder / "cache"))
    trunk = str(write_trunk(folder / "trunk"))
    teach(BiEncoderSection(trunk=trunk, dim=8, optimizer=QUICK), dataset, folder / "teach")
    section = student_section(kind, optimizer=QUICK)
    distill(section, folder / "teach" / "knowledge", dataset, folder / "student", trunk=trunk)
    export_student(ExportSection(), folder / "student", dataset, folder / "export")
    return Teacher.load(folder / "teach"), load_student(folder / "student"), Student.load(folder / "export" / "student")


@pytest.mark.parametrize("kind", ["static", "transformer"])
def test_a_text_that_says_nothing_has_the_mean_of_the_texts(tmp_path, monkeypatch, kind):
    teacher, model, student = made(kind, with_empty(COLD), tmp_path, monkeypatch)
    known = np.arange(60) != COLD
    catalogues = (np.asarray(teacher.knowledge.item_vectors), model.item_vectors, student.item_vectors)
    learned = model.as_learned.offsets
    offsets = (np.asarray(teacher.knowledge.offsets), learned, learned)
    encoders = (teacher.encode_items, model.encode_texts, student.encode_items)
    for catalogue, offset, encode in zip(catalogues, offsets, encoders, strict=True):
        mean = (catalogue - offset)[known].mean(0)
        np.testing.assert_allclose(catalogue[COLD], mean, atol=1e-5)
        if catalogue is not catalogues[0]:  # a text that comes later has the mean of what encodes those
            mean = (catalogue - model.offsets)[known].mean(0)
        vectors = encode(["red cat", "", " ", "\x07"])
        np.testing.assert_allclose(vectors[1:], [mean] * 3, atol=1e-5)
        assert np.abs(vectors[0] - mean).max() > 1e-3
    scores = student.rank(["i1", "i2"], student.item_ids)
    of_offsets = np.asarray(scores) - learned @ model.user_vectors(Ragged.from_rows([[1, 2]]))[0]
    assert scores[COLD] == pytest.approx(of_offsets[known].mean(), abs=1e-4)


def test_where_an_item_without_text_was_clicked_its_vector_is_the_learned_one(tmp_path, monkeypatch):
    _, model, student = made("static", with_empty(WARM), tmp_path, monkeypatch)
    assert model.neutral is None and not (student.info.folder / "neutral.safetensors").exists()
    np.testing.assert_allclose(student.encode_items([""]), model.encode_texts([""]), atol=1e-6)
    np.testing.assert_allclose(student.encode_items([""])[0] + model.offsets[WARM], model.item_vectors[WARM], atol=1e-5)
