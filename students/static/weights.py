"""How much a sub-word counts in the mean of a text before anything is learned: the rarer, the more."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from distill_rec.trunks.smaller_vocabulary import UNUSED, own_ids

RARE = 1e-3
"""a of Arora et al. 2017."""
ZIPF_RARE = 1e-4
"""a of Model2Vec (Minish Lab, 2024)."""
FIRST_RANK = 2


def by_catalogue(counts: Tensor) -> Tensor:
    """Smooth inverse frequency `[n_tokens]`, a / (a + p) (Arora et al. 2017, section 3).

    Args:
        counts: of each sub-word in the catalogue `[n_tokens]`; one that does not occur gets 1.
    """
    return RARE / (RARE + counts / counts.sum().clamp_min(1))


def by_zipf(tokenizer_json: str, n_tokens: int) -> Tensor:
    """The same `[n_tokens]` with p by Zipf's law, 1 / rank: vocabularies are ordered by frequency.

    What the catalogue says often counts as the language has it, and a sub-word that it lacks is weighed as any other.
    """
    kept = ranked(tokenizer_json, n_tokens)
    share = torch.zeros(n_tokens)
    share[kept] = 1 / torch.arange(FIRST_RANK, FIRST_RANK + int(kept.sum()), dtype=torch.float32)
    return ZIPF_RARE / (ZIPF_RARE + share / share.sum().clamp_min(1e-12))


def ranked(tokenizer_json: str, n_tokens: int) -> Tensor:
    """Which rows of a vocabulary are sub-words, bool `[n_tokens]`."""
    names = own_ids(json.loads(tokenizer_json)["model"])
    kept = torch.zeros(n_tokens, dtype=torch.bool)
    kept[[row for name, row in names.items() if row < n_tokens and not UNUSED.fullmatch(name)]] = True
    return kept
