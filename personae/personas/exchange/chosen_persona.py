"""The choice of one persona from a file or folder."""

import re
from itertools import islice
from pathlib import Path

from personae.core import (
    BadFile,
    BadValue,
    InputError,
    Persona,
    UnknownName,
    checks_types,
    counted,
    usable_path,
)
from personae.personas.exchange.import_export import (
    REPEATED,
    import_personas,
    import_rows,
    with_unique_id,
)

__all__ = ["load_persona"]

SHOWN = 4
"""Personas of one id whose positions an error names."""


@checks_types
def load_persona(path: str | Path, *, skipped: list[InputError] | None = None) -> Persona:
    """Read the only persona of a file or folder of any format, or with FILE#ID the one of that id.

    With a list in `skipped`, what can't be read is put there and the others count; without, it is
    raised unless an id is given.

    Raises:
        BadValue: the file holds several personas and no id is given, or several with this id.
        UnknownName: no persona in the file has the id; carries near matches.
        BadFile: the file can't be read.
    """
    text = str(usable_path(path))
    for mark in re.finditer("#", text) if not Path(text).exists() else ():
        file, name = text[: mark.start()], text[mark.end() :]
        if Path(file).exists():
            return _by_id(name, file, [] if skipped is None else skipped)
    first = _first_two(text, skipped)
    if len(first) > 1:
        raise BadValue(f"{text} holds several personas; name one: {text}#{first[0].id}")
    return first[0]


def _first_two(file: str, skipped: list[InputError] | None) -> list[Persona]:
    """Read two personas at most; the reason why the only one can't be read is raised as it is."""
    earlier = len(skipped or ())
    try:
        return list(islice(import_personas(file, skipped=skipped), 2))
    except BadFile as error:
        if skipped is not None and len(skipped) == earlier + 1:
            raise skipped[-1] from error
        raise


def _several(name: str, positions: list[str]) -> str:
    """Say where the personas of one id are, the first few of them."""
    more = f" and {len(positions) - SHOWN} more" if positions[SHOWN:] else ""
    return f"{len(positions)} personas with the id {name!r}: {'; '.join(positions[:SHOWN])}{more}"


def _by_id(name: str, file: str, skipped: list[InputError]) -> Persona:
    ids: set[str] = set()
    fitting: list[tuple[str, Persona]] = []
    earlier = len(skipped)
    for where, row in import_rows(file):
        if isinstance(row, InputError):
            skipped.append(row)
            continue
        persona = with_unique_id(row, ids)
        if name in (row.id, persona.id):
            fitting.append((where, persona))
    positions = [where for where, _ in fitting]
    positions += [str(e) for e in skipped[earlier:] if str(e).endswith(REPEATED.format(name))]
    if len(positions) > 1:
        way = f"name the file, FILE#{name}, or give" if Path(file).is_dir() else "give"
        raise BadValue(f"{file} holds {_several(name, positions)}; {way} each an id of its own")
    if fitting:
        return fitting[0][1]
    if not ids and not skipped:
        raise BadFile(f"{file}: no persona in it")
    unread = f" ({counted(len(skipped), 'entry')} can't be read: {skipped[0]})" if skipped else ""
    raise UnknownName(f"persona in {file}{unread}", name, ids)
