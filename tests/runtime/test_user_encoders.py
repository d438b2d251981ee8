"""The numpy user encoders are torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.nn.user_encoders import make_user_encoder as torch_encoder
from distill_rec.runtime.user_encoders import make_user_encoder


@pytest.mark.parametrize("kind", ["attention", "causal", "mean"])
@settings(max_examples=15, deadline=None)
@given(length=st.integers(0, 50), seed=st.integers(0, 99))
def test_numpy_equals_torch_at_every_length(kind, length, seed):
    torch.manual_seed(seed)
    shape = {"kind": kind, "dim": 8, "max_history": 50, "layers": 2, "heads": 2}
    module = torch_encoder(**shape, dropout=0.3).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        history = torch.randn(1, length, 8)
        padded = torch.cat([history, torch.zeros(1, 50 - length, 8)], 1)
        expected = module(padded, torch.arange(50)[None] < length)[0].numpy()
    ours = make_user_encoder(shape, {name: value.numpy() for name, value in module.state_dict().items()})
    vectors = history[0].numpy()
    prepared = ours.prepare(vectors)
    found = ours.encode(vectors, prepared)
    assert np.linalg.norm(found - expected) <= 1e-5 * max(np.linalg.norm(expected), 1e-6)
