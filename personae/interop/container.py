"""What foreign objects stand in: files of JSON, JSON lines and Parquet, and folders of files."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import polars as pl
from polars.exceptions import PolarsError

from personae.core import BadFile, BadValue, Json, json_problem, parse_json, read_text

__all__ = [
    "MAX_FILES",
    "Found",
    "Named",
    "beside",
    "dump_each",
    "dump_json",
    "dump_lines",
    "file_name",
    "json_text",
    "load_each",
    "load_json",
    "load_lines",
    "load_parquet",
    "object_of",
]

MAX_FILE, MAX_LINE, MAX_FILES = 64 << 20, 16 << 20, 100_000
_SAFE = re.compile(r"[^A-Za-z0-9_-]+")


Named = Iterable[tuple[str, Json]]
"""Foreign objects, each with its persona's id."""


class Found(NamedTuple):
    """A foreign object and where it stands."""

    where: str
    value: Json


def object_of(value: object, where: str) -> Json:
    """Take a value that must be an object without control characters.

    Raises:
        BadFile: it isn't.
    """
    if not isinstance(value, dict):
        raise BadFile(f"{where}: needs an object, not {type(value).__name__}")
    if problem := json_problem(value, depth=1000):
        raise BadFile(f"{where}: {problem}")
    return value


def load_json(path: Path) -> object:
    """Read a JSON file of at most 64 MB."""
    return parse_json(read_text(path, MAX_FILE), str(path))


def load_lines(path: Path) -> Iterator[Found]:
    """Read a JSONL file line by line, each at most 16 MB."""
    try:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                where = f"{path}, line {number}"
                if len(line) > MAX_LINE:
                    raise BadFile(f"{where}: longer than {MAX_LINE >> 20} MB")
                if line.strip():
                    yield Found(where, object_of(parse_json(line, where), where))
    except OSError as error:
        raise BadFile(f"can't read personas from {path}: {error.strerror or error}") from error


def load_parquet(path: Path) -> Iterator[Found]:
    """Read a Parquet file row by row in batches; nulls are left out."""
    number = 0
    try:
        pl.read_parquet_schema(path)  # a broken file is told at once, not amid the batches
        for frame in pl.scan_parquet(path, glob=False).collect_batches(chunk_size=4096):
            for row in frame.iter_rows(named=True):
                number += 1
                where = f"{path}, row {number}"
                kept = {name: value for name, value in row.items() if value is not None}
                yield Found(where, object_of(kept, where))
    except (OSError, PolarsError, pl.exceptions.PanicException) as error:
        raise BadFile(f"can't read personas from {path}: {error}") from error


def load_each(path: Path, suffix: str, load: Callable[[Path], Iterable[Found]]) -> Iterator[Found]:
    """Read one file, or all files of a suffix in a folder, by name; links are not followed."""
    if not path.is_dir():
        yield from load(path)
        return
    files = [p for p in sorted(path.iterdir()) if p.suffix.lower() == suffix and p.is_file()]
    for one in files[:MAX_FILES]:
        if not one.is_symlink():
            yield from load(one)


def json_text(value: object) -> str:
    """Write a value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def dump_json(value: object, path: Path) -> None:
    """Write a JSON file, whole or not at all."""
    with beside(path) as part:
        part.write_text(json_text(value), encoding="utf-8")


def dump_lines(objects: Iterable[Json], path: Path) -> None:
    """Write a JSONL file, whole or not at all."""
    with beside(path) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        for one in objects:
            stream.write(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n")


def dump_each(
    objects: Iterable[tuple[str, Json]],
    path: Path,
    write: Callable[[Json, Path], None],
    suffix: str,
) -> None:
    """Write one object to a file, or several to a folder, one file each, named by place and id.

    Raises:
        BadValue: several, and the path names a file.
        BadFile: the folder exists and isn't empty, or can't be written.
    """
    listed = list(objects)
    if path.suffix.lower() == suffix:
        if len(listed) != 1:
            raise BadValue(
                f"{path}: this format holds one persona a file, and there are {len(listed)}; "
                f"name a folder without a suffix"
            )
        write(listed[0][1], path)
        return
    with beside(path) as part:
        part.mkdir()
        for place, (name, value) in enumerate(listed, start=1):
            write(value, part / f"{file_name(place, name)}{suffix}")


def file_name(place: int, name: str) -> str:
    """Give a file name that is safe everywhere and keeps the order.

    >>> file_name(3, "../etc/Ada Marsh")
    '000003-etc-Ada-Marsh'
    """
    return f"{place:06d}-{_SAFE.sub('-', name).strip('-')[:60]}".rstrip("-")


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """Give a place beside the target; what is written there is moved to it at the end.

    Raises:
        BadFile: it can't be written, or a folder stands there with something in it.
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
