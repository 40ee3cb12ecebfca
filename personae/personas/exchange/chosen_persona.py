"""The choice of one persona from a file."""

import re
from itertools import islice
from pathlib import Path

from personae.core import BadValue, InputError, Persona, UnknownName, usable_path
from personae.personas.exchange.import_export import import_personas

__all__ = ["load_persona"]


def load_persona(path: str | Path) -> Persona:
    """Read the only persona of a file of any format, or with FILE#ID the one of that id.

    Raises:
        BadValue: the file holds several personas and no id is given.
        UnknownName: no persona in the file has the id; carries near matches.
        BadFile: the file can't be read.
    """
    text = str(usable_path(path))
    for mark in re.finditer("#", text) if not Path(text).exists() else ():
        file, name = text[: mark.start()], text[mark.end() :]
        if Path(file).is_file():
            return _by_id(name, file)
    first = list(islice(import_personas(text), 2))
    if len(first) > 1:
        raise BadValue(f"{text} holds several personas; name one: {text}#{first[0].id}")
    return first[0]


def _by_id(name: str, file: str) -> Persona:
    ids: list[str] = []
    skipped: list[InputError] = []
    for persona in import_personas(file, skipped=skipped):
        if persona.id == name:
            return persona
        ids.append(persona.id)
    unread = f" ({len(skipped):,} rows can't be read: {skipped[0]})" if skipped else ""
    raise UnknownName(f"persona in {file}{unread}", name, ids)
