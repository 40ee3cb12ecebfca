"""Maps the fields of a format to those of a persona, as data; open fields become facts by path."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

from personae.core import Json, Persona
from personae.personas.exchange.tools.big_five import read_big_five
from personae.personas.persona_layers import UNREAD_FIELDS, UNREAD_TRAITS

__all__ = [
    "FieldMapping",
    "add_big_five",
    "flatten_facts",
    "nest_facts",
    "read_fields",
    "read_open_fields",
    "whole_number",
    "write_fields",
]

_MAX_LEVELS = 8
_LIST = "; "


class FieldMapping(NamedTuple):
    """A path in a foreign object and the field of a persona that it maps to.

    `targets` is a text field (`text`, `voice`, `id`), `facts:PATH` or `provenance:NAME`; those
    after a bar are used for writing where the first is empty. `form` is the value's type at the
    foreign path: text; number (an integer, held as digits in the persona); lines (a list of texts,
    joined by newlines); list (a list of texts, joined by semicolons).
    """

    foreign_path: tuple[str, ...]
    targets: str
    form: str = "text"
    default: object = None


_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "gender": ("sex",),
    "name": ("full name",),
    "occupation": ("job", "profession", "role"),
    "residence": ("place", "city"),
}
"""Names that other taxonomies use for a fact."""


def read_fields(fields: Iterable[FieldMapping], foreign: Mapping[str, object]) -> Json:
    """Read the mapped fields into a persona's row; provenance names those of another form."""
    row: Json = {}
    unread = []
    for field in fields:
        given = _value_at(foreign, field.foreign_path)
        value = _text(given, field.form)
        if value is None and given not in (None, [], {}):
            unread.append(".".join(field.foreign_path))
        if value is None or value == field.default:
            continue
        layer, _, name = field.targets.partition("|")[0].partition(":")
        if not name:
            row[layer] = value
        else:
            pairs = row.setdefault(layer, {})
            assert isinstance(pairs, dict)
            pairs[name] = value
    if unread:
        _note(row, UNREAD_FIELDS, ", ".join(unread))
    return row


def add_big_five(row: Json, value: object) -> Json:
    """Set the traits of a persona's row, and name in its provenance what can't be read.

    >>> add_big_five({}, "high openness, not neurotic")
    {'traits': {'O': 1.0}, 'provenance': {'traits/unread': 'not neurotic'}}
    """
    traits, unread = read_big_five(value)
    row["traits"] = traits
    if unread:
        _note(row, UNREAD_TRAITS, "; ".join(unread))
    return row


def _note(row: Json, name: str, text: str) -> None:
    """Add to the provenance of a persona's row."""
    provenance = row.setdefault("provenance", {})
    assert isinstance(provenance, dict)
    provenance[name] = text


def read_open_fields(
    fields: Sequence[FieldMapping],
    foreign: Mapping[str, object],
    mapped_paths: Iterable[tuple[str, ...]] = (),
) -> Json:
    """Read the mapped fields, and as facts all others except those in `mapped_paths`."""
    row = read_fields(fields, foreign)
    facts = row.setdefault("facts", {})
    assert isinstance(facts, dict)
    facts |= flatten_facts(foreign, [*(field.foreign_path for field in fields), *mapped_paths])
    return row


def write_fields(fields: Iterable[FieldMapping], persona: Persona) -> tuple[Json, dict[str, str]]:
    """Write the mapped fields; return the object and the facts that no field maps to.

    A field without a value is left out or gets its default. A fact of another taxonomy is matched
    by the last name of its path, under the same or a demographic category.
    """
    foreign: Json = {}
    remaining_facts = dict(persona.facts)
    for field in fields:
        text = None
        for target in field.targets.split("|"):
            layer, _, name = target.partition(":")
            if layer == "facts":
                text = remaining_facts.pop(_matching_path(remaining_facts, name), None)
            else:
                value = getattr(persona, layer)
                text = value.get(name) if name else value or None
            if text is not None:
                break
        if text is not None:
            _set_at(foreign, field.foreign_path, _foreign_value(text, field.form))
        elif field.default is not None:
            _set_at(foreign, field.foreign_path, deepcopy(field.default))
    return foreign, remaining_facts


def _matching_path(facts: Mapping[str, str], wanted_path: str) -> str:
    if wanted_path in facts:
        return wanted_path
    wanted_category, _, wanted_name = wanted_path.rpartition("/")
    names = (wanted_name, *_SYNONYMS.get(wanted_name, ()))
    prefixes = (wanted_category[:4].lower() or "demo", "demo")
    for path in facts:
        category, _, end = path.rpartition("/")
        is_near = not category or category.lower().startswith(prefixes)
        if is_near and end.lower().replace("_", " ") in names:
            return path
    return wanted_path


def _value_at(foreign: object, path: tuple[str, ...]) -> object:
    for name in path:
        foreign = foreign.get(name) if isinstance(foreign, Mapping) else None
    return foreign


def _set_at(foreign: Json, path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        inner = foreign.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        foreign = inner
    foreign[path[-1]] = value


def _text(value: object, form: str) -> str | None:
    if isinstance(value, str):
        return value
    if form == "number" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if form in ("lines", "list") and _are_texts(value):
        return ("\n" if form == "lines" else _LIST).join(value)  # type: ignore[arg-type]
    return None


def _foreign_value(text: str, form: str) -> object:
    if form == "number":
        return whole_number(text)
    if form in ("lines", "list"):
        return text.split("\n" if form == "lines" else _LIST)
    return text


def whole_number(text: str) -> int | str:
    """Convert a text of plain digits to an integer; leave any other text.

    >>> whole_number("34"), whole_number("034"), whole_number("thirty")
    (34, '034', 'thirty')
    """
    return int(text) if text.isascii() and text.isdigit() and str(int(text[:9])) == text else text


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


def flatten_facts(value: object, skip: Iterable[tuple[str, ...]] = ()) -> dict[str, str]:
    """Flatten an object into facts by path; lists of texts are joined, other lists skipped.

    >>> flatten_facts({"work": {"title": "nurse", "since": 1999}, "likes": ["tea", "rain"]})
    {'work/title': 'nurse', 'work/since': '1999', 'likes': 'tea; rain'}
    """
    skipped = {*skip}
    facts: dict[str, str] = {}
    pending: list[tuple[tuple[str, ...], object]] = [((), value)]
    while pending:
        path, node = pending.pop()
        if path in skipped:
            continue
        if isinstance(node, dict):
            pending += [((*path, name), child) for name, child in reversed(node.items())]
        elif isinstance(node, str) and path:
            facts["/".join(path)] = node
        elif isinstance(node, int | float) and not isinstance(node, bool):
            facts["/".join(path)] = str(node)
        elif _are_texts(node):
            facts["/".join(path)] = _LIST.join(node)  # type: ignore[arg-type]
    return facts


def nest_facts(facts: Mapping[str, str], into: Json) -> Json:
    """Put facts into an object by path; a fact whose path has a value already is left out."""
    for path, value in facts.items():
        names = tuple(path.split("/", _MAX_LEVELS - 1))
        if _value_at(into, names) is None:
            _set_at(into, names, value)
    return into
