"""What students of every kind share while they are built: their start from a teacher, and what is written of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill_rec.artifact.new_level import NewLevel
from distill_rec.begin import Earlier, go_on_as_users
from distill_rec.data.dataset import Dataset
from distill_rec.files import write_text
from distill_rec.handover import marks_of
from distill_rec.knowledge import Knowledge
from distill_rec.merging import known_items
from distill_rec.model_records import LATER, StudentRecord
from distill_rec.nn.from_recipe import make_offsets, make_repeat, training_texts, user_settings
from distill_rec.nn.merged import MergedUserEncoder
from distill_rec.nn.neutral import set_neutral
from distill_rec.nn.offsets import ItemOffsets
from distill_rec.nn.projection import principal_directions, ridge
from distill_rec.nn.recommender import Recommender, TextEncoder
from distill_rec.nn.user_encoders import UserEncoder, make_user_encoder
from distill_rec.recipe import StudentSection
from distill_rec.records import write_record
from distill_rec.runtime.errors import RecipeError
from distill_rec.training.checkpoint import save_weights
from distill_rec.trunks.load import Trunk

MOST_HELD_OUT = 1000
"""Texts that judge a first stage."""


@dataclass
class Built:
    """A student ready to train.

    Attributes:
        config: what `model.json` records: enough to load it without trunk or data.
        empty: bool `[n_texts]`, texts that read as the empty one.
        after: what its kind does once it is trained.
        encoder_tensors: the text encoder's tensors as they are written; its own state where not given.
        go_on: takes over the text encoder of a trained student of the kind; None of a kind that cannot.
        own_vectors: bool `[n_items]`, items that learn vectors of their own from no text; None where texts are encoded.
        fit_later: the encoder of texts that come after the training, given the finished model; None where it is the
            one that was trained.
        later: that one, once it is there.
    """

    model: Recommender
    config: dict[str, Any]
    tokenizer_json: str
    empty: NDArray[np.bool_]
    after: Callable[[], None] = lambda: None
    encoder_tensors: Callable[[], dict[str, Tensor]] | None = None
    own_vectors: NDArray[np.bool_] | None = None
    go_on: Callable[[Earlier], None] | None = None
    fit_later: Callable[[Recommender], TextEncoder | None] = lambda model: None
    later: TextEncoder | None = None

    def begin_as(self, earlier: Earlier, dataset: Dataset) -> None:
        """Begin as a trained student of an earlier run.

        Raises:
            RunError: its weights are of another shape.
            RecipeError: the kind cannot.
        """
        if self.go_on is None:
            found = f"set, and students of kind {self.config['kind']!r} cannot go on from an earlier one"
            raise RecipeError("key student.begin", found, "'', to train anew")
        go_on_as_users(self.model, earlier, dataset)
        self.go_on(earlier)

    def finish(self, dataset: Dataset) -> None:
        """What remains after training: its kind's own part, the encoder of later texts, the vector of one that says
        nothing."""
        self.after()
        self.later = self.fit_later(self.model.eval())
        for encoder in filter(None, (self.model.text_encoder, self.later)):
            set_neutral(encoder, self.empty, dataset)


@dataclass(frozen=True)
class TextTarget:
    """The vectors that a text encoder starts near.

    Attributes:
        vectors: `[n_texts, dim]`.
        known: bool `[n_texts]`, texts that have one; None where all have.
    """

    vectors: Tensor
    known: Tensor | None = None

    @staticmethod
    def of(knowledge: Knowledge | None, section: StudentSection, dataset: Dataset) -> TextTarget | None:
        """A teacher's, where it has as many dimensions as the student; without texts that a first stage holds out."""
        if knowledge is None or knowledge.dim != section.dim:
            return None
        known = None if knowledge.knows_texts is None else torch.from_numpy(np.array(knowledge.knows_texts))
        if section.first is not None:
            texts = taught_texts(dataset, knowledge)
            known = torch.ones(len(knowledge.text_vectors), dtype=torch.bool) if known is None else known
            known[torch.from_numpy(texts[held_out(section, len(texts))])] = False
        return TextTarget(torch.from_numpy(np.array(knowledge.text_vectors)), known)


