"""Personas in plain columns, as `datasets` and data frames take them: every cell is a text.

Layers that are objects or lists (facts, traits, statements, ...) are JSON texts, so that all rows
of all files have the same columns and types; those that are empty are "".
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import Json, Persona, parse_json
from personae.personas import FIELDS, persona_row
from personae.personas.exchange.foreign_files import ForeignObject, NamedObjects
from personae.personas.exchange.lens import Lens
from personae.personas.exchange.tools.object_tables import dump_table, load_table

__all__ = ["LENS", "dump", "load", "matches"]

_COLUMNS = (*FIELDS, "extra")
_TEXTS = ("id", "kind", "text", "narrative", "voice")
_IN_JSON = tuple(name for name in _COLUMNS if name not in _TEXTS)


def _read(foreign: Mapping[str, object]) -> Json:
    row = {name: foreign[name] for name in _COLUMNS if foreign.get(name) not in (None, "")}
    for name in _IN_JSON:
        cell = row.get(name)
        if isinstance(cell, str):
            row[name] = parse_json(cell, f"persona {foreign.get('id')!r}, column {name!r}")
    return row


def _write(persona: Persona) -> Json:
    row = persona_row(persona)
    cells = {name: row.get(name, "") for name in _COLUMNS}
    return {
        name: json.dumps(cell, ensure_ascii=False) if name in _IN_JSON and cell else cell
        for name, cell in cells.items()
    }


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is a row of these columns: its layers are JSON texts."""
    layers = (sample.get(name) for name in _IN_JSON if name != "extra")  # a text in our own, too
    return "id" in sample and any(isinstance(layer, str) for layer in layers)


def load(path: Path) -> Iterator[ForeignObject]:
    """Read the rows."""
    yield from load_table(path)


def dump(objects: NamedObjects, path: Path) -> None:
    """Write the rows."""
    dump_table([value for _, value in objects], path)


LENS = Lens("columns", _read, _write)
