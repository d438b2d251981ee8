"""Files that are whole or absent: written to a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path`; rename it over `path` when the block ends well, else remove it.

    Whoever may read what this user makes may read it, however it is written: some writers replace the file by one for
    its owner alone.
    """
    # a name of its own for each writer: threads of one process, and processes of two containers, have the same number
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode & 0o777
        yield temporary
        if temporary.stat().st_mode & 0o777 != mode:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except OSError as error:
        # A write that fails does not say where; the reader must know which file did not fit.
        if error.errno is not None and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        if temporary.exists():
            temporary.unlink()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Yield an open file that is on the disk, and then stands at `path`, when the block ends well."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    with writing(path) as file:
        file.write(content)


def fresh_folder(parent: Path, suffix: str, prefix: str = "") -> Path:
    """A new hidden folder, as readable as the user's umask says (`tempfile` makes them for their owner alone)."""
    while True:
        folder = parent / f".{prefix}{secrets.token_hex(4)}{suffix}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
