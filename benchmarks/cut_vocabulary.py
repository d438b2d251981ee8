"""What a vocabulary cut to the catalogue costs new texts: how many are read otherwise, and how far that moves them.

    python benchmarks/cut_vocabulary.py RUN --texts new.txt

RUN has a `transformer` student of all sub-words. It encodes each text as its whole tokenizer reads it, and as one cut
to the catalogue does, with as many further sub-words as `--further` says; both read the catalogue's texts alike.
`--texts` has one new text a line. The second table is of the catalogue's own items without a training click, read by a
vocabulary that never met their texts: recall@100 over users, and its difference to the whole vocabulary's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from paired import against

from distill_rec.data.dataset import Dataset, Queries
from distill_rec.data.ragged import Ragged
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.student_model import StudentModel, load_student
from distill_rec.trunks.cut import used_ids
from distill_rec.trunks.smaller_tokenizer import special_ids, with_only
from distill_rec.trunks.smaller_vocabulary import kept_ids, parts_of

NEAREST, FIRST = 10, 100
Ids = list[list[int]]


@dataclass
class Reader:
    """A student's texts, read by its tokenizer or by a smaller one; ids are always the whole tokenizer's."""

    student: StudentModel

    def __post_init__(self) -> None:
        self.whole = self.student.tokenizer_file.read_text(encoding="utf-8")
        self.parts, self.encoder = parts_of(self.whole), self.student.text_encoder().eval().requires_grad_(False)

    def cut(self, texts: Sequence[str], further: int) -> list[int]:
        """Ids that a cut to these texts keeps."""
        used = used_ids(self.whole, self.student.config["prefix"], texts)
        return kept_ids(self.parts, used | special_ids(self.parts["post_processor"]) | {0}, further)

    def ids(self, texts: Sequence[str], kept: Sequence[int] | None = None) -> Ids:
        """As the tokenizer of these sub-words reads the texts; the whole one where not given."""
        content = self.whole if kept is None else with_only(self.parts, kept)
        config = self.student.config
        tokenizer = TextTokenizer(content, config["max_tokens"], special_tokens=True, prefix=config["prefix"])
        flat, offsets = tokenizer.encode(texts)
        old = flat if kept is None else np.asarray(kept)[flat]
        return [old[a:b].tolist() for a, b in pairwise(offsets)]

    def vectors(self, ids: Ids) -> NDArray[np.float32]:
        """`[n, d]`."""
        self.student.set_texts(self.encoder, Ragged.from_rows([np.asarray(row, np.int32) for row in ids]))
        return self.encoder.encode().numpy()


def new_texts(reader: Reader, dataset: Dataset, texts: list[str], further: Sequence[int]) -> None:
    """The first table."""
    items = unit(reader.student.item_vectors)
    before = reader.ids(texts)
    whole = unit(reader.vectors(before))
    near, width = nearest(whole, items), reader.encoder.trunk.width
    print(f"{len(texts)} new texts")
    print(f"further  rows  MB of rows  read otherwise  pieces more  cosine  nearest {NEAREST} kept")
    for count in further:
        kept = reader.cut(dataset.texts, count)
        after = reader.ids(texts, kept)
        changed = np.mean([a != b for a, b in zip(before, after, strict=True)])
        more = np.mean([len(b) - len(a) for a, b in zip(before, after, strict=True)])
        vectors = unit(reader.vectors(after))
        same = [len(set(a) & set(b)) / NEAREST for a, b in zip(near, nearest(vectors, items), strict=True)]
        figures = f"{changed:.3f}  {more:.2f}  {(whole * vectors).sum(1).mean():.3f}  {np.mean(same):.3f}"
        print(f"{count}  {len(kept)}  {len(kept) * width * 4 / 1e6:.1f}  {figures}", flush=True)


def items_without_a_click(reader: Reader, dataset: Dataset, further: Sequence[int]) -> None:
    """The second table."""
    test, known = dataset.test, np.unique(dataset.item_text[dataset.train_clicks > 0])
    assert isinstance(test, Queries)
    rows = np.flatnonzero(dataset.train_clicks[np.asarray(test.target)] == 0)
    items = np.flatnonzero(~np.isin(dataset.item_text, known))
    users, out = reader.student.user_vectors(Ragged.from_rows(list(test.history.take(rows)))), test.excluded(rows)
    texts, owner = [dataset.texts[text] for text in dataset.item_text[items]], np.asarray(test.user)[rows]

    def recall(kept: Sequence[int] | None) -> NDArray[np.float64]:
        vectors = reader.student.item_vectors.copy()
        vectors[items] = reader.vectors(reader.ids(texts, kept))
        found = users @ vectors.T
        for row, seen in enumerate(out):
            found[row, seen] = -np.inf
        own = found[np.arange(len(rows)), np.asarray(test.target)[rows]]
        hit = (found > own[:, None]).sum(1) < FIRST
        return np.array([hit[owner == user].mean() for user in np.unique(owner)])

    base = recall(None)
    print(f"{len(rows)} targets without a click, {len(base)} users: recall@{FIRST} {base.mean():.4f}")
    for count in further:
        found = recall(reader.cut([dataset.texts[text] for text in known], count))
        gap = against(found, base)
        print(f"{count}  {found.mean():.4f}  {gap['mean']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})", flush=True)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def nearest(vectors: NDArray[np.float32], items: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.argsort(-(vectors @ items.T), axis=1, kind="stable")[:, :NEAREST]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run with a transformer student of all sub-words")
    parser.add_argument("--texts", type=Path, help="new texts, one a line")
    parser.add_argument("--further", type=int, nargs="+", default=[0, 1000, 2000, 5000, 10000, 20000])
    options = parser.parse_args()
    dataset = Dataset.load(options.run / "prepare")
    reader = Reader(load_student(options.run / "distill" / "student"))
    if options.texts:
        new_texts(reader, dataset, options.texts.read_text(encoding="utf-8").splitlines(), options.further)
    items_without_a_click(reader, dataset, options.further)


if __name__ == "__main__":
    main()
