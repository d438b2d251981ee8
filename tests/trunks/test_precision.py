"""A PLM that is run in bf16: nearly the vectors of fp32, its weights and their gradients in fp32, caches of its own."""

import dataclasses

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny import make_dataset, write_trunk

from distill_rec.contracts import teacher_spec
from distill_rec.progress import Quiet
from distill_rec.testing.teachers import CHECKS, taught_on
from distill_rec.trunks import prefix
from distill_rec.trunks.load import load_trunk
from distill_rec.trunks.tokens import tokenize
from teachers.bi_encoder.spec import BiEncoderSection

TEXTS = [*make_dataset().texts, ""]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))


def both(folder):
    trunk = load_trunk(str(write_trunk(folder, layers=3)))
    return trunk, dataclasses.replace(trunk, precision="bf16")


def likeness(one, other):
    return torch.nn.functional.cosine_similarity(one, other, dim=-1).min()


@pytest.mark.parametrize("start", [0, 1, 3])
def test_states_are_nearly_those_of_fp32_whatever_part_of_the_layers_is_run(tmp_path, start):
    whole, half = both(tmp_path / "trunk")
    ids, mask = prefix.pad_tokens(tokenize(TEXTS, whole.tokenizer()), np.arange(len(TEXTS)), torch.device("cpu"))
    found = []
    for trunk in (whole, half):
        states = prefix.forward_lower(trunk, ids, mask, start)
        found.append(states if start == 3 else prefix.forward_upper(trunk, ids, mask, states, start))
    assert [one.dtype for one in found] == [torch.float32] * 2
    assert not torch.equal(*found) and likeness(found[0][mask], found[1][mask]) > 0.999


def test_gradients_are_fp32_and_nearly_the_same(tmp_path):
    whole, half = both(tmp_path / "trunk")
    tokens = tokenize(TEXTS, whole.tokenizer())
    ids, mask = prefix.pad_tokens(tokens, np.arange(len(TEXTS)), torch.device("cpu"))
    layer = whole.layers[0].requires_grad_(True)
    wanted, found = torch.randn(len(TEXTS), whole.width, generator=torch.Generator().manual_seed(0)), []
    for trunk in (whole, half):
        layer.zero_grad()
        (prefix.pool(prefix.forward_all(trunk, ids, mask), mask, "mean") * wanted).sum().backward()
        grads = [p.grad for p in layer.parameters() if p.grad is not None]
        assert {one.dtype for one in grads} == {torch.float32}
        found.append(torch.cat([one.flatten() for one in grads]))
    assert not torch.equal(*found) and likeness(*found) > 0.99


def test_neither_reads_what_the_other_has_kept(tmp_path):
    whole, half = both(tmp_path / "trunk")
    tokens = tokenize(TEXTS, whole.tokenizer())
    for make in (
        lambda trunk: prefix.cached_pooled(TEXTS, tokens, trunk, "mean", Quiet()),
        lambda trunk: prefix.cached_states(TEXTS, tokens, trunk, 2, Quiet()).values,
    ):
        one, other = np.array(make(whole)), np.array(make(half))
        assert not np.array_equal(one, other)
        np.testing.assert_allclose(one, other, atol=0.05 * one.std())
        np.testing.assert_array_equal(one, make(whole))


def teach(folder, **settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISTILL_REC_CACHE", str(folder / "cache"))
        return taught_on(teacher_spec("bi_encoder"), folder, "clicks", settings)


ROUNDED = {"bf16": {"trunk_precision": "bf16", "tuning": "last:1"}, "4 bits": {"tuning": "qlora:1"}}


@pytest.fixture(scope="module", params=ROUNDED.values(), ids=ROUNDED)
def taught(request, tmp_path_factory):
    return teach(tmp_path_factory.mktemp("taught"), **request.param)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_teacher_with_rounded_weights_or_products_conforms(taught, check):
    check(taught)


def test_weights_of_four_bits_are_counted_as_what_they_stand_for(tmp_path):
    whole, rounded = (teach(tmp_path / name, tuning=f"{name}:1").teacher.config for name in ("lora", "qlora"))
    for count in ("parameters", "trained_parameters"):
        assert rounded[count] == whole[count]


def test_only_what_is_offered():
    with pytest.raises(ValidationError, match="'fp32' or 'bf16'"):
        BiEncoderSection(trunk_precision="fp16")
