"""A trained static student, read back and exported."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors.numpy import save

from distill_rec.artifact.stored import store
from distill_rec.data.ragged import Ragged
from distill_rec.files import write_bytes
from distill_rec.nn.projection import Projection
from distill_rec.nn.recommender import TextEncoder
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.student_model import StudentModel
from students.static.encoder import StaticEncoder
from students.static.start import static_tokenizer


class StaticStudent(StudentModel):
    """See `StudentModel`."""

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        return static_tokenizer(self.tokenizer_file.read_text(encoding="utf-8"), self.config["max_tokens"])

    def text_encoder(self) -> StaticEncoder:
        weights = self.encoder_tensors
        table, others = weights["table"], weights["fallback"].float()
        hidden = self.config["hidden"] if "projection.up.weight" in weights else 0
        projection = Projection(table.shape[1], self.config["dim"], hidden)
        encoder = StaticEncoder(weights["vocabulary"], table.clone(), others, projection, Ragged.from_rows([]))
        encoder.load_state_dict(weights)
        return encoder

    def set_texts(self, encoder: TextEncoder, tokens: Ragged) -> None:
        cast(StaticEncoder, encoder).set_texts(tokens)

    def write_encoders(self, folder: Path, precisions: list[str], sample: list[str]) -> None:
        tensors = cast(StaticEncoder, self._text_encoder).tensors()
        for precision in precisions:
            write_bytes(folder / self.layout.files(precision)["encoder"], save(_smaller(tensors, precision)))


def _smaller(tensors: dict[str, Any], precision: str) -> dict[str, Any]:
    """A static encoder's arrays: fp16 rounds all that are float32, int8 the table alone, which is the large one."""
    out = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    if precision == "fp16":
        return {name: value.astype(np.float16) if value.dtype == np.float32 else value for name, value in out.items()}
    if precision == "int8":
        table = store(out["table"], "int8")
        assert table.scales is not None
        out |= {"table": table.values, "table_scale": table.scales}
    return out
