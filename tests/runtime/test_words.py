"""Ids by way of remembered words are the tokenizer's own, whatever stands in a text."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import WORDS, word_piece
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from distill_rec.runtime import words
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.runtime.words import Words, reads_word_by_word


def word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, **{w: i + 1 for i, w in enumerate(WORDS)}}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def with_added() -> Tokenizer:
    """Added tokens that take blanks beside them, and one that is a word of its own only."""
    tokenizer = word_piece()
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("zz", single_word=True), AddedToken("Ω", normalized=True)])
    return tokenizer


KINDS = {"word piece": word_piece, "word level": word_level, "added": with_added}
ALPHABET = st.one_of(
    st.sampled_from(
        [*WORDS, " ", "  ", "\t", "\n", "\u00a0", "\u0301", "\u200b", "\x00", "[MASK]", "[SEP]", "zz", "Ω"]
    ),
    st.sampled_from(["zz", "İ", "Σ", "ﬁ", "한", "中", "é", "e\u0301\u0323", "\U0001f600", "-", "!", "'", "x" * 120]),
    st.characters(exclude_categories=["Cs"]),
)
TEXTS = st.lists(st.lists(ALPHABET, max_size=14).map("".join), min_size=1, max_size=6)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(texts=TEXTS)
def test_ids_are_the_tokenizers_own(kind, texts):
    plain = KINDS[kind]()
    tokenizer = TextTokenizer(plain.to_str(), 12, special_tokens=False)
    assert tokenizer._words is not None
    ids, offsets = tokenizer.encode(texts)
    rows = [row.tolist() for row in np.split(ids, offsets[1:-1])]
    assert rows == [plain.encode(text, add_special_tokens=False).ids[:12] for text in texts]
    again, _ = tokenizer.encode(texts)  # all of it remembered
    assert again.tolist() == ids.tolist()


def test_a_tokenizer_that_sees_beyond_a_blank_reads_whole_texts():
    parts = json.loads(word_piece().to_str())
    assert reads_word_by_word(parts)
    spaced = parts["added_tokens"] + [{"id": 9, "content": "red cat"}]
    for change in (
        {"added_tokens": spaced},
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "Metaspace"}},
        {"normalizer": {"type": "NFKC"}},
        {"model": parts["model"] | {"type": "Unigram"}},
    ):
        assert not reads_word_by_word(parts | change)


def spelt(texts: list[str]) -> list[list[int]]:
    return [[ord(letter) for letter in text if letter != " "] for text in texts]


def test_memory_of_words_is_bounded_and_long_ones_are_not_kept(monkeypatch):
    monkeypatch.setattr(words, "MOST_WORDS", 8)
    known = Words(spelt)
    for start in range(0, 200, 5):
        texts = [f"{n} {n + 1} same {'long' * 20}{n}" for n in range(start, start + 5)]
        assert known.ids(texts) == spelt(texts)
        assert len(known._known) <= 8
        assert all(len(word) <= words.LONGEST_WORD for word in known._known)


def test_texts_of_new_words_are_read_whole_and_a_word_met_again_is_learnt():
    read: list[str] = []

    def reads(texts):
        read.extend(texts)
        return spelt(texts)

    known = Words(reads)
    for texts, expected in (
        (["a b", "c d"], ["a b", "c d"]),
        (["a e f"], ["a", "a e f"]),
        (["a a a g"], ["g"]),
        (["a g a"], []),
    ):
        read.clear()
        assert known.ids(texts) == spelt(texts)
        assert read == expected


def test_threads_share_the_words(monkeypatch):
    monkeypatch.setattr(words, "MOST_WORDS", 16)
    known = Words(spelt)
    texts = [[f"{(n * k) % 37} {n % 5}" for n in range(20)] for k in range(60)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(known.ids, texts)) == [spelt(part) for part in texts]
