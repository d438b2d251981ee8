"""A serialised tokenizer of some of its sub-words, which are numbered anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from distill_rec.trunks.smaller_vocabulary import pair_of

New = Mapping[int, int]

ENDS = ("cls", "sep")
"""Where the post-processors of BERT and RoBERTa hold a token and its id."""


def with_only(parts: Mapping[str, Any], kept: Sequence[int]) -> str:
    """The tokenizer of these sub-words.

    Args:
        parts: of a tokenizer.
        kept: their ids, rising; the new id of each is its place.
    """
    new = {old: place for place, old in enumerate(kept)}
    added = [one | {"id": new[one["id"]]} for one in parts["added_tokens"] if one["id"] in new]
    padding = parts["padding"] and parts["padding"] | {"pad_id": new.get(parts["padding"]["pad_id"], 0)}
    changed = {
        "model": _model(parts["model"], new),
        "added_tokens": added,
        "post_processor": _processor(parts["post_processor"], new),
        "padding": padding,
    }
    return json.dumps({**parts, **changed}, ensure_ascii=False)


def special_ids(processor: Mapping[str, Any] | None) -> set[int]:
    """Ids that a tokenizer's post-processor puts around texts."""
    if processor is None:
        return set()
    inner = (special_ids(one) for one in processor.get("processors", []))
    named = (one["ids"] for one in processor.get("special_tokens", {}).values())
    ends = [processor[end][1] for end in ENDS if end in processor]
    return set(ends).union(*inner, *named)


def _processor(processor: Mapping[str, Any] | None, new: New) -> dict[str, Any] | None:
    """A post-processor with the new ids, of any of the kinds that hold some."""
    if processor is None:
        return None
    out = dict(processor)
    if "processors" in out:
        out["processors"] = [_processor(one, new) for one in out["processors"]]
    if "special_tokens" in out:
        named = out["special_tokens"].items()
        out["special_tokens"] = {name: {**one, "ids": [new[old] for old in one["ids"]]} for name, one in named}
    return out | {end: [out[end][0], new[out[end][1]]] for end in ENDS if end in out}


def _model(model: Mapping[str, Any], new: New) -> dict[str, Any]:
    if isinstance(model["vocab"], list):
        entries = [entry for place, entry in enumerate(model["vocab"]) if place in new]
        unknown = model.get("unk_id")
        return {**model, "vocab": entries, "unk_id": None if unknown is None else new[unknown]}
    names = {name: new[number] for name, number in model["vocab"].items() if number in new}
    if "merges" not in model:
        return {**model, "vocab": names}
    mark = model.get("continuing_subword_prefix") or ""
    pairs = [pair_of(merge) for merge in model["merges"]]
    merges = [
        [left, right]
        for left, right in pairs
        if left in names and right in names and left + right.removeprefix(mark) in names
    ]
    return {**model, "vocab": names, "merges": merges}
