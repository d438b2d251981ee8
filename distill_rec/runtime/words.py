"""Remembers the ids of words, for tokenizers that read each word between two blanks by itself.

Titles share their words, and reading one again costs a tokenizer many times what looking it up does. The ids are
those of the tokenizer: it reads every word once, and where anything in it could see beyond a blank, nothing is
remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

BLANK = " "
LOCAL_MODELS = ("WordPiece", "WordLevel")
LOCAL_PRE_TOKENIZERS = ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")
LOCAL_NORMALIZERS = ("BertNormalizer", "Lowercase")
"""They change characters one by one; but for accents, which are put in order only between two letters or blanks."""

MOST_WORDS = 1 << 14
"""Words remembered, about 5 MB; then it starts anew."""

LONGEST_WORD = 30
"""Characters; longer ones are hardly met again."""

Read = Callable[[list[str]], list[list[int]]]


def reads_word_by_word(parts: Mapping[str, Any]) -> bool:
    """Whether the ids of a text are those of its parts between blanks, one after the other.

    Args:
        parts: a serialised tokenizer.
    """
    normalizer, pre_tokenizer = parts.get("normalizer"), parts.get("pre_tokenizer")
    return (
        parts["model"].get("type") in LOCAL_MODELS
        and (normalizer is None or normalizer["type"] in LOCAL_NORMALIZERS)
        and pre_tokenizer is not None
        and pre_tokenizer["type"] in LOCAL_PRE_TOKENIZERS
        and not any(BLANK in token["content"] for token in parts.get("added_tokens") or ())
    )


class Words:
    """Ids of texts by way of their words. Threads may share it: words are added, and never changed or taken away.

    Args:
        read: the tokenizer, from texts to their ids without special tokens.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, list[int]] = {}
        self._met: set[str] = set()

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        words = [text.split(BLANK) for text in texts]
        distinct = set(chain.from_iterable(words))
        known = self._known
        unknown = distinct.difference(known)
        if 2 * len(unknown) > sum(map(len, words)):
            self._note(known, unknown)
            return self._read(list(texts))
        found = (self._learn(known, distinct, list(unknown)) if unknown else known).__getitem__
        return [list(chain.from_iterable(map(found, parts))) for parts in words]

    def _note(self, known: dict[str, list[int]], unknown: set[str]) -> None:
        """Where most words are new, whole texts are read quicker; words that are met again are learnt beside it."""
        if again := self._met.intersection(unknown):
            self._learn(known, set(), list(again))
        self._met = set() if len(self._met) > MOST_WORDS else self._met
        self._met.update(word for word in unknown if len(word) <= LONGEST_WORD)

    def _learn(self, known: dict[str, list[int]], words: set[str], unknown: list[str]) -> dict[str, list[int]]:
        """A dictionary that holds these words, among others."""
        new = dict(zip(unknown, self._read(unknown), strict=True))
        short = {word: ids for word, ids in new.items() if len(word) <= LONGEST_WORD}
        if len(known) + len(short) > MOST_WORDS:
            # A new dictionary, because another thread may be reading the old one.
            self._known = short if len(short) <= MOST_WORDS else {}
        elif len(short) == len(new):
            known.update(new)
            return known
        else:
            known.update(short)
        return new | {word: known[word] for word in words.difference(new)}
