"""Artifacts of random weights, written without an exporter, and the means to damage them consistently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save
from tiny import WORDS, word_piece

from distill_rec.artifact.layout import MANIFEST
from distill_rec.artifact.manifest import Manifest
from distill_rec.artifact.save import record_files
from distill_rec.nn.user_encoders import UserEncoder, make_user_encoder

DIM, MAX_HISTORY = 8, 50
KINDS = ("mean", "attention", "causal", "gru", "nrms")


def random_user_encoder(kind: str, dim: int = DIM, max_history: int = MAX_HISTORY) -> UserEncoder:
    """All weights random: none is the zero or one that it starts as."""
    torch.manual_seed(3)
    encoder = make_user_encoder(kind, dim, max_history, layers=2, heads=2).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return encoder.requires_grad_(False)


def arrays_of(encoder: UserEncoder) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in encoder.state_dict().items()}


def static_arrays(width: int = 6, dim: int = DIM) -> dict[str, np.ndarray]:
    """Half of the vocabulary in the table, half in the fallback."""
    random = np.random.default_rng(1)
    size = word_piece().get_vocab_size()
    half = size // 2
    row = np.where(np.arange(size) < half, np.arange(size), half - 1 - np.arange(size)).astype(np.int32)
    draw = lambda *shape: random.standard_normal(shape).astype(np.float32)  # noqa: E731
    return {
        "row": row,
        "table": draw(half, width),
        "fallback": random.integers(-127, 128, (size - half, width)).astype(np.int8),
        "fallback_scale": np.full(size - half, 0.01, np.float32),
        "no_tokens": draw(width),
        "projection.linear.weight": draw(dim, width),
        "projection.linear.bias": draw(dim),
    }


def write_artifact(folder: Path, kind: str = "attention", n_items: int = 60) -> Path:
    """A static student over items i0, i1, ...; i4 has the vector of i1."""
    vectors = np.random.default_rng(2).standard_normal((n_items, DIM)).astype(np.float32)
    vectors[4] = vectors[1]
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(word_piece().to_str(), "utf-8")
    (folder / "items.json").write_text(json.dumps([f"i{row}" for row in range(n_items)]), "utf-8")
    (folder / "items.safetensors").write_bytes(save({"vectors": vectors}))
    (folder / "user_encoder.safetensors").write_bytes(save(arrays_of(random_user_encoder(kind))))
    (folder / "static.safetensors").write_bytes(save(static_arrays()))
    settings = {"kind": kind, "dim": DIM, "max_history": MAX_HISTORY, "layers": 2, "heads": 2}
    manifest = Manifest("static", DIM, 16, "", "{title} ({year})", settings, "linear", n_items, 0, {})
    (folder / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return seal(folder)


def seal(folder: Path, **changes: Any) -> Path:
    """Write the manifest anew, with the hashes of the files as they are now and these changes."""
    values = json.loads((folder / MANIFEST).read_text("utf-8"))
    values["files"] = {name: vars(record) for name, record in record_files(folder).items()}
    (folder / MANIFEST).write_text(json.dumps(values | changes), "utf-8")
    return folder


def random_text(random: np.random.Generator, words: int = 4) -> str:
    return " ".join(random.choice(WORDS, words))
