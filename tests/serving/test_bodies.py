"""One set of models says what is asked and checks it; a refusal names the place."""

from __future__ import annotations

from typing import Any

import pytest

from distill_rec.serving.bodies import bodies_of
from distill_rec.serving.refusal import Refusal
from distill_rec.serving.requests import read_item, read_many, read_rank, read_recommend
from distill_rec.serving.settings import Limits

LIMITS = Limits(history=3, candidates=2, k=5, text=4, fields=2, requests=2)
BODIES = bodies_of(LIMITS)


@pytest.mark.parametrize(
    ("read", "body", "said"),
    [
        (read_rank, {"history": ["i1"]}, "candidates: nothing; expected a list of item ids"),
        (read_rank, {"candidates": ["i1", 2]}, "candidates[1]: a number; expected an item id, which is a text"),
        (read_rank, {"candidates": ["i1"] * 3}, "candidates: 3 ids; expected at most 2"),
        (read_rank, {"candidates": [], "z": 1, "a": 1}, "a: an unknown key; expected some of history, candidates"),
        (read_rank, None, "body: null; expected an object with history and candidates"),
        (read_recommend, {"k": True}, "k: true or false; expected a whole number from 1 to 5"),
        (read_recommend, {"k": 6}, "k: 6; expected a whole number from 1 to 5"),
        (read_recommend, {"k": 1, "seen": 1}, "seen: a number; expected true or false"),
        (read_recommend, {"k": 1, "only": "i1"}, "only: a text; expected a list of item ids"),
    ],
)
def test_a_refusal_names_the_place_and_what_is_wrong(read: Any, body: Any, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        read(body, BODIES, "")
    assert said in str(caught.value)
    with pytest.raises(Refusal, match=r"^\[1\]"):
        read_many([{"candidates": []} if read is read_rank else {"k": 1}, body], read, BODIES)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"text": "a", "fields": {}}, "body: 2 keys; expected either text or fields"),
        ({"text": "abcde"}, "text: 5 characters; expected at most 4"),
        ({"fields": {"title": 1}}, "fields.title: a number; expected a text"),
        ({"fields": {"a": 1, "b": 1, "c": 1}}, "fields: 3 fields; expected at most 2"),
        ({"fields": []}, "fields: a list; expected an object of texts"),
    ],
)
def test_an_item_is_a_text_or_fields(body: Any, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_item(body, BODIES)
    assert said in str(caught.value)
    assert read_item({"fields": {"title": "red"}}, BODIES) == {"title": "red"}


def test_the_page_shows_the_limits_that_are_checked() -> None:
    shown = BODIES.recommend.model_json_schema()["properties"]
    assert shown["k"]["maximum"] == LIMITS.k and shown["history"]["maxItems"] == LIMITS.history
    assert shown["history"]["default"] == [] and BODIES.rank.model_json_schema()["required"] == ["candidates"]
