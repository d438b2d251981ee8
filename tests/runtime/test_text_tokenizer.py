"""Odd texts (case 9) and cuts, for each kind of tokenizer, against the library called by hand."""

import itertools
import time

import numpy as np
import pytest
from tiny import word_piece
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from distill_rec.runtime.errors import ArtifactError, DataError
from distill_rec.runtime.tokenizer import LONGEST_TEXT, TextTokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ODD = ["", "ξψω ж", "red ξψω cat", "red " * 2500, "\U0001f600 red", "\x00\x07\x1b", "cat", " \t\n", "e\u0301\u200b"]


def byte_pairs() -> Tokenizer:
    vocabulary = {"<unk>": 0, "<s>": 1, **{letter: row + 2 for row, letter in enumerate(LETTERS)}, "re": 28, "red": 29}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("r", "e"), ("re", "d")], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def unigram() -> Tokenizer:
    pieces = [("<unk>", 0.0), ("red", -1.0), ("cat", -1.5), *((letter, -5.0) for letter in LETTERS)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


KINDS = {"word piece": word_piece, "byte pairs": byte_pairs, "unigram": unigram}
UNKNOWN = {"word piece": 1, "byte pairs": 0, "unigram": 0}


def rows(tokenizer: TextTokenizer, texts: list[str]) -> list[list[int]]:
    ids, offsets = tokenizer.encode(texts)
    assert ids.dtype == np.int32 and offsets.dtype == np.int64
    return [ids[start:end].tolist() for start, end in itertools.pairwise(offsets)]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_without_special_tokens_are_the_librarys_cut_at_the_end_without_the_unknown(kind):
    plain = KINDS[kind]()
    expected = [plain.encode(text[:LONGEST_TEXT], add_special_tokens=False).ids[:16] for text in ODD]
    expected = [[token for token in row if token != UNKNOWN[kind]] for row in expected]
    tokenizer = TextTokenizer(plain.to_str(), 16, special_tokens=False, drop_unknown=True)
    assert rows(tokenizer, ODD) == expected
    assert expected[0] == expected[1] == []


@pytest.mark.parametrize("kind", KINDS)
def test_ids_with_special_tokens_keep_them_within_the_limit(kind):
    plain = KINDS[kind]()
    tokenizer = TextTokenizer(plain.to_str().encode(), 6, special_tokens=True)
    extra = plain.num_special_tokens_to_add(False)
    for text, row in zip(ODD, rows(tokenizer, ODD), strict=True):
        content = plain.encode(text[:LONGEST_TEXT], add_special_tokens=False).ids[: 6 - extra]
        specials = [token for token in row if token in (1, 2, 3)] if extra else []
        assert len(row) == len(content) + extra <= 6
        assert [token for token in row if token in content] == content or not specials


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_has_the_same_ids_alone_and_among_others(kind):
    tokenizer = TextTokenizer(KINDS[kind]().to_str(), 16, special_tokens=True)
    assert rows(tokenizer, ODD) == [rows(tokenizer, [text])[0] for text in ODD]


def test_half_a_surrogate_pair_is_read_as_a_character_that_nobody_knows():
    tokenizer = TextTokenizer(word_piece().to_str(), 16, special_tokens=False, drop_unknown=True)
    assert rows(tokenizer, ["red \ud800 cat", "red cat"]) == rows(tokenizer, ["red \ufffd cat", "red cat"])


def test_padding_and_truncation_of_the_file_are_not_used():
    padded = word_piece()
    padded.enable_padding(length=12)
    padded.enable_truncation(2)
    tokenizer = TextTokenizer(padded.to_str(), 16, special_tokens=True)
    assert [len(row) for row in rows(tokenizer, ["red cat dog", "red"])] == [5, 3]


def test_the_prefix_stands_before_every_text(tmp_path):
    (tmp_path / "tokenizer.json").write_text(word_piece().to_str())
    prefixed = TextTokenizer(tmp_path / "tokenizer.json", 16, special_tokens=True, prefix="old ")
    assert rows(prefixed, ["cat"]) == rows(TextTokenizer(word_piece().to_str(), 16, True), ["old cat"])


def test_a_text_of_millions_of_characters_takes_no_longer_than_ten_thousand():
    tokenizer = TextTokenizer(word_piece().to_str(), 16, special_tokens=True)
    start = time.perf_counter()
    assert rows(tokenizer, ["red " * 1_000_000]) == rows(tokenizer, ["red " * 2500])
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("value", [None, 5, b"red"])
def test_what_is_no_text_is_refused_by_place(value):
    with pytest.raises(DataError, match=r"texts, place 1: .*expected a text"):
        TextTokenizer(word_piece().to_str(), 16, special_tokens=True).encode(["red", value])


@pytest.mark.parametrize("content", [b"{}", b"\xff\xfe", b'{"version": "1.0"', None])
def test_a_broken_tokenizer_is_refused_by_file(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"tokenizer\.json: no tokenizer"):
        TextTokenizer(path, 16, special_tokens=True)
