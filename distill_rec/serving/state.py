"""Catalogue updates on disk: SQLite, so that what was acknowledged is there again after a crash."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from distill_rec.artifact.records import UPGRADE
from distill_rec.runtime import DistillRecError

FILE = "updates.sqlite3"
LOCK = "updates.lock"
LAYOUT = 1
Item = str | dict[str, str]


class StateError(DistillRecError):
    """The folder of updates cannot be used."""


class Update(NamedTuple):
    """A new or changed item, or with None a removed one."""

    id: str
    item: Item | None


class State:
    """The last update of each item, numbered in the order in which they were stored.

    One process at a time holds a folder; a second one would serve a catalogue that misses the first one's updates.

    Attributes:
        writable: whether updates can be stored; else they can only be read.

    Raises:
        StateError: the folder cannot be written, is held by another process, or was written by another release.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # One connection: a reader in another thread must not see what may be rolled back.
        self._using = threading.Lock()
        self._lock: IO[str] | None = None
        try:
            self._open()
            self.writable = True
        except StateError:
            if self._lock is not None or not _is_settled(folder):
                raise
            # A file system that became read-only: what was acknowledged is served, and nothing new is taken.
            uri = f"{(folder / FILE).resolve().as_uri()}?mode=ro&immutable=1"
            with _as_state_error(folder):
                self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            self.writable = False

    def _open(self) -> None:
        with _as_state_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / LOCK).open("a")
            self._lock = lock
            _hold(lock.fileno(), self.folder)
            (
                self.folder / FILE
            ).touch()  # SQLite's own would be for this user's group to read alone, whatever umask says
            self._connection = sqlite3.connect(self.folder / FILE, isolation_level=None, check_same_thread=False)
            self._prepare()

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode only FULL waits for the disk at every commit.
        connection.execute("PRAGMA synchronous = FULL")
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout not in (0, LAYOUT):
            raise StateError(self.folder / FILE, f"layout {layout}", f"layout {LAYOUT}", UPGRADE)
        with self._transaction():  # which finds a file that cannot be written now and not at the first update
            connection.execute(
                "CREATE TABLE IF NOT EXISTS updates"
                " (id TEXT PRIMARY KEY, item TEXT, number INTEGER NOT NULL UNIQUE) WITHOUT ROWID"
            )
            connection.execute(f"PRAGMA user_version = {LAYOUT}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def store(self, updates: Sequence[Update]) -> None:
        """Store all or none; on disk when it returns.

        Raises:
            StateError: the disk is full or gone.
        """
        with self._using, _as_state_error(self.folder), self._transaction():
            (last,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM updates").fetchone()
            self._connection.executemany(
                "INSERT INTO updates VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET item = excluded.item, number = excluded.number",
                [
                    (update.id, None if update.item is None else json.dumps(update.item, ensure_ascii=False), number)
                    for number, update in enumerate(updates, last + 1)
                ],
            )

    def after(self, number: int) -> tuple[list[Update], int]:
        """Updates with a higher number, in their order, and the highest number."""
        with self._using, _as_state_error(self.folder):
            rows = self._connection.execute(
                "SELECT id, item, number FROM updates WHERE number > ? ORDER BY number", (number,)
            ).fetchall()
        updates = [Update(name, None if item is None else json.loads(item)) for name, item, _ in rows]
        return updates, rows[-1][2] if rows else number

    def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            self._lock.close()


def _is_settled(folder: Path) -> bool:
    """Whether all updates are in the one file, as a clean stop leaves them; else reading it alone would lose some."""
    log = folder / f"{FILE}-wal"
    return (folder / FILE).exists() and not (log.exists() and log.stat().st_size)


def _hold(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        raise StateError(
            folder, "another process serves with this state", "one at a time", "Stop it, or give another --state."
        ) from error


@contextlib.contextmanager
def _as_state_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StateError(folder, f"cannot be used: {reason}", "a folder that can be written") from error
