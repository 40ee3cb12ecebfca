"""A lock on a folder of results: one process works there at a time.

The system releases it when the process ends, however it ends.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from personae.core import BadFile

try:
    import fcntl
except ImportError:  # Windows, where the journal's own lock has to do
    fcntl = None  # type: ignore[assignment]

__all__ = ["folder_lock"]

NAME = ".lock"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder, made if necessary, for the length of a `with` block.

    A folder that was made here and is empty at the end is removed.

    Raises:
        BadFile: another process holds it, which the message names; or it can't be used.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(folder)
    except OSError as error:
        raise BadFile(f"can't use {folder} for results: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            (folder / NAME).unlink(missing_ok=True)
            if is_new:
                folder.rmdir()
        os.close(descriptor)


def _locked(folder: Path) -> int:
    """Open and lock the lock file, which holds the number of the process that has it."""
    while True:
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, folder / NAME):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BlockingIOError as error:
            number = os.pread(descriptor, 20, 0).decode("ascii", "replace")
            os.close(descriptor)
            raise BadFile(
                f"process {number or 'unknown'} is working in {folder}; wait for it to end, or "
                "choose another --out"
            ) from error
        except BaseException:  # a descriptor has no owner that would close it
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the file is still there: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
