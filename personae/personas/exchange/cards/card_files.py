"""The files that hold character cards: JSON, PNG pictures with the JSON inside, `.charx` archives.

A picture is kept with its card: as long as nothing changes it comes back byte for byte; after a
change its cards are written again, those of version 3 also as version 2 for older readers.
"""

import base64
import zipfile
from collections.abc import Iterator
from pathlib import Path

from personae.core import BadFile, BadValue, Json, content_key, parse_json
from personae.core.files.atomic_path import atomic_path
from personae.personas.exchange.cards.character_cards import V2, V3, card_version, check_card
from personae.personas.exchange.cards.png_text import (
    SIGNATURE,
    add_text,
    blank_picture,
    check_picture,
    png_texts,
    read_picture,
    remove_texts,
)
from personae.personas.exchange.file_layout import take_layout
from personae.personas.exchange.foreign_files import (
    ForeignObject,
    NamedObjects,
    dump_each,
    dump_json,
    json_text,
    load_json,
    require_object,
    with_layout,
)

__all__ = ["CARD_PICTURES", "dump_cards", "load_card", "read_cards"]

CARD_PICTURES = (".png", ".apng", ".charx", ".jpg", ".jpeg", ".webp")
"""The suffixes of files other than JSON that may hold a card."""
_CHUNKS = ("ccv3", "chara")
"""The texts of a picture that hold a card: of version 3, and of 2 or 1."""
_PICTURE = "personae/picture"
_DATA = "data:image/png;base64,"
_MAX_CARD, _MAX_ENTRIES = 4 << 20, 10_000
_OTHERS = {b"RIFF": "a WebP picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture"}


def read_cards(path: Path) -> list[Json]:
    """Read the cards of a file of any kind, unchecked; a picture may carry one in each version.

    Raises:
        BadFile: it can't be read, carries no card, or is too large.
    """
    head = _head(path)
    if zipfile.is_zipfile(path):  # a charx may have a picture before it
        return [_from_archive(path)]
    if head.startswith(SIGNATURE) or path.suffix.lower() in (".png", ".apng"):
        return _from_picture(read_picture(path), str(path))
    if kind := next((name for magic, name in _OTHERS.items() if head.startswith(magic)), ""):
        raise BadFile(
            f"{path}: {kind}; cards are read from PNG, JSON and charx: save it as one of these in "
            f"the tool that made it"
        )
    return [require_object(load_json(path), str(path))]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise BadFile(f"can't read {path}: {error.strerror or error}") from error


def _from_picture(picture: bytes, where: str) -> list[Json]:
    texts = png_texts(picture, _CHUNKS, where)
    if not texts:
        raise BadFile(f"{where}: this picture carries no card (no text {' or '.join(_CHUNKS)})")
    cards = []
    for key in _CHUNKS:
        if key in texts:
            try:
                text = base64.b64decode(texts[key], validate=True)
            except ValueError as error:
                raise BadFile(f"{where}: its card is not base64 text: {error}") from error
            cards.append(require_object(parse_json(text, where), where))
    return cards


def _from_archive(path: Path) -> Json:
    """Read the card of a charx; nothing else in it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MAX_ENTRIES:
                raise BadFile(f"{path}: an archive of more than {_MAX_ENTRIES:,} files")
            with archive.open("card.json") as stream:
                text = stream.read(_MAX_CARD + 1)
    except KeyError as error:
        raise BadFile(f"{path}: not a charx archive: it has no card.json") from error
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise BadFile(f"{path}: an archive that can't be read ({error})") from error
    except Exception as error:  # zlib, bz2 and lzma have an error of their own each
        raise BadFile(f"{path}: a damaged archive ({error})") from error
    if len(text) > _MAX_CARD:
        raise BadFile(f"{path}: its card is longer than {_MAX_CARD >> 20} MB")
    return require_object(parse_json(text, str(path)), str(path))


def load_card(path: Path, version: str) -> Iterator[ForeignObject]:
    """Read the card of a version from a file of any kind.

    Raises:
        BadFile: it can't be read, or carries no card of this version.
    """
    cards = read_cards(path)
    card = next((card for card in cards if card_version(card) == version), cards[0])
    check_card(card, version, str(path))
    if _head(path).startswith(SIGNATURE):
        picture = read_picture(path)
        if _drawn(card, blank_picture()) != picture:
            _holder(card)[_PICTURE] = _DATA + base64.b64encode(picture).decode()
    yield from with_layout([ForeignObject(str(path), card)], path)


def _holder(card: Json) -> Json:
    """Return the object of a card that keeps what other tools add."""
    if card_version(card) not in (V2, V3):
        return card
    if not isinstance(card.get("data"), dict):
        card["data"] = {}
    data = require_object(card["data"], "a card")
    if not isinstance(data.get("extensions"), dict):
        data["extensions"] = {}
    return require_object(data["extensions"], "a card")


def dump_cards(objects: NamedObjects, path: Path) -> None:
    """Write one card, or a folder of them; a path that ends in .png becomes a picture."""
    is_picture = path.suffix.lower() == ".png"
    dump_each(objects, path, _dump_picture if is_picture else dump_json, path.suffix or ".json")


def _dump_picture(card: Json, path: Path) -> None:
    take_layout([card], path)  # that of a JSON file
    picture = _pop_picture(card)
    with atomic_path(path) as part:
        drawn = _drawn(card, blank_picture()) if picture is None else _redrawn(card, picture)
        part.write_bytes(drawn)


def _redrawn(card: Json, picture: bytes) -> bytes:
    """Return the picture as it came if it carries this card already, else with its new cards."""
    try:
        carried = _from_picture(picture, "the picture kept with this card")
    except BadFile:
        carried = []
    if any(_identity(other) == _identity(card) for other in carried):
        return picture
    return _drawn(card, remove_texts(picture, _CHUNKS))


def _identity(card: Json) -> str:
    """Hash a card; extensions that are null, empty or absent make no difference."""
    data = card.get("data")
    if isinstance(data, dict) and not data.get("extensions"):
        card = {**card, "data": {k: v for k, v in data.items() if k != "extensions"}}
    if not card.get("data"):
        card = {k: v for k, v in card.items() if k != "data"}
    return content_key(card)


def _drawn(card: Json, picture: bytes) -> bytes:
    older = {**card, "spec": V2, "spec_version": "2.0"} if card.get("spec") == V3 else card
    picture = add_text(picture, "chara", base64.b64encode(json_text(older).encode()))
    if older is card:
        return picture
    return add_text(picture, "ccv3", base64.b64encode(json_text(card).encode()))


def _pop_picture(card: Json) -> bytes | None:
    data = card.get("data")
    extensions = data.get("extensions") if isinstance(data, dict) else None
    kept = None
    for holder in (card, extensions):
        if isinstance(holder, dict):
            kept = holder.pop(_PICTURE, kept)
    if not isinstance(kept, str) or not kept.startswith(_DATA):
        return None
    try:
        picture = base64.b64decode(kept.removeprefix(_DATA), validate=True)
        check_picture(picture, "the picture kept with this card")
    except (ValueError, BadFile) as error:
        raise BadValue(f"the picture kept with this card is damaged: {error}") from error
    return picture
