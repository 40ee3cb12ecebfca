"""Tables from outside: errors of the library that reads them, as one line each."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polars.exceptions import PanicException, PolarsError

from personae.core.errors import BadFile

__all__ = ["foreign_table"]


@contextmanager
def foreign_table(path: Path, remedy: str = "") -> Iterator[None]:
    """Read a table with polars in this block; whatever it raises becomes a BadFile of one line.

    A panic of polars is a BaseException, and its own lines on standard error are suppressed.

    Raises:
        BadFile: the file can't be read.
    """
    try:
        with _silent_stderr():
            yield
    except (OSError, PolarsError, PanicException, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        ending = f"; {remedy}" if remedy else ""
        raise BadFile(f"can't read {path}: {reason}{ending}") from error


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send what is written to the process's standard error nowhere, also from other languages.

    Polars prints several lines of its own before it raises a panic.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
