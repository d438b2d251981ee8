"""Files that are whole or absent (those of `artifact.whole_files`, and folders, JSON, arrays), hashes and locks."""

from __future__ import annotations

import contextlib
import difflib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from distill_rec.artifact.live_folders import live_folder
from distill_rec.artifact.whole_files import fresh_folder
from distill_rec.artifact.whole_files import replacing as replacing
from distill_rec.artifact.whole_files import sha256_file as sha256_file
from distill_rec.artifact.whole_files import write_bytes as write_bytes
from distill_rec.artifact.whole_files import writing as writing
from distill_rec.runtime.errors import RunError

LOCK = ".lock"
"""In a folder that one process at a time may hold."""


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; rename it to `path` when the block ends well.

    What a killed process left under such a name is removed first; a folder that another writes at the same time stays,
    and the last one to end has `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with live_folder(path.parent, f"{path.name}.", ".tmp") as temporary:
        yield temporary
        while not _placed(temporary, path):
            aside = fresh_folder(path.parent, ".tmp", f"{path.name}.")
            with contextlib.suppress(FileNotFoundError):  # another writer moved it first
                os.replace(path, aside)
            shutil.rmtree(aside, ignore_errors=True)


def _placed(temporary: Path, path: Path) -> bool:
    """Rename a folder; False where one with something in it is there."""
    try:
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def copy_linked(old: Path, place: Path) -> None:
    """Copy a folder; the files are the same ones on disk, so that it is for those that never change."""
    with replacing_folder(place) as temporary:
        shutil.copytree(old, temporary, copy_function=_linked, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8; of a path in it that is not in the locale's encoding, the bytes that it has on disk."""
    write_bytes(path, content.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON in UTF-8; escaped where half a character is in it, so that such a path is the same when it is read."""
    try:
        content = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        content = json.dumps(value, indent=2, allow_nan=False).encode("ascii")
    write_bytes(path, content + b"\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


class _Writer:
    """Only the `write` of a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write = file.write


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write `.npy` by ordinary writes, so that a full disk is an OSError and never a bus error."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        # Behind a wrapper numpy writes through `write`, whose error has an errno; `tofile`'s has none.
        np.lib.format.write_array(_Writer(file), np.ascontiguousarray(array), allow_pickle=False)


def write_rows(path: Path, shape: tuple[int, int], dtype: Any, blocks: Iterable[NDArray[Any]]) -> None:
    """Write `.npy` from blocks of its rows, of which one is held at a time."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with writing(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype).tobytes())


def read_array(path: Path) -> NDArray[Any]:
    """Read `.npy` memory-mapped (empty arrays, which cannot be mapped, are read)."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except ValueError:
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]


def fingerprint(*values: object, default: Callable[[object], object] = str) -> str:
    """Hash of JSON-like values, 16 hexadecimal digits; equal settings give equal names."""
    content = json.dumps(values, sort_keys=True, default=default, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]


def cache_folder() -> Path:
    """`DISTILL_REC_CACHE`, else `~/.cache/distill-rec`."""
    return Path(os.environ.get("DISTILL_REC_CACHE") or Path.home() / ".cache" / "distill-rec")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is not there; the lock goes with the process, so that a killed one leaves none.

    Raises:
        RunError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = _owner(handle) or "another"
            raise RunError(
                folder,
                f"in use by process {owner}",
                "one process at a time",
                "Wait until it has ended, or name another folder with --out.",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process makes `path`, a place in a cache, and hold it; to be looked for again inside."""
    with _flocked(path, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """The same without waiting: whether it is held, or another process makes it."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_flocked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def _flocked(path: Path, how: int) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def locked_by(folder: Path) -> str | None:
    """The process that holds a folder; None where none does. Asks for the lock and lets go at once."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _owner(handle) or "unknown"
    finally:
        os.close(handle)
    return None


def _owner(handle: int) -> str:
    """What `locked` wrote into the file of a lock."""
    return os.read(handle, 64).decode(errors="replace").strip()


def nearest_to(missing: Path) -> Path | None:
    """What is there and spelt most like a path that is not: beside the first of its folders that is missing."""
    while not missing.parent.exists() and missing.parent != missing:
        missing = missing.parent
    with contextlib.suppress(OSError):
        names = [path.name for path in missing.parent.iterdir()]
        if close := difflib.get_close_matches(missing.name, names, 1, 0.6):
            return missing.parent / close[0]
    return None
