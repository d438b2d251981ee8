"""Texts as ragged token ids, made once and kept memory-mapped."""

from __future__ import annotations

import numpy as np

from distill_rec.data.ragged import Ragged
from distill_rec.files import alone, cache_folder, fingerprint, replacing_folder
from distill_rec.runtime.tokenizer import TextTokenizer


def tokenize(texts: list[str], tokenizer: TextTokenizer) -> Ragged:
    """Token ids of each text, int32."""
    ids, offsets = tokenizer.encode(texts)
    return Ragged(np.asarray(ids, dtype=np.int32), np.asarray(offsets, dtype=np.int64))


def cached_tokens(texts: list[str], tokenizer: TextTokenizer) -> Ragged:
    """The same, kept in the cache under the texts and all that decides how the tokenizer reads them."""
    folder = cache_folder() / "tokens" / fingerprint(texts, tokenizer.settings)
    with alone(folder):
        if not folder.exists():
            with replacing_folder(folder) as temporary:
                tokenize(texts, tokenizer).write(temporary, "tokens")
    return Ragged.read(folder, "tokens")
