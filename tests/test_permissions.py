"""Files are as readable as the umask of who makes them says, whatever library writes them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import Cli

from distill_rec.export.quantise import to_fp16, to_int8, to_int8_static
from distill_rec.runtime import Student
from distill_rec.runtime.tokenizer import TextTokenizer
from distill_rec.serving.state import State
from distill_rec.training.checkpoint import save_weights


def wrong(folder: Path, umask: int) -> list[str]:
    """Files and folders whose mode is another than the umask leaves."""
    whole = {path: 0o777 if path.is_dir() else 0o666 for path in [folder, *folder.rglob("*")] if not path.is_symlink()}
    modes = {path: path.stat().st_mode & 0o777 for path in whole}
    return [f"{path}: {modes[path]:o}" for path, mode in whole.items() if modes[path] != mode & ~umask]


@pytest.fixture(params=[0o022, 0o077, 0o002], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_all_of_a_run_under_either_umask(tiny_run: Path, odd_run: Path) -> None:
    os.umask(umask := os.umask(0))
    assert wrong(tiny_run, umask) == []  # a static student
    assert wrong(odd_run, 0o077) == []  # ONNX, fp16, torch.export
    assert list((odd_run / "export/pt2").glob("*.pt2")) and list((odd_run / "export/student").glob("*.fp16.onnx"))


def test_weights(tmp_path: Path, umask: int) -> None:
    save_weights(tmp_path / "new" / "weights.safetensors", {"a": torch.zeros(3)})
    assert wrong(tmp_path / "new", umask) == []


def test_quantised_graphs(odd_run: Path, tmp_path: Path, umask: int) -> None:
    source, tokenizer = (odd_run / "export" / "student" / name for name in ("item_encoder.onnx", "tokenizer.json"))
    (folder := tmp_path / "graphs").mkdir()
    to_fp16(source, folder / "fp16.onnx")
    to_int8(source, folder / "int8.onnx")
    to_int8_static(source, folder / "static.onnx", ["red cat", "dog"], TextTokenizer(tokenizer.read_bytes(), 16, True))
    assert len(os.listdir(folder)) == 3 and wrong(folder, umask) == []


def test_a_saved_catalogue_vectors_and_updates(tiny_run: Path, tmp_path: Path, umask: int) -> None:
    shutil.copytree(tiny_run / "export", tmp_path / "export", symlinks=True)
    student = Student.load(tmp_path / "export" / "student")
    student.add_items({"new": "red cat"})
    saved = student.save_catalogue()
    for name in ("vectors.parquet", "vectors.npy"):
        student.export_vectors(saved / name)
    assert wrong(saved, umask) == []
    State(tmp_path / "state").close()
    assert wrong(tmp_path / "state", umask) == []


def test_what_commands_write(tiny_run: Path, tmp_path: Path, cli: Cli, umask: int) -> None:
    out = tmp_path / "out"
    (tmp_path / "users.csv").write_text("user_id,history\nu,1 2\n")
    for command in (
        ("score", tiny_run, "--users", tmp_path / "users.csv", "-k", "2", "--out", out / "score"),
        ("compare", tiny_run, "--out", out / "page.html"),
        ("bench", tiny_run, "--seconds", "0.1", "--rounds", "1", "--batches", "1", "--out", out / "bench"),
    ):
        done = cli(*command)
        assert done.returncode == 0, done.stderr
    assert wrong(out, umask) == []
