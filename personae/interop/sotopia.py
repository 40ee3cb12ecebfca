"""Sotopia agent profiles: objects with a first and a last name, in JSON or JSON lines."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import Json, Persona, domain_code
from personae.interop.container import (
    Found,
    Named,
    dump_json,
    dump_lines,
    load_json,
    load_lines,
    object_of,
)
from personae.interop.fields import Field, read_fields, write_fields
from personae.interop.lens import Lens

__all__ = ["LENS", "claims", "dump", "load"]

_FIELDS = (
    Field(("pk",), "id"),
    Field(("first_name",), "facts:demographics/first name|facts:demographics/name|id"),
    Field(("last_name",), "facts:demographics/last name", default=""),
    Field(("age",), "facts:demographics/age", "number"),
    Field(("occupation",), "facts:work/occupation"),
    Field(("gender",), "facts:demographics/gender"),
    Field(("gender_pronoun",), "facts:demographics/pronouns"),
    Field(("public_info",), "narrative|text"),
    Field(("big_five",), "facts:personality/big five"),
    Field(("moral_values",), "facts:values/moral", "list"),
    Field(("schwartz_personal_values",), "facts:values/Schwartz", "list"),
    Field(("personality_and_values",), "facts:personality/summary"),
    Field(("decision_making_style",), "facts:personality/decisions"),
    Field(("secret",), "facts:secret"),
)
_STANDING = {"high": 1.0, "medium": 0.0, "moderate": 0.0, "low": -1.0}
_TRAIT = re.compile(
    r"(openness|conscientiousness|extraversion|agreeableness|neuroticism)"
    r"[^;,.]{0,30}?\b(high|medium|moderate|low)\b",
    re.I,
)


def _read(foreign: Mapping[str, object]) -> Json:
    row = read_fields(_FIELDS, foreign)
    said = foreign.get("big_five")
    found = _TRAIT.findall(said) if isinstance(said, str) else []
    row["traits"] = {domain_code(name): _STANDING[word.lower()] for name, word in found}
    if "id" not in row:
        names = (foreign.get("first_name"), foreign.get("last_name"))
        row["id"] = " ".join(n for n in names if isinstance(n, str) and n)
    return row


def _write(persona: Persona) -> Json:
    return write_fields(_FIELDS, persona)[0]


def claims(sample: Mapping[str, object]) -> bool:
    """Tell whether an object is an agent profile."""
    return {"first_name", "last_name"} <= sample.keys() and not sample.keys().isdisjoint(
        {"big_five", "public_info", "schwartz_personal_values", "decision_making_style", "secret"}
    )


def load(path: Path) -> Iterator[Found]:
    """Read a list of profiles, one profile, or one a line."""
    if path.suffix == ".jsonl":
        yield from load_lines(path)
        return
    value = load_json(path)
    for place, one in enumerate(value if isinstance(value, list) else [value], start=1):
        where = f"{path}, profile {place}"
        yield Found(where, object_of(one, where))


def dump(objects: Named, path: Path) -> None:
    """Write a list of profiles, or one a line."""
    profiles = (value for _, value in objects)
    if path.suffix == ".jsonl":
        dump_lines(profiles, path)
    else:
        dump_json(list(profiles), path)


LENS = Lens("sotopia", _read, _write)
