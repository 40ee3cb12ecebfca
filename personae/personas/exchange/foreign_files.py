"""The files that hold foreign objects: JSON, JSON lines, Parquet, and folders of files."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from personae.core import (
    BadFile,
    BadValue,
    InputError,
    Json,
    json_lines,
    json_problem,
    parse_json,
    read_text,
)
from personae.core.files.atomic_path import atomic_path
from personae.personas import parquet_rows

__all__ = [
    "ForeignObject",
    "NamedObjects",
    "dump_each",
    "dump_json",
    "dump_lines",
    "entries",
    "file_name",
    "json_text",
    "load_each",
    "load_json",
    "load_lines",
    "load_parquet",
    "require_object",
]

MAX_FILE, MAX_FILES = 64 << 20, 100_000
_SAFE = re.compile(r"[^A-Za-z0-9_-]+")


NamedObjects = Iterable[tuple[str, Json]]
"""Foreign objects, each with its persona's id."""


class ForeignObject(NamedTuple):
    """A foreign object and its position, such as "people.jsonl, line 3"."""

    where: str
    value: Json


def require_object(value: object, where: str) -> Json:
    """Return a value that must be a JSON object, without control characters.

    Raises:
        BadFile: it is something else.
    """
    if not isinstance(value, dict):
        raise BadFile(f"{where}: needs an object, not {type(value).__name__}")
    if problem := json_problem(value, depth=1000):
        raise BadFile(f"{where}: {problem}")
    return value


def load_json(path: Path) -> object:
    """Read a JSON file of at most 64 MB.

    Raises:
        BadFile: it can't be read, is too large, or is no valid JSON.
    """
    return parse_json(read_text(path, MAX_FILE), str(path))


def load_lines(path: Path) -> Iterator[ForeignObject]:
    """Read a JSONL file line by line, each of at most 16 MB.

    Raises:
        BadFile: a line is no JSON object, or too long.
    """
    for where, value in json_lines(path):
        if isinstance(value, InputError):
            raise value
        yield ForeignObject(where, require_object(value, where))


def load_parquet(path: Path) -> Iterator[ForeignObject]:
    """Read a Parquet file row by row in batches; nulls are left out."""
    for where, row in parquet_rows(path):
        yield ForeignObject(where, require_object(row, where))


def load_each(
    path: Path, suffix: str, load: Callable[[Path], Iterable[ForeignObject]]
) -> Iterator[ForeignObject]:
    """Read one file, or a folder's files of a suffix by name; links are not followed.

    Raises:
        BadFile: the folder can't be read, or has more than 100,000 entries.
    """
    if not path.is_dir():
        yield from load(path)
        return
    for file in entries(path):
        if file.suffix.lower() == suffix and file.is_file() and not file.is_symlink():
            yield from load(file)


def entries(folder: Path) -> list[Path]:
    """List a folder's files and folders by name.

    Raises:
        BadFile: it can't be read, or has more than 100,000 of them.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise BadFile(f"can't read {folder}: {error.strerror or error}") from error
    if len(paths) > MAX_FILES:
        raise BadFile(f"{folder}: more than {MAX_FILES:,} files and folders in it; split it")
    return paths


def json_text(value: object) -> str:
    """Write a value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def dump_json(value: object, path: Path) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(json_text(value), encoding="utf-8")


def dump_lines(objects: Iterable[Json], path: Path) -> None:
    """Write a JSONL file, whole or not at all."""
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        for value in objects:
            stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def dump_each(
    objects: Iterable[tuple[str, Json]],
    path: Path,
    write: Callable[[Json, Path], None],
    suffix: str,
) -> None:
    """Write one object to a file, or several to a folder of files named by number and id.

    Raises:
        BadValue: several objects for a path that names a file.
        BadFile: the folder exists and isn't empty, or can't be written.
    """
    named_objects = list(objects)
    if path.suffix.lower() == suffix:
        if len(named_objects) != 1:
            raise BadValue(
                f"{path}: this format holds one persona a file, not {len(named_objects)}; name "
                f"a folder without a suffix"
            )
        write(named_objects[0][1], path)
        return
    with atomic_path(path) as part:
        part.mkdir()
        for number, (name, value) in enumerate(named_objects, start=1):
            write(value, part / f"{file_name(number, name)}{suffix}")


def file_name(number: int, name: str) -> str:
    """Build a file name that is safe on every system and sorts by number.

    >>> file_name(3, "../etc/Ada Marsh")
    '000003-etc-Ada-Marsh'
    """
    return f"{number:06d}-{_SAFE.sub('-', name).strip('-')[:60]}".rstrip("-")
