"""Sizes of a PLM from its `config.json` alone, without its weights and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_rec.files import read_json

NAMES = {
    "layers": ("num_hidden_layers", "n_layers", "n_layer"),
    "width": ("hidden_size", "dim", "n_embd"),
    "heads": ("num_attention_heads", "n_heads", "n_head"),
    "intermediate": ("intermediate_size", "hidden_dim", "n_inner"),
}
"""What architectures call a size."""


@dataclass(frozen=True)
class PlmConfig:
    """Sizes of a PLM; None where its configuration has none by a name that is known.

    Attributes:
        family: of its architecture, as "bert".
        layers, width, heads, intermediate: layers, dimensions of a token's state, attention heads of a layer, neurons
            of a layer's feed-forward network.
    """

    family: str
    layers: int | None = None
    width: int | None = None
    heads: int | None = None
    intermediate: int | None = None

    @staticmethod
    def of(content: Mapping[str, Any]) -> PlmConfig:
        """What `config.json` says."""
        sizes = {
            size: next((content[name] for name in names if isinstance(content.get(name), int)), None)
            for size, names in NAMES.items()
        }
        return PlmConfig(str(content.get("model_type", "")), **sizes)


def config_here(source: str, fetch: bool) -> PlmConfig | None:
    """A PLM's configuration; None where it is not on this machine, or cannot be read: who loads it says why.

    Args:
        source: a folder or a hub id.
        fetch: ask the hub for that one file where it is not in its cache.
    """
    path = Path(source).expanduser() / "config.json"
    if not path.exists():
        found = _of_hub(source, fetch)
        if found is None:
            return None
        path = found
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return None
    return PlmConfig.of(content) if isinstance(content, Mapping) else None


def _of_hub(source: str, fetch: bool) -> Path | None:
    if Path(source).is_absolute() or source.startswith((".", "~")) or source.count("/") != 1:
        return None
    try:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415

        return Path(hf_hub_download(source, "config.json", local_files_only=not fetch))
    except Exception:  # the hub's client raises a dozen kinds
        return None
