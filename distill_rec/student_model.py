"""A trained student in torch: written after training, read by the exporter, the evaluation and further training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from distill_rec.artifact.layout import Layout
from distill_rec.artifact.new_level import NewLevel
from distill_rec.artifact.transition import TransitionTerm
from distill_rec.data.dataset import Dataset
from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.scorer import DotScorer
from distill_rec.model_records import LATER, TRANSITIONS, StudentRecord
from distill_rec.nn.from_settings import user_encoder_of
from distill_rec.nn.recommender import TextEncoder, user_vectors
from distill_rec.nn.user_encoders import UserEncoder
from distill_rec.records import read_content
from distill_rec.registry import STUDENTS, Late, find
from distill_rec.runtime.errors import ArtifactError, RunError
from distill_rec.runtime.kinds import find_kind
from distill_rec.runtime.template import unescaped_text
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.training.checkpoint import under
from distill_rec.trunks.tokens import tokenize


@dataclass
class StudentModel:
    """A student's folder, read. Everything that torch knows of it, for parity with what is exported.

    Each kind has a subclass, which says how its item encoder is read, fed and exported.
    """

    folder: Path
    config: dict[str, Any]
    tensors: dict[str, Tensor]

    @property
    def kind(self) -> str:
        return str(self.config["kind"])

    @property
    def tokenizer_file(self) -> Path:
        return self.folder / "tokenizer.json"

    @property
    def weights_file(self) -> Path:
        return self.folder / "weights.safetensors"

    @property
    def parameters_count(self) -> int:
        return int(self.config["parameters"])

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        """As the student reads texts; kinds that read them otherwise have their own."""
        content = self.tokenizer_file.read_text(encoding="utf-8")
        return TextTokenizer(content, self.config["max_tokens"], special_tokens=True, prefix=self.config["prefix"])

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """`[n_items, d]`, offsets included."""
        return self.tensors["item_vectors"].numpy()

    @property
    def as_learned(self) -> StudentModel:
        """The same with the text encoder that was trained, where there is another for texts that come later."""
        learned = {name: one for name, one in self.tensors.items() if not name.startswith(f"{LATER}.")}
        return replace(self, tensors=learned)

    @property
    def _of_texts(self) -> dict[str, Tensor]:
        """What encodes texts and what belongs to it; of later texts where those have their own."""
        return under(self.tensors, LATER) or self.tensors

    @property
    def encoder_tensors(self) -> dict[str, Tensor]:
        """Tensors of the text encoder, by their names in it."""
        return under(self._of_texts, "text_encoder")

    @property
    def offsets(self) -> NDArray[np.float32] | None:
        """`[n_items, d]`, what an item's vector has beside its text's."""
        offsets = self._of_texts.get("offsets")
        return None if offsets is None else offsets.numpy()

    @property
    def dims(self) -> list[int]:
        """Numbers of dimensions that work alone, all of them last; none where only all do."""
        nested = self.config.get("nested", [])
        return [*nested, self.config["dim"]] if nested else []

    @property
    def repeat(self) -> NDArray[np.float32] | None:
        """Numbers `[BUCKETS]` of the repeat term; None where there is none."""
        repeat = self.tensors.get("repeat")
        return None if repeat is None else repeat.numpy()

    @cached_property
    def transitions(self) -> TransitionTerm | None:
        """The transition term; None where there is none."""
        found = under(self.tensors, TRANSITIONS)
        return TransitionTerm.of_arrays({name: one.numpy() for name, one in found.items()}) if found else None

    @property
    def neutral(self) -> Tensor | None:
        """`[d]`, the vector of a text that says nothing; None where it was learned, or by an older release."""
        return self._of_texts.get("neutral")

    @property
    def new_level(self) -> NewLevel | None:
        """How high texts that come later stand; None where nothing was fitted to these, or by an older release."""
        found = under(self._of_texts, "new_level")
        return NewLevel(found["vector"].numpy(), float(found["level"][0])) if found else None

    @cached_property
    def user_encoder(self) -> UserEncoder:
        encoder = user_encoder_of(self.config["user_encoder"])
        encoder.load_state_dict(under(self.tensors, "user_encoder"))
        return encoder.eval().requires_grad_(False)

    def user_vectors(self, history: Ragged) -> NDArray[np.float32]:
        """User vectors `[n, d]` of rows of item indices."""
        return user_vectors(self.user_encoder, history, self.tensors["item_vectors"])

    def scorer(self, name: str) -> DotScorer:
        """As the evaluation sees it."""
        return DotScorer(name, self.item_vectors, self.user_vectors, self.repeat, self.transitions)

    def with_new_at(self, level: float, name: str, dataset: Dataset) -> DotScorer:
        """The same where new items stand at another level.

        Args:
            level: as a service may load it with.
            dataset: its own, whose new items have a level.
        """
        assert self.new_level is not None
        items = self.item_vectors.copy()
        items[dataset.new] += self.new_level.shift(level)
        return DotScorer(name, items, self.user_vectors, self.repeat, self.transitions)

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Text part of item vectors `[n, d]` of any texts."""
        if self.config.get("unescape_html", False):
            texts = [unescaped_text(text) for text in texts]
        tokens = tokenize(texts, self.tokenizer)
        encoder = self._text_encoder
        self.set_texts(encoder, tokens)
        encoder.neutral = self.neutral
        encoder.empty = torch.from_numpy(self.tokenizer.reads_empty(tokens.values, tokens.offsets))
        return encoder.encode().numpy()

    @cached_property
    def _text_encoder(self) -> TextEncoder:
        return self.text_encoder().eval().requires_grad_(False)

    def text_encoder(self) -> TextEncoder:
        """The trained text encoder, of no texts yet."""
        raise NotImplementedError

    def set_texts(self, encoder: TextEncoder, tokens: Ragged) -> None:
        """Let the text encoder encode these texts from now on."""
        raise NotImplementedError

    @cached_property
    def layout(self) -> Layout:
        """Files and precisions of what is exported: those that the artifact's reader knows."""
        return find_kind(find(STUDENTS, self.kind).artifact, self.folder).layout

    def write_encoders(self, folder: Path, precisions: list[str], sample: list[str]) -> None:
        """Write the item encoder of each precision for the runtime, to the names that `layout` gives.

        Args:
            sample: real texts, for what is calibrated.
        """
        raise NotImplementedError

    def write_program(self, path: Path) -> None:
        """Write torch.export's program of the item encoder; nothing for kinds that have none."""


