"""Character cards, versions 1 to 3: what their fields are in a persona.

All versions share what an import keeps, so that a card of one version becomes a card of another
with all its fields. Fields of version 1 stand at the top; those of versions 2 and 3 in `data`, and
where `data` lacks one, as in mixed cards, the one at the top is read.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy

from personae.core import BadFile, Json, Persona
from personae.personas.exchange.cards.card_macros import example_dialogues, fill_macros
from personae.personas.exchange.fields import FieldMapping, read_fields, write_fields
from personae.personas.exchange.lens import Lens

__all__ = ["LENSES", "V1", "V2", "V3", "card_version", "check_card", "is_lorebook"]

V1, V2, V3 = "chara_card_v1", "chara_card_v2", "chara_card_v3"
"""The versions, by the `spec` that cards of versions 2 and 3 have."""
_FIELDS_V1 = (
    FieldMapping(("name",), "facts:demographics/name|id"),
    FieldMapping(("description",), "text|narrative", default=""),
    FieldMapping(("personality",), "facts:personality/summary", default=""),
    FieldMapping(("scenario",), "facts:scenario", default=""),
    FieldMapping(("first_mes",), "facts:voice/greeting", default=""),
    FieldMapping(("mes_example",), "voice", default=""),
)
_FIELDS = (
    *_FIELDS_V1,
    FieldMapping(("creator_notes",), "provenance:notes", default=""),
    FieldMapping(("system_prompt",), "facts:instruction", default=""),
    FieldMapping(("creator",), "provenance:made by", default=""),
    FieldMapping(("tags",), "facts:tags", "list", default=[]),
    FieldMapping(("nickname",), "facts:demographics/nickname"),
    FieldMapping(("source",), "provenance:source", "list"),
)
_WITH_MACROS = ("description", "personality", "scenario", "first_mes", "mes_example")
_TEXTS = (*_WITH_MACROS, "system_prompt")
_DEFAULTS_V2: Json = {
    "post_history_instructions": "",
    "alternate_greetings": [],
    "character_version": "",
}
_DEFAULTS_V3: Json = {**_DEFAULTS_V2, "group_only_greetings": []}


def card_version(card: Mapping[str, object]) -> str:
    """Return a card's version, "" if the object is no card.

    >>> card_version({"name": "Mira", "description": "Keeps bees.", "first_mes": ""}) == V1
    True
    """
    spec = card.get("spec")
    if spec in (V2, V3):
        return str(spec)
    is_named = spec is None and isinstance(card.get("name"), str)
    return V1 if is_named and len(card.keys() & {*_WITH_MACROS}) >= 2 else ""


def is_lorebook(card: Mapping[str, object]) -> bool:
    """Return whether an object is a lorebook (entries about a world), with or without a card."""
    data = card.get("data")
    book = data.get("character_book") if isinstance(data, dict) else None
    if card.get("spec") == "lorebook_v3" or (card.get("entries") and not card_version(card)):
        return True
    return isinstance(book, dict) and bool(book.get("entries")) and not _has_persona(card)


def _has_persona(card: Mapping[str, object]) -> bool:
    fields = _card_fields(card)
    return any(fields.get(name) for name in ("name", *_TEXTS))


def check_card(card: Mapping[str, object], version: str, where: str) -> None:
    """Check that an object is a card of a version with someone in it.

    Raises:
        BadFile: another version, `data` of another form, nothing but a lorebook, or nothing.
    """
    if is_lorebook(card):
        raise BadFile(f"{where}: a lorebook, not a persona: it describes a world, not someone")
    if card_version(card) != version:
        spec = str(card.get("spec"))[:40]
        form = "no 'spec'" if version == V1 else f"the 'spec' {version!r}"
        raise BadFile(f"{where}: a card of this format has {form}, not {spec!r}")
    data = card.get("data", None if version == V1 or _has_persona(card) else [])
    if data is not None and not isinstance(data, dict):
        raise BadFile(f"{where}: a card's 'data' is an object")
    if not _has_persona(card):
        raise BadFile(
            f"{where}: an empty card: neither its 'data' nor its top level has a name, a "
            f"description or another text"
        )


def _card_fields(card: Mapping[str, object]) -> Json:
    """Return the fields of `data`, and those at the top that it lacks."""
    data = card.get("data")
    data = data if isinstance(data, dict) else {}
    names = [field.foreign_path[0] for field in _FIELDS]
    top = {name: card[name] for name in names if name in card}
    return {**top, **{name: data[name] for name in names if data.get(name)}}


def _read(card: Mapping[str, object]) -> Json:
    fields = _card_fields(card)
    name, nickname = (fields.get(key) for key in ("name", "nickname"))
    name = name if isinstance(name, str) else ""
    called = nickname if isinstance(nickname, str) and nickname else name
    for key in _TEXTS:
        text = fields.get(key)
        if isinstance(text, str):
            text = fill_macros(text, called)
            fields[key] = example_dialogues(text) if key == "mes_example" else text
    return {**read_fields(_FIELDS, fields), "id": name}


def _write_v1(persona: Persona) -> Json:
    return write_fields(_FIELDS_V1, persona)[0]


def _writer(spec: str, version: str, defaults: Json) -> Callable[[Persona], Json]:
    def write(persona: Persona) -> Json:
        data = {**write_fields(_FIELDS, persona)[0], **deepcopy(defaults), "extensions": {}}
        return {"spec": spec, "spec_version": version, "data": data}

    return write


_SLOT = ("data", "extensions", "personae")
LENSES: Mapping[str, Lens] = {
    V1: Lens("card", _read, _write_v1),
    V2: Lens("card", _read, _writer(V2, "2.0", _DEFAULTS_V2), _SLOT),
    V3: Lens("card", _read, _writer(V3, "3.0", _DEFAULTS_V3), _SLOT),
}
