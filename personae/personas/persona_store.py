"""Personas in files: JSON, JSON lines and Parquet, by suffix; read and written in batches.

A Parquet file has one row per persona: texts are texts, lists are lists of texts, mappings are
lists of (key, value), `extra` is JSON text. Personas are read back as they were written, and equal
personas make equal bytes. Files are written under a temporary name and then renamed, so that each
is complete or absent.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from personae.core.argument_types import checks_types
from personae.core.errors import BadFile, BadValue, InputError
from personae.core.files.atomic_path import atomic_path
from personae.core.files.parquet_file import parquet_batches, trust_parquet
from personae.core.files.strict_json import json_lines, parse_json, read_json
from personae.core.files.usable_path import usable_path
from personae.core.persona import Persona
from personae.personas.persona_rows import (
    PERSONA_SCHEMA,
    only_personas,
    persona_of,
    persona_row,
)

__all__ = [
    "BATCH",
    "PERSONA_COLUMNS",
    "frame_personas",
    "load_personas",
    "parquet_rows",
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
"""Personas per row group: the most that are held in memory at a time."""
_HEAVY = 64 << 20


@checks_types
def load_personas(path: str | Path) -> tuple[Persona, ...]:
    """Read all personas of a JSON (one object or a list), JSONL or Parquet file.

    Raises:
        BadFile: not readable, not of its suffix's format, no persona in it, or two with one id.
        BadValue: a field has a value that isn't allowed.
    """
    return tuple(read_personas(path))


def read_personas(path: str | Path) -> Iterator[Persona]:
    """Read the personas of a file one by one; raises as `load_personas` does.

    JSONL and Parquet are read in batches, so that a million personas need little memory.
    """
    seen: set[str] = set()
    for where, row in persona_rows(path):
        if isinstance(row, InputError):
            raise row
        persona = persona_of(row, where)
        _require_new_id(persona.id, seen, str(path))
        yield persona
    if not seen:
        raise BadFile(f"{path}: no persona in it")


def persona_rows(path: str | Path) -> Iterator[tuple[str, object]]:
    """Read a file's rows, unchecked, as (position, row); for a line that isn't JSON, the error.

    Raises:
        BadFile: the file as a whole can't be read.
    """
    source = usable_path(path)
    if source.suffix == ".parquet":
        for where, cells in parquet_rows(source):
            yield where, _row_of(cells, where)
    elif ".jsonl" in source.suffixes[-2:]:  # also .jsonl.gz
        yield from json_lines(source)
    else:  # any other suffix counts as .json
        value = read_json(source)
        for i, row in enumerate(value if isinstance(value, list) else [value]):
            yield f"{source}, persona {i + 1}", row


def parquet_rows(source: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Read a Parquet file in batches, as (position, row by column); nulls are left out.

    Raises:
        BadFile: it can't be read, or holds more than 1 GB and 200 times its size.
    """
    number = 0
    for frame in parquet_batches(source):
        for cells in frame.iter_rows(named=True):
            number += 1
            row = {name: value for name, value in cells.items() if value is not None}
            yield f"{source}, row {number}", row


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
    mapping = {pair["key"]: pair["value"] for pair in cell}
    if len(mapping) < len(cell) or None in mapping:
        raise BadFile(f"{where} has a key twice, or none")
    return mapping


def frame_personas(frame: pl.DataFrame) -> Iterator[Persona]:
    """Yield the personas of a frame with `PERSONA_COLUMNS`, one per row.

    Raises:
        BadFile, BadValue: a row is not a persona.
    """
    for number, cells in enumerate(frame.iter_rows(named=True), start=1):
        row = _row_of(cells, f"row {number}")
        if isinstance(row, InputError):
            raise row
        yield persona_of(row, f"row {number}")


def persona_frame(personas: Iterable[Persona]) -> pl.DataFrame:
    """Return a frame with `PERSONA_COLUMNS`, one row per persona.

    >>> persona_frame([Persona(id="a", traits={"E": 1.0})])["traits"].to_list()
    [[{'key': 'E', 'value': 1.0}]]
    """
    return _frame([_cells(persona) for persona in only_personas(personas)])


def _cells(persona: Persona) -> tuple[object, ...]:
    cells: list[object] = [PERSONA_SCHEMA]
    for name in list(PERSONA_COLUMNS)[1:-1]:
        value = getattr(persona, name)
        if isinstance(value, Mapping):
            cells.append([{"key": k, "value": v} for k, v in value.items()])
        else:
            cells.append(list(value) if isinstance(value, tuple) else value)
    return (*cells, _json(dict(persona.extra)) if persona.extra else "")