def earlier_vectors(student: StudentModel, its: Dataset, dataset: Dataset) -> NDArray[np.float32]:
    """Item vectors `[n_items, d]` of another catalogue by a trained student: as a service has them that adds items.

    Known items keep theirs; a new item, and a text that has changed, is encoded, and a known item keeps its offset.

    Args:
        its: data that it was trained on.
    """
    rows = its.numbers_of(dataset)
    old, new = its.items["text"].to_list(), dataset.items["text"].to_list()
    same = np.array([row >= 0 and old[row] == text for row, text in zip(rows, new, strict=True)], dtype=np.bool_)
    out = np.empty((len(rows), student.item_vectors.shape[1]), np.float32)
    out[same] = student.item_vectors[rows[same]]
    if not same.all():
        out[~same] = student.encode_texts([text for text, kept in zip(new, same, strict=True) if not kept])
    if student.offsets is not None:
        changed = ~same & (rows >= 0)
        out[changed] += student.offsets[rows[changed]]
    return out


def load_student(folder: Path | str) -> StudentModel:
    """Read a student's folder (`distill/student` or `distill/undistilled` of a run).

    Raises:
        RunError: it is not there or not finished.
        ArtifactError: its weights cannot be read.
    """
    folder = Path(folder)
    if not (folder / "model.json").exists():
        raise RunError(folder, "no finished student here", "model.json", "Run `distill-rec distill` first.")
    try:
        tensors = load_file(folder / "weights.safetensors")
    except Exception as error:  # safetensors raises its own kind, and the system's
        raise ArtifactError(
            folder / "weights.safetensors", f"cannot be read: {error}", "a whole file", "Use --restart distill."
        ) from error
    config = read_content(StudentRecord, folder / "model.json")
    model: Late[type[StudentModel]] = find(STUDENTS, config["kind"]).model
    return model.get()(folder, config, {name: value.clone() for name, value in tensors.items()})
