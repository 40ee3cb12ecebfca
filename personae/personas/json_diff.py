"""The differences of two JSON values, leaf by leaf, by path."""

import json
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["ABSENT", "Difference", "differences"]


class _Absent:
    """Marks a missing value; JSON's null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


class Difference(NamedTuple):
    """The old and new value at a path of names and indices; either may be `ABSENT`."""

    path: tuple[str | int, ...]
    old: object
    new: object


def differences(old: object, new: object) -> Iterator[Difference]:
    """Compare two JSON values: objects by name, lists of equal length by index, the rest as wholes.

    1, 1.0 and true are three different values; the order of an object's names does not matter.

    >>> next(differences({"a": [1, 2], "b": 1}, {"a": [1, 3]}))
    Difference(path=('a', 1), old=2, new=3)
    """
    pending: list[Difference] = [Difference((), old, new)]
    while pending:
        path, before, after = pending.pop()
        children = _children(before, after)
        if children is not None:
            pending += [Difference((*path, key), a, b) for key, a, b in reversed(children)]
        elif before is ABSENT or after is ABSENT or _text(before) != _text(after):
            yield Difference(path, before, after)


def _children(before: object, after: object) -> list[tuple[str | int, object, object]] | None:
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [(i, a, b) for i, (a, b) in enumerate(zip(before, after, strict=True))]
    return None


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
