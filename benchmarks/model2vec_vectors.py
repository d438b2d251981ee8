"""Whether a `static` student starts where Model2Vec's distillation of the same PLM ends, on texts of MovieLens-100k.

    pip install 'model2vec[distill]'
    python benchmarks/model2vec_vectors.py --out runs/rivals

Both run the PLM over each sub-word alone, reduce its mean vectors, and weigh them by Zipf's law over the order of the
vocabulary (a = 1e-4); a text is the weighted mean of its sub-words. What differs is what the principal directions are
of: the catalogue's sub-words, or (Model2Vec) the whole vocabulary's. `static` of Model2Vec's 256 dimensions is told as
it is, with Model2Vec's directions, and with `token_weights = "catalogue"`, weights by the catalogue's counts. The
vectors have no basis in common: cosines are between texts, or after the best rotation of one onto the other. Prints
one JSON object. Data and Model2Vec's own distillation, by its defaults, are made in OUT where they are not there yet.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quality import PROTOCOLS
from scipy.linalg import orthogonal_procrustes
from scipy.sparse import csr_array

from distill_rec.data import Dataset, prepare
from distill_rec.data.ragged import Ragged
from distill_rec.demo import resolve
from distill_rec.files import write_json
from distill_rec.progress import Quiet
from distill_rec.trunks.load import open_trunk
from distill_rec.trunks.vocabulary import vocabulary_vectors
from students.static.spec import StaticSection
from students.static.start import sub_words
from students.static.weights import ranked

PLM = "demo:all-MiniLM-L6-v2"
DATA = PROTOCOLS["movielens"].data
PACKAGES = ("model2vec", "skeletoken")
INSTALL = "pip install 'model2vec[distill]' datasets sentence-transformers"
NEAREST = 10

Vectors = NDArray[np.float32]


def refuse_missing(packages: Iterable[str]) -> None:
    """
    Raises:
        SystemExit: a rival's package is not installed; it is named before anything is trained.
    """
    if missing := sorted(name for name in packages if find_spec(name) is None):
        sys.exit(f"not installed: {', '.join(missing)}. {INSTALL}")


def prepared(out: Path) -> Dataset:
    """MovieLens-100k as `benchmarks/quality.py` reads it."""
    folder = out / "data"
    if not (folder / "manifest.json").exists():
        prepare(DATA.model_copy(update={"path": resolve(DATA.path)}), folder)
    return Dataset.load(folder)


def distilled(plm: str, out: Path) -> Path:
    """A folder of Model2Vec's distillation of a PLM; `seconds.json` says how long that took."""
    folder = out / "model2vec"
    if not (folder / "seconds.json").exists():
        from model2vec.distill import distill  # noqa: PLC0415  (a rival's)

        began = time.monotonic()
        distill(plm, device="cpu").save_pretrained(str(folder))
        write_json(folder / "seconds.json", round(time.monotonic() - began, 1))
    return folder


def encoded(folder: Path, texts: list[str]) -> Vectors:
    """Model2Vec's vectors of texts `[n, d]`."""
    from model2vec import StaticModel  # noqa: PLC0415  (a rival's)

    return np.asarray(StaticModel.from_pretrained(str(folder)).encode(texts), dtype=np.float32)


def principal(vectors: Vectors, chosen: NDArray[np.bool_], dim: int) -> Vectors:
    """Vectors less the mean of the chosen ones, along the `dim` directions in which these vary most."""
    centred = vectors - vectors[chosen].mean(0)
    directions = np.linalg.eigh(centred[chosen].T @ centred[chosen])[1][:, ::-1]
    return np.asarray(centred @ directions[:, :dim])


def means(tokens: Ragged, vectors: Vectors, weight: Vectors) -> Vectors:
    """Of each text the weighted mean of its sub-words' vectors, of length one (zero where it has none)."""
    shape = (len(tokens), len(vectors))
    counts = csr_array((np.ones(len(tokens.values), np.float32), tokens.values, tokens.offsets), shape=shape)
    return unit(counts @ (vectors * weight[:, None]))


def unit(vectors: Vectors) -> Vectors:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def alike(ours: Vectors, theirs: Vectors) -> dict[str, float]:
    """How near two sets of unit vectors of the same texts are, whatever their bases."""
    rotation, _ = orthogonal_procrustes(theirs, ours)
    pairs = np.triu_indices(len(ours), 1)
    mine, other = ours @ ours.T, theirs @ theirs.T
    return {
        "cosine after the best rotation": float(((theirs @ rotation) * ours).sum(1).mean()),
        "correlation of the cosines of pairs": float(np.corrcoef(mine[pairs], other[pairs])[0, 1]),
        "share of the ten nearest texts": shared_neighbours(mine, other, NEAREST),
    }


def shared_neighbours(one: Vectors, other: Vectors, k: int) -> float:
    """Share of each row's `k` largest entries, the row itself left out, that two `[n, n]` have in common."""
    near = []
    for matrix in (one, other):
        alone = matrix.copy()
        np.fill_diagonal(alone, -np.inf)
        near.append(np.argpartition(-alone, k, axis=1)[:, :k] if k < len(alone) - 1 else np.argsort(-alone)[:, :k])
    return float(np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(*near, strict=True)]))


def measure(out: Path) -> dict[str, Any]:
    dataset, plm = prepared(out), resolve(PLM)
    theirs = unit(encoded(distilled(plm, out), dataset.texts))
    section = StaticSection(table_dim=theirs.shape[1])
    trunk = open_trunk(plm, max_tokens=section.max_tokens)
    words = sub_words(section, trunk, dataset, Quiet())
    counted = sub_words(section.model_copy(update={"token_weights": "catalogue"}), trunk, dataset, Quiet()).weight
    kept = ranked(trunk.tokenizer_json, len(words.vectors)).numpy()  # Model2Vec removes the others
    whole = principal(np.array(vocabulary_vectors(trunk, Quiet())), kept, theirs.shape[1])
    own, zipf = words.vectors.numpy(), words.weight.numpy()
    starts = {
        "static": (own, zipf),
        "static, directions of all sub-words": (whole, zipf),
        "static, the catalogue's weights": (own, counted.numpy()),
    }
    found = {name: alike(means(words.tokens, *start), theirs) for name, start in starts.items()}
    return {"texts": len(dataset.texts), "dimensions": theirs.shape[1], **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of data and of Model2Vec's distillation")
    args = parser.parse_args()
    refuse_missing(PACKAGES)
    print(json.dumps(measure(args.out), indent=2))


if __name__ == "__main__":
    main()
