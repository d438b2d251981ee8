"""The files of each precision: item encoder and catalogue vectors, smaller where fp16 or int8 is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from distill_rec.artifact.layout import LAYOUTS, stored_as
from distill_rec.artifact.save import write_vectors
from distill_rec.artifact.stored import store
from distill_rec.data.dataset import Dataset
from distill_rec.export.onnx import write_onnx
from distill_rec.export.quantise import to_fp16, to_int8, to_int8_static
from distill_rec.files import write_bytes
from distill_rec.runtime.errors import RecipeError
from distill_rec.students import StudentModel

CALIBRATION_TEXTS = 256


def write_precisions(model: StudentModel, dataset: Dataset, folder: Path, precisions: list[str]) -> None:
    """Write the files of each precision.

    Raises:
        RecipeError: the kind of student has no such precision, as calibrated activations of a static one.
    """
    layout = LAYOUTS[model.kind]
    if missing := [name for name in precisions if name not in layout.precisions]:
        found = f"{missing[0]} for a {model.kind} student, which has no such precision"
        do = "Set export.precisions to some of these."
        raise RecipeError("export.precisions", found, " or ".join(layout.precisions), do)
    for precision in precisions:
        write_vectors(folder / layout.files(precision)["items"], model.item_vectors, stored_as(precision))
    if model.kind == "static":
        for precision in precisions:
            tensors = _smaller(model.static_tensors(), precision)
            write_bytes(folder / layout.files(precision)["encoder"], save(tensors))
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
    layout = LAYOUTS[model.kind]
    whole = folder / layout.files("fp32")["encoder"]
    write_onnx(model.onnx_module(), whole)
    drawn = np.random.default_rng(0).choice(len(dataset.texts), min(CALIBRATION_TEXTS, len(dataset.texts)), False)
    for precision in precisions:
        target = folder / layout.files(precision)["encoder"]
        if precision == "fp16":
            to_fp16(whole, target)
        elif precision == "int8":
            to_int8(whole, target)
        elif precision == "int8-static":
            to_int8_static(whole, target, [dataset.texts[text] for text in drawn], model.tokenizer)
    if "fp32" not in precisions:
        whole.unlink()
