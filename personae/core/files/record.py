"""Records that runs write and read back, each of one type that is checked when it is read.

A folder of results may come from anyone, so that its records are files from outside as well.
"""

import json
from pathlib import Path
from typing import TypeVar

from personae.core.errors import BadFile
from personae.core.files.strict_json import read_json
from personae.core.files.typed_json import typed

__all__ = ["read_record"]

T = TypeVar("T")


def read_record(path: Path, kind: type[T], remedy: str) -> T | None:
    """Read a JSON record of a type; None if there is no such file.

    `remedy` says what to do about a broken one.

    Raises:
        BadFile: it can't be read, or has another form.
    """
    try:
        value = read_json(path)
        json.dumps(value, ensure_ascii=False).encode()
        return typed(value, kind, str(path))
    except UnicodeEncodeError as error:
        raise BadFile(f"{path}: holds a lone surrogate; {remedy}") from error
    except BadFile as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise BadFile(f"{error}; {remedy}") from error
