"""The contract of every bi-encoder: text encoder, offsets, user encoder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from distill_rec.artifact.new_level import NewLevel
from distill_rec.data.ragged import Ragged
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.repeat import RepeatTerm
from distill_rec.nn.user_encoders import UserEncoder


class TextEncoder(nn.Module):
    """From a text's index to the text part of an item vector; each kind of model has one.

    Attributes:
        n_texts: distinct texts of the catalogue.
        dim: dimensions of an item vector.
        neutral: `[dim]`, the vector of every text that reads as the empty one; None where it was learned.
        empty: bool `[n_texts]`, which these are; read where there is a neutral vector.
        new_level: how high texts stand, of an encoder that was fitted to a training's end; else None.
    """

    n_texts: int
    dim: int
    neutral: Tensor | None = None
    empty: Tensor | None = None
    new_level: NewLevel | None = None

    def forward(self, rows: Tensor) -> Tensor:
        """Vectors `[n, dim]` of the texts with these indices, with a graph."""
        raise NotImplementedError

    def chunks(self, rows: Tensor) -> list[Tensor]:
        """The rows in pieces that may be encoded with a graph in bounded memory."""
        return list(rows.split(16384)) if len(rows) else []

    @property
    def bias(self) -> nn.Parameter | None:
        """`[dim]`, what is added last to the vector of every text; None where nothing is."""
        return None

    def trunk_parameters(self) -> list[nn.Parameter]:
        """Pre-trained weights that learn (at the trunk's own rate)."""
        return []

    def table_parameters(self) -> list[nn.Parameter]:
        """Vectors of sub-words that learn at `table_rate` of the others' rate."""
        return []

    def trunk_groups(self) -> dict[str, list[nn.Parameter]]:
        """The same by the part of the trunk that they belong to, such as "trunk layer 5"."""
        return {}

    def encode(self, rows: Tensor | None = None) -> Tensor:
        """Vectors `[n, dim]` without a graph, in chunks."""
        device = next(self.parameters()).device
        rows = torch.arange(self.n_texts, device=device) if rows is None else rows
        out = torch.empty(len(rows), self.dim, device=device, dtype=next(self.parameters()).dtype)
        place = torch.empty(self.n_texts, dtype=torch.int64, device=device)
        place[rows] = torch.arange(len(rows), device=device)
        with torch.no_grad():
            for chunk in self.chunks(rows):
                out[place[chunk]] = self(chunk)
        if self.neutral is not None and self.empty is not None:
            out[self.empty.to(rows.device)[rows]] = self.neutral.to(out)
        return out


class Recommender(nn.Module):
    """Scores are `item vector . user vector`, and where there is a repeat term its number for items of the history.

    Args:
        text_encoder: texts to vectors.
        user_encoder: histories to vectors.
        item_text: int64 `[n_items]`, the text of each item.
        offsets: free offsets; none where not given.
        repeat_term: none where not given.
    """

    item_text: Tensor

    def __init__(
        self,
        text_encoder: TextEncoder,
        user_encoder: UserEncoder,
        item_text: Tensor,
        offsets: ItemOffsets | None,
        repeat_term: RepeatTerm | None = None,
    ) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.user_encoder = user_encoder
        self.offsets = offsets
        self.repeat_term = repeat_term
        self.register_buffer("item_text", item_text, persistent=False)

    def item_vectors(self, texts: Tensor | None = None, only: Tensor | None = None) -> Tensor:
        """All item vectors `[n_items, dim]`, offsets included, without a graph.

        Args:
            texts: vectors of all texts, where the caller has them.
            only: items `[m]` whose texts are encoded, where others are not asked about: their text part is zero then.
        """
        with torch.no_grad():
            if texts is None and only is None:
                texts = self.text_encoder.encode()
            elif texts is None:
                rows = torch.unique(self.item_text[only])
                encoded = self.text_encoder.encode(rows)
                texts = encoded.new_zeros(self.text_encoder.n_texts, encoded.shape[1]).index_copy_(0, rows, encoded)
            vectors = functional.embedding(self.item_text, texts)
            return vectors if self.offsets is None else vectors + self.offsets()

    def part_of(self, name: str) -> str:
        """The part that a weight belongs to, by its name, in words."""
        outer = name.split(".")[0]
        return "item encoder" if outer == "text_encoder" else outer.replace("_", " ")

    @property
    def repeat(self) -> NDArray[np.float32] | None:
        """Numbers `[BUCKETS]` of the repeat term; None where there is none."""
        return None if self.repeat_term is None else self.repeat_term().detach().float().cpu().numpy().copy()

    def user_vectors(self, history: Ragged, items: Tensor) -> NDArray[np.float32]:
        """User vectors `[n, dim]` of many histories; `items` are all item vectors."""
        return user_vectors(self.user_encoder, history, items)


def user_vectors(
    encoder: UserEncoder, history: Ragged, items: Tensor | NDArray[np.float32], batch: int = 128
) -> NDArray[np.float32]:
    """User vectors `[n, dim]` of many histories, each distinct one encoded once, in batches of like lengths.

    Args:
        history: rows of item indices; of a row longer than the encoder reads, the most recent clicks count.
        items: all item vectors `[n_items, dim]`; of an array (which may lie in a file) only rows of histories are read.
        batch: histories at once; few enough that what is computed of them stays in cache.
    """
    device = items.device if isinstance(items, Tensor) else encoder.empty.device
    history, number = history.distinct(encoder.max_history)
    out = np.empty((len(history), items.shape[1]), dtype=np.float32)
    order = np.argsort(history.lengths, kind="stable")
    with torch.no_grad():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            padded, mask = history.take(rows).padded()
            if isinstance(items, Tensor):
                index = torch.from_numpy(padded.astype(np.int64)).to(device)
                clicked = functional.embedding(index, items)
            else:
                clicked = torch.from_numpy(np.asarray(items[padded], dtype=np.float32)).to(device)
            users = encoder.whole(clicked, torch.from_numpy(mask).to(device))
            out[rows] = users.float().cpu().numpy()
    return out[number]
