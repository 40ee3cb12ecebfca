"""Damages a sound file at random: its bytes, its JSON, its table; the seed decides."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

__all__ = ["Damage", "damaged", "neutral", "poisoned"]

Path = tuple[str | int, ...]
POISON = {"poison": 1}
"""An object where none belongs: read as text, it can be found again in what was read."""
HUGE = "@huge@"  # a number that no float holds; JSON libraries can't write it
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    -3.5,
    10**30,
    float("nan"),
    float("inf"),
    float("-inf"),
    HUGE,
    "",
    " ",
    "x\x00y",
    "\x1b[31m",
    "\ud800",
    "é" * 400,
    [],
    {},
    [[]],
    [None],
    ["a", 1],
    POISON,
    [POISON],
)
CELLS = ("", "NA", "abc", "-1", "99", "1e400", "NaN", "1,5", '"', "x" * 140_000, "\x00", "=1+1")


@dataclass(frozen=True)
class Damage:
    """Damaged bytes, and what was done; `path` is the JSON value that was replaced by `value`."""

    data: bytes
    what: str
    path: Path | None = None
    value: object = None


def damaged(sound: bytes, suffix: str, random: Random) -> Damage:
    """Damage a file once; files of JSON and tables mostly by their structure."""
    kinds = {".json": _json, ".jsonl": _json, ".csv": _table, ".tsv": _table}
    structural = kinds.get(suffix)
    if structural is not None and random.random() < 0.75:
        return structural(sound, suffix, random)
    return _bytes(sound, random)


def neutral(sound: bytes, suffix: str, *, ordered: bool) -> Iterator[Damage]:
    """Write the same content in other ways, which must be read alike."""
    yield Damage(b"\xef\xbb\xbf" + sound, "a byte order mark before it")
    if suffix in (".json", ".jsonl") and not ordered:
        rows = _rows(sound, suffix)
        yield Damage(_written([_reversed(row) for row in rows]), "names in reverse order")
    if suffix == ".json":
        yield Damage(json.dumps(_rows(sound, suffix)[0], indent=3).encode(), "indented")
    if suffix in (".jsonl", ".csv"):
        yield Damage(sound.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n", "CRLF line ends")


def poisoned(sound: bytes, suffix: str, path: Path, change: Callable[[Any], Any]) -> bytes:
    """Change the JSON value at a path."""
    rows = _rows(sound, suffix)
    parent = _at(rows, path[:-1])
    parent[path[-1]] = change(parent[path[-1]])
    return _written(rows)


def _json(sound: bytes, suffix: str, random: Random) -> Damage:
    rows = _rows(sound, suffix)
    path = random.choice(_paths(rows))
    parent: Any = _at(rows, path[:-1])
    key = path[-1]
    kind = random.choice(("replace", "replace", "replace", "remove", "repeat", "rename", "deep"))
    if kind == "remove":
        del parent[key]
        return Damage(_written(rows), f"removed {path}")
    if kind == "repeat" and isinstance(parent, list):
        parent.insert(int(key), parent[int(key)])
        return Damage(_written(rows), f"repeated {path}")
    if kind == "rename" and isinstance(parent, dict):
        parent[str(key) + "_"] = parent.pop(str(key))
        return Damage(_written(rows), f"renamed {path}")
    if kind == "deep":
        parent[key] = "@deep@"
        deep = b"[" * 100_000 + b"]" * 100_000
        return Damage(_written(rows).replace(b'"@deep@"', deep), f"deep nesting at {path}")
    value = random.choice(VALUES)
    parent[key] = value
    return Damage(_written(rows), f"{path} is {value!r:.40}", path, value)


def _table(sound: bytes, suffix: str, random: Random) -> Damage:
    separator = "\t" if suffix == ".tsv" else ","
    lines = [line.split(separator) for line in sound.decode("utf-8").splitlines()]
    row = random.randrange(len(lines))
    column = random.randrange(len(lines[row]))
    kind = random.choice(("cell", "cell", "header", "drop", "more", "repeat"))
    if kind == "drop":
        del lines[row][column]
    elif kind == "more":
        lines[row].append("1")
    elif kind == "repeat":
        lines.insert(row, lines[row])
    elif kind == "header":
        lines[0][column % len(lines[0])] = random.choice(("", "item", "answer", lines[0][0], "é"))
    else:
        lines[row][column] = random.choice(CELLS)
    text = "\n".join(separator.join(cells) for cells in lines) + "\n"
    return Damage(text.encode(), f"{kind} at row {row}, column {column}")


def _bytes(sound: bytes, random: Random) -> Damage:
    data = bytearray(sound)
    at = random.randrange(len(data) or 1)
    kind = random.choice(("flip", "flip", "cut", "insert", "repeat", "empty", "utf-16", "garbage"))
    if kind == "flip":
        for _ in range(random.choice((1, 1, 4, 32))):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "insert":
        data[at:at] = random.choice((b"\x00", b"\xff", b"\r", b"\n", b'"', b"{", b"\xed\xa0\x80"))
    elif kind == "repeat":
        data[at:at] = data[at : at + 64]
    elif kind == "empty":
        data.clear()
    elif kind == "utf-16":
        data = bytearray(sound.decode("latin-1").encode("utf-16"))
    else:
        data[at : at + 16] = random.randbytes(16)
    return Damage(bytes(data), f"{kind} at byte {at}")


def _rows(data: bytes, suffix: str) -> list[Any]:
    if suffix == ".jsonl":
        return [json.loads(line) for line in data.splitlines() if line.strip()]
    return [json.loads(data)]


def _written(rows: list[Any]) -> bytes:
    text = "\n".join(map(json.dumps, rows)) + "\n"
    return text.replace(f'"{HUGE}"', "1e400").encode()


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reversed(value[name]) for name in reversed(value)}
    return [_reversed(v) for v in value] if isinstance(value, list) else value


def _paths(value: Any, here: Path = ()) -> list[Path]:
    """List the paths of all values inside, at most 40 of a long list."""
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value[:40]))
    return [p for key, child in children for p in [(*here, key), *_paths(child, (*here, key))]]


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value
