"""A post-trained trunk: what was learned becomes part of the PLM's own weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file

from distill_rec.contracts import tuning_of
from distill_rec.files import sha256_file
from distill_rec.training.checkpoint import under
from distill_rec.trunks.load import Trunk

POST_TRAINED = "trunk.safetensors"
"""A teacher's file of them."""
LEARNED = "0.text_encoder.tuned"
"""Where a training keeps what it learned of a trunk, among its weights."""


def post_train_trunk(trunk: Trunk, weights: Path, tuning: str) -> None:
    """Give a freshly loaded trunk, in place, what post-training learned; its digest becomes that of the new weights.

    Args:
        weights: of the training.
        tuning: by which it learned, as the recipe writes it.
    """
    how, learned = tuning_of(tuning), under(load_file(weights), LEARNED)
    with torch.no_grad():
        for name, parameter in how.prepare(trunk).named_parameters():
            if parameter.requires_grad:
                parameter.copy_(learned[name])
    how.merge(trunk)
    trunk.model.eval().requires_grad_(False)
    trunk.digest = hashlib.sha256(f"{trunk.digest} {how.name} {sha256_file(weights)}".encode()).hexdigest()
