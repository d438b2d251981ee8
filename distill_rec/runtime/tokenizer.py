"""Texts to token ids; the one tokenizer of training and serving, so that both read the same."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from distill_rec.artifact.errors import ArtifactError, DataError
from distill_rec.runtime.words import Words, reads_word_by_word

LONGEST_TEXT = 10_000
CHUNK = 1024
"""Texts whose encodings, which are large objects, are held at a time."""


class TextTokenizer:
    """A serialised tokenizer with one way of cutting texts.

    Args:
        tokenizer_json: the serialised tokenizer, its text or bytes, or the path of its file.
        max_tokens: ids of a text at most, special ones included; content is cut at its end.
        special_tokens: put the tokenizer's own special tokens around the content.
        prefix: text put before every text.
        drop_unknown: leave the unknown token's id out.

    Raises:
        ArtifactError: the file is no serialised tokenizer.
    """

    def __init__(
        self,
        tokenizer_json: str | bytes | Path,
        max_tokens: int,
        special_tokens: bool,
        prefix: str = "",
        drop_unknown: bool = False,
    ) -> None:
        where = tokenizer_json if isinstance(tokenizer_json, Path) else "tokenizer.json"
        content = tokenizer_json
        try:
            if isinstance(content, Path):
                content = content.read_bytes()
            if isinstance(content, bytes):
                content = content.decode("utf-8")
            self._tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # the library raises bare Exception
            raise ArtifactError(where, f"no tokenizer: {error}", "a serialised tokenizer (tokenizer.json)") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self.max_tokens, self.special_tokens, self.prefix = max_tokens, special_tokens, prefix
        # Its own way of writing it: files of older releases leave parts out.
        parts = {} if special_tokens and not drop_unknown else json.loads(self._tokenizer.to_str())
        self._unknown = _unknown_id(self._tokenizer, parts["model"]) if drop_unknown else None
        self._words = Words(self._read) if not special_tokens and reads_word_by_word(parts) else None
        # Threads of the library and a fork do not mix; a service that forks must not see its warning.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    @property
    def settings(self) -> list[object]:
        """All that decides which ids a text gets, as JSON-like values: what ids are kept under in a cache."""
        return [self._tokenizer.to_str(), self.max_tokens, self.special_tokens, self.prefix, self._unknown]

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Flat ids and offsets `[n + 1]`; the ids of text i are `ids[offsets[i]:offsets[i + 1]]`.

        Only the first `LONGEST_TEXT` characters of a text are looked at, so that its time is bounded.

        Raises:
            DataError: one of them is no text.
        """
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"texts, place {place}", f"a value of type {type(text).__name__}", "a text")
        parts = [self._ids(texts[start : start + CHUNK]) for start in range(0, max(len(texts), 1), CHUNK)]
        flat, lengths = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        offsets = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return flat, offsets

    def reads_empty(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of texts whose ids these are read as the empty text does, `[n]`: it has no ids, or special ones."""
        none, lengths = self._of_empty, np.diff(offsets)
        found: NDArray[np.bool_] = lengths == len(none)
        rows = np.flatnonzero(found)
        found[rows] = (ids[offsets[rows, None] + np.arange(len(none))] == none).all(axis=1)
        return found

    @cached_property
    def _of_empty(self) -> NDArray[np.int32]:
        return self.encode([""])[0]

    def _ids(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Flat ids and the number of each text."""
        batch = [(self.prefix + text)[:LONGEST_TEXT] for text in texts]
        rows = self._read(batch) if self._words is None else self._words.ids(batch)
        rows = [row[: self.max_tokens] for row in rows]
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(lengths.sum()))
        if self._unknown is None:
            return flat, lengths
        known = flat != self._unknown
        if not known.all():
            owner = np.repeat(np.arange(len(rows)), lengths)
            flat, lengths = flat[known], np.bincount(owner[known], minlength=len(rows))
        return flat, lengths

    def _read(self, texts: list[str]) -> list[list[int]]:
        # The quicker form leaves out where in the text each id came from; ids are the same.
        try:
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=self.special_tokens)
        except TypeError:  # half a surrogate pair, which JSON can carry and UTF-8 cannot
            texts = [text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in texts]
            encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=self.special_tokens)
        return [encoding.ids for encoding in encodings]


def _unknown_id(tokenizer: Tokenizer, model: Mapping[str, Any]) -> int | None:
    if model.get("unk_id") is not None:  # a unigram model knows a place
        return int(model["unk_id"])
    token = model.get("unk_token")
    return None if token is None else tokenizer.token_to_id(token)
