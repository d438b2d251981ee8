"""Words and pairs of the catalogue that are tokens of a static student."""

import math
from collections import Counter

import pytest
from tiny import student_section, word_piece
from tokenizers import Tokenizer, pre_tokenizers

from distill_rec.contracts import student_spec
from distill_rec.runtime.errors import RecipeError
from distill_rec.testing.students import CHECKS, distilled_on
from students.static.start import static_tokenizer
from students.static.words import added, collocations, with_words, words_of

TEXTS = ["Red cat Wii U", "Wii U stone", "red cat-fish wii", "Wii U", "cat"]


def read(tokenizer_json, text):
    ids = static_tokenizer(tokenizer_json, 16).encode([text])[0]
    return [Tokenizer.from_str(tokenizer_json).id_to_token(int(one)) for one in ids]


def test_frequent_words_that_are_split_and_pairs_beyond_chance_are_found():
    section = student_section(words=9, pairs=9, word_texts=2)
    found = words_of(section, word_piece().to_str(), TEXTS)
    # "stone" and "red" are whole already, "wii" is not; "cat-fish" is no pair; every "u" follows on a "wii".
    assert found == ["wii", "red cat", "wii u"]
    assert words_of(section.model_copy(update={"words": 0, "pairs": 1}), word_piece().to_str(), TEXTS) == ["red cat"]


def test_what_the_plm_cannot_read_gets_no_row():
    section = student_section(words=9, pairs=9, word_texts=2)
    assert words_of(section, word_piece().to_str(), ["ξψ ωω cat", "red ξψ ωω"] * 3) == []


def test_a_pair_counts_its_part_of_the_log_likelihood_ratio():
    words = Counter({"a": 10, "b": 5, "c": 50, "d": 50})
    pairs = {("a", "b"): 5, ("c", "d"): 25, ("a", "c"): 1}
    said = {"a b": 5 * math.log(5 * 100 / 50), "c d": 25 * math.log(25 * 100 / 2500), "a c": math.log(100 / 500)}
    assert said["c d"] == 0 > said["a c"]
    assert collocations(pairs, words, 100) == ["a b"]


def test_they_are_read_where_they_stand_alone_and_nothing_else_is_read_otherwise(tmp_path):
    before = word_piece().to_str()
    after, ids = with_words(before, ["wii", "wii u"])
    assert read(after, "Wii U!") == ["wii u"]
    assert read(after, "wii red") == ["wii", "red"]
    for text in ("wiiu", "kiwii", "Red CAT fish", "wi i"):
        assert read(after, text) == read(before, text)
    assert min(ids) >= word_piece().get_vocab_size()
    (tmp_path / "tokenizer.json").write_text(after)
    assert added(tmp_path / "tokenizer.json", before) == ["wii", "wii u"]


def test_a_tokenizer_that_does_not_split_at_blanks_is_refused():
    other = word_piece()
    other.pre_tokenizer = pre_tokenizers.ByteLevel()
    with pytest.raises(RecipeError, match=r"student\.pairs"):
        words_of(student_section(pairs=3), other.to_str(), TEXTS)


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    settings = {"pairs": 12, "words": 5, "word_texts": 2}
    return distilled_on(student_spec("static"), tmp_path_factory.mktemp("pairs"), "clicks", settings)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_student_with_rows_of_pairs_conforms(student, check):
    check(student)


def test_it_knows_pairs_and_its_artifact_reads_them(student):
    own = Tokenizer.from_file(str(student.model.tokenizer_file)).get_vocab()
    assert sum(" " in word for word in own) == 12
    assert student.exported().encode_items(["red small"]).shape[0] == 1
