"""What a sentence-transformers folder says of its use: pooling, prompt, longest text. Nothing is silently dropped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distill_rec.files import read_json
from distill_rec.runtime.errors import ModelError

POOLING = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last",
}


@dataclass(frozen=True)
class SentenceSettings:
    """Settings of the folder; empty where it is no sentence-transformers folder."""

    pooling: str = ""
    prefix: str = ""
    max_tokens: int | None = None


def read_settings(folder: Path) -> SentenceSettings:
    """Read `modules.json` and what it names.

    Raises:
        ModelError: the folder has a module or a pooling that is not offered here, by name.
    """
    if not (folder / "modules.json").exists():
        return SentenceSettings()
    pooling = ""
    for module in read_json(folder / "modules.json"):
        kind = module["type"].rsplit(".", 1)[-1]
        if kind == "Pooling":
            pooling = _pooling(folder / module["path"] / "config.json")
        elif kind not in ("Transformer", "Normalize"):
            raise ModelError(
                folder / "modules.json",
                f"a module {kind}",
                "Transformer, Pooling and Normalize only",
                "Export its vectors to a Parquet file and name that as teacher.trunk.",
            )
    return SentenceSettings(pooling, _prefix(folder), _max_tokens(folder))


def _pooling(path: Path) -> str:
    config = read_json(path)
    if "pooling_mode" in config:
        modes = [config["pooling_mode"]] if isinstance(config["pooling_mode"], str) else config["pooling_mode"]
        names = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
    else:
        modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
        names = POOLING
    if len(modes) != 1 or modes[0] not in names:
        raise ModelError(path, f"pooling {', '.join(modes) or 'of no kind'}", "exactly one of mean, cls, last token")
    return names[modes[0]]


def _prefix(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    if not path.exists():
        return ""
    config = read_json(path)
    name = config.get("default_prompt_name")
    return str((config.get("prompts") or {}).get(name, "")) if name else ""


def _max_tokens(folder: Path) -> int | None:
    path = folder / "sentence_bert_config.json"
    return read_json(path).get("max_seq_length") if path.exists() else None
