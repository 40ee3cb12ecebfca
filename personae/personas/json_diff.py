"""Where two JSON values differ: one leaf after the other, by path."""

import json
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["ABSENT", "Difference", "differences"]


class _Absent:
    """Stands where a value is not there; JSON's null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()


class Difference(NamedTuple):
    """At a path of names and places, a value became another; either may be `ABSENT`."""

    at: tuple[str | int, ...]
    old: object
    new: object


def differences(old: object, new: object) -> Iterator[Difference]:
    """Compare two JSON values: objects by name, lists of one length by place, all else whole.

    1, 1.0 and true are three values here; the order of an object's names is none.

    >>> next(differences({"a": [1, 2], "b": 1}, {"a": [1, 3]}))
    Difference(at=('a', 1), old=2, new=3)
    """
    pending: list[Difference] = [Difference((), old, new)]
    while pending:
        at, was, now = pending.pop()
        children = _children(was, now)
        if children is not None:
            pending += [Difference((*at, key), a, b) for key, a, b in reversed(children)]
        elif was is ABSENT or now is ABSENT or _text(was) != _text(now):
            yield Difference(at, was, now)


def _children(was: object, now: object) -> list[tuple[str | int, object, object]] | None:
    if isinstance(was, dict) and isinstance(now, dict):
        names = [*was, *(name for name in now if name not in was)]
        return [(name, was.get(name, ABSENT), now.get(name, ABSENT)) for name in names]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [(i, a, b) for i, (a, b) in enumerate(zip(was, now, strict=True))]
    return None


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