@checks_types
def save_personas(personas: Iterable[Persona], path: str | Path) -> int:
    """Write personas to a JSON, JSONL or Parquet file, whole or not at all; return their number.

    They are consumed one by one, so that a generator of a million needs little memory.

    Raises:
        BadValue: no persona, something else than personas, two with one id, or a suffix that isn't
            known; nothing was written.
        BadFile: the file can't be written.
    """
    target = Path(path)
    if target.suffix == ".parquet":
        frames = _light_frames(personas)
        first = next(frames, persona_frame([]))
        return _save(chain([first], frames), target, max(1, first.height))
    if target.suffix not in (".json", ".jsonl"):
        raise BadValue(f"{target}: a file of personas ends in .json, .jsonl or .parquet")
    lines = target.suffix == ".jsonl"
    seen: set[str] = set()
    with atomic_path(target) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write("" if lines else "[\n")
        for persona in only_personas(personas):
            text = _json(persona_row(persona)) if lines else _indented(persona_row(persona))
            stream.write(("" if lines or not seen else ",\n") + text + ("\n" if lines else ""))
            _require_new_id(persona.id, seen, str(target))
        stream.write("" if lines else "\n]\n")
        if not seen:
            raise BadValue(f"{target}: no persona to write")
    return len(seen)


def save_frames(frames: Iterable[pl.DataFrame], path: str | Path) -> int:
    """Write frames of `PERSONA_COLUMNS` to a file, whole or not at all; return the number of rows.

    The frames are consumed one by one, never held together, and written to Parquet directly.

    Raises:
        BadValue: a frame has other columns, a null, or an id that occurs twice; nothing was
            written.
        BadFile: the file can't be written.
    """
    target = Path(path)
    if target.suffix != ".parquet":
        return save_personas(
            (persona for frame in _only_frames(frames) for persona in frame_personas(frame)), target
        )
    return _save(frames, target, BATCH)


def _save(frames: Iterable[pl.DataFrame], target: Path, group: int) -> int:
    ids: list[pl.Series] = []
    rest = iter(_only_frames(frames))
    first = next(rest, None)
    if first is not None and first.height:
        _require_schema(first)  # before polars opens the file, in a thread of its own

    def source(*_: object) -> Iterator[pl.DataFrame]:
        for frame in chain(() if first is None else (first,), rest):
            if frame.height:
                _require_schema(frame)
                ids.append(frame["id"])
                yield frame

    with atomic_path(target) as part:
        _sink(source, part, group)
        ids_written = pl.concat(ids) if ids else pl.Series("id", [], pl.String())
        if ids_written.is_empty():
            raise BadValue(f"{target}: no persona to write")
        if ids_written.n_unique() < len(ids_written):
            repeated = ids_written.filter(ids_written.is_duplicated())[0]
            raise BadValue(f"{target}: two personas have the id {repeated!r}; ids are unique")
    trust_parquet(target)
    return len(ids_written)


def _sink(source: Callable[..., Iterator[pl.DataFrame]], part: Path, group: int) -> None:
    lazy = register_io_source(source, schema=PERSONA_COLUMNS)
    try:
        lazy.sink_parquet(
            part, compression="zstd", compression_level=3, row_group_size=group, maintain_order=True
        )
    except PolarsError as error:
        raise BadFile(f"can't write personas: {error}") from error


def _only_frames(values: Iterable[object]) -> Iterator[pl.DataFrame]:
    for value in values:
        if not isinstance(value, pl.DataFrame):
            raise BadValue(f"personas are written from polars frames, not {value!r:.80}")
        yield value


def _require_schema(frame: pl.DataFrame) -> None:
    if frame.schema != pl.Schema(PERSONA_COLUMNS):
        raise BadValue(f"a frame of personas has the columns {list(PERSONA_COLUMNS)}, typed so")
    if nulls := [c.name for c in frame.iter_columns() if c.null_count()]:
        raise BadValue(f"a frame of personas has no nulls; these columns do: {nulls}")


def _light_frames(personas: Iterable[Persona]) -> Iterator[pl.DataFrame]:
    """Make frames of a batch, or of fewer personas if these are large, as with pictures."""
    rows: list[tuple[object, ...]] = []
    weight = 0
    for persona in only_personas(personas):
        rows.append(_cells(persona))
        weight += len(str(rows[-1][-1])) + len(persona.text) + len(persona.narrative)
        if len(rows) == BATCH or weight > _HEAVY:
            yield _frame(rows)
            rows, weight = [], 0
    if rows:
        yield _frame(rows)


def _frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=PERSONA_COLUMNS, orient="row")


def _require_new_id(persona_id: str, seen: set[str], where: str) -> None:
    if persona_id in seen:
        raise BadFile(f"{where}: two personas have the id {persona_id!r}; ids are unique")
    seen.add(persona_id)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _indented(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
