"""Atomic writing of files and folders: written beside the target, then moved."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from polars.exceptions import PolarsError

from personae.core.errors import BadFile
from personae.core.files.usable_path import usable_path

__all__ = ["atomic_path", "write_atomically", "write_together"]


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a path beside the target; what is written there replaces the target at the end.

    The target's folder is made if necessary. A name's last ending stays, by which some libraries
    choose a format.

    Raises:
        BadFile: no file can be called so, it can't be written, or it is a folder with files in it.
    """
    target = usable_path(target)
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    is_new = not target.parent.exists()
    try:
        if is_new:
            target.parent.mkdir(parents=True)
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
        if is_new:
            with suppress(OSError):
                target.parent.rmdir()  # only if nothing was written


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is the old one or the new one as a whole, even after a crash.

    Raises:
        BadFile: it can't be written.
    """
    with atomic_path(path) as part:
        part.write_bytes(data)


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a folder, made if necessary: all are written before the first is moved.

    They are moved in their order, and other files in the folder are left alone.

    Raises:
        BadFile: they can't be written; a folder that was made for them is removed.
    """
    parts = {folder / name: folder / f".{name}.part" for name in contents}
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for (target, part), data in zip(parts.items(), contents.values(), strict=True):
            part.write_bytes(data)
            _to_disk(part)
            if target.is_dir():
                raise BadFile(f"{target} is a folder, and a file is to be written there")
        for target, part in parts.items():
            os.replace(part, target)
    except OSError as error:
        raise BadFile(f"can't write to {folder}: {error.strerror or error}") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
        if is_new and folder.is_dir():
            with suppress(OSError):
                folder.rmdir()  # only if nothing was written


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
