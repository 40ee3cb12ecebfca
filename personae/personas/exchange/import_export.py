"""Import and export of personas in any format."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from personae.core import BadFile, BadValue, InputError, Json, Persona, usable_path
from personae.personas import (
    has_consent,
    only_personas,
    persona_of,
    persona_rows,
    public_part,
    save_personas,
)
from personae.personas.exchange.detection import detect
from personae.personas.exchange.foreign_files import persona_files
from personae.personas.exchange.formats import NATIVE, find_format
from personae.personas.exchange.lens import export_row, import_row
from personae.personas.exchange.tools import genagents

__all__ = ["REPEATED", "export_personas", "import_personas", "import_rows", "with_unique_id"]

REPEATED = "the id {!r} occurs twice; ids are unique"
"""Of an id that a file in our own format gives to two personas."""


def import_personas(
    path: str | Path, form: str = "", *, skipped: list[InputError] | None = None
) -> Iterator[Persona]:
    """Read personas of a format, detected from the content unless named, or a folder of files.

    With a list in `skipped`, a row or file that can't be read is put there, and the others are
    read; without, it is raised. In foreign formats a repeated id gets a number, such as `ada-2`.

    Raises:
        UnknownName: no such format.
        BadFile, BadValue: the file isn't of the format, has a value that a persona can't have, or
            holds no persona that can be read.
    """
    seen: set[str] = set()
    errors: list[InputError] = [] if skipped is None else skipped
    earlier = len(errors)
    for _, persona in import_rows(path, form):
        if isinstance(persona, InputError):
            if skipped is None:
                raise persona
            errors.append(persona)
        else:
            yield with_unique_id(persona, seen)
    if not seen:
        count = len(errors) - earlier
        first = f"; none of {count:,} rows can be read. {errors[earlier]}" if count else ""
        raise BadFile(f"{path}: no persona in it{first}")


def import_rows(path: str | Path, form: str = "") -> Iterator[tuple[str, Persona | InputError]]:
    """Yield each row's position with its persona, or with the error that says why it isn't one.

    The files of a folder are read one after the other, each of its own format unless one is named;
    a file that can't be read is a row with its error.

    Raises:
        UnknownName: no such format.
        BadFile: the file or folder as a whole can't be read.
    """
    source = usable_path(path)
    if form and form != NATIVE:
        find_format(form)
    if not source.is_dir() or form == "genagents" or (not form and genagents.is_folder(source)):
        yield from _file_rows(source, form or detect(source))
        return
    for file in persona_files(source):
        try:
            if file.is_symlink():
                raise BadFile(f"{file}: links are not followed")
            yield from _file_rows(file, form or detect(file))
        except InputError as error:
            yield str(file), error


def _file_rows(source: Path, form: str) -> Iterator[tuple[str, Persona | InputError]]:
    if form == NATIVE:
        seen: set[str] = set()
        for where, row in persona_rows(source):
            yield where, _result_or_error(partial(_parse_own_row, row, where, seen))
        return
    foreign_format = find_format(form)
    for where, value in foreign_format.load(source):
        if isinstance(value, InputError):
            yield where, value
        else:
            yield where, _result_or_error(partial(import_row, foreign_format.lens, value, where))


def _result_or_error(make: Callable[[], Persona]) -> Persona | InputError:
    try:
        return make()
    except InputError as error:
        return error


def _parse_own_row(row: object, where: str, seen: set[str]) -> Persona:
    if isinstance(row, InputError):
        raise row
    persona = persona_of(row, where)
    if persona.id in seen:
        raise BadFile(f"{where}: {REPEATED.format(persona.id)}")
    seen.add(persona.id)
    return persona


def with_unique_id(persona: Persona, seen: set[str]) -> Persona:
    """Return a persona under an id that wasn't seen, such as `ada-2`; add it to what was seen."""
    name, count = persona.id, 1
    while name in seen:
        count += 1
        name = f"{persona.id[:190]}-{count}"
    seen.add(name)
    return persona if name == persona.id else replace(persona, id=name)


def export_personas(
    personas: Iterable[Persona],
    path: str | Path,
    form: str = NATIVE,
    *,
    public: bool = False,
    dropped: list[str] | None = None,
) -> int:
    """Write personas in a format, whole or not at all; return their number.

    With `public`, layers that belong to an individual are left out and listed in `dropped`.

    Raises:
        UnknownName: no such format.
        BadValue: an individual without consent, more personas than the format holds, or a suffix
            that it doesn't have.
        BadFile: the path can't be written.
    """
    dropped_layers = [] if dropped is None else dropped
    shared = (_public(p, dropped_layers) if public else p for p in only_personas(personas))
    if form == NATIVE:
        return save_personas(shared, path)
    foreign_format = find_format(form)
    suffix = Path(path).suffix
    if suffix == ".gz":
        suffix = "".join(Path(path).suffixes[-2:])
    if suffix not in foreign_format.suffixes:
        allowed = " or ".join(s or "nothing (a folder)" for s in foreign_format.suffixes)
        raise BadValue(f"{path}: a file of format {form} ends in {allowed}")
    count = 0

    def objects() -> Iterator[tuple[str, Json]]:
        nonlocal count
        for persona in shared:
            if not has_consent(persona):
                raise BadValue(
                    f"persona {persona.id!r} is an individual without consent; note it in "
                    f"provenance ('consent'), or leave their layers out (public)"
                )
            count += 1
            yield persona.id, export_row(foreign_format.lens, persona)

    listed = objects()
    first = list(islice(listed, 1))
    if not first:
        raise BadValue(f"{path}: no persona to write")
    foreign_format.dump((pair for part in (first, listed) for pair in part), Path(path))
    return count


def _public(persona: Persona, dropped_layers: list[str]) -> Persona:
    public_persona, layers = public_part(persona)
    if layers:
        dropped_layers.append(f"{persona.id}: {', '.join(layers)}")
    return public_persona
