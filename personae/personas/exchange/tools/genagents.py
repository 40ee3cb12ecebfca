"""genagents: one folder per agent, with `scratch.json`, `meta.json` and `memory_stream/`.

A JSONL file of scratches is read and written too: each line is a scratch with the agent's `id`
and whatever else the folder would hold.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from personae.core import BadFile, InputError, Json, Persona
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
    entries,
    file_name,
    json_text,
    load_json,
    load_lines,
    require_object,
)
from personae.personas.exchange.lens import Lens

__all__ = ["LENS", "dump", "is_folder", "load", "matches"]

_FIELDS = (
    FieldMapping(("first_name",), "facts:demographics/first name"),
    FieldMapping(("last_name",), "facts:demographics/last name"),
    FieldMapping(("age",), "facts:demographics/age", "number"),
    FieldMapping(("sex",), "facts:demographics/gender"),
    FieldMapping(("race",), "facts:demographics/race"),
    FieldMapping(("ethnicity",), "facts:demographics/ethnicity"),
    FieldMapping(("marital_status",), "facts:demographics/marital status"),
    FieldMapping(("city",), "facts:home/city"),
    FieldMapping(("state",), "facts:home/state"),
    FieldMapping(("work_status",), "facts:work/status"),
    FieldMapping(("highest_degree_received",), "facts:education/level"),
    FieldMapping(("political_views",), "facts:politics/views"),
    FieldMapping(("party_identification",), "facts:politics/party"),
    FieldMapping(("religion",), "facts:religion"),
    FieldMapping(("description",), "text|narrative"),
)
_FILES = {
    "scratch": "scratch.json",
    "meta": "meta.json",
    "nodes": "memory_stream/nodes.json",
    "embeddings": "memory_stream/embeddings.json",
}
_LINE = "genagents"


def _read(foreign: Mapping[str, object]) -> Json:
    scratch, meta, nodes = (foreign.get(k) for k in ("scratch", "meta", "nodes"))
    scratch = scratch if isinstance(scratch, dict) else {}
    contents = [_content(node) for node in nodes] if isinstance(nodes, list) else []
    return {
        **read_open_fields(_FIELDS, scratch),
        "kind": "character" if contents else "demographic",
        "id": meta.get("id", "") if isinstance(meta, dict) else "",
        "memories": [text for text in contents if text is not None],
    }


def _content(node: object) -> str | None:
    content = node.get("content") if isinstance(node, dict) else None
    return content if isinstance(content, str) else None


def _write(persona: Persona) -> Json:
    scratch, remaining_facts = write_fields(_FIELDS, persona)
    nest_facts(remaining_facts, scratch)
    nodes = [
        {
            "node_id": number,
            "node_type": "observation",
            "content": text,
            "importance": 0,
            "created": number,
            "last_retrieved": number,
            "pointer_id": None,
        }
        for number, text in enumerate(persona.memories)
    ]
    return {"scratch": scratch, "meta": {"id": persona.id}, "nodes": nodes, "embeddings": {}}


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is an agent's scratch, as in the bank of survey respondents."""
    other_files = sample.get(_LINE)
    if isinstance(other_files, dict) and other_files and other_files.keys() <= _FILES.keys():
        return True
    return (
        len(sample.keys() & {field.foreign_path[0] for field in _FIELDS}) >= 4
        and "schema" not in sample
    )


def is_folder(path: Path) -> bool:
    """Return whether a folder is an agent's, or holds such folders."""
    return path.is_dir() and any(
        (p / _FILES["scratch"]).is_file() for p in (path, *_folders_in(path))
    )


def _folders_in(path: Path) -> list[Path]:
    return [p for p in entries(path) if p.is_dir() and not p.is_symlink()]


def load(path: Path) -> Iterator[ForeignObject]:
    """Read one agent's folder, a folder of such, or a JSONL file of scratches.

    Raises:
        BadFile: a folder without a scratch.json in it or below.
    """
    if not path.is_dir():
        for line in load_lines(path):
            yield _kept(partial(_from_line, line), line.where)
        return
    folders = [p for p in (path, *_folders_in(path)) if (p / _FILES["scratch"]).is_file()]
    if not folders:
        raise BadFile(f"{path}: neither it nor a folder in it has a scratch.json")
    for folder in folders:
        yield _kept(partial(_from_folder, folder), str(folder))


def _kept(read: Callable[[], Json], where: str) -> ForeignObject:
    """Read one agent; what is wrong with it stands in its place."""
    try:
        return ForeignObject(where, read())
    except InputError as error:
        return ForeignObject(where, error)


def _from_folder(folder: Path) -> Json:
    agent: Json = {}
    for name, file in _FILES.items():
        file_path = folder / file
        if file_path.is_symlink() or file_path.parent.is_symlink():
            raise BadFile(f"{file_path}: links are not followed")
        if file_path.is_file():
            agent[name] = load_json(file_path)
    document = require_object(agent, str(folder))
    require_object(document["scratch"], f"{folder}/{_FILES['scratch']}")
    return document


def _from_line(foreign: ForeignObject) -> Json:
    if isinstance(foreign.value, InputError):
        raise foreign.value
    line = dict(foreign.value)
    other_files = require_object(line.pop(_LINE, {}), foreign.where)
    meta = {"meta": {"id": line.pop("id")}} if isinstance(line.get("id"), str) else {}
    return {"scratch": line, **meta, **other_files}


def _as_line(agent: Json) -> Json:
    """Merge an agent into one line; the inverse of `_from_line`."""
    scratch, meta = agent.get("scratch"), agent.get("meta")
    if not isinstance(scratch, dict) or {"id", _LINE} & scratch.keys():
        return {_LINE: agent}
    is_id_alone = isinstance(meta, dict) and list(meta) == ["id"] and isinstance(meta["id"], str)
    head = {"id": meta["id"]} if is_id_alone and isinstance(meta, dict) else {}
    in_line = ("scratch", "meta") if is_id_alone else ("scratch",)
    other_fields = {name: value for name, value in agent.items() if name not in in_line}
    return {**scratch, **head, **({_LINE: other_fields} if other_fields else {})}


def dump(objects: NamedObjects, path: Path) -> None:
    """Write a JSONL file of scratches, or a folder with one folder per agent."""
    if path.suffix == ".jsonl":
        dump_lines((_as_line(value) for _, value in objects), path)
        return
    with atomic_path(path) as part:
        part.mkdir()
        for number, (name, agent) in enumerate(objects, start=1):
            folder = part / file_name(number, name)
            (folder / "memory_stream").mkdir(parents=True)
            for key, file in _FILES.items():
                if key in agent:
                    (folder / file).write_text(json_text(agent[key]), encoding="utf-8")


LENS = Lens("genagents", _read, _write, slot=("meta", "personae"))
