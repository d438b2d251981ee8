"""History and candidate as one sequence of tokens: begin, titles each followed by a separator, candidate, separator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.tokens import tokenize

Ids = NDArray[np.int32]
TITLES = "item_tokens"
"""Name of a teacher's file of its items' tokens."""


def titles_of(dataset: Dataset, trunk: Trunk) -> Ragged:
    """Tokens of each item's text, no special ones."""
    plain = TextTokenizer(trunk.tokenizer_json, trunk.max_tokens, special_tokens=False)
    return tokenize(dataset.texts, plain).take(dataset.item_text)


@dataclass(frozen=True)
class Reader:
    """Makes the sequences.

    Attributes:
        titles: tokens of each item.
        begin, separator: the tokenizer's special tokens around a text.
        max_tokens: of a sequence. A candidate keeps up to half of them; the history's oldest tokens go first.
        most: titles of the history that are read.
    """

    titles: Ragged
    begin: Ids
    separator: Ids
    max_tokens: int
    most: int

    @staticmethod
    def of(titles: Ragged, trunk: Trunk, most: int) -> Reader:
        special, _ = trunk.tokenizer().encode([""])
        half = len(special) // 2
        return Reader(titles, special[:half], special[half:], trunk.max_tokens, most)

    @staticmethod
    def read(folder: Path, trunk: Trunk, most: int) -> Reader:
        return Reader.of(Ragged.read(folder, TITLES), trunk, most)

    def pairs(self, history: Ragged, candidates: Ragged) -> Ragged:
        """Sequences of each row's history with each of its candidates, one row after the other."""
        rows: list[Ids] = []
        for clicked, shown in zip(history, candidates, strict=True):
            past = self._past(clicked[-self.most :])
            rows += [self._pair(past, int(item)) for item in shown]
        return Ragged.from_rows(rows, np.int32)

    def _past(self, clicked: NDArray[np.int32]) -> Ids:
        parts = [part for item in clicked for part in (self.titles[int(item)], self.separator)]
        return np.concatenate(parts or [self.separator])

    def _pair(self, past: Ids, item: int) -> Ids:
        title = self.titles[item][: self.max_tokens // 2]
        room = self.max_tokens - len(self.begin) - len(title) - len(self.separator)
        return np.concatenate([self.begin, past[max(0, len(past) - room) :], title, self.separator])
