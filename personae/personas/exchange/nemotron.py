"""Nemotron-Personas: a table with a `uuid`, demographic columns and prose; Parquet or JSONL."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from personae.core import Json, Persona, parse_json
from personae.core.files.atomic_path import atomic_path
from personae.personas.exchange.fields import (
    FieldMapping,
    nest_facts,
    read_open_fields,
    write_fields,
)
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_lines,
    load_lines,
    load_parquet,
    require_object,
)
from personae.personas.exchange.lens import Lens

__all__ = ["LENS", "dump", "load", "matches"]

_FIELDS = (
    FieldMapping(("uuid",), "id"),
    FieldMapping(("persona",), "text|narrative"),
    FieldMapping(("detailed_persona",), "narrative"),
    FieldMapping(("professional_persona",), "facts:work/portrait"),
    FieldMapping(("sports_persona",), "facts:sports/portrait"),
    FieldMapping(("arts_persona",), "facts:arts/portrait"),
    FieldMapping(("travel_persona",), "facts:travel/portrait"),
    FieldMapping(("culinary_persona",), "facts:food/portrait"),
    FieldMapping(("cultural_background",), "facts:culture/background"),
    FieldMapping(("skills_and_expertise",), "facts:work/skills"),
    FieldMapping(("hobbies_and_interests",), "facts:hobbies/summary"),
    FieldMapping(("career_goals_and_ambitions",), "facts:work/goals"),
    FieldMapping(("sex",), "facts:demographics/gender"),
    FieldMapping(("age",), "facts:demographics/age", "number"),
    FieldMapping(("marital_status",), "facts:demographics/marital status"),
    FieldMapping(("education_level",), "facts:education/level"),
    FieldMapping(("bachelors_field",), "facts:education/field"),
    FieldMapping(("occupation",), "facts:work/occupation"),
    FieldMapping(("city",), "facts:home/city"),
    FieldMapping(("state",), "facts:home/state"),
    FieldMapping(("zipcode",), "facts:home/postcode"),
    FieldMapping(("country",), "facts:home/country"),
)
_SLOT = "personae"


def _read(foreign: Mapping[str, object]) -> Json:
    return {"kind": "demographic", **read_open_fields(_FIELDS, foreign)}


def _write(persona: Persona) -> Json:
    """Write each fact of one level to a column of its name; a table can't hold deeper ones."""
    row, remaining_facts = write_fields(_FIELDS, persona)
    return nest_facts(
        {path: fact for path, fact in remaining_facts.items() if "/" not in path}, row
    )


def _tidy(row: Json) -> Json:
    """Order the columns: those of the data set first, then the others by name."""
    ours = [field.foreign_path[0] for field in _FIELDS]
    return {name: row[name] for name in [*ours, *sorted({*row} - {*ours})] if name in row}


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether a row is one of the table."""
    return "uuid" in sample and any(name.endswith("persona") for name in sample)


def load(path: Path) -> Iterator[ForeignObject]:
    """Read the rows; nulls are left out."""
    for where, row in load_parquet(path) if path.suffix == ".parquet" else load_lines(path):
        slot_value = row.pop(_SLOT, None)
        typed: Json = {}
        if isinstance(slot_value, str):  # in Parquet the slot is a column of JSON texts
            slot_body = require_object(parse_json(slot_value, where), where)
            typed, slot_value = (
                require_object(slot_body.get("typed", {}), where),
                slot_body.get("slot"),
            )
        slot_field = {} if slot_value is None else {_SLOT: slot_value}
        yield ForeignObject(where, {**_tidy({**row, **typed}), **slot_field})


def dump(objects: NamedObjects, path: Path) -> None:
    """Write the rows; in a column of mixed types, values other than text go to the slot."""
    rows = [value for _, value in objects]
    if path.suffix != ".parquet":
        dump_lines(rows, path)
        return
    residues: list[Json] = [{"slot": row.pop(_SLOT)} if _SLOT in row else {} for row in rows]
    names = list(_tidy(dict.fromkeys(name for row in rows for name in row)))
    columns = [_column(name, rows, residues) for name in names]
    if any(residues):
        texts = [
            json.dumps(residue, ensure_ascii=False) if residue else None for residue in residues
        ]
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
LENS = Lens("nemotron", _read, _write, tidy=_tidy)
