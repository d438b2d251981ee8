"""A trained bi-encoder's encoder of any texts: its own weights in the trunk that it was trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from distill_rec.contracts import require_tuning
from distill_rec.data.ragged import Ragged
from distill_rec.nn.text_head import TextHead
from distill_rec.runtime.errors import ModelError
from distill_rec.runtime.template import unescaped_text
from distill_rec.teacher_model import Teacher
from distill_rec.training.checkpoint import under
from distill_rec.trunks.encoder import TrunkEncoder
from distill_rec.trunks.load import Trunk, load_trunk
from distill_rec.trunks.tokens import tokenize
from teachers.bi_encoder.post_training.trunk import POST_TRAINED, post_train_trunk
from teachers.bi_encoder.spec import BiEncoderSection


def open_encoder(teacher: Teacher) -> Callable[[list[str]], NDArray[np.float32]]:
    """From texts to text vectors `[n, d]`, the trunk loaded once.

    Raises:
        ModelError: the trunk is a file of vectors, or its weights are not those the teacher was trained on.
    """
    module = _as_trained(teacher)
    tokenizer = module.trunk.tokenizer()
    unescape = teacher.config.get("unescape_html", False)

    def encode(texts: list[str]) -> NDArray[np.float32]:
        texts = [unescaped_text(text) for text in texts] if unescape else texts
        module.tokens = tokenize(texts, tokenizer)
        module.n_texts = len(texts)
        module.empty = torch.from_numpy(tokenizer.reads_empty(module.tokens.values, module.tokens.offsets))
        return module.encode().float().cpu().numpy()

    return encode


def open_tuned_trunk(teacher: Teacher) -> Trunk:
    """See `contracts.OpenTrunk`.

    Raises:
        ModelError: see `open_encoder`.
    """
    trunk = _as_trained(teacher).trunk
    trunk.model.eval().requires_grad_(False)
    return trunk


def _as_trained(teacher: Teacher) -> TrunkEncoder:
    """The encoder of no texts yet, its tuning merged into the trunk where it merges."""
    section = BiEncoderSection.model_validate(teacher.config["section"])
    require_tuning(section.tuning)
    record = teacher.config["trunk"]
    if "pooling" not in record:
        raise ModelError(record["source"], "a file of vectors cannot encode new texts", "a trunk that is a model")
    trunk = load_trunk(section.trunk, section.revision, section.pooling, section.max_tokens, section.prefix)
    trunk.precision = section.trunk_precision
    if section.post_training is not None:
        post_train_trunk(trunk, teacher.folder / POST_TRAINED, section.post_training.tuning)
    if trunk.digest != record["digest"]:
        raise ModelError(section.trunk, f"weights {trunk.digest[:12]}", f"weights {record['digest'][:12]}, as trained")
    hidden = section.hidden if section.projection == "mlp" else 0
    head = TextHead(trunk.width, section.dim, hidden, section.whiten, trunk.pooling == "attention")
    tuning = section.how
    tuned, lowest = tuning.prepare(trunk), tuning.lowest(len(trunk.layers))
    module = TrunkEncoder(trunk, Ragged.from_rows([]), head, tuned, lowest or 0, None, chunk=64)
    weights = load_file(teacher.folder / "weights.safetensors")
    module.load_state_dict(under(weights, "text_encoder"))
    tuning.merge(trunk)
    module.neutral = weights.get("neutral")
    module.eval()
    return module
