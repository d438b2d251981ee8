"""A vector for every sub-word: the trunk run over its own vocabulary, each token alone between the special ones."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from distill_rec.data.ragged import Ragged
from distill_rec.files import cache_folder, fingerprint
from distill_rec.progress import Progress
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.shards.rows import RowFile
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.prefix import Pass, run_lower
from distill_rec.trunks.tokens import tokenize

SHARD = 2048
"""Sub-words of a shard."""


def vocabulary_size(trunk: Trunk) -> int:
    """Rows of the trunk's token embedding."""
    return int(trunk.model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]


def vocabulary_vectors(trunk: Trunk, progress: Progress, only: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
    """Mean-pooled vectors of tokens (Model2Vec's first step), cached.

    Args:
        only: token ids; all of the vocabulary where not given.

    Returns:
        `[n_tokens, width]`, in the order of the ids.
    """
    which = () if only is None else (only.tolist(),)
    rows = _rows(trunk, *which)
    if rows.finished:  # then the trunk is not even loaded
        return rows.collect(0)
    chosen = np.arange(vocabulary_size(trunk)) if only is None else only
    alone = Ragged(chosen.astype(np.int32), np.arange(len(chosen) + 1, dtype=np.int64))
    return _run(trunk, rows, alone, [str(token) for token in chosen], progress)


def phrase_vectors(trunk: Trunk, progress: Progress, phrases: list[str]) -> NDArray[np.float32]:
    """The same of words and phrases, all sub-words of each together between the special ones, `[n_phrases, width]`."""
    rows = _rows(trunk, "phrases", phrases)
    if rows.finished:
        return rows.collect(0)
    tokens = tokenize(phrases, TextTokenizer(trunk.tokenizer_json, trunk.max_tokens, special_tokens=False))
    return _run(trunk, rows, tokens, phrases, progress)


def _rows(trunk: Trunk, *which: object) -> RowFile:
    folder = cache_folder() / "vocabulary" / fingerprint(trunk.digest, trunk.tokenizer_json, *which)
    return RowFile(folder, np.float32, trunk.width, SHARD)


def _run(trunk: Trunk, rows: RowFile, tokens: Ragged, names: list[str], progress: Progress) -> NDArray[np.float32]:
    """Run the trunk over each row of tokens, between the special ones."""
    special = TextTokenizer(trunk.tokenizer_json, max(trunk.max_tokens, 4), special_tokens=True).encode([""])[0]
    before, after = special[: (len(special) + 1) // 2], special[(len(special) + 1) // 2 :]
    whole = Ragged.from_rows([np.concatenate([before, row, after]) for row in tokens], np.int32)
    family = cache_folder() / "vocabulary" / "families" / fingerprint(trunk.digest, trunk.tokenizer_json)
    asked = Pass(names, trunk.depth, "mean", "vectors of sub-words", family)
    return run_lower(rows, whole, trunk, asked, progress)


def token_embeddings(trunk: Trunk) -> Tensor:
    """The trunk's own vectors of its tokens, before any layer, float32 `[n_tokens, width]`."""
    embeddings: Any = trunk.model.get_input_embeddings()  # type: ignore[operator]
    return cast(Tensor, embeddings.weight.detach().float().cpu())
