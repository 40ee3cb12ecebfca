"""Conversion between a persona and its row, the JSON object in files; the schema is data."""

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from personae.core.argument_types import require_type
from personae.core.errors import BadFile, BadValue, InputError
from personae.core.persona import Kind, Persona, domain_code
from personae.personas.persona_layers import LAYERS

__all__ = ["FIELDS", "PERSONA_SCHEMA", "only_personas", "persona_of", "persona_row"]

PERSONA_SCHEMA = "personae-persona/1"
"""The version that a row declares; `personae/data/persona.schema.json` defines it."""

FIELDS = ("id", "kind", *LAYERS, "provenance")
"""The fields that the schema defines, without `schema` and `extra`, in the order of a row."""
_TEXTS = ("id", "kind", "text", "narrative", "voice")
_LISTS = ("statements", "memories")
_PAIRS = ("facts", "relations", "provenance")


def only_personas(values: Iterable[object]) -> Iterator[Persona]:
    """Yield values one by one as long as they are personas.

    Raises:
        BadValue: one is something else.

    >>> list(only_personas([3]))
    Traceback (most recent call last):
    personae.core.errors.BadValue: a persona is a Persona, not 3
    """
    for value in values:
        if not isinstance(value, Persona):
            require_type("a persona", value, Persona)
            continue
        yield value


def persona_row(persona: Persona) -> dict[str, object]:
    """Convert a persona to a row; empty fields are left out.

    >>> persona_row(Persona(id="a", facts={"home/country": "Peru"}))
    {'schema': 'personae-persona/1', 'id': 'a', 'kind': 'character',
     'facts': {'home/country': 'Peru'}}
    """
    row: dict[str, object] = {"schema": PERSONA_SCHEMA}
    for name in (*FIELDS, "extra"):
        value = getattr(persona, name)
        if value:
            row[name] = _plain(value)
    return row


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def persona_of(row: object, where: str) -> Persona:
    """Parse a row into a persona; fields that the schema doesn't define go to `extra`.

    Raises:
        BadFile: the row is not an object, or of another version of the schema.
        BadValue: a field has a value that isn't allowed; the message begins with `where`.

    >>> persona_of({"id": "a", "traits": {"extraversion": 1}, "pet": "cat"}, "row 1").extra
    {'pet': 'cat'}
    """
    if not isinstance(row, dict):
        raise BadFile(f"{where}: a persona is a JSON object, not {type(row).__name__}")
    version = row.get("schema", PERSONA_SCHEMA)
    if version != PERSONA_SCHEMA:
        raise BadFile(
            f"{where}: 'schema' is {PERSONA_SCHEMA!r} (or left out), not {str(version)[:40]!r}"
        )
    if not isinstance(row.get("id"), str):
        raise BadValue(f"{where}: needs a text field 'id'")
    fields: dict[str, object] = {n: _text(row, n, where) for n in _TEXTS if n in row}
    fields |= {n: _list(row, n, where) for n in _LISTS if n in row}
    fields |= {n: _pairs(row, n, where) for n in _PAIRS if n in row}
    try:
        return Persona(**fields, traits=_traits(row), extra=_extra(row))  # type: ignore[arg-type]
    except InputError as error:
        raise BadValue(f"{where}: {error}") from error


def _text(row: Mapping[str, object], name: str, where: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        known = f", one of {get_args(Kind)}" if name == "kind" else ""
        raise BadValue(f"{where}: {name} is a text{known}, not {type(value).__name__}")
    return value


def _list(row: Mapping[str, object], name: str, where: str) -> tuple[str, ...]:
    value = row[name]
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadValue(f"{where}: {name} is a list of texts")
    return tuple(value)


def _pairs(row: Mapping[str, object], name: str, where: str) -> dict[str, str]:
    value = row[name]
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise BadValue(f"{where}: {name} is an object of texts, not {type(value).__name__}")
    return value


def _traits(row: Mapping[str, object]) -> dict[str, float]:
    value = row.get("traits", {})
    if not isinstance(value, dict) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in value.values()
    ):
        raise BadValue("traits maps a trait to a number in z units")
    try:
        standings = {_trait(name): float(z) for name, z in value.items()}
    except OverflowError as error:
        raise BadValue("a trait is in -5..5 z units") from error
    if len(standings) < len(value):
        raise BadValue("traits gives one trait twice, by letter and by name")
    return standings


def _trait(name: str) -> str:
    domain, colon, facet = name.partition(":")
    return domain_code(domain) + colon + facet


def _extra(row: Mapping[str, object]) -> dict[str, object]:
    extra = row.get("extra", {})
    if not isinstance(extra, dict):
        raise BadValue(f"extra is an object, not {type(extra).__name__}")
    unknown = {k: v for k, v in row.items() if k not in FIELDS and k not in ("schema", "extra")}
    if duplicates := sorted(set(extra) & set(unknown)):
        raise BadValue(f"{duplicates[0]!r} is given both inside and outside extra; keep one")
    return {**extra, **unknown}
