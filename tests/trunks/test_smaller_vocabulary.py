"""A smaller vocabulary reads the catalogue as the whole one does, and every other text in pieces that it has."""

from __future__ import annotations

import json
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from distill_rec.trunks.smaller_tokenizer import special_ids, with_only
from distill_rec.trunks.smaller_vocabulary import ids_of, kept_ids, parts_of

CATALOGUE = ["The Lord of the Rings", "Return of the King", "Star Wars: Return of the Jedi", "a star is born"]
OTHERS = ["Lords of Dogtown", "The Ringing Bell", "Warring kingdoms born to return", "Toy Story", "the story of stars"]
LETTERS = string.ascii_lowercase + ":"


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # type: ignore[call-arg]
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        [*CATALOGUE, *OTHERS] * 3 + [f"x{one}x {one}" for one in LETTERS],
        trainers.WordPieceTrainer(vocab_size=150, special_tokens=special),
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    return tokenizer


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet, special = pre_tokenizers.ByteLevel.alphabet(), ["<s>", "<pad>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator([*CATALOGUE, *OTHERS] * 3, trainer)
    inner = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), inner])
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=90, unk_token="<unk>", special_tokens=special)
    tokenizer.train_from_iterator([*CATALOGUE, *OTHERS, " ".join(LETTERS), LETTERS] * 3, trainer)
    tokenizer.add_special_tokens(["<mask>"])  # its id comes after the model's own
    around = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=around)
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {"WordPiece": word_piece, "BPE": byte_pairs, "Unigram": unigram}


def cut(whole: Tokenizer, further: int = 0) -> tuple[Tokenizer, list[int]]:
    parts = parts_of(whole.to_str())
    used = {one for text in CATALOGUE for one in whole.encode(text).ids}
    kept = kept_ids(parts, used | special_ids(parts["post_processor"]), further)
    return Tokenizer.from_str(with_only(parts, kept)), kept


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest) -> tuple[Tokenizer, Tokenizer, list[int]]:
    whole = KINDS[request.param]()
    return whole, *cut(whole)


def test_the_catalogue_is_read_as_before_by_ids_without_gaps(both: tuple[Tokenizer, Tokenizer, list[int]]) -> None:
    whole, smaller, kept = both
    assert len(kept) < whole.get_vocab_size() and kept == sorted(set(kept))
    assert sorted(smaller.get_vocab().values()) == list(range(len(kept)))
    for text in [*CATALOGUE, "", "Star King"]:
        assert [kept[one] for one in smaller.encode(text).ids] == whole.encode(text).ids
        assert smaller.encode(text).tokens == whole.encode(text).tokens


def test_a_new_text_falls_into_smaller_pieces_of_the_same_letters(both: tuple[Tokenizer, Tokenizer, list[int]]) -> None:
    whole, smaller, _ = both
    joined = [["".join(one.encode(text).tokens).replace("##", "") for text in OTHERS] for one in (whole, smaller)]
    assert joined[0] == joined[1]
    lengths = [sum(len(one.encode(text).ids) for text in OTHERS) for one in (whole, smaller)]
    assert lengths[0] < lengths[1]


@given(text=st.text(LETTERS + " ", max_size=30))
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_whole_vocabulary_reads_the_smaller_one_reads(kind: str, text: str) -> None:
    whole, smaller = PAIRS.setdefault(kind, (made := KINDS[kind](), cut(made)[0]))
    unknown = {"[UNK]", "<unk>"}
    assert not unknown & set(whole.encode(text).tokens)
    assert not unknown & set(smaller.encode(text).tokens)


PAIRS: dict[str, tuple[Tokenizer, Tokenizer]] = {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_most_frequent_others_are_kept_first_where_more_are_asked_for(kind: str) -> None:
    whole = KINDS[kind]()
    least, more, every = cut(whole)[1], cut(whole, 5)[1], cut(whole, 10_000)[1]
    lacking = [one for one in range(whole.get_vocab_size()) if one not in set(least)]
    free = whole.token_to_id("[unused0]")
    assert set(least) < set(more) and set([one for one in lacking if one != free][:5]) <= set(more)
    assert set(every) == set(range(whole.get_vocab_size()))


def test_merges_are_kept_as_far_as_kept_sub_words_are_made_by_them() -> None:
    """Worked out by hand: `abc` needs `bc`, and neither `ab` nor `cd`."""
    vocabulary = {name: number for number, name in enumerate(["a", "b", "c", "d", "ab", "bc", "abc", "cd"])}
    model = models.BPE(vocabulary, [("b", "c"), ("a", "bc"), ("a", "b"), ("c", "d")])
    parts = parts_of(Tokenizer(model).to_str())
    kept = kept_ids(parts, [vocabulary["abc"]], 0)
    found = json.loads(with_only(parts, kept))["model"]
    assert found["vocab"] == {"a": 0, "b": 1, "c": 2, "d": 3, "bc": 4, "abc": 5}
    assert found["merges"] == [["b", "c"], ["a", "bc"]]
    assert ids_of(parts)["cd"] not in kept
