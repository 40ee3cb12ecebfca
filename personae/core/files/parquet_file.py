"""Parquet files from outside, decoded here only after another process has decoded them.

A damaged length in a page makes polars allocate 2**61 bytes, which ends the process without an
exception, and a panic of its threads prints lines of its own. So a file is first decoded by a
process that may die of it, under a limit of memory. That process is started once; what it has
decoded, and what this process wrote, is known by its hash and not decoded twice.
"""

import atexit
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock, Timer

import polars as pl

from personae.core.errors import BadFile
from personae.core.estimate import counted
from personae.core.files.bounded import most_unpacked
from personae.core.files.foreign_table import foreign_table

__all__ = ["parquet_batches", "read_parquet", "trust_parquet"]

_BATCH = 4096
_MEMORY, _RATIO = 6 << 30, 16
"""Bytes of memory for decoding: of address space, of which polars' threads alone reserve 1 GB."""
_SECONDS, _BYTES_PER_SECOND = 60.0, 1 << 20
_PROBE = Path(__file__).with_name("parquet_probe.py")


def read_parquet(path: Path, limit: int | None = None, remedy: str = "") -> pl.DataFrame:
    """Read a Parquet file as a whole; arguments and errors as in `parquet_batches`."""
    _require_sound(path, limit, remedy)
    with foreign_table(path, remedy):
        return pl.read_parquet(path, glob=False)


def parquet_batches(
    path: Path, limit: int | None = None, remedy: str = ""
) -> Iterator[pl.DataFrame]:
    """Read a Parquet file in frames of at most 4,096 rows.

    `limit` counts the bytes that its table takes in memory: 1 GB, or 200 times the file's size,
    unless given. `remedy` ends the message of an error.

    Raises:
        BadFile: it can't be read, is damaged, or takes more than the limit.
    """
    _require_sound(path, limit, remedy)
    with foreign_table(path, remedy):
        table = pl.scan_parquet(path, glob=False)
        missing = int(table.select(pl.len()).collect().item())
        batches = iter(table.collect_batches(chunk_size=_BATCH))
    while True:
        with foreign_table(path, remedy):
            frame = next(batches, None)
        if frame is None:
            break
        missing -= frame.height
        yield frame
    if missing:  # the batches end without an error where a thread of polars panicked
        raise BadFile(f"can't read {path}: it changed while it was read")


def trust_parquet(path: Path) -> None:
    """Note that this process wrote a file, so that it is read without a first decoding."""
    with suppress(OSError):
        _SIZES[_hash(path)] = 0


def _require_sound(path: Path, limit: int | None, remedy: str) -> None:
    ending = f"; {remedy}" if remedy else ""
    try:
        key = _hash(path)
        most = most_unpacked(path) if limit is None else limit
        known = _SIZES.get(key)
        size = _PROBING.size(path, most) if known is None else known
    except OSError as error:
        raise BadFile(f"can't read {path}: {error.strerror or error}{ending}") from error
    except ValueError as error:
        raise BadFile(f"can't read {path}: {error}{ending}") from error
    if size > most:  # of a file that passes its limit the whole size isn't known
        shown = f"{most >> 20:,} MB" if most >= 1 << 20 else counted(most, "byte")
        raise BadFile(f"{path}: takes more than {shown} in memory; split it")
    _SIZES[key] = size


def _hash(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


_SIZES: dict[bytes, int] = {}
"""The bytes in memory of what is known to be sound, by its hash; 0 for what was written here."""


class _Probing:
    """The process that decodes files first; started with the first file, and again if it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = Lock()

    def size(self, path: Path, limit: int) -> int:
        """Return the bytes that a file's table takes in memory, or more than the limit.

        Raises:
            ValueError: it can't be decoded; says why.
        """
        size = path.stat().st_size
        memory = _MEMORY + _RATIO * size
        request = {"path": str(path.absolute()), "limit": limit, "memory": memory}
        with self._lock:
            reply = self._ask(json.dumps(request), _SECONDS + size / _BYTES_PER_SECOND)
        if not reply:
            raise ValueError(f"damaged, or decoding it takes more than {memory >> 30} GB of memory")
        answer = json.loads(reply)
        if "error" in answer:
            raise ValueError(answer["error"])
        return int(answer["size"])

    def _ask(self, request: str, seconds: float) -> str:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _start()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        deadline = Timer(seconds, process.kill)
        deadline.start()
        try:
            process.stdin.write(request + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        except BaseException:  # interrupted: its reply would be taken for that to the next request
            self.close()
            raise
        finally:
            deadline.cancel()
        if not reply:
            self.close()
        return reply

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                with suppress(BrokenPipeError):  # what was written and never read
                    stream.close()

    def forget(self) -> None:
        """Leave the process to the one that started it, after a fork."""
        self._process, self._lock = None, Lock()


def _start() -> subprocess.Popen[str]:
    search_path = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", str(_PROBE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": search_path, "POLARS_MAX_THREADS": "2"},
        start_new_session=True,
    )


_PROBING = _Probing()
atexit.register(_PROBING.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PROBING.forget)
