"""Words and pairs of words of the catalogue that get a row of the table of their own.

What a PLM's vocabulary splits ("play ##station") or reads apart ("nintendo", "ds") is often what an item is chosen for.
They become tokens of the tokenizer, so that whoever reads a text with its `tokenizer.json`, in a service too, reads
them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from distill_rec.runtime.errors import RecipeError
from distill_rec.runtime.words import BLANK, reads_word_by_word
from distill_rec.trunks.smaller_vocabulary import parts_of
from students.static.spec import StaticSection


def words_of(section: StaticSection, tokenizer_json: str, texts: Sequence[str]) -> list[str]:
    """What gets a row, as the tokenizer writes it: words that it splits, by frequency, then pairs (see `collocations`).

    A student that goes on from an earlier one has that one's.

    Raises:
        RecipeError: the tokenizer does not read words between blanks, each by itself.
    """
    if not section.words and not section.pairs:
        return []
    if section.begin:
        return added(Path(section.begin) / "tokenizer.json", tokenizer_json)
    if not reads_word_by_word(parts_of(tokenizer_json)):
        key = "key student.words" if section.words else "key student.pairs"
        found = "set, for a PLM whose tokenizer does not split texts at blanks"
        raise RecipeError(key, found, "a PLM with WordPiece (BERT, MiniLM, MPNet, BGE, E5)", "Leave it out.")
    read = Tokenizer.from_str(tokenizer_json)
    words: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        runs = _runs(read, text)
        words.update({word for run in runs for word in run})
        pairs.update({pair for run in runs for pair in pairwise(run)})
    pieces = {word: _pieces(read, word) for word, count in words.items() if count >= section.word_texts}
    split = [word for word, count in pieces.items() if count > 1]
    often = sorted(split, key=lambda word: (-words[word], word))[: section.words]
    # Where a pair is in so many texts, so are its words.
    frequent = {pair: count for pair, count in pairs.items() if count >= section.word_texts}
    known = {pair: count for pair, count in frequent.items() if pieces[pair[0]] and pieces[pair[1]]}
    return often + collocations(known, words, len(texts))[: section.pairs]


def _pieces(read: Tokenizer, word: str) -> int:
    """Sub-words that a word is read as; none where it is unknown."""
    names = [piece.value for piece in read.model.tokenize(word)]
    return 0 if read.model.unk_token in names else len(names)


def _runs(read: Tokenizer, text: str) -> list[list[str]]:
    """The words of a text as the tokenizer normalises them, in runs between which there is more than a blank."""
    normal = text if read.normalizer is None else read.normalizer.normalize_str(text)
    runs: list[list[str]] = [[]]
    last = 0
    for word, (start, end) in read.pre_tokenizer.pre_tokenize_str(normal):
        if not word.isalnum():
            runs.append([])
        elif runs[-1] and normal[last:start] != BLANK:
            runs.append([word])
        else:
            runs[-1].append(word)
        last = end
    return runs


def collocations(pairs: dict[tuple[str, str], int], words: Counter[str], n_texts: int) -> list[str]:
    """Pairs that come together more often than chance has it, those first that say most by it.

    A pair counts n log(n N / (n_a n_b)), n being texts: its part of the log-likelihood ratio (Dunning 1993).
    """
    said = {
        pair: count * math.log(count * n_texts / (words[pair[0]] * words[pair[1]])) for pair, count in pairs.items()
    }
    return [BLANK.join(pair) for pair in sorted(said, key=lambda pair: (-said[pair], pair)) if said[pair] > 0]


def with_words(tokenizer_json: str, words: Sequence[str]) -> tuple[str, list[int]]:
    """A tokenizer that reads each of these as one token where it stands alone, and their ids."""
    if not words:
        return tokenizer_json, []
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.add_tokens([AddedToken(word, single_word=True, normalized=True) for word in words])
    vocabulary = tokenizer.get_vocab()
    return tokenizer.to_str(), [vocabulary[word] for word in words]


def added(file: Path, tokenizer_json: str) -> list[str]:
    """Tokens that a tokenizer's file has beyond another's, in the order of their ids."""
    known = set(Tokenizer.from_str(tokenizer_json).get_vocab())
    others = Tokenizer.from_file(str(file)).get_vocab()
    return sorted((word for word in others if word not in known), key=lambda word: others[word])