def taught_texts(dataset: Dataset, knowledge: Knowledge) -> NDArray[np.int64]:
    """Texts of items that are not new, and that the teacher has a vector of."""
    texts = training_texts(dataset).numpy()
    return texts if knowledge.knows_texts is None else texts[np.asarray(knowledge.knows_texts)[texts]]


def held_out(section: StudentSection, count: int) -> NDArray[np.bool_]:
    """Which of so many taught texts a first stage is judged by, `[count]`."""
    assert section.first is not None
    out = np.zeros(count, np.bool_)
    most = min(max(2, round(section.first.held_out * count)), MOST_HELD_OUT, count)
    out[np.random.default_rng([section.seed, count]).choice(count, most, replace=False)] = True
    return out


def start_map(x: Tensor, rows: Tensor, dim: int, target: TextTarget | None) -> Tensor:
    """A linear map `[width, dim]` to start from: a ridge fit to the target, else the principal directions of `x`.

    Args:
        x: `[n, width]`, what the encoder has of the texts `rows` before its map.
    """
    if target is None:
        return principal_directions(x, dim)
    if target.known is not None:
        kept = target.known[rows]
        x, rows = x[kept], rows[kept]
    return ridge(x, target.vectors[rows])


def assemble(
    section: StudentSection,
    encoder: TextEncoder,
    dataset: Dataset,
    knowledge: Knowledge | None,
    table: ItemOffsets | None = None,
) -> tuple[Recommender, dict[str, Any]]:
    """A student of a text encoder, and its user encoder's settings.

    Args:
        knowledge: where the shapes are equal its user encoder and offsets are copied, and its repeat term where both
            have one.
        table: in place of offsets that the section asks for; nothing is copied into it.
    """
    if knowledge is not None and isinstance(knowledge.user_encoder, MergedUserEncoder):
        return _merged(section, encoder, dataset, knowledge, table), knowledge.user_settings
    settings = user_settings(section, dataset)
    users = make_user_encoder(**settings)
    offsets = make_offsets(section, dataset) if table is None else table
    item_text = torch.from_numpy(dataset.item_text.astype(np.int64))
    model = Recommender(encoder, users, item_text, offsets, make_repeat(section))
    if knowledge is not None and knowledge.dim == section.dim:
        _start_from_teacher(model, users, knowledge, settings)
        if offsets is not None and table is None and knowledge.offsets is not None:
            with torch.no_grad():
                offsets.weight.copy_(torch.from_numpy(np.array(knowledge.offsets)))
    return model, settings


def _merged(
    section: StudentSection,
    encoder: TextEncoder,
    dataset: Dataset,
    knowledge: Knowledge,
    table: ItemOffsets | None,
) -> Recommender:
    """A student that begins as its teachers together: their user encoders, and of every item the vector they make.

    So items that nobody has clicked have offsets too: what the teachers' PLMs say of them, a small encoder would not.
    Without offsets items have what the encoder makes of their texts, which was fitted to the teachers'.
    """
    item_text = torch.from_numpy(dataset.item_text.astype(np.int64))
    offsets = table
    if table is None and section.offsets:
        mine = torch.from_numpy(known_items(knowledge, dataset))
        offsets = ItemOffsets(mine, section.dim, section.offset_dropout)
        with torch.no_grad():
            vectors = torch.from_numpy(knowledge.item_vectors)
            offsets.weight.copy_((vectors - encoder.encode()[item_text]) * mine[:, None])
    model = Recommender(encoder, knowledge.user_encoder, item_text, offsets, make_repeat(section))
    _start_repeat(model, knowledge)
    return model


def _start_from_teacher(model: Recommender, users: UserEncoder, knowledge: Knowledge, settings: dict[str, Any]) -> None:
    """Copy the teacher's user encoder and repeat term where their shapes are the student's."""
    shape = ("kind", "dim", "max_history", "layers", "heads")
    if all(settings[key] == knowledge.user_settings[key] for key in shape):
        users.load_state_dict(knowledge.user_encoder.state_dict())
    _start_repeat(model, knowledge)


