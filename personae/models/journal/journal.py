"""The journal: one SQLite file that keeps every answer once, under its content key.

In write-ahead mode: a process killed at any time loses at most the answers of the last `DELAY`
seconds. One process holds the file at a time. Each row carries a checksum; a row that was changed
since it was written is dropped, with a warning, so that its request is asked again.
"""

import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from threading import RLock, Timer
from typing import Literal, Self

from personae.core import BadFile, BadValue, counted

__all__ = ["Failure", "Journal"]

Failure = Literal["", "temporary", "permanent"]

APPLICATION = 0x50455253  # "PERS", in the file's header
VERSION = 2
BATCH = 256
DELAY = 0.02
"""Most seconds that an answer waits to be written with others."""
_CHUNK = 500  # keys of one look-up; SQLite allows 999 parameters everywhere
_INSERT = "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?)"


class Journal:
    """Answers by content key. Open it in a `with` block, so that pending answers are written.

    A missing file is created; its folder must exist.

    Warns:
        UserWarning: rows were changed since they were written, and are dropped; says how many.

    Raises:
        BadFile: the file is in use, is no journal, is damaged, or another Personae wrote it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Journal(folder + "/j.sqlite") as journal:
    ...     journal.write("k1", "reply", "{}")
    ...     journal.find(["k1", "k2"]), len(journal)
    ({'k1': '{}'}, 1)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = RLock()
        self._pending: dict[str, tuple[str, str, str]] = {}
        self._timer: Timer | None = None
        self._flushed = 0.0
        self._base: sqlite3.Connection | None = None
        with self._explained():
            base = sqlite3.connect(
                self.path, timeout=1.0, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(base, self.path)
                _drop_changed(base, self.path)
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

    def write(self, key: str, kind: str, payload: str, failure: Failure = "") -> None:
        """Store a payload under its key; an existing entry stays as it is.

        `failure`: of an answer that is an error, whether asking again may help.
        """
        with self._lock:
            self._open()
            self._pending.setdefault(key, (kind, payload, failure))
            if len(self._pending) >= BATCH or time.monotonic() - self._flushed >= DELAY:
                self.flush()
            elif self._timer is None:
                self._timer = Timer(DELAY, self._late)
                self._timer.daemon = True
                self._timer.start()

    def forget_errors(self, *, temporary: bool) -> int:
        """Drop errors, or only the temporary ones, so that they are asked again; return how many.

        Errors that were permanent stay where only `temporary` ones are dropped.
        """
        self.flush()
        kinds = ("temporary",) if temporary else ("temporary", "permanent")
        marks = ",".join("?" * len(kinds))
        with self._lock, self._explained():
            query = f"DELETE FROM answers WHERE failure IN ({marks})"
            return self._open().execute(query, kinds).rowcount

    def flush(self) -> None:
        """Write pending answers; once this returns they survive a killed process."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._pending:
                return
            rows = [(k, *value, _checksum(k, *value)) for k, value in self._pending.items()]
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
            self._flushed = time.monotonic()

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
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
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
    if version not in (0, VERSION):
        raise BadFile(
            f"the journal {path} has version {version}, and this Personae reads version "
            f"{VERSION}: use the Personae that wrote it, or choose another folder"
        )
    base.execute("PRAGMA locking_mode = EXCLUSIVE")
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")
    base.execute("BEGIN EXCLUSIVE")
    base.execute(
        "CREATE TABLE IF NOT EXISTS answers"
        "(key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, "
        "failure TEXT NOT NULL, checksum BLOB NOT NULL)"
    )
    base.execute(f"PRAGMA application_id = {APPLICATION}")
    base.execute(f"PRAGMA user_version = {VERSION}")
    base.execute("COMMIT")


def _checksum(*parts: object) -> bytes:
    """Hash a row's fields: a guard against damage and editing by hand, not against forgery."""
    return blake2b(repr(parts).encode(), digest_size=8).digest()


def _drop_changed(base: sqlite3.Connection, path: Path) -> None:
    rows = base.execute("SELECT rowid, key, kind, payload, failure, checksum FROM answers")
    changed = [(rowid,) for rowid, *row, checksum in rows if _checksum(*row) != checksum]
    if changed:
        base.executemany("DELETE FROM answers WHERE rowid = ?", changed)
        warnings.warn(
            f"changed in the journal {path} since it was written: "
            f"{counted(len(changed), 'answer')}; dropped, and asked again",
            stacklevel=4,
        )
