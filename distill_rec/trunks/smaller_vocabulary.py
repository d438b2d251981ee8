"""Which sub-words a smaller vocabulary keeps: those that given texts are read as, and what reads every other text.

Texts whose sub-words are kept are read as before. A word of another text that was one sub-word and is so no more falls
into shorter ones, down to single characters or bytes, so that whatever the whole vocabulary reads is still read. (Where
a WordPiece or Unigram vocabulary has no sub-word for some character alone, all that hold it are kept; a word that the
shorter ones part before it may then be unknown. BERT's has one for each.)
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tokenizers import Tokenizer

Names = set[str]

UNUSED = re.compile(r"\[unused\d+\]")
"""Rows that a vocabulary keeps free."""
BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""What a character that has no sub-word of its own falls back to."""


def parts_of(tokenizer_json: str) -> dict[str, Any]:
    """A serialised tokenizer, read; written as the library writes it now, because older files leave parts out."""
    found: dict[str, Any] = json.loads(Tokenizer.from_str(tokenizer_json).to_str())
    return found


def ids_of(parts: Mapping[str, Any]) -> dict[str, int]:
    """Id of each sub-word, added ones included."""
    return own_ids(parts["model"]) | {one["content"]: one["id"] for one in parts["added_tokens"]}


def kept_ids(parts: Mapping[str, Any], used: Iterable[int], further: int) -> list[int]:
    """Ids that a smaller vocabulary keeps, rising.

    Args:
        parts: of a tokenizer whose model is one of `READS`.
        used: ids that texts are read as; they were not cut at a number of tokens.
        further: sub-words kept beside what is needed, the first of the vocabulary, which are its most frequent ones.
    """
    model, ids, used = parts["model"], ids_of(parts), set(used)
    own, reads = own_ids(model), READS[model["type"]]
    added = {one["content"] for one in parts["added_tokens"]}
    kept = reads(model, {name for name, number in own.items() if number in used} | _unknown(model))
    others = [name for name in sorted(own, key=lambda name: own[name]) if name not in kept and name not in added]
    kept = reads(model, kept | set([name for name in others if not UNUSED.fullmatch(name)][:further]))
    return sorted({ids[name] for name in kept | added})


def own_ids(model: Mapping[str, Any]) -> dict[str, int]:
    """Of the model alone; one that is a list knows places."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return vocabulary
    return {name: place for place, (name, _) in enumerate(vocabulary)}


def _unknown(model: Mapping[str, Any]) -> Names:
    if model.get("unk_id") is not None:
        return {model["vocab"][model["unk_id"]][0]}
    return {model["unk_token"]} & set(model["vocab"]) if model.get("unk_token") else set()


def _by_longest(model: Mapping[str, Any], kept: Names) -> Names:
    """WordPiece takes the longest sub-word that the rest of a word begins with: single characters never fail it."""
    return kept | _smallest(model["vocab"], model["continuing_subword_prefix"])


def _by_score(model: Mapping[str, Any], kept: Names) -> Names:
    """Unigram takes the sub-words whose scores sum to most; what an unknown character costs is told by the least."""
    names = [name for name, _ in model["vocab"]]
    least = min(model["vocab"], key=lambda one: one[1])[0]
    return kept | {least} | {name for name in names if BYTE.fullmatch(name)} | _smallest(names, "")


def _smallest(names: Iterable[str], mark: str) -> Names:
    """Sub-words of one character, and those with a character that has none of its own there.

    Args:
        mark: what a sub-word within a word begins with.
    """
    names = set(names)

    def needed(name: str) -> bool:
        bare = name.removeprefix(mark)
        first = bare[:1] if bare == name else name[: len(mark) + 1]
        return len(bare) < 2 or not names.issuperset({first, *(mark + letter for letter in bare[1:])})

    return {name for name in names if needed(name)}


def _by_merges(model: Mapping[str, Any], kept: Names) -> Names:
    """BPE puts sub-words together two by two: what no merge makes, and all that the others are made from."""
    mark = model.get("continuing_subword_prefix") or ""
    made: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for left, right in map(pair_of, model["merges"]):
        made[left + right.removeprefix(mark)].append((left, right))
    found = kept | {name for name in model["vocab"] if name not in made}
    rest = list(found)
    while rest:
        new = {part for pair in made.get(rest.pop(), []) for part in pair} - found
        found |= new
        rest += new
    return found


def pair_of(merge: str | list[str]) -> tuple[str, str]:
    """The two sub-words of a merge, which older releases of the library write with a blank between them."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


READS: dict[str, Callable[[Mapping[str, Any], Names], Names]] = {
    "WordPiece": _by_longest,
    "BPE": _by_merges,
    "Unigram": _by_score,
}
"""By kind of tokenizer: some sub-words with all that is needed for these to be found, and for every text to be read."""
