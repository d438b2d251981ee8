"""Texts to token ids; the one tokenizer of training and serving, so that both read the same."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from distill_rec.runtime.errors import ArtifactError, DataError

LONGEST_TEXT = 10_000


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
        self._unknown = self._unknown_id() if drop_unknown else None
        # Threads of the library and a fork do not mix; a service that forks must not see its warning.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    def _unknown_id(self) -> int | None:
        model = json.loads(self._tokenizer.to_str())["model"]
        if model.get("unk_id") is not None:  # a unigram model knows a place
            return int(model["unk_id"])
        token = model.get("unk_token")
        return None if token is None else self._tokenizer.token_to_id(token)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Flat ids and offsets `[n + 1]`; the ids of text i are `ids[offsets[i]:offsets[i + 1]]`.

        Only the first `LONGEST_TEXT` characters of a text are looked at, so that its time is bounded.

        Raises:
            DataError: one of them is no text.
        """
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"texts, place {place}", f"a value of type {type(text).__name__}", "a text")
        batch = [(self.prefix + text)[:LONGEST_TEXT] for text in texts]
        try:
            encodings = self._tokenizer.encode_batch(batch, add_special_tokens=self.special_tokens)
        except TypeError:  # half a surrogate pair, which JSON can carry and UTF-8 cannot
            batch = [text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in batch]
            encodings = self._tokenizer.encode_batch(batch, add_special_tokens=self.special_tokens)
        rows = [encoding.ids for encoding in encodings]
        if self._unknown is not None:
            rows = [[token for token in row if token != self._unknown] for row in rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        flat = np.fromiter((token for row in rows for token in row), dtype=np.int32, count=int(offsets[-1]))
        return flat, offsets
