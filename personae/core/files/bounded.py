"""Files from outside, read under a limit of bytes, whether plain or packed by gzip."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from personae.core.errors import BadFile
from personae.core.files.usable_path import usable_path

__all__ = ["most_unpacked", "open_bounded", "read_bytes"]

_LEAST, _RATIO = 1 << 30, 200
_GZIP = b"\x1f\x8b"
_PACKED = {
    _GZIP: "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"x\x01": "zlib",
    b"x\x9c": "zlib",
    b"x\xda": "zlib",
}
"""First bytes of what other readers would unpack on their own, past any limit."""


def most_unpacked(path: Path) -> int:
    """Return the most bytes that a packed file may hold: 1 GB, or 200 times its size."""
    return max(_LEAST, _RATIO * path.stat().st_size)


class _Bounded(io.RawIOBase):
    """A stream that gives at most `limit` bytes of another one, and fails if there are more."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, limit: int, path: Path) -> None:
        self._source, self._limit, self._path = source, limit, path
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            block = self._source.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadFile(f"{self._path}: damaged or cut gzip file ({error})") from error
        self._count += len(block)
        if self._count > self._limit:
            raise BadFile(f"{self._path}: larger than {_size(self._limit)}; split it")
        buffer[: len(block)] = block
        return len(block)


def _size(limit: int) -> str:
    return f"{limit >> 20} MB" if limit >= 1 << 20 else f"{limit >> 10} kB"


@contextmanager
def open_bounded(path: Path, limit: int) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes; one packed by gzip is unpacked, and what it holds counts.

    A packed file may also hold no more than 1 GB or 200 times its size.

    Raises:
        BadFile: no file can have this path; it can't be read, holds more (raised while reading), is
            a damaged gzip file, or is packed in another way or twice.
    """
    try:
        with usable_path(path).open("rb") as file:
            if not _is_packed(file, path):
                yield io.BufferedReader(_Bounded(file, limit, path))
                return
            with gzip.GzipFile(fileobj=file) as inner:
                most = min(limit, most_unpacked(path))
                stream = io.BufferedReader(_Bounded(inner, most, path))
                if how := _packing(stream.peek(8)):
                    raise BadFile(f"{path}: compressed twice ({how} in gzip); decompress it")
                yield stream
    except OSError as error:
        raise BadFile(f"can't read {path}: {error.strerror or error}") from error


def _is_packed(file: io.BufferedReader, path: Path) -> bool:
    how = _packing(file.peek(8))
    if how not in ("", "gzip"):
        raise BadFile(f"{path}: compressed by {how}; decompress it first (gzip is read as it is)")
    return how == "gzip"


def _packing(head: bytes) -> str:
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes, unpacked if it is packed by gzip.

    Raises:
        BadFile: as `open_bounded`.
    """
    with open_bounded(path, limit) as stream:
        return stream.read()
