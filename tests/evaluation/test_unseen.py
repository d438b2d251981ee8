"""Texts to measure with are new, each of them, and look like the catalogue's."""

import numpy as np
import pytest

from distill_rec.evaluation.unseen import Unseen

NAMES = [
    f"The {colour} {thing} {number}" for number, colour in enumerate(["Red", "Blue"] * 50) for thing in ("Cat", "Dog")
]


@pytest.mark.parametrize("corpus", [NAMES, ["one word"], [], ["", "a"], ["薔薇の名前", "雪国"], ["x " * 40]])
def test_no_text_is_the_corpuss_or_comes_twice(corpus):
    unseen = Unseen(corpus)
    taken = [text for _ in range(20) for text in unseen.take(50)]
    assert len(taken) == len(set(taken)) == 1000
    assert not set(taken) & set(corpus) and all(taken)


def test_as_many_words_are_new_as_a_new_title_would_hold():
    corpus = [*NAMES, *(f"The Red rarity{number}" for number in range(100))]
    unseen = Unseen(corpus)
    words = [word for text in unseen.take(2000) for word in text.split()]
    known = {word for text in corpus for word in text.split()}
    new = [word for word in words if word not in known]
    assert unseen.new_words == pytest.approx(100 / 1100)
    # A text that came before gets a further new word, so that there are a few more.
    assert unseen.new_words - 0.02 <= len(new) / len(words) <= unseen.new_words + 0.12
    assert len(new) == len(set(new)) and np.mean([word.startswith("rar") for word in new]) > 0.9


def test_two_of_one_seed_give_the_same():
    assert Unseen(NAMES, seed=4).take(30) == Unseen(NAMES, seed=4).take(30) != Unseen(NAMES, seed=5).take(30)
