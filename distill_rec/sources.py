"""Hashes of what teachers and students begin from: files, folders and hub ids outside a run."""

from __future__ import annotations

from pathlib import Path

from distill_rec.files import fingerprint, sha256_file
from distill_rec.recipe import Sourced


def source_hashes(section: Sourced, name: str) -> dict[str, str]:
    """Hashes of what a teacher or student begins from, by key of the recipe.

    Args:
        name: of the section.
    """
    return {f"{name}.{key}": trunk_hash(*value) for key, value in section.sources().items()}


def trunk_hash(trunk: str, revision: str = "") -> str:
    """Hash of what a trunk's folder or file holds; the name and revision of a hub id."""
    path = Path(trunk)
    if path.is_file():
        return sha256_file(path)
    if not path.is_dir():
        return fingerprint(trunk, revision)
    files = sorted({*path.glob("*.json"), *path.glob("*.safetensors"), *path.glob("*/config.json")})
    return fingerprint([(str(file.relative_to(path)), sha256_file(file)) for file in files])
