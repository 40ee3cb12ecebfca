"""Character cards, versions 2 and 3: JSON files, or PNG pictures that carry the JSON.

Both versions share what an import keeps, so that a card of one version becomes a card of the
other with all its fields. A picture is kept with its card and exported with it.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path

from personae.core import BadFile, BadValue, Json, Persona, parse_json
from personae.core.files.atomic_path import atomic_path
from personae.personas.exchange.fields import FieldMapping, read_fields, write_fields
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_each,
    dump_json,
    json_text,
    load_each,
    load_json,
    require_object,
)
from personae.personas.exchange.lens import Lens
from personae.personas.exchange.png_text import (
    add_text,
    blank_picture,
    png_texts,
    read_picture,
    remove_texts,
)

__all__ = ["LENS_V2", "LENS_V3", "V2", "V3", "dump", "load_v2", "load_v3"]

V2, V3 = "chara_card_v2", "chara_card_v3"
_CHUNKS = {V3: "ccv3", V2: "chara"}
_PICTURE = "personae/picture"
_DATA = "data:image/png;base64,"
_FIELDS = (
    FieldMapping(("name",), "facts:demographics/name|id"),
    FieldMapping(("description",), "text|narrative", default=""),
    FieldMapping(("personality",), "facts:personality/summary", default=""),
    FieldMapping(("scenario",), "facts:scenario", default=""),
    FieldMapping(("first_mes",), "facts:voice/greeting", default=""),
    FieldMapping(("mes_example",), "voice", default=""),
    FieldMapping(("creator_notes",), "provenance:notes", default=""),
    FieldMapping(("system_prompt",), "facts:instruction", default=""),
    FieldMapping(("creator",), "provenance:made by", default=""),
    FieldMapping(("tags",), "facts:tags", "list", default=[]),
    FieldMapping(("nickname",), "facts:demographics/nickname"),
    FieldMapping(("source",), "provenance:source", "list"),
)
_DEFAULTS_V2: Json = {
    "post_history_instructions": "",
    "alternate_greetings": [],
    "character_version": "",
}
_DEFAULTS_V3: Json = {**_DEFAULTS_V2, "group_only_greetings": []}


def _read(foreign: Mapping[str, object]) -> Json:
    data = foreign.get("data")
    data = data if isinstance(data, dict) else {}
    row = read_fields(_FIELDS, data)
    name = data.get("name")
    name = name if isinstance(name, str) else ""
    text = row.get("text")
    if name and isinstance(text, str):
        row["text"] = text.replace("{{char}}", name)
    return {**row, "id": name}


def _writer(spec: str, version: str, defaults: Json) -> Callable[[Persona], Json]:
    def write(persona: Persona) -> Json:
        data = {**write_fields(_FIELDS, persona)[0], **deepcopy(defaults), "extensions": {}}
        return {"spec": spec, "spec_version": version, "data": data}

    return write


def load_v2(path: Path) -> Iterator[ForeignObject]:
    """Read one card of version 2, JSON or PNG, or all cards of a folder."""
    yield from _load(path, V2)


def load_v3(path: Path) -> Iterator[ForeignObject]:
    """Read one card of version 3, JSON or PNG, or all cards of a folder."""
    yield from _load(path, V3)


def _load(path: Path, spec: str) -> Iterator[ForeignObject]:
    if path.is_dir() or path.suffix.lower() != ".png":
        yield from load_each(path, ".json", partial(_load_json, spec=spec))
    if path.is_dir() or path.suffix.lower() == ".png":
        yield from load_each(path, ".png", partial(_load_png, spec=spec))


def _load_json(path: Path, spec: str) -> Iterator[ForeignObject]:
    yield ForeignObject(str(path), _checked(load_json(path), path, spec))


def _load_png(path: Path, spec: str) -> Iterator[ForeignObject]:
    """Read the card in a picture, and keep the picture with its data."""
    picture = read_picture(path)
    texts = png_texts(picture, [_CHUNKS[spec]], str(path))
    if not texts:
        raise BadFile(f"{path}: this picture carries no card (no text {_CHUNKS[spec]!r})")
    try:
        text = base64.b64decode(texts[_CHUNKS[spec]], validate=True)
    except ValueError as error:
        raise BadFile(f"{path}: its card is not base64 text: {error}") from error
    card = _checked(parse_json(text, str(path)), path, spec)
    picture_without_card = remove_texts(picture, list(_CHUNKS.values()))
    if picture_without_card != blank_picture():
        data = require_object(card["data"], str(path))
        extensions = require_object(data.setdefault("extensions", {}), str(path))
        extensions[_PICTURE] = _DATA + base64.b64encode(picture_without_card).decode()
    yield ForeignObject(str(path), card)


def _checked(value: object, path: Path, spec: str) -> Json:
    card = require_object(value, str(path))
    if card.get("spec") != spec:
        spec_given = str(card.get("spec"))[:40]
        raise BadFile(f"{path}: a card of this format has the 'spec' {spec!r}, not {spec_given!r}")
    if not isinstance(card.get("data"), dict):
        raise BadFile(f"{path}: a card's 'data' is an object")
    return card


def dump(objects: NamedObjects, path: Path) -> None:
    """Write one card, or a folder of them; a path that ends in .png becomes a picture."""
    is_picture = path.suffix.lower() == ".png"
    dump_each(objects, path, _dump_png if is_picture else dump_json, path.suffix or ".json")


def _dump_png(card: Json, path: Path) -> None:
    data = card["data"]
    extensions = data.get("extensions") if isinstance(data, dict) else None
    kept_picture = extensions.pop(_PICTURE, None) if isinstance(extensions, dict) else None
    picture = blank_picture()
    if isinstance(kept_picture, str) and kept_picture.startswith(_DATA):
        try:
            picture = base64.b64decode(kept_picture.removeprefix(_DATA), validate=True)
        except ValueError as error:
            raise BadValue(f"the picture kept with this card is damaged: {error}") from error
    spec = V3 if card.get("spec") == V3 else V2
    text = base64.b64encode(json_text(card).encode())
    with atomic_path(path) as part:
        part.write_bytes(add_text(picture, _CHUNKS[spec], text))


LENS_V2 = Lens("card", _read, _writer(V2, "2.0", _DEFAULTS_V2), ("data", "extensions", "personae"))
LENS_V3 = Lens("card", _read, _writer(V3, "3.0", _DEFAULTS_V3), ("data", "extensions", "personae"))
