"""One canonical text for a value, and its hash, by which values are identified."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite

from personae.core.errors import BadValue

__all__ = ["canonical_json", "content_key", "file_sha256", "plain"]


def plain(value: object) -> object:
    """Reduce dataclasses, mappings and tuples to dicts, lists and scalars.

    Floats that aren't finite become None, as JSON can't represent them.

    Raises:
        BadValue: for a type that has no plain form.

    >>> plain({"b": (1, 2.5), "a": float("nan")})
    {'b': [1, 2.5], 'a': None}
    """
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    raise BadValue(f"no plain form for a value of type {type(value).__name__}")


def canonical_json(value: object) -> str:
    """Write a value as JSON with sorted keys and without spaces: equal values, equal texts.

    >>> canonical_json({"b": 1, "a": (True, None)})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(
        plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def content_key(value: object) -> str:
    """Hash a value's canonical JSON with SHA-256; 64 hex digits.

    >>> content_key({"a": 1}) == content_key({"a": 1}) != content_key({"a": 2})
    True
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_sha256(path: str) -> str:
    """Hash a file's bytes with SHA-256, read in pieces; 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
