"""A PLM from a folder or a hub id: weights from safetensors only, no code from the folder is ever run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from distill_rec.files import read_json, sha256_file
from distill_rec.runtime.errors import ModelError
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.sections.optimizer import Precision
from distill_rec.trunks.sentence_transformers import read_settings

Pooling = Literal["mean", "attention", "cls", "last"]
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]


@dataclass
class Trunk:
    """A PLM with what its folder says of its use.

    Attributes:
        opened: the model, or what loads it when it is first asked for: where all it would say is cached it never is,
            which spares a process seconds of imports.
        tokenizer_json: the tokenizer's serialised form, for artifacts.
        pooling: over tokens; the folder's own where the recipe says "auto".
        prefix: text put before every text (a sentence-transformers prompt).
        max_tokens: the smaller of the recipe's and the folder's.
        source, revision, digest: where it came from, the hub's commit where there is one, sha256 of the weights.
        sizes: width and depth, as the folder says; asked of the model where not given.
        precision: what its layers multiply in (autocast); its weights are fp32 all the same.
    """

    opened: nn.Module | Callable[[], nn.Module]
    tokenizer_json: str
    pooling: Pooling
    prefix: str
    max_tokens: int
    source: str
    revision: str
    digest: str
    sizes: tuple[int, int] | None = None
    precision: Precision = "fp32"

    @property
    def model(self) -> nn.Module:
        """The model, in evaluation mode, all weights frozen, float32.

        Raises:
            ModelError: it cannot be loaded, or its folder lacks some of its weights.
        """
        if not isinstance(self.opened, nn.Module):
            self.opened = self.opened()
        return self.opened

    def to(self, device: torch.device) -> Trunk:
        """Have the model there, now or when it is loaded."""
        if isinstance(self.opened, nn.Module):
            self.opened.to(device)
        else:
            load = self.opened
            self.opened = lambda: load().to(device)
        return self

    @property
    def width(self) -> int:
        return self.sizes[0] if self.sizes else int(cast(Any, self.model).config.hidden_size)

    @property
    def depth(self) -> int:
        """Layers; of a model that is loaded, those that it has now."""
        unloaded = self.sizes is not None and not isinstance(self.opened, nn.Module)
        return self.sizes[1] if unloaded and self.sizes else len(self.layers)

    def tokenizer(self) -> TextTokenizer:
        return TextTokenizer(self.tokenizer_json, self.max_tokens, special_tokens=True, prefix=self.prefix)

    @property
    def layers(self) -> nn.ModuleList:
        parent, name = layer_list(self.model)
        return cast(nn.ModuleList, getattr(parent, name))


def load_trunk(
    source: str, revision: str = "main", pooling: str = "auto", max_tokens: int = 32, prefix: str | None = None
) -> Trunk:
    """Load a PLM; see `open_trunk`."""
    trunk = open_trunk(source, revision, pooling, max_tokens, prefix)
    _ = trunk.model
    return trunk


def open_trunk(
    source: str, revision: str = "main", pooling: str = "auto", max_tokens: int = 32, prefix: str | None = None
) -> Trunk:
    """Find a PLM and read what its folder says; the model itself is loaded when it is first asked for.

    Args:
        source: a folder, or a hub id (fetched with the hub's client, which honours `HF_HUB_OFFLINE`).
        pooling: "auto" takes the folder's own, else mean for encoders and last for decoders.
        prefix: text put before every text, as an instruction; None takes the folder's own.

    Raises:
        ModelError: there is no such folder or hub id, it holds no safetensors weights, or it pools in a way
            that is not offered here.
    """
    folder, commit = _find(source, revision)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ModelError(
            folder, "no weights in safetensors form", "*.safetensors", "Convert the model's weights first."
        )
    config = _read_config(folder)
    settings = read_settings(folder)
    chosen = pooling
    if pooling == "auto":
        chosen = settings.pooling or ("last" if is_decoder(config) else "mean")
    digest = hashlib.sha256("".join(sha256_file(path) for path in weights).encode()).hexdigest()
    return Trunk(
        partial(_load, folder),
        _tokenizer_json(folder),
        cast(Pooling, chosen),
        settings.prefix if prefix is None else prefix,
        min(max_tokens, settings.max_tokens or max_tokens),
        source,
        commit,
        digest,
        (int(config.hidden_size), len_of_layers(config)),
    )


def _read_config(folder: Path) -> Any:
    """The folder's `config.json` where it names what is asked of it here, else as transformers understands it."""
    try:
        said = SimpleNamespace(**read_json(folder / "config.json"))
        if hasattr(said, "hidden_size") and hasattr(said, "num_hidden_layers"):
            return said
        from transformers import AutoConfig  # noqa: PLC0415  (a second to import)

        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, TypeError, ValueError, KeyError) as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> ModelError:
    return ModelError(folder, f"cannot be loaded: {error}", "a model folder of transformers")


