"""EDSL agent lists: `{"agent_list": [{"name", "traits", "instruction", ...}], ...}` in JSON.

Also as JSON lines, a header and then an agent a line, and packed by gzip as EDSL saves them.
"""

import gzip
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from pathlib import Path

from personae.core import BadFile, InputError, Json, Persona
from personae.core.files.atomic_path import atomic_path
from personae.personas.exchange.fields import (
    FieldMapping,
    add_big_five,
    flatten_facts,
    read_fields,
    whole_number,
    write_fields,
)
from personae.personas.exchange.file_layout import take_layout
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_json,
    dump_lines,
    foreign_object,
    json_text,
    load_json,
    load_lines,
    require_object,
    with_layout,
)
from personae.personas.exchange.lens import Lens

__all__ = ["LENS", "dump", "load", "matches"]

_FIELDS = (
    FieldMapping(("name",), "id"),
    FieldMapping(("instruction",), "facts:instruction|text|narrative"),
)
_HEADER = "__header__"
_PLAIN_HEADER: Json = {_HEADER: True, "edsl_class_name": "AgentList"}
_LIST = "agent_list"
_GROUPS = ("big_five", "big5", "bigfive", "ocean", "personality_traits")
_LIST_SIBLINGS = "beside_agent_list"


def _read(foreign: Mapping[str, object]) -> Json:
    row = read_fields(_FIELDS, foreign)
    traits = foreign.get("traits")
    facts = flatten_facts(traits) if isinstance(traits, dict) else {}
    facts = {name.replace("__", "/"): value for name, value in facts.items()}
    instruction = row.get("facts")
    facts |= instruction if isinstance(instruction, dict) else {}
    return add_big_five({**row, "facts": facts}, _big_five(traits))


def _big_five(traits: object) -> object:
    """Return the traits that are named by Big Five domains in full, alone or under one name."""
    if not isinstance(traits, dict):
        return None
    named = next((traits[n] for n in traits if n.lower().replace(" ", "_") in _GROUPS), None)
    return named or {name: level for name, level in traits.items() if len(name) > 1}


def _write(persona: Persona) -> Json:
    fields, facts = write_fields(_FIELDS, persona)
    return {"traits": {_key(path): whole_number(text) for path, text in facts.items()}, **fields}


def _key(path: str) -> str:
    """Turn a path into a trait name that EDSL accepts: a Python identifier other than `name`."""
    fit = (c if f"_{c}".isidentifier() else "_" for c in path.replace("/", "__"))
    key = "".join(fit)
    key = key if key.isidentifier() else f"_{key}"
    return f"{key}_" if iskeyword(key) or key == "name" else key


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is an agent list, or an agent alone."""
    is_header = _HEADER in sample and sample.get("edsl_class_name") == "AgentList"
    is_agent = isinstance(sample.get("traits"), dict) and "id" not in sample
    return _LIST in sample or is_header or is_agent


def load(path: Path) -> Iterator[ForeignObject]:
    """Read a list of agents, one agent, or an agent a line; packed by gzip or not.

    Fields beside the list, or in the header of lines, are kept with the first agent.

    Raises:
        BadFile: no JSON object, or a list of another form.
    """
    siblings: Json = {}
    names: list[str] = []
    if ".jsonl" in path.suffixes[-2:]:
        agents = list(load_lines(path))
        first = agents[0].value if agents else None
        if isinstance(first, dict) and _HEADER in first:
            siblings = first if first.keys() > {*_PLAIN_HEADER, "n_agents"} else {}
            agents, names = agents[1:], list(first)
    else:
        document = require_object(load_json(path), str(path))
        listed = document.get(_LIST, [document])
        if not isinstance(listed, list):
            raise BadFile(f"{path}: {_LIST!r} is a list of agents, not {type(listed).__name__}")
        agents = [foreign_object(a, f"{path}, agent {i}") for i, a in enumerate(listed, start=1)]
        if _LIST in document:
            siblings = {name: value for name, value in document.items() if name != _LIST}
            names = list(document)
    if agents and siblings:
        agents[0] = _with_siblings(agents[0], siblings)
    is_usual = names[:1] == [_LIST] or names[:3] == [*_PLAIN_HEADER, "n_agents"]
    yield from with_layout(agents, path, alone=not names, names=[] if is_usual else names)


def _with_siblings(agent: ForeignObject, siblings: Json) -> ForeignObject:
    if isinstance(agent.value, InputError):
        return agent
    if _LIST_SIBLINGS in agent.value:
        error = BadFile(f"{agent.where}: the name {_LIST_SIBLINGS!r} is reserved for Personae")
        return ForeignObject(agent.where, error)
    return ForeignObject(agent.where, {**agent.value, _LIST_SIBLINGS: siblings})


def dump(objects: NamedObjects, path: Path) -> None:
    """Write one file with all agents: JSON, JSON lines, or JSON packed by gzip."""
    agents = [value for _, value in objects]
    layout = take_layout(agents, path)
    kept = agents[0].pop(_LIST_SIBLINGS, {}) if agents else {}
    siblings = kept if isinstance(kept, dict) else {}
    is_alone = bool(layout.get("alone")) and not siblings
    if path.suffix == ".jsonl":
        head = {**_PLAIN_HEADER, "n_agents": len(agents)}
        header = _in_order({**head, **siblings, "n_agents": len(agents)}, layout)
        dump_lines(agents if is_alone else [header, *agents], path, layout)
        return
    if _HEADER in siblings:  # of JSON lines
        siblings = {n: v for n, v in siblings.items() if n not in (_HEADER, "n_agents")}
    document = _in_order({_LIST: agents, **siblings}, layout)
    if is_alone and len(agents) == 1:
        document = agents[0]
    if path.suffix == ".gz":
        with atomic_path(path) as part:
            part.write_bytes(gzip.compress(json_text(document).encode(), mtime=0))
    else:
        dump_json(document, path, layout)


def _in_order(document: Json, layout: Json) -> Json:
    """Put a document's or header's names in the order of the file it came from, if kept."""
    names = layout.get("names")
    if not isinstance(names, list):
        return document
    ordered = {n: document[n] for n in names if isinstance(n, str) and n in document}
    return ordered | {n: v for n, v in document.items() if n not in ordered and n != "n_agents"}


LENS = Lens("edsl", _read, _write)
