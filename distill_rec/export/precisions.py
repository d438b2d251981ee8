"""The files of each precision: item encoder and catalogue vectors, smaller where fp16 or int8 is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from distill_rec.data.dataset import Dataset
from distill_rec.export.onnx import write_onnx
from distill_rec.export.quantise import to_fp16, to_int8, to_int8_static
from distill_rec.files import write_bytes
from distill_rec.runtime.errors import RecipeError
from distill_rec.runtime.save import base_precision, write_vectors
from distill_rec.runtime.vectors import store
from distill_rec.students import StudentModel

CALIBRATION_TEXTS = 256


def file_names(kind: str, precision: str) -> dict[str, str]:
    """Names of the files that one precision loads: `encoder` and `items`."""
    suffix, vectors = ("" if one == "fp32" else f".{one}" for one in (precision, base_precision(precision)))
    encoder = f"static{suffix}.safetensors" if kind == "static" else f"item_encoder{suffix}.onnx"
    return {"encoder": encoder, "items": f"items{vectors}.safetensors"}


def write_precisions(model: StudentModel, dataset: Dataset, folder: Path, precisions: list[str]) -> None:
    """Write the files of each precision.

    Raises:
        RecipeError: a static student is asked for calibrated activations, of which it has none.
    """
    if model.kind == "static" and "int8-static" in precisions:
        raise RecipeError(
            "export.precisions", "int8-static for a static student, which has no activations to calibrate", "int8"
        )
    for precision in precisions:
        write_vectors(
            folder / file_names(model.kind, precision)["items"], model.item_vectors, base_precision(precision)
        )
    if model.kind == "static":
        for precision in precisions:
            tensors = _smaller(model.static_tensors(), precision)
            write_bytes(folder / file_names("static", precision)["encoder"], save(tensors))
    else:
        _write_graphs(model, dataset, folder, precisions)


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


def _write_graphs(model: StudentModel, dataset: Dataset, folder: Path, precisions: list[str]) -> None:
    whole = folder / file_names(model.kind, "fp32")["encoder"]
    write_onnx(model.onnx_module(), whole)
    drawn = np.random.default_rng(0).choice(len(dataset.texts), min(CALIBRATION_TEXTS, len(dataset.texts)), False)
    for precision in precisions:
        target = folder / file_names(model.kind, precision)["encoder"]
        if precision == "fp16":
            to_fp16(whole, target)
        elif precision == "int8":
            to_int8(whole, target)
        elif precision == "int8-static":
            to_int8_static(whole, target, [dataset.texts[text] for text in drawn], model.tokenizer)
    if "fp32" not in precisions:
        whole.unlink()
