"""One space for the items of every list, whoever made it: the words of their texts, weighed by how rare they are.

No model's own vectors: a model that ranks by a space fills its lists with what is near in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

WORDS = 1 << 20
"""Places of words; two words of a catalogue rarely share one."""
BLOCK = 4096
"""Texts, or lists, that are looked at together."""


class TextSpace:
    """TF-IDF of single words, of length 1 (Salton and Buckley 1988); a text without words is nowhere.

    Args:
        texts: distinct texts of the catalogue, each of which counts once.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._words = HashingVectorizer(n_features=WORDS, alternate_sign=False, norm=None, token_pattern=r"(?u)\w+")
        found = np.zeros(WORDS, dtype=np.int64)
        for start in range(0, len(texts), BLOCK):
            found += np.bincount(self._words.transform(texts[start : start + BLOCK]).indices, minlength=WORDS)
        self._weights = np.log((1 + len(texts)) / (1 + found)) + 1

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """Sparse `[n, WORDS]`, rows of length 1 or 0."""
        if not len(texts):
            return csr_matrix((0, WORDS))
        return normalize(self._words.transform(texts) @ diags(self._weights)).tocsr()


def intra_list_distance(lists: NDArray[np.int64], vectors: csr_matrix) -> NDArray[np.float64]:
    """Mean of 1 - cosine over the pairs of each list (Ziegler et al. 2005, eq. 5, as a distance); NaN below two items.

    Args:
        lists: `[n, k]`, rows of `vectors`; -1 where a list is shorter.
        vectors: of length 1, or 0 for what is as far from everything as can be.
    """
    out = np.full(len(lists), np.nan)
    own = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
    for start in range(0, len(lists), BLOCK):
        part = lists[start : start + BLOCK]
        there = part >= 0
        counts = there.sum(axis=1)
        ends = np.concatenate([[0], np.cumsum(counts)])
        sums = csr_matrix((np.ones(ends[-1]), part[there], ends), shape=(len(part), vectors.shape[0])) @ vectors
        # the sum of all cosines is the length of the sum of the vectors, squared; each item's with itself is no pair
        whole = np.asarray(sums.multiply(sums).sum(axis=1)).ravel()
        itself = np.bincount(np.repeat(np.arange(len(part)), counts), own[part[there]], minlength=len(part))
        pairs = counts * (counts - 1)
        cosines = np.divide(whole - itself, pairs, out=np.full(len(part), np.nan), where=pairs > 0)
        out[start : start + BLOCK] = 1 - cosines
    return out
