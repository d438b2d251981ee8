"""Texts that no encoder has met, to measure with how quickly new items are encoded.

An encoder may remember what it read: the static one keeps the ids of words. On texts that come again it is four times
as quick as on those of a new item, so that a speed measured on a catalogue's own texts, in turn, is one of the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHORTEST = 4
"""Letters of a word that is cut in two for a new one."""


class Unseen:
    """Texts like these, each other than these and than all that were taken before.

    Their words are the corpus's, drawn as often as they stand in it, and among them words that nobody has met, each
    the beginning of one rare word and the end of another. How many is what a new text of this kind would hold: the
    share of words that stand once in the corpus (Good 1953).

    Args:
        texts: the corpus, as a catalogue's.

    Attributes:
        new_words: the share of words that were not met before.
    """

    def __init__(self, texts: Sequence[str], seed: int = 0) -> None:
        # Each word once and numbers for the rest: a process whose memory is measured may hold this.
        texts = [text for text in texts if text.split()] or ["word"]
        counts = Counter(chain.from_iterable(text.split() for text in texts))
        self._words = list(counts)
        place = {word: number for number, word in enumerate(self._words)}
        self._tokens = np.array([place[word] for text in texts for word in text.split()], dtype=np.int32)
        self._lengths = np.array([len(text.split()) for text in texts])
        once = [word for word, count in counts.items() if count == 1]
        self.new_words = len(once) / len(self._tokens)
        self._halves = [word for word in once or counts if len(word) >= SHORTEST] or self._words
        self._given, self._met = set(texts), set(self._words)
        self._random = np.random.default_rng(seed)

    def take(self, count: int) -> list[str]:
        """So many further texts."""
        lengths = self._random.choice(self._lengths, count)
        drawn = self._tokens[self._random.integers(0, len(self._tokens), int(lengths.sum()))].tolist()
        new = (self._random.random(len(drawn)) < self.new_words).tolist()
        words = [self._word() if fresh else self._words[place] for place, fresh in zip(drawn, new, strict=True)]
        ends = np.cumsum(lengths).tolist()
        return [self._text(words[start:end]) for start, end in zip([0, *ends], ends, strict=False)]

    def _text(self, words: list[str]) -> str:
        text = " ".join(words)
        if text in self._given:
            text = " ".join([*words[:-1], self._word()])
        self._given.add(text)
        return text

    def _word(self) -> str:
        """One that stands in no text so far."""
        first, last = (self._halves[place] for place in self._random.integers(0, len(self._halves), 2))
        word: str = first[: (len(first) + 1) // 2] + last[len(last) // 2 :]
        while word in self._met:
            word += LETTERS[int(self._random.integers(len(LETTERS)))]
        self._met.add(word)
        return word
