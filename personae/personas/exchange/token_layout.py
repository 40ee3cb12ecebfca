"""The layout of JSON that a person or another library laid out, as no `json.dumps` does.

It is the white space between the tokens, packed, and those numbers that aren't written in the usual
form, such as 1e3. It holds nothing else of the content, and fits as long as the tokens are as many.
"""

import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from itertools import zip_longest

from personae.core import Json

__all__ = ["MAX_FILE", "token_layout", "with_tokens"]

MAX_FILE = 64 << 20
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_GAPS = re.compile(r"[ \t\r\n|]*")
_STYLES = [{"escapes": e, "slashes": s} for e in (False, True) for s in (False, True)]


def token_layout(text: str, values: Sequence[object]) -> Json:
    """Find the layout of a text that holds these values; {} if its strings are written oddly."""
    matches = [*_TOKEN.finditer(text)]
    ends = [0, *(match.end() for match in matches)]
    starts = [*(match.start() for match in matches), len(text)]
    gaps = "|".join(text[end:start] for end, start in zip(ends, starts, strict=True))
    tokens = [match[0] for match in matches]
    for style in _STYLES:
        numbers = _odd_numbers(tokens, _tokens(values, **style))
        if numbers is not None:
            packed = b64encode(zlib.compress(gaps.encode(), 9)).decode()
            return {**style, "numbers": numbers, "gaps": packed}
    return {}


def with_tokens(values: Sequence[object], layout: Json, *, lines: bool) -> str:
    """Write values in a kept layout, "" where it doesn't fit them; it is not trusted."""
    style = {name: layout.get(name) is True for name in ("escapes", "slashes")}
    tokens = _tokens(values, **style)
    packed = _unpacked(layout.get("gaps"))
    if not tokens or packed.count("|") != len(tokens):
        return ""
    numbers = layout.get("numbers")
    for key, number in numbers.items() if isinstance(numbers, dict) else ():
        index = int(key) if str(key).isdecimal() and len(str(key)) < 9 else len(tokens)
        if index < len(tokens) and _same_number(number, tokens[index]):
            tokens[index] = number
    text = "".join(
        gap + token for gap, token in zip_longest(packed.split("|"), tokens, fillvalue="")
    )
    return text if _holds(text, values, lines) else ""


def _tokens(values: Sequence[object], *, escapes: bool, slashes: bool) -> list[str]:
    text = "\n".join(json.dumps(v, ensure_ascii=escapes, allow_nan=False) for v in values)
    return _TOKEN.findall(text.replace("/", "\\/") if slashes else text)


def _odd_numbers(tokens: list[str], usual: list[str]) -> dict[str, str] | None:
    """Return the numbers in another form than the usual one by place; None if more differs."""
    if len(tokens) != len(usual):
        return None
    odd = [(i, t) for i, (t, u) in enumerate(zip(tokens, usual, strict=True)) if t != u]
    is_sound = all(_same_number(token, usual[index]) for index, token in odd)
    return {str(index): token for index, token in odd} if is_sound else None


def _same_number(token: object, usual: str) -> bool:
    if not isinstance(token, str) or not _NUMBER.fullmatch(token) or not _NUMBER.fullmatch(usual):
        return False
    return len(token) < 400 and repr(json.loads(token)) == repr(json.loads(usual))


def _unpacked(packed: object) -> str:
    """Unpack white space; "" for anything else."""
    try:
        data = b64decode(packed, validate=True) if isinstance(packed, str) else b""
        unpacking = zlib.decompressobj()
        gaps = unpacking.decompress(data, MAX_FILE).decode("ascii")
    except (ValueError, zlib.error):
        return ""
    return gaps if unpacking.eof and _GAPS.fullmatch(gaps) else ""


def _holds(text: str, values: Sequence[object], lines: bool) -> bool:
    """Tell whether a text is these values in this order, each on a line of its own if `lines`."""
    texts = text.rstrip(" \t\r\n").split("\n") if lines else [text]
    try:
        read = [json.dumps(json.loads(part)) for part in texts]
    except ValueError:
        return False
    return read == [json.dumps(value) for value in values]
