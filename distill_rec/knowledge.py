"""What a teacher hands over, cached once: item vectors, text vectors, user encoder.

Distilling runs no trunk, but where teacher and student are trained together (`student.joint`) or a first stage reads
the layers of the teacher's PLM (`student.first.tokens`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn

from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.data.scores import ListedScores
from distill_rec.files import read_array, write_array, write_json, write_rows
from distill_rec.handover import DATA, ITEM_IDS, marks_of
from distill_rec.losses.spec import ALL_SUPPLIED, SCORES
from distill_rec.nn.from_settings import user_encoder_of
from distill_rec.nn.recommender import Recommender
from distill_rec.nn.side_by_side import KIND, SideBySide, joined
from distill_rec.nn.user_encoders import UserEncoder, make_user_encoder
from distill_rec.records import Record, read_record, write_record
from distill_rec.runtime.errors import RunError
from distill_rec.training.checkpoint import save_weights

KNOWN = ("knows", "knows_texts")
BLOCK = 1 << 16
"""Items whose vectors are held at once while they are written."""
LISTED = "scores"
"""Folder, within the knowledge's, of scores that were made once."""
EARLIER = "earlier"
"""Folder, within the knowledge's, of what the teacher knew on the way: 1, 2 ... in the order of its training."""


class KnowledgeRecord(Record):
    """What `knowledge/manifest.json` says.

    Attributes:
        item_ids, data: of the data that it was made from, see `handover`; "" in older ones.
        supplies: signals that it gives to losses; older ones give all.
        user_encoder: its kind and shape.
        repeat: numbers of its repeat term, by bucket; empty where it has none.
        scored: samples of each part of the data that scores are kept of, in `scores/`; empty where none are.
        folds: of several teachers the users that each learned without, see `folds`; empty where all learned from all.
        earlier: states on the way that are kept beside it, in `earlier/`.
    """

    item_ids: str = ""
    data: str = ""
    supplies: list[str] = Field(default_factory=lambda: sorted(ALL_SUPPLIED))
    user_encoder: dict[str, Any]
    dtype: str
    items: int
    texts: int
    dim: int
    repeat: list[float] = Field(default_factory=list)
    scored: dict[str, int] = Field(default_factory=dict)
    folds: list[str] = Field(default_factory=list)
    earlier: int = 0


