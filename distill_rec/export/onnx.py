"""A transformer's item encoder as one ONNX file, weights inside, batch and length dynamic."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill_rec.runtime.errors import ArtifactError


def example_inputs() -> tuple[tuple[Tensor, Tensor], tuple[dict[int, Any], dict[int, Any]]]:
    """Token ids and mask to trace with, and which of their sizes are dynamic."""
    ids = torch.ones(2, 6, dtype=torch.int64)
    mask = torch.tensor([[1] * 6, [1] * 4 + [0] * 2])
    batch, tokens = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("tokens", min=1, max=512)
    return (ids, mask), ({0: batch, 1: tokens}, {0: batch, 1: tokens})


def write_onnx(module: nn.Module, path: Path) -> None:
    """Export `module(input_ids, attention_mask)`; both int64 `[batch, tokens]`, the result float32 `[batch, dim]`.

    Raises:
        ArtifactError: torch cannot express this trunk as a graph.
    """
    inputs, shapes = example_inputs()
    # The exporter talks to stdout and warns of its own internals; neither is for the user.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module,
                inputs,
                dynamo=True,
                input_names=["input_ids", "attention_mask"],
                output_names=["vectors"],
                dynamic_shapes=shapes,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            do = "Nothing was published. A static student needs no graph."
            raise ArtifactError(
                path.name, f"torch cannot export this trunk: {reason}", "a BERT-like trunk", do
            ) from error
        assert program is not None
        program.save(str(path), external_data=False)
