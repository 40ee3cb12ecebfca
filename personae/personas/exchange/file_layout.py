"""The layout of JSON files: indentation, separators, escapes, line ends and byte order mark.

An import finds the layout with which `json.dumps` gives a file's bytes again and keeps it with the
file's first object, where it differs from our own; for a file whose bytes none gives (numbers such
as 1e3, an object a line in a list) that of its tokens. A file whose texts are escaped in places
without need is written in our layout, nothing else lost.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from personae.core import Json
from personae.personas.exchange.token_layout import MAX_FILE, token_layout, with_tokens

__all__ = ["LAYOUT", "file_layout", "laid_out", "take_layout"]

LAYOUT = "personae/layout"
"""The name under which a foreign object carries the layout of its file."""
_FIRST_NAME = re.compile(r'[\[{\s]*"(?:[^"\\]|\\.)*"(\s*:\s*)')
_FIRST_INDENT = re.compile(r"[\[{]\r?\n([ \t]*)")
_SPACE = re.compile(r"[ \t\r\n]{0,16}")


@dataclass(frozen=True, slots=True)
class _Layout:
    """How JSON is laid out; `final` is the white space at the end of the file."""

    indent: str | None = " "
    comma: str = ","
    colon: str = ": "
    escapes: bool = False
    newline: str = "\n"
    final: str = "\n"
    mark: bool = False

    def encode(self, values: Iterable[object]) -> bytes:
        """Encode values one after the other, on a line each unless they are indented."""
        coder = json.JSONEncoder(
            indent=self.indent,
            separators=(self.comma, self.colon),
            ensure_ascii=self.escapes,
            allow_nan=False,
        )
        text = "\n".join(map(coder.encode, values)).replace("\n", self.newline) + self.final
        return BOM_UTF8 * self.mark + text.encode()


_OURS = {False: _Layout(), True: _Layout(indent=None, comma=", ")}
"""Our own layout of JSON, and of JSON lines."""


def file_layout(path: Path) -> Json:
    """Find in what a file's layout differs from ours; {} if in nothing, or if none is found."""
    lines = _is_lines(path)
    try:
        if path.stat().st_size > MAX_FILE:
            return {}
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
        texts = text.rstrip(" \t\r\n").split("\n") if lines else [text]
        values = [json.loads(text) for text in texts]
        candidates = _candidates(text, content.startswith(BOM_UTF8), lines)
        layout = next((it for it in candidates if it.encode(values) == content), None)
        if layout is None:
            tokens = token_layout(text, values)
            mark = {"mark": True} if content.startswith(BOM_UTF8) else {}
            return {"lines": lines, "tokens": tokens, **mark} if tokens else {}
    except (OSError, ValueError, RecursionError):
        return {}
    changes = {n: v for n, v in asdict(layout).items() if v != getattr(_OURS[lines], n)}
    return {"lines": lines, **changes} if changes else {}


def _candidates(text: str, mark: bool, lines: bool) -> Iterator[_Layout]:
    colon, indent = _FIRST_NAME.match(text), _FIRST_INDENT.match(text)
    layout = replace(
        _OURS[lines],
        indent=indent[1] if indent and not lines else None,
        colon=colon[1] if colon else ": ",
        newline="\r\n" if "\r\n" in text else "\n",
        final=text[len(text.rstrip(" \t\r\n")) :],
        mark=mark,
    )
    if layout != _valid(asdict(layout), lines):
        return
    for escapes in sorted((False, True), key=("\\u" in text).__ne__):
        for comma in (", ", ",") if layout.indent is None else (",", ", "):
            yield replace(layout, comma=comma, escapes=escapes)


def _valid(kept: Json, lines: bool) -> _Layout:
    """Return a kept layout, ours where it holds anything that isn't white space around JSON."""
    ours = _OURS[lines]
    layout: dict[str, Any] = {
        name: kept.get(name, default) for name, default in asdict(ours).items()
    }
    flags = [layout.pop("escapes"), layout.pop("mark")]
    indent = layout.pop("indent")
    texts = ["" if indent is None else indent, *layout.values()]
    if not all(isinstance(text, str) for text in texts):
        return ours
    spaces = zip(texts, ("", ",", ":", "", ""), strict=True)
    is_sound = all(_SPACE.fullmatch(text.replace(sign, "", 1)) for text, sign in spaces)
    is_sound &= "," in texts[1] and ":" in texts[2] and texts[3] in ("\n", "\r\n")
    is_sound &= all(isinstance(flag, bool) for flag in flags) and not (lines and indent)
    return _Layout(indent, escapes=flags[0], mark=flags[1], **layout) if is_sound else ours


def _is_lines(path: Path) -> bool:
    return ".jsonl" in path.suffixes[-2:]


def take_layout(objects: Iterable[object], path: Path) -> Json:
    """Take the layouts out of objects; return the first one's if it is of such a file, or {}."""
    kept = [value.pop(LAYOUT, {}) for value in objects if isinstance(value, dict)]
    first = kept[0] if kept and isinstance(kept[0], dict) else {}
    return first if first.get("lines", False) == _is_lines(path) else {}


def laid_out(values: Iterable[object], path: Path, layout: Json) -> bytes:
    """Encode values in a kept layout, in ours where it says nothing or doesn't fit them."""
    rows, lines, tokens = list(values), _is_lines(path), layout.get("tokens")
    text = with_tokens(rows, tokens, lines=lines) if isinstance(tokens, dict) else ""
    if text:
        return BOM_UTF8 * (layout.get("mark") is True) + text.encode()
    return _valid(layout, lines).encode(rows)