@dataclass
class Knowledge:
    """A teacher's knowledge.

    Attributes:
        item_vectors: float32 `[n_items, d]`, offsets included.
        text_vectors: float32 `[n_texts, d]`, the text part of each distinct text, clicked or not; of a teacher that
            reads no texts the mean over the text's items that it knows.
        offsets: float32 `[n_items, d]`, or None where the teacher has none.
        user_encoder: in evaluation mode, frozen.
        user_settings: its kind and shape.
        folder: where it was read.
        marks: of the data that it was made from; see `handover`.
        knows: bool `[n_items]`, items that the teacher knows; None where it knows all.
        knows_texts: bool `[n_texts]`, texts that have a vector; likewise.
        repeat: float32 `[BUCKETS]`, what its scores get for items of the history (`distill_rec.artifact.repeat`).
        supplies: signals that it gives to losses (`distill_rec.losses.spec`); where these are scores alone, its vectors
            have no dimensions.
        scores: those that were made once, by part of the data; they go before the products of the vectors. None where
            the vectors are all.
        folds: of several teachers the users that each learned without ("" where from all); empty where none did.
        earlier: how many of the states that it was in on the way are kept beside it; see `at`.
    """

    item_vectors: NDArray[np.float32]
    text_vectors: NDArray[np.float32]
    offsets: NDArray[np.float32] | None
    user_encoder: UserEncoder
    user_settings: dict[str, Any]
    folder: Path = Path()
    marks: dict[str, str] = field(default_factory=dict)
    supplies: frozenset[str] = ALL_SUPPLIED
    knows: NDArray[np.bool_] | None = None
    knows_texts: NDArray[np.bool_] | None = None
    repeat: NDArray[np.float32] | None = None
    scores: dict[str, ListedScores] | None = None
    folds: tuple[str, ...] = ()
    earlier: int = 0

    @property
    def dim(self) -> int:
        return int(self.item_vectors.shape[1])

    @property
    def joined(self) -> bool:
        """It is several teachers' knowledge, side by side."""
        return isinstance(self.user_encoder, SideBySide)

    @staticmethod
    def load(folder: Path) -> Knowledge:
        """Read a knowledge folder.

        Raises:
            RunError: it is not there or not whole.
        """
        if not (folder / "manifest.json").exists():
            raise RunError(folder, "no knowledge here", "manifest.json", "Run `distill-rec teach` first.")
        manifest = read_record(KnowledgeRecord, folder / "manifest.json")
        with torch.random.fork_rng(devices=[]):  # made of random weights first, maybe while something trains
            encoder = user_encoder_of(manifest.user_encoder)
        encoder.load_state_dict(
            {name: value.clone() for name, value in load_file(folder / "user_encoder.safetensors").items()}
        )
        encoder.eval().requires_grad_(False)
        offsets, scored = folder / "offsets.npy", manifest.scored.items()
        scores = {part: ListedScores.read(folder / LISTED, part, n, manifest.items) for part, n in scored}
        return Knowledge(
            read_array(folder / "item_vectors.npy"),
            read_array(folder / "text_vectors.npy"),
            read_array(offsets) if offsets.exists() else None,
            encoder,
            manifest.user_encoder,
            folder,
            {key: mark for key in (ITEM_IDS, DATA) if (mark := getattr(manifest, key))},
            frozenset(manifest.supplies),
            repeat=np.array(manifest.repeat, dtype=np.float32) if manifest.repeat else None,
            scores=scores or None,
            folds=tuple(manifest.folds),
            earlier=manifest.earlier,
            **{name: read_array(path) for name in KNOWN if (path := folder / f"{name}.npy").exists()},
        )

    def at(self, step: int, steps: int) -> Knowledge:
        """What the teacher knew at a step, from 0, of so many that lead to what it knows now.

        Its own states are spread over the steps; one that kept none is as it is now at each.
        """
        number = step * (self.earlier + 1) // (steps + 1)
        return self if number >= self.earlier else Knowledge.load(state_folder(self.folder, number))

    def tensor(self, name: str, device: torch.device) -> Tensor:
        """One of its arrays, copied into fresh memory on the device."""
        return torch.from_numpy(np.array(getattr(self, name), dtype=np.float32)).to(device)


def state_folder(folder: Path, number: int) -> Path:
    """Where, within a knowledge folder, one of the states on the way lies; numbers begin at 0, names at 1."""
    return folder / EARLIER / str(number + 1)


