"""Tables of foreign objects, a row each: JSON lines, or Parquet with a column a field.

A column of Parquet has one type; values of another one go, as JSON, to a column of ours.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from personae.core import InputError, Json, parse_json
from personae.core.files.atomic_path import atomic_path
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    dump_lines,
    load_lines,
    load_parquet,
    require_object,
)

__all__ = ["dump_table", "load_table"]

_SLOT = "personae"


def load_table(path: Path) -> Iterator[ForeignObject]:
    """Read the rows; nulls are left out, and a row that can't be read is an error in its place.

    Raises:
        BadFile: the file as a whole can't be read.
    """
    is_parquet = path.suffix == ".parquet"
    for where, row in load_parquet(path) if is_parquet else load_lines(path):
        try:
            yield ForeignObject(where, row if isinstance(row, InputError) else _typed(row, where))
        except InputError as error:
            yield ForeignObject(where, error)


def _typed(row: Json, where: str) -> Json:
    """Put back what a column of another type could not hold."""
    slot = row.get(_SLOT)
    if not isinstance(slot, str):
        return row
    kept = require_object(parse_json(slot, where), where)
    typed = require_object(kept.get("typed", {}), where)
    slot_field = {_SLOT: kept["slot"]} if kept.get("slot") is not None else {}
    return {**{k: v for k, v in row.items() if k != _SLOT}, **typed, **slot_field}


def dump_table(rows: list[Json], path: Path) -> None:
    """Write the rows to Parquet or JSON lines, by suffix, whole or not at all."""
    if path.suffix != ".parquet":
        dump_lines(rows, path)
        return
    residues: list[Json] = [{"slot": row.pop(_SLOT)} if _SLOT in row else {} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column(name, rows, residues) for name in names]
    if any(residues):
        texts = [json.dumps(r, ensure_ascii=False) if r else None for r in residues]
        columns.append(pl.Series(_SLOT, texts, pl.String()))
    with atomic_path(path) as part:
        pl.DataFrame(columns).write_parquet(part, compression="zstd", compression_level=3)


def _column(name: str, rows: list[Json], residues: list[Json]) -> pl.Series:
    values = [row.get(name) for row in rows]
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) == 1 and (kind := kinds.pop()) in _TYPES:
        cells, dtype = values, _TYPES[kind]
    else:
        cells, dtype = [v if isinstance(v, str) else None for v in values], pl.String()
    for row, cell, residue in zip(rows, cells, residues, strict=True):
        if cell is None and name in row:
            typed = residue.setdefault("typed", {})
            assert isinstance(typed, dict)
            typed[name] = row[name]
    return pl.Series(name, cells, dtype)


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "texts" if all(isinstance(v, str) for v in value) else "list"
    if type(value) is int and not -(2**63) <= value < 2**63:
        return "big"
    return type(value).__name__


_TYPES = {
    "str": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "texts": pl.List(pl.String()),
}
