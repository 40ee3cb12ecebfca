"""The files that hold foreign objects: JSON, JSON lines, Parquet, and folders of files."""

import json
import re
from collections import Counter
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
from personae.core.files.strict_json import unfit_character
from personae.personas import parquet_rows
from personae.personas.exchange.file_layout import LAYOUT, file_layout, laid_out, take_layout

__all__ = [
    "ForeignObject",
    "NamedObjects",
    "dump_each",
    "dump_json",
    "dump_lines",
    "entries",
    "file_name",
    "foreign_object",
    "json_text",
    "load_json",
    "load_lines",
    "load_parquet",
    "own_file_name",
    "persona_files",
    "require_object",
    "with_layout",
]

MAX_FILE, MAX_FILES = 64 << 20, 100_000
_SAFE = re.compile(r"[^A-Za-z0-9_-]+")
_RESERVED = "con|prn|aux|nul|com[0-9]|lpt[0-9]"  # names of devices in Windows
_OWN_NAME = re.compile(rf"(?!(?i:{_RESERVED})\.)\w[\w -]{{0,99}}(\.\w[\w -]{{0,29}}){{0,3}}\.json")
_NUMBERED = re.compile(r"[0-9]{6}[-.]")


NamedObjects = Iterable[tuple[str, Json]]
"""Foreign objects, each with its persona's id."""


class ForeignObject(NamedTuple):
    """A foreign object, or the error that says why it isn't one, and its position in a file.

    A position is, for example, "people.jsonl, line 3".
    """

    where: str
    value: Json | InputError


def require_object(value: object, where: str) -> Json:
    """Return a value that must be a JSON object, without control characters.

    Raises:
        BadFile: it is something else.
    """
    if not isinstance(value, dict):
        raise BadFile(f"{where}: needs an object, not {type(value).__name__}")
    if problem := json_problem(value, depth=1000):
        raise BadFile(f"{where}: {_place(value)}{problem}")
    return value


def _place(value: object) -> str:
    """Say where an object's first control character is, as 'persona.style, character 17: '."""
    pending: list[tuple[str, object]] = [("", value)]
    while pending:
        path, node = pending.pop()
        if isinstance(node, str) and (bad := unfit_character(node)):
            return f"{path}, character {node.index(chr(int(bad[2:], 16))) + 1}: "
        if isinstance(node, dict):
            names = [name for name in node if unfit_character(name)]
            if names:
                return f"{path or 'top level'}, the name {names[0]!r}: "
            pending += [(f"{path}.{n}".lstrip("."), child) for n, child in reversed(node.items())]
        elif isinstance(node, list):
            pending += [(f"{path}[{i}]", child) for i, child in reversed([*enumerate(node)])]
    return ""


def foreign_object(value: object, where: str) -> ForeignObject:
    """Check a value that must be a JSON object, and keep the error if it is none."""
    try:
        return ForeignObject(where, require_object(value, where))
    except InputError as error:
        return ForeignObject(where, error)


def load_json(path: Path) -> object:
    """Read a JSON file of at most 64 MB.

    Raises:
        BadFile: it can't be read, is too large, or is no valid JSON.
    """
    return parse_json(read_text(path, MAX_FILE), str(path))


def load_lines(path: Path) -> Iterator[ForeignObject]:
    """Read a JSONL file line by line; a line that is no JSON object is an error in its place.

    Raises:
        BadFile: the file can't be read, or a line is longer than 16 MB.
    """
    for where, value in json_lines(path):
        is_error = isinstance(value, InputError)
        yield ForeignObject(where, value) if is_error else foreign_object(value, where)  # type: ignore[arg-type]


def load_parquet(path: Path) -> Iterator[ForeignObject]:
    """Read a Parquet file row by row in batches; nulls are left out."""
    for where, row in parquet_rows(path):
        yield foreign_object(row, where)


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


_PERSONA_SUFFIXES = {
    *(".json", ".jsonl", ".parquet", ".gz"),
    *(".png", ".apng", ".charx", ".jpg", ".jpeg", ".webp"),
}


def persona_files(folder: Path) -> list[Path]:
    """List a folder's files that may hold personas, by name; others are none, by their suffix.

    Raises:
        BadFile: it can't be read, has too many entries, or has no such file.
    """
    files = [p for p in entries(folder) if p.suffix.lower() in _PERSONA_SUFFIXES and p.is_file()]
    if not files:
        raise BadFile(
            f"can't read personas from {folder}: a folder without a scratch.json or a file of "
            f"personas ({', '.join(sorted(_PERSONA_SUFFIXES))})"
        )
    return files


def json_text(value: object) -> str:
    """Write a value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def with_layout(
    objects: Iterable[ForeignObject], path: Path, **more: object
) -> Iterator[ForeignObject]:
    """Keep the layout of a file, and `more` of its form, with the first of its objects."""
    for number, row in enumerate(objects):
        if isinstance(row.value, InputError):
            yield row
        elif LAYOUT in row.value:
            error = BadFile(f"{row.where}: the name {LAYOUT!r} is reserved for Personae")
            yield ForeignObject(row.where, error)
        elif number == 0 and (layout := file_layout(path) | _form(path, more)):
            yield ForeignObject(row.where, {**row.value, LAYOUT: layout})
        else:
            yield row


def _form(path: Path, more: Json) -> Json:
    form = {name: value for name, value in more.items() if value}
    return {"lines": ".jsonl" in path.suffixes[-2:], **form} if form else {}


def dump_json(value: object, path: Path, layout: Json | None = None) -> None:
    """Write a JSON file, whole or not at all, in the layout given or kept with the value."""
    layout = take_layout([value], path) if layout is None else layout
    with atomic_path(path) as part:
        part.write_bytes(laid_out([value], path, layout))


def dump_lines(objects: Iterable[Json], path: Path, layout: Json | None = None) -> None:
    """Write a JSONL file, whole or not at all, in our layout unless another is given."""
    if layout:
        with atomic_path(path) as part:
            part.write_bytes(laid_out(objects, path, layout))
        return
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        for value in objects:
            stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def dump_each(
    objects: Iterable[tuple[str, Json]],
    path: Path,
    write: Callable[[Json, Path], None],
    suffix: str,
    *,
    folder_suffix: str = "",
) -> None:
    """Write one object to a file, or several to a folder of files named by number and id.

    `folder_suffix` is that of the files in a folder, `suffix` unless given.

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
        kept_names = [_kept_name(value) for _, value in named_objects]
        uses = Counter(map(str.lower, kept_names))
        for number, (name, value) in enumerate(named_objects, start=1):
            kept = kept_names[number - 1]
            numbered = f"{file_name(number, name)}{folder_suffix or suffix}"
            write(value, part / (kept if kept and uses[kept.lower()] == 1 else numbered))


def _kept_name(value: Json) -> str:
    """Return the name of the file that an object came from, "" where it isn't safe or kept."""
    layout = value.get(LAYOUT)
    name = layout.get("file") if isinstance(layout, dict) else None
    return name if isinstance(name, str) and own_file_name(name) else ""


def own_file_name(name: str) -> bool:
    """Return whether a JSON file's name is safe in any folder, and not one that we number."""
    return bool(_OWN_NAME.fullmatch(name)) and not _NUMBERED.match(name)


def file_name(number: int, name: str) -> str:
    """Build a file name that is safe on every system and sorts by number.

    >>> file_name(3, "../etc/Ada Marsh")
    '000003-etc-Ada-Marsh'
    """
    return f"{number:06d}-{_SAFE.sub('-', name).strip('-')[:60]}".rstrip("-")