def write_knowledge(  # noqa: PLR0913
    folder: Path,
    model: Recommender,
    texts: NDArray[np.float32] | None,
    dataset: Dataset,
    user_settings: dict[str, Any],
    known: NDArray[np.bool_] | None = None,
    earlier: int = 0,
) -> None:
    """Write a trained teacher's knowledge, block by block; the manifest last.

    Args:
        texts: vectors of the model's own texts `[n, d]` (one per item where its trunk is a file of vectors); they may
            lie in a file. None of a model that reads no texts, and so knows the items with training clicks alone.
        known: bool `[n_items]`, items that the model knows, one vector of `texts` each; all where not given.
        earlier: states on the way that were written before it, see `state_folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = dataset.n_items, model.text_encoder.dim
    write_rows(folder / "item_vectors.npy", shape, np.float32, _item_blocks(model, texts, known))
    if texts is None:
        _write_known(folder, np.asarray(read_array(folder / "item_vectors.npy")), dataset.warm, dataset)
    elif known is not None:
        _write_known(folder, texts, known, dataset)
    else:
        write_array(folder / "text_vectors.npy", _by_text(texts, model, dataset))
    if texts is not None and model.offsets is not None:
        offsets = model.offsets.eval()().detach().float().cpu().numpy()
        write_array(folder / "offsets.npy", offsets if known is None else np.where(known[:, None], offsets, 0))
    rest = dataset, shape[1], ALL_SUPPLIED, model.repeat, _noted(earlier=earlier)
    _write_rest(folder, model.user_encoder, user_settings, *rest)


def _item_blocks(
    model: Recommender, texts: NDArray[np.float32] | None, known: NDArray[np.bool_] | None
) -> Iterator[NDArray[np.float32]]:
    """Item vectors, offsets included; zeros of items that the model does not know."""
    item_text = model.item_text.cpu().numpy()
    with torch.no_grad():
        offsets = None if model.offsets is None else model.offsets.eval()().float().cpu().numpy()
    for start in range(0, len(item_text), BLOCK):
        rows = slice(start, start + BLOCK)
        part = np.zeros((len(item_text[rows]), model.text_encoder.dim), np.float32)
        if texts is not None:
            part += texts[item_text[rows]]
        if offsets is not None:
            part += offsets[rows]
        if known is not None:
            part[~known[rows]] = 0
        yield part


def store_knowledge(folder: Path, knowledge: Knowledge, dataset: Dataset) -> None:
    """Write knowledge of all items and texts that is held in memory; the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    write_array(folder / "item_vectors.npy", np.asarray(knowledge.item_vectors, dtype=np.float32))
    write_array(folder / "text_vectors.npy", np.asarray(knowledge.text_vectors, dtype=np.float32))
    if knowledge.offsets is not None:
        write_array(folder / "offsets.npy", np.asarray(knowledge.offsets, dtype=np.float32))
    rest = dataset, knowledge.dim, knowledge.supplies, knowledge.repeat
    _write_rest(folder, knowledge.user_encoder, knowledge.user_settings, *rest)


def write_scores(folder: Path, scores: Mapping[str, ListedScores], dataset: Dataset) -> None:
    """Write scores that were made once; alone, or beside vectors that the folder holds already. The manifest last."""
    for part, one in scores.items():
        (folder / LISTED).mkdir(parents=True, exist_ok=True)
        one.write(folder / LISTED, part)
    scored = {part: len(one) for part, one in scores.items()}
    if (folder / "manifest.json").exists():
        manifest = read_record(KnowledgeRecord, folder / "manifest.json")
        write_record(folder / "manifest.json", manifest.model_copy(update={"scored": scored}))
        return
    for name, rows in (("item_vectors", dataset.n_items), ("text_vectors", len(dataset.texts))):
        write_array(folder / f"{name}.npy", np.empty((rows, 0), np.float32))
    settings: dict[str, Any] = {"kind": "mean", "dim": 0, "max_history": dataset.max_history}
    encoder = make_user_encoder(**settings)
    _write_rest(folder, encoder, settings, dataset, 0, frozenset({SCORES}), None, {"scored": scored})


