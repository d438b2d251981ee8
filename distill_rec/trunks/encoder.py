"""A text encoder that runs a trunk, from the cached states of its frozen layers on."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from distill_rec.data.ragged import Ragged
from distill_rec.nn.recommender import TextEncoder
from distill_rec.nn.text_head import TextHead
from distill_rec.trunks.load import Trunk, pool
from distill_rec.trunks.prefix import forward_all, forward_upper, pad_tokens

log = logging.getLogger(__name__)


def learning(layers: Iterable[nn.Module]) -> nn.ModuleList:
    """These layers, made to learn."""
    return nn.ModuleList(list(layers)).requires_grad_(True)


class TrunkEncoder(TextEncoder):
    """Trunk, pooling over tokens, head.

    Args:
        trunk: what `tuned` holds of it learns where it asks for gradients; the rest is frozen, in evaluation mode.
        tokens: token ids of each text.
        head: fitted head; pools itself where it has attention.
        tuned: the part of the trunk that is saved with the model.
        start: layer that the states enter; the depth where no layer learns.
        states: what enters it (see `cached_states`); the whole trunk runs where not given.
        chunk: texts encoded at once.
    """

    def __init__(  # noqa: PLR0913
        self,
        trunk: Trunk,
        tokens: Ragged,
        head: TextHead,
        tuned: nn.Module,
        start: int,
        states: Ragged | None,
        chunk: int,
    ) -> None:
        super().__init__()
        self.trunk, self.tokens, self.head, self.states, self.chunk = trunk, tokens, head, states, chunk
        self.n_texts, self.dim = len(tokens), head.projection.linear.out_features
        self.start, self.tuned = start, tuned

    def trunk_parameters(self) -> list[nn.Parameter]:
        return [p for p in self.tuned.parameters() if p.requires_grad]

    def trunk_groups(self) -> dict[str, list[nn.Parameter]]:
        learning = {id(p) for p in self.trunk_parameters()}
        groups = {
            f"trunk layer {number}": [p for p in layer.parameters() if id(p) in learning]
            for number, layer in enumerate(self.trunk.layers)
        }
        groups = {name: parameters for name, parameters in groups.items() if parameters}
        in_layers = {id(p) for group in groups.values() for p in group}
        others = [p for p in self.trunk_parameters() if id(p) not in in_layers]
        return groups | ({"trunk embeddings": others} if others else {})

    def chunks(self, rows: Tensor) -> list[Tensor]:
        if len(rows) == 0:
            return []
        lengths = torch.from_numpy(self.tokens.lengths[rows.cpu().numpy()])
        return list(rows[lengths.argsort(stable=True).to(rows.device)].split(self.chunk))

    def hidden(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Token states `[n, tokens, width]` and mask of the texts."""
        numbers = rows.cpu().numpy()
        ids, mask = pad_tokens(self.tokens, numbers, rows.device)
        if self.states is None:
            return forward_all(self.trunk, ids, mask), mask
        part = self.states.take(numbers)
        states = torch.zeros(*mask.shape, self.trunk.width, device=rows.device)
        states[mask] = torch.from_numpy(part.values.astype(np.float32)).to(rows.device)
        if self.start == len(self.trunk.layers):
            return states, mask
        return forward_upper(self.trunk, ids, mask, states, self.start), mask

    def pooled(self, rows: Tensor) -> Tensor:
        hidden, mask = self.hidden(rows)
        if self.head.attention is not None:
            return self.head.attention(hidden, mask)  # type: ignore[no-any-return]
        return pool(hidden, mask, self.trunk.pooling)

    @property
    def bias(self) -> nn.Parameter:
        return self.head.projection.linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        return self.head(self.pooled(rows))  # type: ignore[no-any-return]

    def check_states(self) -> None:
        """Run a few texts with and without the cached states; where they differ, go on without them and say so."""
        if self.states is None or self.n_texts == 0:
            return
        rows = torch.arange(min(8, self.n_texts), device=next(self.head.parameters()).device)
        self.eval()
        with torch.no_grad():
            cached = self.pooled(rows)
            states, self.states = self.states, None
            plain = self.pooled(rows)
        error = float((cached - plain).norm() / plain.norm().clamp_min(1e-12))
        if error < 1e-2:
            self.states = states
        else:
            log.warning(
                "%s: cached states change its vectors by %.2g; every step runs the whole trunk",
                self.trunk.source,
                error,
            )
