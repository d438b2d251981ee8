"""How the data set read HTML entities goes with the student, through the teacher and the export."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import make_dataset, student_section, write_trunk

from distill_rec.distillation import distill
from distill_rec.export import export_student
from distill_rec.recipe import ExportSection, OptimizerSection
from distill_rec.runtime import Student
from distill_rec.student_model import load_student
from distill_rec.teacher_model import Teacher
from teachers.bi_encoder.spec import BiEncoderSection
from teachers.bi_encoder.teach import teach

QUICK = OptimizerSection(batch_size=32, window=2, max_epochs=1)


@pytest.mark.parametrize("flag", [True, False])
def test_teacher_student_and_artifact_read_entities_as_the_data_set_did(tmp_path, monkeypatch, flag):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    trunk, dataset = str(write_trunk(tmp_path / "trunk")), replace(make_dataset(), unescape_html=flag)
    teach(BiEncoderSection(trunk=trunk, dim=8, optimizer=QUICK), dataset, tmp_path / "teach")
    section = student_section(optimizer=QUICK)
    distill(section, tmp_path / "teach" / "knowledge", dataset, tmp_path / "student", trunk=trunk)
    export_student(ExportSection(), tmp_path / "student", dataset, tmp_path / "export")
    student = Student.load(tmp_path / "export" / "student", verify=True)
    assert student._files.manifest.unescape_html is flag
    texts = ["red &amp; cat", "red & cat"]
    encoders = (student.encode_items, load_student(tmp_path / "student").encode_texts)
    for encode in (*encoders, Teacher.load(tmp_path / "teach").encode_items):
        written, plain = encode(texts)
        assert np.allclose(written, plain, atol=1e-6) is flag
    np.testing.assert_allclose(encoders[0](texts), encoders[1](texts), atol=1e-5)
    said = "as characters" if flag else "as they stand"
    assert f"entities are read {said}" in (tmp_path / "export" / "student" / "README.md").read_text()
