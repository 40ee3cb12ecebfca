"""EDSL agent lists: `{"agent_list": [{"name", "traits", "instruction", ...}], ...}` in JSON."""

from collections.abc import Iterator, Mapping
from keyword import iskeyword
from pathlib import Path

from personae.core import BadFile, Json, Persona
from personae.personas.exchange.fields import (
    FieldMapping,
    flatten_facts,
    read_fields,
    whole_number,
    write_fields,
)
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_json,
    load_json,
    require_object,
)
from personae.personas.exchange.lens import Lens

__all__ = ["LENS", "dump", "load", "matches"]

_FIELDS = (FieldMapping(("name",), "id"), FieldMapping(("instruction",), "text|narrative"))
_LIST = "agent_list"
_REST = "beside_agent_list"


def _read(foreign: Mapping[str, object]) -> Json:
    row = read_fields(_FIELDS, foreign)
    given = foreign.get("traits")
    facts = flatten_facts(given) if isinstance(given, dict) else {}
    return {**row, "facts": {name.replace("__", "/"): value for name, value in facts.items()}}


def _write(persona: Persona) -> Json:
    traits = {_key(path): whole_number(value) for path, value in persona.facts.items()}
    return {"traits": traits, **write_fields(_FIELDS, persona)[0]}


def _key(path: str) -> str:
    """Give a path as EDSL wants a trait's name: a Python name, and not `name`."""
    fit = (c if f"_{c}".isidentifier() else "_" for c in path.replace("/", "__"))
    key = "".join(fit)
    key = key if key.isidentifier() else f"_{key}"
    return f"{key}_" if iskeyword(key) or key == "name" else key


def matches(sample: Mapping[str, object]) -> bool:
    """Tell whether an object is an agent list, or an agent alone."""
    return _LIST in sample or (isinstance(sample.get("traits"), dict) and "id" not in sample)


def load(path: Path) -> Iterator[ForeignObject]:
    """Read a list of agents, or one; what stands beside the list stays with the first agent."""
    whole = require_object(load_json(path), str(path))
    agents = whole.get(_LIST, [whole])
    if not isinstance(agents, list):
        raise BadFile(f"{path}: {_LIST!r} is a list of agents, not {type(agents).__name__}")
    beside = {name: value for name, value in whole.items() if name != _LIST}
    for place, agent in enumerate(agents, start=1):
        where = f"{path}, agent {place}"
        found = require_object(agent, where)
        if place == 1 and beside and _LIST in whole:
            if _REST in found:
                raise BadFile(f"{where}: the name {_REST!r} is kept for Personae")
            found = {**found, _REST: beside}
        yield ForeignObject(where, found)


def dump(objects: NamedObjects, path: Path) -> None:
    """Write one file with all agents."""
    agents = [value for _, value in objects]
    rest = agents[0].pop(_REST, {}) if agents else {}
    dump_json({_LIST: agents, **(rest if isinstance(rest, dict) else {})}, path)


LENS = Lens("edsl", _read, _write)
