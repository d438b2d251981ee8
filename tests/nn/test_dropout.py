import pytest
import torch
from torch.nn import functional

from distill_rec.nn.dropout import dropout
from distill_rec.nn.user_encoders import CausalBlock, _attention_in_steps

SHARES = [0.1, 0.3, 0.5]


def twice(first, second, x):
    """Values, gradients and the generator's state after, of two functions from the same seed."""
    found = []
    for function in (first, second):
        torch.manual_seed(3)
        leaf = x.clone().requires_grad_()
        out = function(leaf)
        (out * out).sum().backward()
        found.append((out.detach(), leaf.grad, torch.get_rng_state()))
    return found


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dropout_is_torchs_to_the_last_digit(share, dtype):
    x = torch.randn(7, 11, 13, dtype=dtype)
    torchs, ours = twice(lambda y: functional.dropout(y, share, True), lambda y: dropout(y, share, True), x)
    assert all(torch.equal(a, b) for a, b in zip(torchs, ours, strict=True))
    assert (ours[0] == 0).any() and (ours[0] != 0).any()


def test_without_training_nothing_is_dropped_or_drawn():
    x, before = torch.randn(5, 6), torch.get_rng_state()
    assert dropout(x, 0.3, False) is x
    assert torch.equal(dropout(x, 0.0, True), x) and torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("length", "width"), [(1, 8), (12, 8), (31, 32)])
def test_attention_in_steps_is_torchs_to_the_last_digit(share, length, width):
    def torchs(x):
        query, key, value = x.permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=share)

    x = torch.randn(3, length, 3, 2, width)
    a, b = twice(torchs, lambda y: _attention_in_steps(*y.permute(2, 0, 3, 1, 4), share), x)
    assert all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


def test_a_block_in_training_drops_by_the_generator():
    block, x = CausalBlock(8, 2, 0.3).train(), torch.randn(2, 5, 8)
    torch.manual_seed(1)
    first = block(x)
    assert not torch.equal(block(x), first)
    torch.manual_seed(1)
    assert torch.equal(block(x), first)