def _load(folder: Path) -> nn.Module:
    from transformers import AutoModel  # noqa: PLC0415  (seconds to import)
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    try:
        with torch.random.fork_rng(
            devices=[]
        ):  # whatever it draws, what is drawn next is the same where nothing was loaded
            model, info = AutoModel.from_pretrained(
                folder,
                dtype=torch.float32,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(folder, error) from error
    # BERT's pooler is left out of many folders and is never read here; any other gap would be random weights.
    missing = sorted(key for key in info["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ModelError(
            folder, f"no weights for {', '.join(missing[:5])} ({len(missing)} in all)", "all of the model's"
        )
    loaded: nn.Module = model.eval().requires_grad_(False)
    return loaded


def is_decoder(config: object) -> bool:
    """Whether tokens see only what stands before them, by the architecture's name."""
    names = getattr(config, "architectures", None) or []
    return bool(getattr(config, "is_decoder", False)) or any("CausalLM" in name or "LMHead" in name for name in names)


def _find(source: str, revision: str) -> tuple[Path, str]:
    folder = Path(os.path.expanduser(source))
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise ModelError(folder, "no config.json", "a model folder of transformers")
        return folder, ""
    if folder.is_absolute() or source.startswith(".") or source.count("/") != 1:
        raise ModelError(source, "no such folder", "a model folder, a hub id (owner/name) or a file of vectors")
    from huggingface_hub import snapshot_download  # noqa: PLC0415

    try:
        path = Path(snapshot_download(source, revision=revision, allow_patterns=FILES))
    except Exception as error:  # the hub's client raises a dozen kinds
        raise ModelError(
            source,
            f"not reached on the hub: {type(error).__name__}",
            "a folder, or a hub id while the hub can be reached",
            "Name a local folder as teacher.trunk, or fetch the model once with the network on.",
        ) from error
    return path, path.name


def _tokenizer_json(folder: Path) -> str:
    path = folder / "tokenizer.json"
    if path.exists():
        return path.read_text(encoding="utf-8")
    from transformers import AutoTokenizer  # noqa: PLC0415

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        return str(cast(Any, tokenizer).backend_tokenizer.to_str())
    except Exception as error:
        raise ModelError(folder, "no tokenizer.json, and none can be made", "a fast tokenizer") from error


def layer_list(model: nn.Module) -> tuple[nn.Module, str]:
    """The module that holds the model's list of layers, and the list's name in it.

    Raises:
        ModelError: no list has as many members as the configuration has layers.
    """
    config = cast(Any, model).config
    depth = len_of_layers(config)
    for parent in model.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.ModuleList) and len(child) == depth:
                return parent, name
    raise ModelError(type(model).__name__, "its layers were not found", "a ModuleList with num_hidden_layers members")


def len_of_layers(config: Any) -> int:
    return int(getattr(config, "num_hidden_layers", None) or config.n_layers)


def pool(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """One vector per text from its tokens' `[n, tokens, width]`, by "mean", "cls" or "last" (padding on the right)."""
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        last = (mask.sum(1) - 1).clamp_min(0)
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    weights = mask[..., None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp_min(1)
