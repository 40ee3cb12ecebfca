"""Texts in PNG files, read and written chunk by chunk; the picture itself is left as it is.

Only the texts that hold a card are decoded. Sizes are checked before anything is read or inflated.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from personae.core import BadFile

__all__ = [
    "SIGNATURE",
    "add_text",
    "blank_picture",
    "check_picture",
    "png_texts",
    "read_picture",
    "remove_texts",
]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PICTURE, MAX_TEXT, MAX_CHUNKS = 8 << 20, 4 << 20, 10_000
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def read_picture(path: Path) -> bytes:
    """Read a PNG file of at most 8 MB whose chunks are complete and have valid checksums.

    Raises:
        BadFile: it is no PNG, too large, truncated or damaged.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_PICTURE + 1)
    except OSError as error:
        raise BadFile(f"can't read {path}: {error.strerror or error}") from error
    if len(data) > MAX_PICTURE:
        raise BadFile(f"{path}: larger than {MAX_PICTURE >> 20} MB; make the picture smaller")
    check_picture(data, str(path))
    return data


def check_picture(data: bytes, where: str) -> None:
    """Check that a picture is a PNG whose chunks are complete and have valid checksums.

    Raises:
        BadFile: it is not.
    """
    names = [name for name, _ in _chunks(data, where)]
    if names[:1] != [b"IHDR"] or names[-1:] != [b"IEND"]:
        raise BadFile(f"{where}: a PNG begins with a header and has an end; this one was cut")


def _chunks(data: bytes, where: str) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(SIGNATURE):
        raise BadFile(f"{where}: not a PNG picture")
    offset, count = len(SIGNATURE), 0
    while offset < len(data):
        count += 1
        head = data[offset : offset + 8]
        size, name = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"")
        body, check = (
            data[offset + 8 : offset + 8 + size],
            data[offset + 8 + size : offset + 12 + size],
        )
        if len(check) != 4 or count > MAX_CHUNKS:
            raise BadFile(f"{where}: the picture is cut or has more than {MAX_CHUNKS:,} chunks")
        if zlib.crc32(name + body) != int.from_bytes(check):
            raise BadFile(f"{where}: chunk {name!r} has a wrong check sum; the file is damaged")
        yield name, body
        offset += 12 + size


def png_texts(picture: bytes, keys: Sequence[str], where: str) -> dict[str, bytes]:
    """Return a picture's texts under the given keys, which are lower-case; case doesn't matter.

    Of several with one key the last counts, and only that one is inflated.

    Raises:
        BadFile: a text is damaged, or longer than 4 MB when inflated.
    """
    texts = {}
    for name, body in _chunks(picture, where):
        key, separator, content = body.partition(b"\0")
        keyword = key.decode("latin-1").lower()
        if name in _TEXTS and separator and keyword in keys:
            texts[keyword] = (name, content)
    return {keyword: _text(*text, where) for keyword, text in texts.items()}


def _text(name: bytes, content: bytes, where: str) -> bytes:
    if name == b"tEXt":
        text, is_compressed = content, False
    elif name == b"zTXt":
        text, is_compressed = content[1:], True
    else:  # iTXt: flag, method, language, translated key, text
        parts = content[2:].split(b"\0", 2)
        if len(content) < 2 or len(parts) != 3:
            raise BadFile(f"{where}: an international text chunk lacks its fields")
        text, is_compressed = parts[2], content[0] == 1
    if is_compressed:
        text = _inflated(text, where)
    if len(text) > MAX_TEXT:
        raise BadFile(f"{where}: a text in it is longer than {MAX_TEXT >> 20} MB")
    return text


def _inflated(packed: bytes, where: str) -> bytes:
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(packed, MAX_TEXT + 1)
    except zlib.error as error:
        raise BadFile(f"{where}: a packed text in it is damaged: {error}") from error
    if not inflater.eof and len(text) <= MAX_TEXT:
        raise BadFile(f"{where}: a packed text in it is cut")
    return text


def remove_texts(picture: bytes, keys: Sequence[str]) -> bytes:
    """Return the picture without the texts under the given keys, in whatever case."""
    keywords = {key.encode("latin-1") for key in keys}
    return SIGNATURE + b"".join(
        _chunk(name, body)
        for name, body in _chunks(picture, "the picture")
        if name not in _TEXTS or body.partition(b"\0")[0].lower() not in keywords
    )


def add_text(picture: bytes, key: str, text: bytes) -> bytes:
    """Return the picture with a text under a key, added before its end.

    Raises:
        BadFile: it is not a PNG, or the text is longer than 4 MB.
    """
    if len(text) > MAX_TEXT:
        raise BadFile(f"a picture carries at most {MAX_TEXT >> 20} MB of text; write JSON instead")
    chunks = [_chunk(name, body) for name, body in _chunks(picture, "the picture")]
    carried = _chunk(b"tEXt", key.encode("latin-1") + b"\0" + text)
    return SIGNATURE + b"".join([*chunks[:-1], carried, *chunks[-1:]])


def blank_picture() -> bytes:
    """Draw a small grey picture for a card that has none."""
    width, height = 64, 96
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compress((b"\0" + b"\xc8" * width) * height, 9)
    parts = ((b"IHDR", header), (b"IDAT", lines), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
