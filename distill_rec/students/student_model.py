"""A trained student in torch: written after training, read by the exporter, the evaluation and further training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from distill_rec.data.ragged import Ragged
from distill_rec.evaluation.scorer import Scorer
from distill_rec.files import write_text
from distill_rec.model_records import StudentRecord
from distill_rec.nn.projection import Projection
from distill_rec.nn.recommender import TextEncoder, user_vectors
from distill_rec.nn.text_head import TextHead
from distill_rec.nn.user_encoders import UserEncoder, make_user_encoder
from distill_rec.records import read_content, write_record
from distill_rec.runtime.errors import ArtifactError, RunError
from distill_rec.runtime.template import unescaped_text
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.students.build import Built
from distill_rec.students.static_encoder import StaticEncoder
from distill_rec.students.static_start import static_tokenizer
from distill_rec.students.transformer_start import OnnxItemEncoder
from distill_rec.training.checkpoint import save_weights, under
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.load import Trunk
from distill_rec.trunks.tokens import tokenize


def write_student(built: Built, folder: Path) -> None:
    """Write a trained student: tokenizer, weights with its catalogue's vectors, and `model.json` last."""
    model = built.model.eval()
    tensors: dict[str, Tensor] = {
        f"user_encoder.{name}": value for name, value in model.user_encoder.state_dict().items()
    }
    tensors |= {f"text_encoder.{name}": value for name, value in model.text_encoder.state_dict().items()}
    if isinstance(model.text_encoder, TrunkEncoder):
        tensors |= {f"trunk.{name}": value for name, value in model.text_encoder.trunk.model.state_dict().items()}
        tensors = {name: value for name, value in tensors.items() if not name.startswith("text_encoder.tuned.")}
    tensors["item_vectors"] = model.item_vectors()
    if model.offsets is not None:
        tensors["offsets"] = model.offsets().detach()
    if model.text_encoder.neutral is not None:
        tensors["neutral"] = model.text_encoder.neutral
    write_text(folder / "tokenizer.json", built.tokenizer_json)
    save_weights(folder / "weights.safetensors", tensors)
    write_record(folder / "model.json", StudentRecord.model_validate(built.config))


@dataclass
class StudentModel:
    """A student's folder, read. Everything that torch knows of it, for parity with what is exported."""

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
        content = self.tokenizer_file.read_text(encoding="utf-8")
        if self.kind == "static":
            return static_tokenizer(content, self.config["max_tokens"])
        return TextTokenizer(content, self.config["max_tokens"], special_tokens=True, prefix=self.config["prefix"])

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """`[n_items, d]`, offsets included."""
        return self.tensors["item_vectors"].numpy()

    @property
    def offsets(self) -> NDArray[np.float32] | None:
        """`[n_items, d]`."""
        offsets = self.tensors.get("offsets")
        return None if offsets is None else offsets.numpy()

    @property
    def neutral(self) -> Tensor | None:
        """`[d]`, the vector of a text that says nothing; None where it was learned, or by an older release."""
        return self.tensors.get("neutral")

    @cached_property
    def user_encoder(self) -> UserEncoder:
        encoder = make_user_encoder(**self.config["user_encoder"])
        encoder.load_state_dict(under(self.tensors, "user_encoder"))
        return encoder.eval().requires_grad_(False)

    def user_vectors(self, history: Ragged) -> NDArray[np.float32]:
        """User vectors `[n, d]` of rows of item indices."""
        return user_vectors(self.user_encoder, history, self.tensors["item_vectors"])

    def scorer(self, name: str) -> Scorer:
        """As the evaluation sees it."""
        return Scorer(name, self.item_vectors, self.user_vectors)

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Text part of item vectors `[n, d]` of any texts."""
        encoder = self._text_encoder
        if self.config.get("unescape_html", False):
            texts = [unescaped_text(text) for text in texts]
        tokens = tokenize(texts, self.tokenizer)
        if isinstance(encoder, StaticEncoder):
            encoder.set_texts(tokens)
        else:
            cast(TrunkEncoder, encoder).tokens = tokens
            encoder.n_texts = len(tokens)
        encoder.neutral = self.neutral
        encoder.empty = torch.from_numpy(self.tokenizer.reads_empty(tokens.values, tokens.offsets))
        return encoder.encode().numpy()

    def static_tensors(self) -> dict[str, NDArray[np.generic]]:
        """Arrays of an artifact's `static.safetensors`."""
        return cast(StaticEncoder, self._text_encoder).tensors()

    def onnx_module(self) -> nn.Module:
        """Token ids and mask to item vectors, for the exporter."""
        return OnnxItemEncoder(cast(TrunkEncoder, self._text_encoder)).eval()

    @cached_property
    def _text_encoder(self) -> TextEncoder:
        none = Ragged.from_rows([])
        weights = under(self.tensors, "text_encoder")
        encoder: TextEncoder
        if self.kind == "static":
            projection = Projection(self.config["table_dim"], self.config["dim"], self.config["hidden"])
            table, others = weights["table"], weights["fallback"].float()
            encoder = StaticEncoder(weights["vocabulary"], table.clone(), others, projection, none)
            encoder.load_state_dict(weights)
        else:
            trunk = self._trunk()
            head = TextHead(trunk.width, self.config["dim"], self.config["hidden"])
            encoder = TrunkEncoder(trunk, none, head, 0, None, chunk=64)
            encoder.load_state_dict(weights)
        return encoder.eval().requires_grad_(False)

    def _trunk(self) -> Trunk:
        from transformers import AutoConfig, AutoModel  # noqa: PLC0415

        content = dict(self.config["trunk_config"])
        config = AutoConfig.for_model(content.pop("model_type"), **content)
        model = AutoModel.from_config(config, dtype=torch.float32)
        model.load_state_dict(under(self.tensors, "trunk"))
        json_text = self.tokenizer_file.read_text(encoding="utf-8")
        prefix, limit = self.config["prefix"], self.config["max_tokens"]
        return Trunk(model.eval(), json_text, self.config["pooling"], prefix, limit, str(self.folder), "", "")


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
    return StudentModel(
        folder,
        read_content(StudentRecord, folder / "model.json"),
        {name: value.clone() for name, value in tensors.items()},
    )
