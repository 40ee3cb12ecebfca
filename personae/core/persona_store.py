"""Personas in files: JSON, JSON lines and Parquet, by suffix; read and written in batches.

A Parquet file has one row a persona: texts are texts, lists are lists of texts, mappings are lists
of (key, value), `extra` is JSON text. What is written comes back equal, and equal personas make
equal bytes. Files are written beside their place and moved there, so that each is whole or absent.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from personae.core.errors import BadFile, BadValue, InputError
from personae.core.persona import Persona
from personae.core.persona_rows import PERSONA_SCHEMA, persona_of, persona_row
from personae.core.strict_json import parse_json, read_text

__all__ = [
    "BATCH",
    "PERSONA_COLUMNS",
    "frame_personas",
    "load_personas",
    "persona_frame",
    "persona_rows",
    "read_personas",
    "save_frames",
    "save_personas",
]

_PAIRS = pl.List(pl.Struct({"key": pl.String(), "value": pl.String()}))
_NUMBERS = pl.List(pl.Struct({"key": pl.String(), "value": pl.Float64()}))
PERSONA_COLUMNS: Mapping[str, pl.DataType] = {
    "schema": pl.String(),
    "id": pl.String(),
    "kind": pl.String(),
    "text": pl.String(),
    "facts": _PAIRS,
    "traits": _NUMBERS,
    "statements": pl.List(pl.String()),
    "narrative": pl.String(),
    "voice": pl.String(),
    "relations": _PAIRS,
    "memories": pl.List(pl.String()),
    "provenance": _PAIRS,
    "extra": pl.String(),
}
"""The columns of a Parquet file of personas; none is null."""

BATCH = 4096
"""Personas a row group: what is held in memory at a time."""
_MAX_JSON, _MAX_ROW = 64 << 20, 16 << 20


def load_personas(path: str | Path) -> tuple[Persona, ...]:
    """Read all personas of a JSON (one object or a list), JSONL or Parquet file.

    Raises:
        BadFile: not readable, not of its suffix's format, no persona in it, or two with one id.
        BadValue: a field has a value that isn't allowed.
    """
    return tuple(read_personas(path))


def read_personas(path: str | Path) -> Iterator[Persona]:
    """Give the personas of a file one after the other; raises as `load_personas` does.

    JSONL and Parquet are read in batches, so that a million personas need little memory.
    """
    seen: set[str] = set()
    for where, row in persona_rows(path):
        if isinstance(row, InputError):
            raise row
        one = persona_of(row, where)
        _refuse_twice(one.id, seen, str(path))
        yield one
    if not seen:
        raise BadFile(f"{path}: no persona in it")


def persona_rows(path: str | Path) -> Iterator[tuple[str, object]]:
    """Give a file's rows, not yet checked, as (where it stands, row).

    A line that isn't JSON comes as the error that says so.

    Raises:
        BadFile: the file as a whole can't be read.
    """
    source = Path(path)
    match _suffix(source):
        case ".parquet":
            yield from _parquet_rows(source)
        case ".jsonl":
            yield from _line_rows(source)
        case _:
            whole = parse_json(read_text(source, _MAX_JSON), str(source))
            for i, row in enumerate(whole if isinstance(whole, list) else [whole]):
                yield f"{source}, persona {i + 1}", row


def _suffix(path: Path) -> str:
    """Give the suffix; a file of another kind is taken for JSON, as it always was."""
    return path.suffix if path.suffix in (".jsonl", ".parquet") else ".json"


def _line_rows(source: Path) -> Iterator[tuple[str, object]]:
    try:
        with source.open("rb") as stream:
            number = 0
            while line := stream.readline(_MAX_ROW + 1):
                number += 1
                if len(line) > _MAX_ROW:
                    raise BadFile(f"{source}, line {number}: longer than {_MAX_ROW >> 20} MB")
                if line.strip():
                    yield f"{source}, line {number}", _parsed(line, f"{source}, line {number}")
    except OSError as error:
        raise BadFile(f"can't read personas from {source}: {error}") from error


def _parsed(line: bytes, where: str) -> object:
    try:
        return parse_json(line.decode("utf-8-sig"), where)
    except UnicodeDecodeError as error:
        return BadFile(f"{where}: not UTF-8 text ({error.reason})")
    except BadFile as error:
        return error


def _parquet_rows(source: Path) -> Iterator[tuple[str, object]]:
    number = 0
    try:
        # A broken file is told by its footer here, not in the middle of the batches.
        names = pl.read_parquet_schema(source)
        if "id" not in names:
            raise BadFile(f"{source}: no column 'id'; its columns are {sorted(names)[:20]}")
        for frame in pl.scan_parquet(source, glob=False).collect_batches(chunk_size=BATCH):
            for cells in frame.iter_rows(named=True):
                number += 1
                where = f"{source}, row {number}"
                yield where, _row_of(cells, where)
    except (OSError, PolarsError, pl.exceptions.PanicException) as error:
        raise BadFile(f"can't read personas from {source}: {error}") from error


def _row_of(cells: Mapping[str, object], where: str) -> object:
    row = {name: value for name, value in cells.items() if value is not None}
    try:
        for name in ("facts", "traits", "relations", "provenance"):
            if name in row:
                row[name] = _mapping(row[name], f"{where}: {name}")
        extra = row.pop("extra", "")
        if extra:
            row["extra"] = parse_json(extra, where) if isinstance(extra, str) else extra
    except InputError as error:
        return error
    return row


def _mapping(cell: object, where: str) -> object:
    if not isinstance(cell, list) or not all(
        isinstance(pair, dict) and pair.keys() == {"key", "value"} for pair in cell
    ):
        raise BadFile(f"{where} is a list of (key, value)")
    kept = {pair["key"]: pair["value"] for pair in cell}
    if len(kept) < len(cell) or None in kept:
        raise BadFile(f"{where} has a key twice, or none")
    return kept


def frame_personas(frame: pl.DataFrame) -> Iterator[Persona]:
    """Give the personas of a frame with `PERSONA_COLUMNS`.

    Raises:
        BadFile, BadValue: a row is not a persona.
    """
    for number, cells in enumerate(frame.iter_rows(named=True), start=1):
        row = _row_of(cells, f"row {number}")
        if isinstance(row, InputError):
            raise row
        yield persona_of(row, f"row {number}")


def persona_frame(personas: Iterable[Persona]) -> pl.DataFrame:
    """Put personas into a frame with `PERSONA_COLUMNS`, one row each.

    >>> persona_frame([Persona(id="a", traits={"E": 1.0})])["traits"].to_list()
    [[{'key': 'E', 'value': 1.0}]]
    """
    return pl.DataFrame([_cells(one) for one in personas], schema=PERSONA_COLUMNS, orient="row")


def _cells(persona: Persona) -> tuple[object, ...]:
    cells: list[object] = [PERSONA_SCHEMA]
    for name in list(PERSONA_COLUMNS)[1:-1]:
        value = getattr(persona, name)
        if isinstance(value, Mapping):
            cells.append([{"key": k, "value": v} for k, v in value.items()])
        else:
            cells.append(list(value) if isinstance(value, tuple) else value)
    return (*cells, _json(dict(persona.extra)) if persona.extra else "")


def save_personas(personas: Iterable[Persona], path: str | Path) -> int:
    """Write personas to a JSON, JSONL or Parquet file, whole or not at all; give their number.

    They are taken one after the other, so that a generator of a million needs little memory.

    Raises:
        BadValue: no persona, two with one id, or a suffix that isn't known; nothing was written.
        BadFile: the file can't be written.
    """
    target = Path(path)
    if target.suffix == ".parquet":
        return save_frames(map(persona_frame, _batches(personas)), target)
    if target.suffix not in (".json", ".jsonl"):
        raise BadValue(f"{target}: a file of personas ends in .json, .jsonl or .parquet")
    lines = target.suffix == ".jsonl"
    seen: set[str] = set()
    with _beside(target) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("" if lines else "[\n")
        for one in personas:
            text = _json(persona_row(one)) if lines else _indented(persona_row(one))
            stream.write(("" if lines or not seen else ",\n") + text + ("\n" if lines else ""))
            _refuse_twice(one.id, seen, str(target))
        stream.write("" if lines else "\n]\n")
        if not seen:
            raise BadValue(f"{target}: no persona to write")
    return len(seen)


def save_frames(frames: Iterable[pl.DataFrame], path: str | Path) -> int:
    """Write frames with `PERSONA_COLUMNS` to a file by suffix, whole or not at all; give the rows.

    The frames are taken one after the other and never held together. To Parquet they go as they
    are, without becoming personas in between.

    Raises:
        BadValue: a frame has other columns, a null, or an id that stands twice; nothing was
            written.
        BadFile: the file can't be written.
    """
    target = Path(path)
    if target.suffix != ".parquet":
        return save_personas((one for frame in frames for one in frame_personas(frame)), target)
    ids: list[pl.Series] = []

    def source(*_: object) -> Iterator[pl.DataFrame]:
        for frame in frames:
            if frame.height:
                _refuse_frame(frame)
                ids.append(frame["id"])
                yield frame

    with _beside(target) as part:
        _sink(source, part)
        every = pl.concat(ids) if ids else pl.Series("id", [], pl.String())
        if every.is_empty():
            raise BadValue(f"{target}: no persona to write")
        if every.n_unique() < len(every):
            twice = every.filter(every.is_duplicated())[0]
            raise BadValue(f"{target}: two personas have the id {twice!r}; ids are unique")
    return len(every)


def _sink(source: Callable[..., Iterator[pl.DataFrame]], part: Path) -> None:
    lazy = register_io_source(source, schema=PERSONA_COLUMNS)
    try:
        lazy.sink_parquet(
            part, compression="zstd", compression_level=3, row_group_size=BATCH, maintain_order=True
        )
    except PolarsError as error:
        raise BadFile(f"can't write personas: {error}") from error


def _refuse_frame(frame: pl.DataFrame) -> None:
    if frame.schema != pl.Schema(PERSONA_COLUMNS):
        raise BadValue(f"a frame of personas has the columns {list(PERSONA_COLUMNS)}, typed so")
    if nulls := [c.name for c in frame.iter_columns() if c.null_count()]:
        raise BadValue(f"a frame of personas has no nulls; these columns do: {nulls}")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        os.replace(part, target)
    except OSError as error:
        raise BadFile(f"can't write personas to {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _batches(personas: Iterable[Persona]) -> Iterator[list[Persona]]:
    running = iter(personas)
    while batch := list(islice(running, BATCH)):
        yield batch


def _refuse_twice(one: str, seen: set[str], where: str) -> None:
    if one in seen:
        raise BadFile(f"{where}: two personas have the id {one!r}; ids are unique")
    seen.add(one)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _indented(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
