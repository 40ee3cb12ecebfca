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
_LIST_SIBLINGS = "beside_agent_list"


def _read(foreign: Mapping[str, object]) -> Json:
    row = read_fields(_FIELDS, foreign)
    traits = foreign.get("traits")
    facts = flatten_facts(traits) if isinstance(traits, dict) else {}
    return {**row, "facts": {name.replace("__", "/"): value for name, value in facts.items()}}


def _write(persona: Persona) -> Json:
    traits = {_key(path): whole_number(value) for path, value in persona.facts.items()}
    return {"traits": traits, **write_fields(_FIELDS, persona)[0]}


def _key(path: str) -> str:
    """Turn a path into a trait name that EDSL accepts: a Python identifier other than `name`."""
    fit = (c if f"_{c}".isidentifier() else "_" for c in path.replace("/", "__"))
    key = "".join(fit)
    key = key if key.isidentifier() else f"_{key}"
    return f"{key}_" if iskeyword(key) or key == "name" else key


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is an agent list, or an agent alone."""
    return _LIST in sample or (isinstance(sample.get("traits"), dict) and "id" not in sample)


def load(path: Path) -> Iterator[ForeignObject]:
    """Read a list of agents, or one agent; fields beside the list are kept with the first agent.

    Raises:
        BadFile: no JSON object, a list or agent of another form, or a reserved name in an agent.
    """
    document = require_object(load_json(path), str(path))
    agents = document.get(_LIST, [document])
    if not isinstance(agents, list):
        raise BadFile(f"{path}: {_LIST!r} is a list of agents, not {type(agents).__name__}")
    siblings = {name: value for name, value in document.items() if name != _LIST}
    for number, agent in enumerate(agents, start=1):
        where = f"{path}, agent {number}"
        agent_object = require_object(agent, where)
        if number == 1 and siblings and _LIST in document:
            if _LIST_SIBLINGS in agent_object:
                raise BadFile(f"{where}: the name {_LIST_SIBLINGS!r} is reserved for Personae")
            agent_object = {**agent_object, _LIST_SIBLINGS: siblings}
        yield ForeignObject(where, agent_object)


def dump(objects: NamedObjects, path: Path) -> None:
    """Write one file with all agents."""
    agents = [value for _, value in objects]
    siblings = agents[0].pop(_LIST_SIBLINGS, {}) if agents else {}
    dump_json({_LIST: agents, **(siblings if isinstance(siblings, dict) else {})}, path)


LENS = Lens("edsl", _read, _write)
