"""A trained transformer student, read back and exported."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from torch import nn

from distill_rec.data.ragged import Ragged
from distill_rec.export.onnx import write_onnx
from distill_rec.export.quantise import to_fp16, to_int8, to_int8_static
from distill_rec.export.torch_program import write_program
from distill_rec.nn.recommender import TextEncoder
from distill_rec.nn.text_head import TextHead
from distill_rec.student_model import StudentModel
from distill_rec.training.checkpoint import under
from distill_rec.trunks.cut import rebuilt
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.load import Trunk
from students.transformer.start import OnnxItemEncoder


class TransformerStudent(StudentModel):
    """See `StudentModel`."""

    def text_encoder(self) -> TrunkEncoder:
        trunk = self._trunk()
        head = TextHead(trunk.width, self.config["dim"], self.config["hidden"])
        encoder = TrunkEncoder(trunk, Ragged.from_rows([]), head, nn.ModuleList(), len(trunk.layers), None, chunk=64)
        encoder.load_state_dict(under(self.tensors, "text_encoder"))
        return encoder

    def set_texts(self, encoder: TextEncoder, tokens: Ragged) -> None:
        cast(TrunkEncoder, encoder).tokens = tokens
        encoder.n_texts = len(tokens)

    def onnx_module(self) -> nn.Module:
        """Token ids and mask to item vectors."""
        return OnnxItemEncoder(cast(TrunkEncoder, self._text_encoder)).eval()

    def write_encoders(self, folder: Path, precisions: list[str], sample: list[str]) -> None:
        whole = folder / self.layout.files("fp32")["encoder"]
        write_onnx(self.onnx_module(), whole)
        for precision in precisions:
            target = folder / self.layout.files(precision)["encoder"]
            if precision == "fp16":
                to_fp16(whole, target)
            elif precision == "int8":
                to_int8(whole, target)
            elif precision == "int8-static":
                to_int8_static(whole, target, sample, self.tokenizer)
        if "fp32" not in precisions:
            whole.unlink()

    def write_program(self, path: Path) -> None:
        write_program(self.onnx_module(), path)

    def _trunk(self) -> Trunk:
        heads, width = self.config.get("heads"), self.config.get("width")
        model = rebuilt(self.config["trunk_config"], under(self.tensors, "trunk"), heads, width)
        json_text = self.tokenizer_file.read_text(encoding="utf-8")
        prefix, limit = self.config["prefix"], self.config["max_tokens"]
        sizes = None if width is None else (width, len(self.config["layers"]))
        return Trunk(model, json_text, self.config["pooling"], prefix, limit, str(self.folder), "", "", sizes)