def write_joined(
    folder: Path,
    members: Sequence[Knowledge],
    weights: Sequence[float],
    dataset: Dataset,
    folds: Sequence[str] = (),
    earlier: int = 0,
) -> None:
    """Write the knowledge of several teachers as that of one, whose scores are the weighted sum of theirs.

    Args:
        weights: factor of each one's scores.
        folds: the users that each learned without, see `folds`; "" where from all.
        earlier: see `write_knowledge`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = {"knows": known_by(members), "knows_texts": known_by(members, texts=True)}
    items = joined([np.asarray(one.item_vectors) for one in members], known["knows"], weights)
    write_array(folder / "item_vectors.npy", items)
    texts = [np.where(known["knows_texts"][:, number, None], one.text_vectors, 0) for number, one in enumerate(members)]
    write_array(folder / "text_vectors.npy", np.concatenate(texts, axis=1).astype(np.float32))
    for name, table in known.items():
        if not table.any(axis=1).all():
            write_array(folder / f"{name}.npy", np.asarray(table.any(axis=1)))
    encoder = SideBySide([one.user_encoder for one in members], weights)
    settings = {
        "kind": KIND,
        "dim": encoder.dim,
        "max_history": encoder.max_history,
        "parts": [one.user_settings for one in members],
        "weights": list(weights),
    }
    supplies = frozenset.intersection(*(one.supplies for one in members))
    rest = _noted(folds=list(folds) if any(folds) else [], earlier=earlier)
    _write_rest(folder, encoder, settings, dataset, encoder.dim, supplies, joined_repeat(members, weights), rest)


def known_by(members: Sequence[Knowledge], texts: bool = False) -> NDArray[np.bool_]:
    """Which items (or texts) each of several teachers knows, bool `[n, teachers]`."""
    columns = [
        np.ones(len(one.text_vectors if texts else one.item_vectors), dtype=np.bool_) if known is None else known
        for one in members
        for known in [one.knows_texts if texts else one.knows]
    ]
    return np.stack(columns, axis=1)


def joined_repeat(members: Sequence[Knowledge], weights: Sequence[float]) -> NDArray[np.float32] | None:
    """What the weighted sum of scores gets for items of the history; None where no teacher has a repeat term."""
    found = [
        np.float32(weight) * one.repeat for one, weight in zip(members, weights, strict=True) if one.repeat is not None
    ]
    return np.sum(found, axis=0, dtype=np.float32) if found else None


def _noted(**fields: Any) -> dict[str, Any]:
    """Fields of a manifest that say something, so that older releases read those that have none of them."""
    return {key: value for key, value in fields.items() if value}


def _write_rest(  # noqa: PLR0913
    folder: Path,
    encoder: nn.Module,
    settings: dict[str, Any],
    dataset: Dataset,
    dim: int,
    supplies: frozenset[str],
    repeat: NDArray[np.float32] | None,
    rest: dict[str, Any] | None = None,
) -> None:
    """User encoder, item ids, and the manifest last.

    Args:
        rest: fields of the manifest that only some knowledge has.
    """
    save_weights(folder / "user_encoder.safetensors", dict(encoder.state_dict()))
    write_json(folder / "item_ids.json", dataset.items["item_id"].to_list())
    manifest = KnowledgeRecord(
        **marks_of(dataset),
        # so that older releases read all others
        **({} if repeat is None else {"repeat": repeat.tolist()}),
        **(rest or {}),
        supplies=sorted(supplies),
        user_encoder=settings,
        dtype="float32",
        items=dataset.n_items,
        texts=len(dataset.texts),
        dim=dim,
    )
    write_record(folder / "manifest.json", manifest)


def _write_known(folder: Path, items: NDArray[np.float32], known: NDArray[np.bool_], dataset: Dataset) -> None:
    """Vectors of known items as those of their texts, and which items and texts are known."""
    n_texts = len(dataset.texts)
    sums = np.zeros((n_texts, items.shape[1]), dtype=np.float32)
    np.add.at(sums, dataset.item_text[known], items[known])
    counts = np.bincount(dataset.item_text[known], minlength=n_texts)
    write_array(folder / "text_vectors.npy", (sums / np.maximum(counts, 1)[:, None]).astype(np.float32))
    write_array(folder / "knows.npy", np.asarray(known))
    write_array(folder / "knows_texts.npy", counts > 0)


def _by_text(vectors: NDArray[np.float32], model: Recommender, dataset: Dataset) -> NDArray[np.float32]:
    """One row per distinct text: where the model knows items and not texts, the mean over the text's items."""
    if len(vectors) == len(dataset.texts) and np.array_equal(model.item_text.cpu().numpy(), dataset.item_text):
        return vectors
    sums = np.zeros((len(dataset.texts), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, dataset.item_text, vectors)
    counts = np.bincount(dataset.item_text, minlength=len(dataset.texts))
    return np.asarray(sums / counts[:, None], dtype=np.float32)


def history_rows(item_ids: dict[str, int], history: list[str]) -> Ragged:
    """A history of ids as one row of item indices; unknown ids are left out."""
    return Ragged.from_rows([[item_ids[item] for item in history if item in item_ids]], np.int32)
