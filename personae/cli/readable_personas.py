"""The personas of a file or folder for a command: what can't be read doesn't stop the others."""

from collections.abc import Iterator
from pathlib import Path

import click

from personae.core import BadFile, InputError, Persona, counted
from personae.personas.exchange import import_personas, load_persona
from personae.personas.persona_layers import UNREAD_FIELDS, UNREAD_TRAITS

__all__ = ["readable_persona", "readable_personas"]

_SHOWN = 20


def readable_personas(
    path: str | Path,
    form: str = "",
    *,
    strict: bool = False,
    skipped: list[InputError] | None = None,
) -> Iterator[Persona]:
    """Yield the personas that can be read, then say on standard error what was left out and why.

    The errors also go to `skipped`.

    Raises:
        BadFile: no persona can be read, or with `strict` one can't; after all others were read.
    """
    errors: list[InputError] = [] if skipped is None else skipped
    unread = 0
    for persona in import_personas(path, form, skipped=errors):
        unread += bool({UNREAD_FIELDS, UNREAD_TRAITS} & persona.provenance.keys())
        yield persona
    _say_left_out(path, errors, strict)
    if unread:
        click.echo(
            f"{counted(unread, 'persona')} with fields or traits that can't be "
            f"read; `personae personas check` names them",
            err=True,
        )


def readable_persona(path: str, *, strict: bool, skipped: list[InputError]) -> Persona:
    """Return the only persona that can be read, or with FILE#ID the one of that id.

    What can't be read is said on standard error, and put into `skipped`.

    Raises:
        InputError: as `load_persona`; with `strict` also if something can't be read.
    """
    persona = load_persona(path, skipped=skipped)
    _say_left_out(path, skipped, strict)
    return persona


def _say_left_out(path: str | Path, errors: list[InputError], strict: bool) -> None:
    for error in errors[:_SHOWN]:
        click.echo(f"left out: {error}", err=True)
    if errors:
        rest = f" ({_SHOWN} are named above)" if len(errors) > _SHOWN else ""
        text = f"{path}: {counted(len(errors), 'entry')} can't be read{rest}"
        if strict:
            raise BadFile(f"{text}; leave out --strict to use the others")
        click.echo(f"{text}; the others are used", err=True)
