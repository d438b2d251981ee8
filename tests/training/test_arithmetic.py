"""`optimizer.precision`: batches multiply in bf16 where the device can, and nothing else does."""

import pytest
import torch
from safetensors.torch import load_file
from tiny import make_dataset, write_trunk

from distill_rec.contracts import student_spec
from distill_rec.distillation import distill
from distill_rec.recipe import OptimizerSection
from distill_rec.runtime.errors import TrainingError
from distill_rec.sections.base import decisive
from distill_rec.testing.students import check_exported, check_loaded, distilled_on
from distill_rec.training import loop
from students.static.spec import StaticSection


def bf16_multiplies():
    """Whether this processor does."""
    a, b = torch.randn(256, 256), torch.randn(256, 256)
    whole, before = a @ b, torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    rounded = a @ b
    torch.set_float32_matmul_precision(before)
    return not torch.equal(whole, rounded)


@pytest.fixture
def train(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    dataset, trunk = make_dataset(), str(write_trunk(tmp_path / "trunk"))

    def weights_of(name, **optimizer):
        given = {"batch_size": 16, "window": 2, "max_updates": 8, "min_updates": 0} | optimizer
        section = StaticSection(dim=32, table_dim=32, dropout=0.0, optimizer=OptimizerSection(**given))
        distill(section, None, dataset, tmp_path / name, trunk=trunk)
        return load_file(tmp_path / name / "weights.safetensors")

    return weights_of


def test_only_the_batches_are_multiplied_in_bf16(train, monkeypatch):
    during = {"window": set(), "validation": set()}

    def noting(name, plain):
        def call(*args, **kwargs):
            during[name].add(torch.get_float32_matmul_precision())
            return plain(*args, **kwargs)

        return call

    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr(loop, "run_window", noting("window", loop.run_window))
    monkeypatch.setattr(loop, "validation_metric", noting("validation", loop.validation_metric))
    train("bf16", precision="bf16", validate_every=2)
    assert during == {"window": {"medium"}, "validation": {before}}
    assert torch.get_float32_matmul_precision() == before


def test_a_training_that_fails_leaves_the_setting_as_it_was(train, monkeypatch):
    before = torch.get_float32_matmul_precision()
    monkeypatch.setattr(loop, "run_window", lambda *args: float("nan"))
    with pytest.raises(TrainingError):
        train("nan", precision="bf16")
    assert torch.get_float32_matmul_precision() == before


def test_it_moves_the_weights_nearly_as_fp32_does(train):
    start, whole, half = train("start", max_updates=1, learning_rate=1e-30), train("fp32"), train("b", precision="bf16")
    learned = [name for name in whole if name.startswith("user_encoder.") and not torch.equal(whole[name], start[name])]
    one, other = (torch.cat([(end[name] - start[name]).flatten() for name in learned]) for end in (whole, half))
    assert torch.nn.functional.cosine_similarity(one, other, dim=0) > 0.95
    assert torch.equal(one, other) != bf16_multiplies()


def test_a_student_with_layers_is_written_and_exported_as_fp32_computes_it(tmp_path):
    student = distilled_on(student_spec("transformer"), tmp_path, "clicks", {"optimizer": {"precision": "bf16"}})
    assert student.section.optimizer.precision == "bf16"
    for check in (check_loaded, check_exported):
        check(student)


def test_trainings_that_began_before_there_was_the_key_go_on():
    assert "precision" not in decisive(OptimizerSection(), {})
    assert decisive(OptimizerSection(precision="bf16"), {})["precision"] == "bf16"
