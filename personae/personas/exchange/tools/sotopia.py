"""Sotopia agent profiles: objects with a first and a last name, in JSON or JSON lines."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import Json, Persona
from personae.personas.exchange.fields import FieldMapping, add_big_five, read_fields, write_fields
from personae.personas.exchange.file_layout import take_layout
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_json,
    dump_lines,
    foreign_object,
    load_json,
    load_lines,
    with_layout,
)
from personae.personas.exchange.lens import Lens

__all__ = ["LENS", "dump", "load", "matches"]

_FIELDS = (
    FieldMapping(("pk",), "id"),
    FieldMapping(("first_name",), "facts:demographics/first name|facts:demographics/name|id"),
    FieldMapping(("last_name",), "facts:demographics/last name", default=""),
    FieldMapping(("age",), "facts:demographics/age", "number"),
    FieldMapping(("occupation",), "facts:work/occupation"),
    FieldMapping(("gender",), "facts:demographics/gender"),
    FieldMapping(("gender_pronoun",), "facts:demographics/pronouns"),
    FieldMapping(("public_info",), "narrative|text"),
    FieldMapping(("big_five",), "facts:personality/big five"),
    FieldMapping(("moral_values",), "facts:values/moral", "list"),
    FieldMapping(("schwartz_personal_values",), "facts:values/Schwartz", "list"),
    FieldMapping(("personality_and_values",), "facts:personality/summary"),
    FieldMapping(("decision_making_style",), "facts:personality/decisions"),
    FieldMapping(("secret",), "facts:secret"),
)


def _read(foreign: Mapping[str, object]) -> Json:
    big_five = foreign.get("big_five")
    fields = foreign if isinstance(big_five, str) else {**foreign, "big_five": None}
    row = read_fields(_FIELDS, fields)
    add_big_five(row, big_five)
    if "id" not in row:
        names = (foreign.get("first_name"), foreign.get("last_name"))
        row["id"] = " ".join(n for n in names if isinstance(n, str) and n)
    return row


def _write(persona: Persona) -> Json:
    return write_fields(_FIELDS, persona)[0]


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is an agent profile."""
    return {"first_name", "last_name"} <= sample.keys() and not sample.keys().isdisjoint(
        {"big_five", "public_info", "schwartz_personal_values", "decision_making_style", "secret"}
    )


def load(path: Path) -> Iterator[ForeignObject]:
    """Read a list of profiles, one profile, or one a line.

    Raises:
        BadFile: no JSON.
    """
    if ".jsonl" in path.suffixes[-2:]:
        yield from with_layout(load_lines(path), path)
        return
    value = load_json(path)
    listed = value if isinstance(value, list) else [value]
    profiles = (foreign_object(p, f"{path}, profile {i}") for i, p in enumerate(listed, start=1))
    yield from with_layout(profiles, path, alone=listed is not value)


def dump(objects: NamedObjects, path: Path) -> None:
    """Write a list of profiles, or one a line; one that came without a list goes back without."""
    profiles = [value for _, value in objects]
    layout = take_layout(profiles, path)
    if path.suffix == ".jsonl":
        dump_lines(profiles, path, layout)
    else:
        is_alone = layout.get("alone") and len(profiles) == 1
        dump_json(profiles[0] if is_alone else profiles, path, layout)


LENS = Lens("sotopia", _read, _write)
