"""An ONNX graph in fp16 and int8, by onnxruntime's own tools."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from distill_rec.runtime.onnx_encoder import ALONE
from distill_rec.runtime.tokenizer import TextTokenizer

BATCH = 16


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The tools talk to stdout and to the root logger; neither is for the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def to_fp16(source: Path, target: Path) -> None:
    """Weights and arithmetic in float16, inputs and outputs as they were."""
    import onnx  # noqa: PLC0415
    from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: PLC0415

    with _quietly():
        onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def to_int8(source: Path, target: Path) -> None:
    """Weights in int8, activations quantised on the fly (dynamic), of one text at a time.

    A product has one scale for the activations of all that it is given, so that in a batch an item's vector would
    depend on its company (by 7 % of its length, for two layers of MiniLM-L6): the graph says that it wants each text
    alone. That costs at most a twentieth of its speed, as texts are short; on a processor without VNNI it is 1.4 times
    as quick as float32. Products with one scale per row (MatMulNBits) keep more (1.6 % off instead of 4.3 %), and are
    slower than float32 there.
    """
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    with _quietly():
        # Seven bits: see to_int8_static.
        quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
        model = onnx.load(target)
        onnx.helper.set_model_props(model, {ALONE: "1"})
        onnx.save(model, target)


def to_int8_static(source: Path, target: Path, texts: list[str], tokenizer: TextTokenizer) -> None:
    """Weights and activations in int8, the latter's ranges calibrated on real texts."""
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    with _quietly(), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(source, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            target,
            _Batches(texts, tokenizer),
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            # Seven bits: where a processor has no VNNI, pairs of eight-bit products are cut off at sixteen bits.
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        )


class _Batches:
    """What calibration reads: token ids and masks of real texts."""

    def __init__(self, texts: list[str], tokenizer: TextTokenizer) -> None:
        self._feeds = iter([self._feed(texts[at : at + BATCH], tokenizer) for at in range(0, len(texts), BATCH)])

    @staticmethod
    def _feed(texts: list[str], tokenizer: TextTokenizer) -> dict[str, Any]:
        ids, offsets = tokenizer.encode(texts)
        lengths = np.diff(offsets)
        mask = np.arange(max(int(lengths.max()), 1))[None] < lengths[:, None]
        tokens = np.zeros(mask.shape, dtype=np.int64)
        tokens[mask] = ids
        return {"input_ids": tokens, "attention_mask": mask.astype(np.int64)}

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)
