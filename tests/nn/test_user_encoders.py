import pytest
import torch

from distill_rec.nn.user_encoders import make_user_encoder

KINDS = ["attention", "causal", "gru", "mean", "nrms"]


def encoder(kind):
    torch.manual_seed(0)
    module = make_user_encoder(kind, dim=8, max_history=20, layers=2, heads=2, dropout=0.3).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_all_positions_are_the_users_of_every_prefix(kind):
    module, history = encoder(kind), torch.randn(1, 12, 8)
    with torch.no_grad():
        positions = module.all_positions(history, torch.ones(1, 12, dtype=torch.bool))[0]
        for length in range(13):
            alone = module(history[:, :length], torch.ones(1, length, dtype=torch.bool))[0]
            assert (positions[length] - alone).norm() <= 1e-5 * alone.norm()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    module, history = encoder(kind), torch.randn(3, 5, 8)
    mask = torch.arange(20)[None] < torch.tensor([5, 1, 0])[:, None]
    padded = torch.cat([history, torch.full((3, 15, 8), 7.0)], 1)
    with torch.no_grad():
        together = module(padded, mask)
        for row, length in enumerate([5, 1, 0]):
            alone = module(history[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool))[0]
            assert (together[row] - alone).norm() <= 1e-5 * alone.norm()


@pytest.mark.parametrize("kind", ["attention", "nrms"])
def test_attention_starts_as_the_mean(kind):
    attention, mean = make_user_encoder(kind, 8, 20), make_user_encoder("mean", 8, 20)
    history, mask = torch.randn(2, 6, 8), torch.ones(2, 6, dtype=torch.bool)
    attention.eval()
    with torch.no_grad():
        torch.testing.assert_close(attention(history, mask), mean(history, mask))
