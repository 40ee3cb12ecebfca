"""The journal: one SQLite file that keeps every answer once, under its content key.

Append-only, in write-ahead mode: a process killed at any time loses at most the answers of the
last `DELAY` seconds. One process holds the file at a time.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock, Timer
from typing import Self

from personae.core import BadFile, BadValue

__all__ = ["Journal"]

APPLICATION = 0x50455253  # "PERS", in the file's header
VERSION = 1
BATCH = 256
DELAY = 0.2
_CHUNK = 500  # keys of one look-up; SQLite allows 999 parameters everywhere
_INSERT = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?)"


class Journal:
    """Answers by content key. Open it in a `with` block, so that pending answers are written.

    A missing file is created; its folder must exist.

    Raises:
        BadFile: the file is in use, is no journal, is damaged, or a newer Personae wrote it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Journal(folder + "/j.sqlite") as journal:
    ...     journal.write("k1", "reply", "{}")
    ...     journal.find(["k1", "k2"]), len(journal)
    ({'k1': '{}'}, 1)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = RLock()
        self._pending: dict[str, tuple[str, str]] = {}
        self._timer: Timer | None = None
        self._base: sqlite3.Connection | None = None
        with self._explained():
            base = sqlite3.connect(
                self.path, timeout=1.0, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(base, self.path)
            except BaseException:
                base.close()
                raise
        self._base = base

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Count the answers kept."""
        self.flush()
        with self._lock, self._explained():
            count = self._open().execute("SELECT count(*) FROM answers").fetchone()[0]
        return int(count)

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """Look up keys; return payload by key, for those in the journal."""
        self.flush()
        payloads: dict[str, str] = {}
        with self._lock, self._explained():
            base = self._open()
            for start in range(0, len(keys), _CHUNK):
                part = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, payload FROM answers WHERE key IN ({marks})"
                payloads.update(base.execute(query, part))
        return payloads

    def write(self, key: str, kind: str, payload: str) -> None:
        """Store a payload under its key; an existing entry stays as it is."""
        with self._lock:
            self._open()
            self._pending.setdefault(key, (kind, payload))
            if len(self._pending) >= BATCH:
                self.flush()
            elif self._timer is None:
                self._timer = Timer(DELAY, self._late)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write pending answers; once this returns they survive a killed process."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._pending:
                return
            rows = [(key, *value) for key, value in self._pending.items()]
            with self._explained():
                base = self._open()
                base.execute("BEGIN")
                try:
                    base.executemany(_INSERT, rows)
                    base.execute("COMMIT")
                except BaseException:
                    base.rollback()
                    raise
            self._pending.clear()

    def close(self) -> None:
        """Write pending answers and release the file. Closing twice is harmless."""
        with self._lock:
            if self._base is None:
                return
            try:
                self.flush()
            finally:
                self._base.close()
                self._base = None

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            if self._base is None:
                return
            try:
                self.flush()
            except BadFile:
                return  # the answers still wait; the next write or the end tells the user

    def _open(self) -> sqlite3.Connection:
        if self._base is None:
            raise BadValue(f"the journal {self.path} is closed")
        return self._base

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise BadFile(
                    f"the journal {self.path} is in use by another process; wait for that one "
                    "to end, or choose another folder"
                ) from error
            raise BadFile(f"can't use the journal {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise BadFile(
                f"the journal {self.path} is damaged or no journal ({error}); move it away to "
                "start anew"
            ) from error


def _prepare(base: sqlite3.Connection, path: Path) -> None:
    """Check that the file is a journal before writing; then lock it and make the table."""
    owner = base.execute("PRAGMA application_id").fetchone()[0]
    version = base.execute("PRAGMA user_version").fetchone()[0]
    tables = base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION and (owner or version or tables):
        raise BadFile(f"{path} is a database of another program; choose another folder")
    if version > VERSION:
        raise BadFile(
            f"the journal {path} has version {version}; this Personae reads up to {VERSION}: "
            "update Personae, or choose another folder"
        )
    base.execute("PRAGMA locking_mode = EXCLUSIVE")
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")
    base.execute("BEGIN EXCLUSIVE")
    base.execute(
        "CREATE TABLE IF NOT EXISTS answers"
        "(key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL)"
    )
    base.execute(f"PRAGMA application_id = {APPLICATION}")
    base.execute(f"PRAGMA user_version = {VERSION}")
    base.execute("COMMIT")
