"""A vector for every sub-word: the trunk run over its own vocabulary, each token alone between the special ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.ragged import Ragged
from distill_rec.files import cache_folder, fingerprint
from distill_rec.progress import Progress
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.prefix import RowFile, run_lower


def vocabulary_size(trunk: Trunk) -> int:
    """Rows of the trunk's token embedding."""
    return int(trunk.model.get_input_embeddings().weight.shape[0])  # type: ignore[operator]


def vocabulary_vectors(trunk: Trunk, progress: Progress) -> NDArray[np.float32]:
    """Mean-pooled vectors `[n_tokens, width]` of every token (Model2Vec's first step), cached."""
    special = TextTokenizer(trunk.tokenizer_json, max(trunk.max_tokens, 4), special_tokens=True).encode([""])[0]
    before, after = special[: (len(special) + 1) // 2], special[(len(special) + 1) // 2 :]
    size = vocabulary_size(trunk)
    width = len(special) + 1
    ids = np.empty((size, width), dtype=np.int32)
    ids[:, : len(before)] = before
    ids[:, len(before)] = np.arange(size)
    ids[:, len(before) + 1 :] = after
    tokens = Ragged(ids.ravel(), np.arange(size + 1, dtype=np.int64) * width)
    folder = cache_folder() / "vocabulary" / fingerprint(trunk.digest, trunk.tokenizer_json)
    rows = RowFile(folder, np.float32, trunk.width)
    return run_lower(rows, tokens, trunk, len(trunk.layers), "mean", progress, "vectors of sub-words")
