"""TinyTroupe agents and fragments: `{"type": "TinyPerson", "persona": {...}}`, a JSON file each."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import Path

from personae.core import BIG_FIVE, Json, Persona
from personae.personas.exchange.fields import (
    FieldMapping,
    add_big_five,
    nest_facts,
    read_open_fields,
    write_fields,
)
from personae.personas.exchange.file_layout import LAYOUT, take_layout
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_each,
    dump_json,
    foreign_object,
    load_json,
    own_file_name,
    require_object,
    with_layout,
)
from personae.personas.exchange.lens import Lens, rewritten

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
_REQUIRED = ("name", "age", "nationality", "residence")
"""What TinyTroupe's short biography reads besides the occupation's title; null where unknown."""


def _read(foreign: Mapping[str, object]) -> Json:
    persona = foreign.get("persona")
    spec = persona if isinstance(persona, dict) else {}
    relations = _relations(spec.get("relationships"))
    row = read_open_fields(_FIELDS, spec, [("relationships",)] if relations else ())
    name, personality = spec.get("name"), spec.get("personality")
    big_five = personality.get("big_five") if isinstance(personality, dict) else None
    row |= {"id": name if isinstance(name, str) else "", "relations": relations}
    return add_big_five(row, big_five)


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
    return {"type": "TinyPerson", "persona": _with_required(nest_facts(words, spec))}


def _with_required(spec: Json) -> Json:
    for name in _REQUIRED:
        spec.setdefault(name, None)
    occupation = spec.get("occupation")
    if not isinstance(occupation, dict):  # it is an object there, with a title
        spec["occupation"] = occupation = {"title": occupation}
    occupation.setdefault("title", None)
    return spec


def _word(z: float) -> str:
    return "High" if z >= 0.5 else "Low" if z <= -0.5 else "Medium"


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is a TinyTroupe agent or fragment."""
    return sample.get("type") in ("TinyPerson", "Fragment") and "persona" in sample


def load(path: Path) -> Iterator[ForeignObject]:
    """Read the agents of a JSON file: one, or a list."""
    value = load_json(path)
    agents = value if isinstance(value, list) else [value]
    is_own = path.name.endswith((".agent.json", ".fragment.json")) and own_file_name(path.name)
    name = path.name if is_own and len(agents) == 1 else ""
    rows = (foreign_object(agent, str(path)) for agent in agents)
    yield from with_layout(rows, path, file=name, listed=agents is value)


def dump(objects: NamedObjects, path: Path) -> None:
    """Write one JSON file, or a folder of files that end in `.agent.json`, as TinyTroupe's own.

    Agents of one name get numbers, as TinyTroupe refuses a second one of a name. In a folder an
    agent gets its file's name back where that is unique. A list of agents goes back as a list.
    """
    agents = [*_with_unique_names(objects)]
    first = agents[0][1].get(LAYOUT)
    if path.suffix == ".json" and isinstance(first, dict) and first.get("listed"):
        values = [value for _, value in agents]
        dump_json(values, path, take_layout(values, path))
        return
    dump_each(agents, path, dump_json, ".json", folder_suffix=".agent.json")


def _with_unique_names(objects: NamedObjects) -> Iterator[tuple[str, Json]]:
    names: set[object] = set()
    for persona_id, agent in objects:
        spec = agent.get("persona")
        name = spec.get("name") if isinstance(spec, dict) else None
        if isinstance(name, str) and name in names:
            number = next(i for i in count(2) if f"{name} {i}" not in names)
            name = f"{name} {number}"
            yield persona_id, rewritten(LENS, agent, partial(_renamed, name=name))
        else:
            yield persona_id, agent
        names.add(name)


def _renamed(agent: Json, name: str) -> Json:
    return {**agent, "persona": {**require_object(agent["persona"], name), "name": name}}


LENS = Lens("tinytroupe", _read, _write)
