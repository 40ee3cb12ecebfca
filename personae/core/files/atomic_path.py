"""Atomic writing of files and folders: written beside the target, then moved."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from personae.core.errors import BadFile

__all__ = ["atomic_path"]


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a path beside the target; what is written there replaces the target at the end.

    Raises:
        BadFile: it can't be written, or the target is a folder that isn't empty.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        _clear(part)
        yield part
        if part.is_dir() and target.is_dir():
            if any(target.iterdir()):
                raise BadFile(f"{target} is a folder with files in it; name a new one")
            target.rmdir()
        os.replace(part, target)
    except OSError as error:
        raise BadFile(f"can't write to {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            _clear(part)


def _clear(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
