"""The export stage: a trained student to a self-describing folder, published only if it scores as torch does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from distill_rec.data.dataset import Dataset
from distill_rec.export.card import model_card
from distill_rec.export.onnx import write_onnx
from distill_rec.export.parity import measure_parity, require_parity
from distill_rec.files import sha256_file, write_bytes, write_text
from distill_rec.progress import Progress, Quiet
from distill_rec.recipe import ExportSection
from distill_rec.runtime import Student
from distill_rec.runtime.manifest import CARD, MANIFEST, FileRecord, Manifest
from distill_rec.runtime.publish import LINK, new_version
from distill_rec.students import StudentModel, load_student


def export_student(  # noqa: PLR0913
    section: ExportSection,
    student_folder: Path,
    dataset: Dataset,
    export_folder: Path,
    *,
    metrics: dict[str, Any] | None = None,
    fingerprints: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the next version and switch the link to it.

    Args:
        student_folder: `distill/student` of a run.
        dataset: the prepared data: catalogue ids, and the histories of the parity gate.
        metrics, fingerprints: recorded in the manifest.

    Returns:
        The link, `export_folder/student`.

    Raises:
        ArtifactError: the exported student does not score as torch does; nothing is published.
    """
    model = load_student(student_folder)
    with (progress or Quiet()).task("export", 3) as task, new_version(export_folder, section.keep) as folder:
        _write_files(model, dataset, folder)
        task.advance()
        manifest = _manifest(model, dataset, folder, metrics or {}, fingerprints or {})
        write_text(folder / MANIFEST, manifest.to_json())
        parity = measure_parity(Student.load(folder), model, dataset, section.parity_samples)
        require_parity(parity)
        task.advance()
        manifest = Manifest(**{**vars(manifest), "parity": parity.to_dict()})
        write_text(folder / MANIFEST, manifest.to_json())
        write_text(folder / CARD, model_card(manifest, dataset, parity))
        task.advance()
    return export_folder / LINK


def _write_files(model: StudentModel, dataset: Dataset, folder: Path) -> None:
    write_bytes(folder / "tokenizer.json", model.tokenizer_file.read_bytes())
    ids = dataset.items["item_id"].to_list()
    write_text(folder / "items.json", json.dumps(ids, ensure_ascii=False) + "\n")
    vectors = np.ascontiguousarray(model.item_vectors, dtype=np.float32)
    write_bytes(folder / "items.safetensors", save({"vectors": vectors}))
    users = {name: value.numpy() for name, value in model.user_encoder.state_dict().items()}
    write_bytes(folder / "user_encoder.safetensors", save(users))
    if model.kind == "static":
        tensors: Any = {name: np.ascontiguousarray(value) for name, value in model.static_tensors().items()}
        write_bytes(folder / "static.safetensors", save(tensors))
    else:
        write_onnx(model.onnx_module(), folder / "item_encoder.onnx")


def _manifest(
    model: StudentModel, dataset: Dataset, folder: Path, metrics: dict[str, Any], fingerprints: dict[str, Any]
) -> Manifest:
    config = model.config
    files = {
        path.name: FileRecord(sha256_file(path), path.stat().st_size)
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
    return Manifest(
        kind=model.kind,
        dim=config["dim"],
        max_tokens=config["max_tokens"],
        prefix=config["prefix"],
        template=config["template"],
        user_encoder={key: config["user_encoder"][key] for key in ("kind", "dim", "max_history", "layers", "heads")},
        projection=config["projection"],
        items=dataset.n_items,
        parameters=model.parameters_count,
        files=files,
        metrics=metrics,
        fingerprints=fingerprints | {"data": dataset.fingerprint},
        trunk=config["trunk"],
    )
