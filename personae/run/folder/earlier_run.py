"""Moves the files of an earlier run aside, so that starting over throws no answers away."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from personae.core import BadFile

__all__ = ["set_aside"]


def set_aside(folder: Path, patterns: Sequence[str], name: Path) -> Path | None:
    """Move the files of a folder that fit the patterns into a new folder, `name` with a number.

    Returns:
        The new folder; None if no file fits.

    Raises:
        BadFile: they can't be moved.
    """
    files = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if not files:
        return None
    numbered = (name.with_name(f"{name.name}-{number}") for number in count(1))
    aside = next(candidate for candidate in numbered if not candidate.exists())
    try:
        aside.mkdir()
        for file in files:
            file.rename(aside / file.name)
    except OSError as error:
        raise BadFile(f"can't move the earlier run to {aside}: {error.strerror}") from error
    return aside
