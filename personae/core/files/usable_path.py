"""Paths from outside, refused where no file can have them."""

import os
from pathlib import Path

from personae.core.errors import BadFile

__all__ = ["usable_folder", "usable_path"]

FILE_ENDINGS = (
    *(".csv", ".docx", ".htm", ".html", ".ipynb", ".json", ".jsonl", ".md", ".parquet", ".pdf"),
    *(".png", ".svg", ".tex", ".txt", ".xlsx"),
)
"""Endings that nobody gives to a folder, though other names of folders have dots too."""

_LONGEST_NAME = 255
"""Bytes of a file's name, on all common file systems."""


def usable_path(path: str | Path) -> Path:
    r"""Return the path of a file, unless no file can have it.

    Raises:
        BadFile: it holds a NUL, is not in UTF-8, or has a name of more than 255 bytes.

    >>> usable_path("people.jsonl").name
    'people.jsonl'
    >>> usable_path("a\0b")
    Traceback (most recent call last):
    personae.core.errors.BadFile: no file can be called 'a\x00b': it holds a NUL
    """
    text = str(path)
    shown = ascii(text if len(text) <= 80 else text[:77] + "...")
    if "\0" in text:
        raise BadFile(f"no file can be called {shown}: it holds a NUL")
    try:
        longest = max(map(len, text.encode().split(os.sep.encode())))
    except UnicodeEncodeError as error:  # other libraries and all reports need it
        raise BadFile(f"can't use a file called {shown}: its name is not in UTF-8") from error
    if longest > _LONGEST_NAME:
        raise BadFile(f"no file can be called {shown}: a name has at most {_LONGEST_NAME} bytes")
    return Path(text)


def usable_folder(path: str | Path) -> Path:
    """Return the path of a folder for results, unless it ends as a file's does.

    Raises:
        BadFile: no folder can have it, or it ends in .html, .json and the like.

    >>> usable_folder("out/gpt-4.1").name
    'gpt-4.1'
    >>> usable_folder("card.html")
    Traceback (most recent call last):
    personae.core.errors.BadFile: 'card.html' names a file, and results are a folder: say 'card'
    """
    folder = usable_path(path)
    if folder.suffix.lower() in FILE_ENDINGS and not folder.is_dir():
        plain = str(folder.with_suffix(""))
        raise BadFile(f"{str(folder)!r} names a file, and results are a folder: say {plain!r}")
    return folder
