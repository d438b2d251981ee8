"""User encoders: from the vectors of a history to one user vector, for one history or at every position.

Each gives `[batch, dim]` for whole histories (`forward`) and `[batch, length + 1, dim]` for all prefixes at
once (`all_positions`; entry p is the user after p clicks, entry 0 the learned vector of an empty history).
Histories are oldest first, padded on the right, and never longer than `max_history`: who holds a longer one cuts it to
its most recent clicks, for every kind alike, here (`distill_rec.nn.recommender.user_vectors`) as in a service.
The weights' names are part of the artifact's format: `distill_rec.runtime.user_encoders` computes the same maps in
numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from distill_rec.nn.arithmetic import in_bf16
from distill_rec.nn.dropout import dropout

Kind = Literal["attention", "causal", "gru", "mean", "nrms"]


class UserEncoder(nn.Module):
    """Base: a learned vector for the empty history and a learned scale of the scores.

    Args:
        dim: dimensions of item and user vectors.
        max_history: longest history; a longer one must be cut to its last clicks.
        scale: initial factor of the user vector; with unit item vectors, the inverse temperature of the scores.
    """

    kind: Kind

    def __init__(self, dim: int, max_history: int, scale: float) -> None:
        super().__init__()
        self.dim, self.max_history = dim, max_history
        self.empty = nn.Parameter(torch.zeros(dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def states(self, history: Tensor, mask: Tensor) -> Tensor:
        """Unscaled vectors after each click, `[batch, length, dim]`."""
        raise NotImplementedError

    def all_positions(self, history: Tensor, mask: Tensor) -> Tensor:
        """User vectors of every prefix.

        Args:
            history: item vectors `[batch, length, dim]`.
            mask: bool `[batch, length]`, true where there is an item.

        Returns:
            `[batch, length + 1, dim]`; what stands after the padding begins has no meaning.
        """
        empty = self.empty.expand(len(history), 1, self.dim)
        states = torch.cat([empty, self.states(history, mask)], dim=1) if history.shape[1] else empty
        return states * self.log_scale.exp()

    def forward(self, history: Tensor, mask: Tensor) -> Tensor:
        """User vectors `[batch, dim]` of whole histories."""
        positions = self.all_positions(history, mask)
        return positions[torch.arange(len(history), device=history.device), mask.sum(1)]

    def whole(self, history: Tensor, mask: Tensor) -> Tensor:
        """What `forward` gives in evaluation mode, without a graph; a kind may leave out what only a prefix needs."""
        with torch.no_grad():
            return self(history, mask)  # type: ignore[no-any-return]


class MeanUserEncoder(UserEncoder):
    """The mean of the history."""

    kind = "mean"

    def __init__(self, dim: int, max_history: int) -> None:
        super().__init__(dim, max_history, scale=10.0)

    def states(self, history: Tensor, mask: Tensor) -> Tensor:
        counts = torch.arange(1, history.shape[1] + 1, device=history.device, dtype=history.dtype)
        return (history * mask[..., None]).cumsum(1) / counts[:, None]


class AttentionUserEncoder(UserEncoder):
    """Additive attention pooling (NAML, Wu et al. 2019, eq. 10-11).

    A click's weight depends on its item alone, so all prefixes are two cumulative sums. It starts as the
    mean (the query is zero), so that an untrained head ranks as the untrained PLM does.

    Args:
        dropout: share of clicks left out of a history in training.
    """

    kind: Kind = "attention"

    def __init__(self, dim: int, max_history: int, dropout: float = 0.0) -> None:
        super().__init__(dim, max_history, scale=10.0)
        self.project = nn.Linear(dim, dim)
        self.query = nn.Parameter(torch.zeros(dim))
        self.dropout = dropout

    def states(self, history: Tensor, mask: Tensor) -> Tensor:
        logits = torch.tanh(self.project(history)) @ self.query
        logits = logits.masked_fill(~mask, -torch.inf)
        # The largest logit is a constant factor of numerator and denominator: no gradient is needed.
        shift = logits.detach().amax(1, keepdim=True).clamp_min(-1e30)
        weights = torch.exp(logits - shift)
        if self.training and self.dropout > 0:
            # A click that is dropped keeps a trace of weight: a prefix of dropped clicks alone stays defined.
            weights = weights * (torch.rand_like(weights) >= self.dropout).clamp_min(1e-3)
        return (history * weights[..., None]).cumsum(1) / weights.cumsum(1)[..., None].clamp_min(1e-30)


class CausalBlock(nn.Module):
    """Pre-norm self-attention and feed-forward, each with a residual."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        share = self.dropout if self.training else 0.0
        attended = self.out(_causal_attention(self.qkv(self.norm1(x)), self.heads, share))
        return self._fed_forward(x + dropout(attended, self.dropout, self.training))

    def _fed_forward(self, x: Tensor) -> Tensor:
        up = functional.relu(self.up(self.norm2(x)))
        return x + dropout(self.down(up), self.dropout, self.training)

    def at(self, x: Tensor, place: Tensor) -> Tensor:
        """What `forward` gives at one position of each row, `[batch, dim]`, in evaluation mode.

        Args:
            place: int64 `[batch]`, that position.
        """
        batch, length, dim = x.shape
        normed, row = self.norm1(x), torch.arange(batch, device=x.device)
        weights, biases = self.qkv.weight.split([dim, 2 * dim]), self.qkv.bias.split([dim, 2 * dim])
        query = functional.linear(normed[row, place], weights[0], biases[0]).view(batch, self.heads, 1, -1)
        both = functional.linear(normed, weights[1], biases[1]).view(batch, length, 2, self.heads, dim // self.heads)
        key, value = both.permute(2, 0, 3, 1, 4)
        seen = (torch.arange(length, device=x.device) <= place[:, None])[:, None, None]
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return self._fed_forward(x[row, place] + self.out(attended.reshape(batch, dim)))


def _causal_attention(qkv: Tensor, heads: int, share: float) -> Tensor:
    """What each position gathers from itself and those before it, `[batch, length, dim]`.

    Args:
        qkv: queries, keys and values side by side, `[batch, length, 3 dim]`.
        share: of the attention that is dropped.
    """
    batch, length, width = qkv.shape
    query, key, value = qkv.view(batch, length, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
    if qkv.device.type == "cpu" and (share > 0 or in_bf16()):
        attended = _attention_in_steps(query, key, value, share)
    else:
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=share)
    return attended.transpose(1, 2).reshape(batch, length, width // 3)


def _attention_in_steps(query: Tensor, key: Tensor, value: Tensor, share: float) -> Tensor:
    """`scaled_dot_product_attention(..., is_causal=True, dropout_p=share)` to the last digit, in less time.

    torch has no fused form with dropout on a CPU; of what it does instead, the search for rows without any position
    is left out, because each position sees itself. Its fused form takes ten times as long where fp32 matrices are
    multiplied in bf16.
    """
    length, width = query.shape[-2:]
    root = math.sqrt(1 / math.sqrt(width))
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    bias = query.new_zeros(length, length).masked_fill_(later, -torch.inf)
    scores = (query * root) @ (key * root).transpose(-2, -1)
    return dropout(torch.softmax(scores + bias, -1), share, True) @ value


class CausalUserEncoder(UserEncoder):
    """A causal transformer over the clicks (SASRec, Kang and McAuley 2018), pre-norm.

    Padding stands on the right, so that the causal mask alone hides it.
    """

    kind = "causal"

    def __init__(self, dim: int, max_history: int, layers: int = 2, heads: int = 2, dropout: float = 0.3) -> None:
        super().__init__(dim, max_history, scale=1.0)
        self.dropout = dropout
        self.position = nn.Parameter(torch.randn(max_history, dim) * 0.02)
        self.blocks = nn.ModuleList(CausalBlock(dim, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def states(self, history: Tensor, mask: Tensor) -> Tensor:
        x = self._placed(history)
        x = dropout(x, self.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # type: ignore[no-any-return]

    def _placed(self, history: Tensor) -> Tensor:
        return history * math.sqrt(self.dim) + self.position[: history.shape[1]]

    @torch.no_grad()
    def whole(self, history: Tensor, mask: Tensor) -> Tensor:
        """Of the last layer only the last position is computed."""
        if self.training or not history.shape[1]:
            return super().whole(history, mask)
        lengths = mask.sum(1)
        *below, last = self.blocks
        x = self._placed(history)
        for block in below:
            x = block(x)
        states = self.norm(cast(CausalBlock, last).at(x, (lengths - 1).clamp_min(0)))
        return torch.where(lengths[:, None] > 0, states, self.empty) * self.log_scale.exp()


class GruUserEncoder(UserEncoder):
    """A GRU over the clicks (GRU4Rec, Hidasi et al. 2016, with the softmax over the catalogue in place of its losses).

    Its state after each click is mapped back to the items' space.

    Args:
        dropout: of its input, between its layers and of its states.
    """

    kind = "gru"

    def __init__(self, dim: int, max_history: int, layers: int = 1, dropout: float = 0.3) -> None:
        super().__init__(dim, max_history, scale=1.0)
        self.dropout = dropout
        self.gru = nn.GRU(dim, dim, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.out = nn.Linear(dim, dim)

    def states(self, history: Tensor, mask: Tensor) -> Tensor:
        states, _ = self.gru(dropout(history, self.dropout, self.training))
        return self.out(dropout(states, self.dropout, self.training))  # type: ignore[no-any-return]


class NrmsUserEncoder(AttentionUserEncoder):
    """Self-attention over the clicks, then additive attention pooling (NRMS, Wu et al. 2019, section 3.2).

    A click attends to itself and those before it, so that all prefixes are computed at once; in the paper it sees the
    later ones too. What it gathers is added to its own vector and starts as zero: an untrained head ranks as the
    untrained PLM does.
    """

    kind = "nrms"

    def __init__(self, dim: int, max_history: int, heads: int = 2, dropout: float = 0.0) -> None:
        super().__init__(dim, max_history, dropout)
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def states(self, history: Tensor, mask: Tensor) -> Tensor:
        gathered = self.out(_causal_attention(self.qkv(history), self.heads, self.dropout if self.training else 0.0))
        return super().states(history + gathered, mask)


ENCODERS: dict[Kind, Callable[[int, int, int, int, float], UserEncoder]] = {
    "attention": lambda dim, most, layers, heads, dropout: AttentionUserEncoder(dim, most, dropout),
    "causal": CausalUserEncoder,
    "gru": lambda dim, most, layers, heads, dropout: GruUserEncoder(dim, most, layers, dropout),
    "mean": lambda dim, most, layers, heads, dropout: MeanUserEncoder(dim, most),
    "nrms": lambda dim, most, layers, heads, dropout: NrmsUserEncoder(dim, most, heads, dropout),
}
"""Of dimensions, longest history, layers, heads and dropout each kind takes what it has."""


def make_user_encoder(
    kind: Kind, dim: int, max_history: int, layers: int = 2, heads: int = 2, dropout: float = 0.3
) -> UserEncoder:
    """The user encoder of a recipe."""
    return ENCODERS[kind](dim, max_history, layers, heads, dropout)
