"""`torch.export`'s program of a transformer's item encoder, for who serves with torch; nothing of ours loads it."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import nn

from distill_rec.export.onnx import example_inputs
from distill_rec.files import writing


def write_program(module: nn.Module, path: Path) -> None:
    """Write `module(input_ids, attention_mask)` as `.pt2`, batch and length dynamic."""
    inputs, _ = example_inputs()
    # The program finds out itself how long a text its position embeddings allow.
    auto = torch.export.Dim.AUTO
    shapes = ({0: auto, 1: auto}, {0: auto, 1: auto})
    with writing(path) as file, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module, inputs, dynamic_shapes=shapes), file)
