"""The numpy user encoders against their twins in torch."""

import numpy as np
import pytest
import torch
from artifacts import DIM, KINDS, MAX_HISTORY, arrays_of, random_user_encoder, write_artifact
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.data.ragged import Ragged
from distill_rec.nn.recommender import user_vectors
from distill_rec.runtime import Student
from distill_rec.runtime.user_encoders import make_user_encoder

SETTINGS = {"dim": DIM, "max_history": MAX_HISTORY, "layers": 2, "heads": 2}
TORCH = {kind: random_user_encoder(kind) for kind in KINDS}
NUMPY = {kind: make_user_encoder({"kind": kind, **SETTINGS}, arrays_of(TORCH[kind])) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, 50), padding=st.integers(0, 49), seed=st.integers(0, 2**32 - 1))
def test_numpy_gives_torchs_user_however_torch_was_padded(kind, length, padding, seed):
    vectors = np.random.default_rng(seed).standard_normal((MAX_HISTORY, DIM)).astype(np.float32)
    width = min(length + padding, MAX_HISTORY)  # what stands in the padding is not zero
    mask = torch.arange(width)[None] < length
    expected = TORCH[kind](torch.from_numpy(vectors[None, :width]), mask)[0].numpy()
    history = vectors[:length]
    for prepared in (None, NUMPY[kind].prepare(history)):
        user = NUMPY[kind].encode(history, prepared)
        assert user.shape == (DIM,) and user.dtype == np.float32
        assert np.linalg.norm(user - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clicks", [50, 51, 80])
def test_torch_and_runtime_read_the_most_recent_clicks_of_a_long_history(tmp_path, kind, clicks):
    student = Student.load(write_artifact(tmp_path / "artifact", kind))
    row = np.random.default_rng(clicks).permutation(clicks) % 60
    ours = student.encode_user([f"i{item}" for item in row])
    for items in (torch.from_numpy(student.item_vectors.copy()), student.item_vectors):
        theirs = user_vectors(TORCH[kind], Ragged.from_rows([row, row[:3]]), items)[0]
        assert np.linalg.norm(ours - theirs) <= 1e-5 * np.linalg.norm(theirs)


def test_attention_stands_large_logits():
    history = np.full((3, DIM), 1e4, np.float32)
    weights = arrays_of(TORCH["attention"]) | {"query": np.full(DIM, 1e3, np.float32)}
    assert np.isfinite(make_user_encoder({"kind": "attention", **SETTINGS}, weights).encode(history, None)).all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="rnn"):
        make_user_encoder({"kind": "rnn", **SETTINGS}, arrays_of(TORCH["mean"]))
