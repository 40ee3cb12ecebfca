"""TinyTroupe agents and fragments: `{"type": "TinyPerson", "persona": {...}}`, a JSON file each."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import BIG_FIVE, Json, Persona
from personae.personas.exchange.fields import (
    FieldMapping,
    nest_facts,
    read_open_fields,
    write_fields,
)
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_each,
    dump_json,
    load_each,
    load_json,
    require_object,
)
from personae.personas.exchange.lens import Lens

__all__ = ["LENS", "dump", "load", "matches"]

_FIELDS = (
    FieldMapping(("name",), "facts:demographics/name|id"),
    FieldMapping(("age",), "facts:demographics/age", "number"),
    FieldMapping(("gender",), "facts:demographics/gender"),
    FieldMapping(("nationality",), "facts:demographics/nationality"),
    FieldMapping(("residence",), "facts:demographics/residence"),
    FieldMapping(("education",), "facts:education/summary"),
    FieldMapping(("occupation", "title"), "facts:work/occupation"),
    FieldMapping(("occupation", "organization"), "facts:work/organization"),
    FieldMapping(("occupation", "description"), "facts:work/description"),
    FieldMapping(("style",), "voice"),
    FieldMapping(("other_facts",), "narrative|text", "lines"),
)
_TRAITS = ("personality", "big_five")
_STANDING = {"high": 1.0, "medium": 0.0, "low": -1.0}
_WORD = re.compile(r"\s*(high|medium|low)\b", re.I)


def _read(foreign: Mapping[str, object]) -> Json:
    persona = foreign.get("persona")
    spec = persona if isinstance(persona, dict) else {}
    relations = _relations(spec.get("relationships"))
    row = read_open_fields(_FIELDS, spec, [("relationships",)] if relations else ())
    name = spec.get("name")
    return {
        **row,
        "id": name if isinstance(name, str) else "",
        "traits": _traits(_dict(row["facts"])),
        "relations": relations,
    }


def _traits(facts: Mapping[str, str]) -> dict[str, float]:
    """Read "High. Very creative" as a standing of +1; a text without such a word gives none."""
    traits = {}
    for code, title in BIG_FIVE.items():
        level = _WORD.match(facts.get("/".join((*_TRAITS, title.lower())), ""))
        if level:
            traits[code] = _STANDING[level[1].lower()]
    return traits


def _relations(listed: object) -> dict[str, str]:
    """Read a list of names and descriptions; {} unless all have both and each name is unique."""
    if not isinstance(listed, list):
        return {}
    relations = {}
    for relation in listed:
        if not isinstance(relation, dict):
            return {}
        name, description = relation.get("name"), relation.get("description")
        if not isinstance(name, str) or not isinstance(description, str):
            return {}
        relations[name] = description
    return relations if len(relations) == len(listed) else {}


def _write(persona: Persona) -> Json:
    spec, remaining_facts = write_fields(_FIELDS, persona)
    nest_facts(remaining_facts, spec)
    if persona.relations:
        pairs = persona.relations.items()
        spec["relationships"] = [
            {"name": name, "description": description} for name, description in pairs
        ]
    words = {
        "/".join((*_TRAITS, BIG_FIVE[domain].lower())): _word(z)
        for domain, z in persona.traits.items()
        if domain in BIG_FIVE
    }
    return {"type": "TinyPerson", "persona": nest_facts(words, spec)}


def _word(z: float) -> str:
    return "High" if z >= 0.5 else "Low" if z <= -0.5 else "Medium"


def _dict(value: object) -> dict[str, str]:
    return value if isinstance(value, dict) else {}


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is a TinyTroupe agent or fragment."""
    return sample.get("type") in ("TinyPerson", "Fragment") and "persona" in sample


def load(path: Path) -> Iterator[ForeignObject]:
    """Read one JSON file, or the JSON files of a folder."""
    yield from load_each(path, ".json", _load_one)


def _load_one(path: Path) -> Iterator[ForeignObject]:
    value = load_json(path)
    for agent in value if isinstance(value, list) else [value]:
        yield ForeignObject(str(path), require_object(agent, str(path)))


def dump(objects: NamedObjects, path: Path) -> None:
    """Write one JSON file, or a folder of them."""
    dump_each(objects, path, dump_json, ".json")


LENS = Lens("tinytroupe", _read, _write)
