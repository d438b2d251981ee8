"""The layout is data, and exports are held to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill_rec.artifact import layout
from distill_rec.artifact.files import Files

SHARED = {layout.TOKENIZER, layout.ITEM_IDS, layout.USER_ENCODER, layout.GOLDEN, layout.TEXTS, layout.NEUTRAL}
SHARED |= {layout.NEW_LEVEL}
TEACHERS = (layout.ITEM_IDS, layout.ITEM_VECTORS.format(""), layout.USER_ENCODER)


def test_an_export_holds_the_files_of_its_layout_and_no_others(tiny_run: Path) -> None:
    files = Files(tiny_run / "export" / "student")
    manifest = files.manifest
    kind = layout.LAYOUTS[manifest.kind]
    assert set(manifest.precisions) <= set(kind.precisions)
    assert manifest.precisions == {name: kind.files(name) for name in manifest.precisions}
    own = {name for parts in manifest.precisions.values() for name in parts.values()}
    beside = {layout.TEACHER + name for name in TEACHERS}
    found = {name for name in manifest.files if not name.startswith(layout.TRAINING + "/")}
    assert own | {layout.TOKENIZER, layout.ITEM_IDS, layout.USER_ENCODER, layout.GOLDEN} <= found
    assert found <= own | SHARED | beside


@pytest.mark.parametrize(
    ("kind", "precision", "encoder", "items"),
    [
        ("static", "fp32", "static.safetensors", "items.safetensors"),
        ("static", "int8", "static.int8.safetensors", "items.int8.safetensors"),
        ("transformer", "fp16", "item_encoder.fp16.onnx", "items.fp16.safetensors"),
        ("transformer", "int8-static", "item_encoder.int8-static.onnx", "items.int8.safetensors"),
    ],
)
def test_names_of_files_stay_what_older_releases_read(kind: str, precision: str, encoder: str, items: str) -> None:
    assert layout.LAYOUTS[kind].files(precision) == {"encoder": encoder, "items": items}
