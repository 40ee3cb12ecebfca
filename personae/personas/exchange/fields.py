"""Which field of a format is which of a persona's, as data; and open fields as facts by path."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import NamedTuple

from personae.core import Json, Persona

__all__ = [
    "FieldMapping",
    "flatten_facts",
    "nest_facts",
    "read_fields",
    "whole_number",
    "write_fields",
]

_MAX_LEVELS = 8
_LIST = "; "


class FieldMapping(NamedTuple):
    """A foreign path and the persona's place for it.

    `place` is a field of text (`text`, `voice`, `id`), or `facts:PATH`, or `provenance:NAME`;
    others after a bar serve, in writing, where it is empty. `form` says what stands at the foreign
    path: text; number (a whole one, as digits on our side); lines (a list of texts, one a line);
    list (a list of texts, parted by semicolons).
    """

    at: tuple[str, ...]
    place: str
    form: str = "text"
    default: object = None


_ALSO: Mapping[str, tuple[str, ...]] = {
    "gender": ("sex",),
    "name": ("full name",),
    "occupation": ("job", "profession", "role"),
    "residence": ("place", "city"),
}
"""Other names under which other taxonomies hold a fact."""


def read_fields(fields: Iterable[FieldMapping], foreign: Mapping[str, object]) -> Json:
    """Read what the fields name into a persona's row; what has another form is left."""
    row: Json = {}
    for field in fields:
        value = _text(_at(foreign, field.at), field.form)
        if value is None or value == field.default:
            continue
        home, _, name = field.place.partition("|")[0].partition(":")
        if not name:
            row[home] = value
        else:
            pairs = row.setdefault(home, {})
            assert isinstance(pairs, dict)
            pairs[name] = value
    return row


def write_fields(fields: Iterable[FieldMapping], persona: Persona) -> tuple[Json, dict[str, str]]:
    """Write what the fields name; give the object and the facts that are left.

    A field without value is left out or has its default. A fact is also found in another taxonomy,
    by the last level of its path, under the same or a demographic category.
    """
    foreign: Json = {}
    left = dict(persona.facts)
    for field in fields:
        text = None
        for place in field.place.split("|"):
            home, _, name = place.partition(":")
            if home == "facts":
                text = left.pop(_path(left, name), None)
            else:
                value = getattr(persona, home)
                text = value.get(name) if name else value or None
            if text is not None:
                break
        if text is not None:
            _set(foreign, field.at, _formed(text, field.form))
        elif field.default is not None:
            _set(foreign, field.at, deepcopy(field.default))
    return foreign, left


def _path(facts: Mapping[str, str], wanted: str) -> str:
    if wanted in facts:
        return wanted
    home, _, last = wanted.rpartition("/")
    names = (last, *_ALSO.get(last, ()))
    homes = (home[:4].lower() or "demo", "demo")
    for path in facts:
        category, _, end = path.rpartition("/")
        near = not category or category.lower().startswith(homes)
        if near and end.lower().replace("_", " ") in names:
            return path
    return wanted


def _at(foreign: object, path: tuple[str, ...]) -> object:
    for name in path:
        foreign = foreign.get(name) if isinstance(foreign, Mapping) else None
    return foreign


def _set(foreign: Json, path: tuple[str, ...], value: object) -> None:
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


def _formed(text: str, form: str) -> object:
    if form == "number":
        return whole_number(text)
    if form in ("lines", "list"):
        return text.split("\n" if form == "lines" else _LIST)
    return text


def whole_number(text: str) -> int | str:
    """Give a text as a whole number if that is all it says.

    >>> whole_number("34"), whole_number("034"), whole_number("thirty")
    (34, '034', 'thirty')
    """
    return int(text) if text.isascii() and text.isdigit() and str(int(text[:9])) == text else text


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)


def flatten_facts(value: object, skip: Iterable[tuple[str, ...]] = ()) -> dict[str, str]:
    """Flatten an object into facts by path; lists of texts are joined, other lists left.

    >>> flatten_facts({"work": {"title": "nurse", "since": 1999}, "likes": ["tea", "rain"]})
    {'work/title': 'nurse', 'work/since': '1999', 'likes': 'tea; rain'}
    """
    left = {*skip}
    facts: dict[str, str] = {}
    pending: list[tuple[tuple[str, ...], object]] = [((), value)]
    while pending:
        path, one = pending.pop()
        if path in left:
            continue
        if isinstance(one, dict):
            pending += [((*path, name), child) for name, child in reversed(one.items())]
        elif isinstance(one, str) and path:
            facts["/".join(path)] = one
        elif isinstance(one, int | float) and not isinstance(one, bool):
            facts["/".join(path)] = str(one)
        elif _are_texts(one):
            facts["/".join(path)] = _LIST.join(one)  # type: ignore[arg-type]
    return facts


def nest_facts(facts: Mapping[str, str], into: Json) -> Json:
    """Put facts into an object by path; one whose place is taken is left out."""
    for path, value in facts.items():
        names = tuple(path.split("/", _MAX_LEVELS - 1))
        if _at(into, names) is None:
            _set(into, names, value)
    return into
