"""JSON from outside: a reader that refuses what others drop or guess silently."""

import json
import re
from collections.abc import Iterator
from math import isfinite
from pathlib import Path

from personae.core.errors import BadFile, BadValue
from personae.core.files.bounded import open_bounded, read_bytes

__all__ = [
    "MAX_DEPTH",
    "Json",
    "json_lines",
    "json_problem",
    "parse_json",
    "read_json",
    "read_text",
    "unfit_character",
]

Json = dict[str, object]
"""An object of a JSON file."""

MAX_DEPTH = 64
"""Deeper nesting is an attack or an accident, not a persona."""
_LARGEST = 64 << 20
_MAX_LINE = 16 << 20
_MAX_LINES = 16 << 30
_WRAPPED = 16  # what a file may wrap around a persona's deepest value

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def unfit_character(text: str) -> str:
    r"""Name the first control character or lone surrogate of a text, or give "".

    >>> unfit_character("a\tb\n"), unfit_character("a\x07")
    ('', 'U+0007')
    """
    match = _CONTROL.search(text)
    return f"U+{ord(match[0]):04X}" if match else ""


def read_text(path: Path, limit: int) -> str:
    """Read a UTF-8 file of at most `limit` bytes, plain or packed by gzip.

    Raises:
        BadFile: it can't be read, is larger, or is not UTF-8.
    """
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"can't read {path}: {error}") from error


def read_json(path: Path, limit: int = _LARGEST) -> object:
    """Read a JSON file of at most `limit` bytes, by default 64 MB, as `parse_json` does.

    Raises:
        BadFile: it can't be read, is larger, is not UTF-8, or is not sound JSON.
    """
    return parse_json(read_text(path, limit), str(path))


def parse_json(text: str | bytes, where: str) -> object:
    """Parse JSON from outside.

    Raises:
        BadFile: it is not JSON; a name occurs twice in one object (one value would be lost); a
            number is not finite; a text holds a lone surrogate; it is nested much
            deeper than `MAX_DEPTH`.

    >>> parse_json('{"a": [1, null]}', "here")
    {'a': [1, None]}
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff") if isinstance(text, str) else text,
            object_pairs_hook=_unique_names,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        _refuse_surrogates(text, value)
    except (ValueError, RecursionError, BadValue) as error:
        raise BadFile(f"{where}: not valid JSON ({error})") from error
    if _is_deeper(value, MAX_DEPTH + _WRAPPED):
        raise BadFile(f"{where}: is nested deeper than {MAX_DEPTH + _WRAPPED} levels")
    return value


def _refuse_surrogates(text: str | bytes, value: object) -> None:
    """Refuse lone surrogates, which only escapes can write, and which no file can hold as text."""
    source = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if "\\ud" in source or "\\uD" in source:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            half = f"U+{ord(error.object[error.start]):04X}"
            raise BadValue(f"a text holds a lone surrogate, {half}") from error


def _finite(digits: str) -> float:
    """Read a number with a point or an exponent; one too large for a float is refused."""
    number = float(digits)
    if not isfinite(number):
        raise BadValue(f"holds the number {digits[:40]}, which is too large")
    return number


def _is_deeper(value: object, depth: int) -> bool:
    """Tell whether what `json.loads` gave is nested deeper than this, one level at a time."""
    level = [value]
    for _ in range(depth + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def json_lines(path: Path) -> Iterator[tuple[str, object]]:
    """Read a JSONL file, plain or gzip, line by line, as (where, value), blank lines left out.

    For a line that isn't JSON the value is a BadFile that names the fault.

    Raises:
        BadFile: the file can't be read, has more than 16 GB, or a line of more than 16 MB.
    """
    number = 0
    with open_bounded(path, _MAX_LINES) as stream:
        while line := stream.readline(_MAX_LINE + 1):
            number += 1
            where = f"{path}, line {number}"
            if len(line) > _MAX_LINE:
                raise BadFile(f"{where}: longer than {_MAX_LINE >> 20} MB")
            if line.strip():
                yield where, _parsed(line, where)


def _parsed(line: bytes, where: str) -> object:
    try:
        return parse_json(line.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        return BadFile(f"{where}: not UTF-8 text ({error.reason})")
    except BadFile as error:
        return error


def json_problem(value: object, *, characters: bool = True, depth: int = MAX_DEPTH) -> str:
    """Say why a value isn't plain JSON that every tool can read, or give "".

    >>> json_problem({"a": [1.5, "b"]}), json_problem({"a": (1,)})
    ('', 'holds a tuple; JSON has text, numbers, lists, objects, true, false and null')
    """
    pending: list[tuple[object, int]] = [(value, 0)]
    while pending:
        element, level = pending.pop()
        if level > depth:
            return f"is nested deeper than {depth} levels"
        if problem := _atom_problem(element, characters):
            return problem
        pending += [(child, level + 1) for child in _children(element)]
    return ""


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _atom_problem(value: object, characters: bool) -> str:
    if isinstance(value, str):
        bad = unfit_character(value) if characters else ""
        return f"holds the control character {bad}; remove it" if bad else ""
    if isinstance(value, float) and not isfinite(value):
        return f"holds the number {value}, which JSON can't represent"
    if isinstance(value, dict) and not all(isinstance(k, str) for k in value):
        return "has an object whose names aren't all texts"
    if value is None or isinstance(value, bool | int | float | dict | list):
        return ""
    kinds = "JSON has text, numbers, lists, objects, true, false and null"
    return f"holds a {type(value).__name__}; {kinds}"


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadValue(f"the name {twice[:80]!r} occurs twice in one object")
    return members


def _refuse_constant(name: str) -> object:
    raise BadValue(f"{name} is not a JSON number")
