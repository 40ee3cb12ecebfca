"""Plain JSON values as typed ones: what a file holds, checked against the form it should have."""

from typing import TypeVar

import msgspec

from personae.core.errors import BadFile

__all__ = ["typed"]

T = TypeVar("T")


def typed(value: object, kind: type[T], where: str) -> T:
    """Check a JSON value against a type (a dataclass, TypedDict, list, ...) and build it.

    Nothing is coerced: a number isn't a text, a text isn't a list. Fields that a TypedDict doesn't
    name are left out.

    Raises:
        BadFile: the value has another form; says where in it, what is expected and what is there.

    >>> typed({"a": [1, 2]}, dict[str, list[int]], "x.json")
    {'a': [1, 2]}
    >>> typed([{"a": 1}, {"a": "b"}], list[dict[str, int]], "x.json")
    Traceback (most recent call last):
    personae.core.errors.BadFile: x.json: expected `int`, got `str`, at $[1][...]
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = " ".join(str(error).split())
        reason, _, path = text.partition(" - at ")
        at = f", at {path.strip('`')}" if path else ""
        raise BadFile(f"{where}: {reason[:1].lower()}{reason[1:]}{at}") from error
