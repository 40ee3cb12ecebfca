"""PersonaHub: `{"persona": "A nurse who ..."}`, one sentence a row, in JSON lines or Parquet."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from personae.core import Json, Persona
from personae.personas.exchange.foreign_files import ForeignObject, NamedObjects
from personae.personas.exchange.lens import Lens
from personae.personas.exchange.tools.object_tables import dump_table, load_table

__all__ = ["LENS", "dump", "load", "matches"]

_ARTICLES = ("A ", "An ", "The ")
_YOU = "You are "


def _read(foreign: Mapping[str, object]) -> Json:
    text = foreign.get("persona", foreign.get("input persona"))
    if not isinstance(text, str):
        return {"kind": "demographic"}
    return {"kind": "demographic", "text": _addressed(text)}


def _addressed(text: str) -> str:
    """Turn "A nurse who ..." into the second person, as in prompts."""
    return f"{_YOU}{text[0].lower()}{text[1:]}" if text.startswith(_ARTICLES) else text


def _write(persona: Persona) -> Json:
    text = persona.text or persona.narrative
    phrase = text.removeprefix(_YOU)
    description = phrase[:1].upper() + phrase[1:]
    if phrase != text and description.startswith(_ARTICLES) and _addressed(description) == text:
        return {"persona": description}
    return {"persona": text}


def matches(sample: Mapping[str, object]) -> bool:
    """Return whether an object is a row of PersonaHub."""
    text = sample.get("persona", sample.get("input persona"))
    return isinstance(text, str) and "uuid" not in sample and "id" not in sample


def load(path: Path) -> Iterator[ForeignObject]:
    """Read the rows."""
    yield from load_table(path)


def dump(objects: NamedObjects, path: Path) -> None:
    """Write the rows."""
    dump_table([value for _, value in objects], path)


LENS = Lens("personahub", _read, _write)
