"""Nemotron-Personas: a table with a `uuid`, demographic columns and prose; Parquet or JSONL."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import InputError, Json, Persona
from personae.personas.exchange.fields import (
    FieldMapping,
    nest_facts,
    read_open_fields,
    write_fields,
)
from personae.personas.exchange.foreign_files import ForeignObject, NamedObjects
from personae.personas.exchange.lens import Lens
from personae.personas.exchange.tools.object_tables import dump_table, load_table

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
    for where, row in load_table(path):
        yield ForeignObject(where, row if isinstance(row, InputError) else _tidy(row))


def dump(objects: NamedObjects, path: Path) -> None:
    """Write the rows, those of one table with one order of columns."""
    dump_table([_tidy(row) for _, row in objects], path)


LENS = Lens("nemotron", _read, _write, tidy=_tidy)
