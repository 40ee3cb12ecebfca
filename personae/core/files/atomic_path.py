"""Atomic writing of files and folders: written beside the target, then moved."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polars.exceptions import PolarsError

from personae.core.errors import BadFile

__all__ = ["atomic_path", "write_atomically"]


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a path beside the target; what is written there replaces the target at the end.

    A name's last ending stays, by which some libraries choose a format.

    Raises:
        BadFile: it can't be written, or the target is a folder that isn't empty.
    """
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        _clear(part)
        yield part
        _to_disk(part)
        if part.is_dir() and target.is_dir():
            if any(target.iterdir()):
                raise BadFile(f"{target} is a folder with files in it; name a new one")
            target.rmdir()
        os.replace(part, target)
    except OSError as error:
        raise BadFile(f"can't write to {target}: {error.strerror or error}") from error
    except PolarsError as error:  # some of its writers wrap the system's error
        raise BadFile(f"can't write to {target}: {str(error).splitlines()[0]}") from error
    finally:
        with suppress(OSError):
            _clear(part)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is the old one or the new one as a whole, even after a crash.

    Raises:
        BadFile: it can't be written.
    """
    with atomic_path(path) as part:
        part.write_bytes(data)


def _to_disk(part: Path) -> None:
    """Wait until a file is stored, since a move may be stored before what was written."""
    if part.is_dir():
        return
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