def _start_repeat(model: Recommender, knowledge: Knowledge) -> None:
    """Begin the repeat term as the teacher's, where both have one."""
    if model.repeat_term is not None and knowledge.repeat is not None:
        model.repeat_term.start_from(torch.from_numpy(knowledge.repeat))


def config_of(
    section: StudentSection, trunk: Trunk, dataset: Dataset, user_encoder: dict[str, Any], parameters: int
) -> dict[str, Any]:
    """What `model.json` records of every kind; each kind adds its own.

    Args:
        parameters: numbers that the model holds.
    """
    return {
        "format_version": 1,
        "kind": section.kind,
        "dim": section.dim,
        "hidden": section.hidden if section.projection == "mlp" else 0,
        "projection": section.projection,
        "max_tokens": trunk.max_tokens,
        "prefix": "",
        "pooling": trunk.pooling,
        "template": dataset.template,
        **marks_of(dataset),
        "unescape_html": dataset.unescape_html,
        "user_encoder": user_encoder,
        "offsets": section.offsets,
        "trunk": {"source": trunk.source, "revision": trunk.revision, "digest": trunk.digest},
        "parameters": parameters,
        **({"nested": section.nested} if section.nested else {}),
    }


def under_text_encoder(model: Recommender) -> dict[str, Tensor]:
    """The state of a model's text encoder, by the names that it is written under."""
    return {f"text_encoder.{name}": value for name, value in model.text_encoder.state_dict().items()}


def write_student(built: Built, dataset: Dataset, folder: Path) -> None:
    """Write a trained student: tokenizer, weights with its catalogue's vectors, and `model.json` last.

    Beside the weights that were trained, from which another training may go on, those of the encoder of later texts
    are under `later`, with offsets that give every item of the catalogue the vector it has. New items have none: they
    came later.
    """
    model = built.model.eval()
    tensors: dict[str, Tensor] = {
        f"user_encoder.{name}": value for name, value in model.user_encoder.state_dict().items()
    }
    tensors |= under_text_encoder(model) if built.encoder_tensors is None else built.encoder_tensors()
    tensors["item_vectors"] = model.item_vectors()
    if model.offsets is not None:
        tensors["offsets"] = model.offsets().detach()
    if model.repeat_term is not None:
        tensors["repeat"] = model.repeat_term().detach()
    if model.text_encoder.neutral is not None:
        tensors["neutral"] = model.text_encoder.neutral
    if model.text_encoder.new_level is not None:
        tensors |= _of_level(model.text_encoder.new_level)
    if built.later is not None:
        tensors |= _of_later(built.later, tensors["item_vectors"], dataset)
    write_text(folder / "tokenizer.json", built.tokenizer_json)
    save_weights(folder / "weights.safetensors", tensors)
    write_record(folder / "model.json", StudentRecord.model_validate(built.config))


def _of_later(encoder: TextEncoder, vectors: Tensor, dataset: Dataset) -> dict[str, Tensor]:
    """Tensors of the encoder of later texts, and item vectors in which new items have theirs from it."""
    texts = encoder.encode()[torch.from_numpy(dataset.item_text.astype(np.int64))]
    new = torch.from_numpy(dataset.new.copy())[:, None]
    tensors = {f"{LATER}.text_encoder.{name}": value for name, value in encoder.state_dict().items()}
    tensors |= {"item_vectors": torch.where(new, texts, vectors), f"{LATER}.offsets": (vectors - texts) * ~new}
    tensors |= {} if encoder.neutral is None else {f"{LATER}.neutral": encoder.neutral}
    level = {} if encoder.new_level is None else _of_level(encoder.new_level)
    return tensors | {f"{LATER}.{name}": value for name, value in level.items()}


def _of_level(level: NewLevel) -> dict[str, Tensor]:
    return {f"new_level.{name}": torch.from_numpy(value) for name, value in level.arrays().items()}
