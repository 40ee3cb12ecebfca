"""Patches that keep what one side of an exchange can't hold, and yield to later edits.

A patch is plain JSON: a list of entries `{"at": path, "was": hash, "now": value}` and
`{"at": path, "order": names}`. An entry applies only where the value at its path is unchanged, so
an edit made by another tool in between wins over the patch.
"""

from collections.abc import Iterable
from copy import deepcopy

from personae.core import BadValue, content_key
from personae.personas import ABSENT, differences

__all__ = ["Patch", "apply_patch", "is_patch", "make_patch"]

Patch = list[dict[str, object]]
_HASH_DIGITS = 16


def make_patch(old: object, new: object) -> Patch:
    """Describe how one JSON value becomes another, order of names included; empty if they agree.

    >>> make_patch({"a": 1}, {"a": 1, "b": 2})
    [{'at': ['b'], 'now': 2}]
    """
    entries: Patch = []
    for path, old_value, new_value in differences(old, new):
        entry: dict[str, object] = {"at": list(path)}
        if old_value is not ABSENT:
            entry["was"] = _hash(old_value)
        if new_value is not ABSENT:
            entry["now"] = deepcopy(new_value)
        entries.append(entry)
    return [*entries, *_orders(apply_patch(old, entries), new, [])]


def _orders(old: object, new: object, path: list[str | int]) -> Iterable[dict[str, object]]:
    if isinstance(old, dict) and isinstance(new, dict):
        if list(old) != list(new):
            yield {"at": list(path), "order": list(new)}
        for name, value in new.items():
            yield from _orders(old[name], value, [*path, name])
    elif isinstance(old, list) and isinstance(new, list):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _orders(a, b, [*path, i])


def is_patch(value: object) -> bool:
    """Return whether a value has the form of a non-empty patch."""
    return isinstance(value, list) and bool(value) and all(map(_is_entry, value))


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("at"), list):
        return False
    is_path = all(isinstance(k, str | int) and not isinstance(k, bool) for k in entry["at"])
    return is_path and entry.keys() <= {"at", "was", "now", "order"}


def apply_patch(value: object, entries: Patch) -> object:
    """Apply a patch to a copy of a value; entries whose value has changed are skipped.

    Raises:
        BadValue: it is not a patch.

    >>> apply_patch({"a": 1}, [{"at": ["a"], "was": "0" * 16, "now": 2}])
    {'a': 1}
    """
    if entries and not is_patch(entries):
        raise BadValue("what Personae kept in this file was damaged; remove it")
    root = {"": deepcopy(value)}
    for entry in entries:
        path: list[str | int] = ["", *entry["at"]]  # type: ignore[misc]
        holder: object = root
        for key in path[:-1]:
            holder = _item(holder, key)
        last = path[-1]
        if "order" in entry:
            _reorder(_item(holder, last), entry["order"])
        elif _hash_or_none(_item(holder, last)) == entry.get("was"):
            _put(holder, last, entry)
    return root[""]


def _item(holder: object, key: str | int) -> object:
    if isinstance(holder, dict) and isinstance(key, str):
        return holder.get(key, ABSENT)
    if isinstance(holder, list) and isinstance(key, int) and 0 <= key < len(holder):
        return holder[key]
    return ABSENT


def _put(holder: object, key: str | int, entry: dict[str, object]) -> None:
    if isinstance(holder, dict) and isinstance(key, str):
        if "now" in entry:
            holder[key] = deepcopy(entry["now"])
        else:
            holder.pop(key, None)
    elif isinstance(holder, list) and isinstance(key, int) and key < len(holder) and "now" in entry:
        holder[key] = deepcopy(entry["now"])


def _reorder(holder: object, order: object) -> None:
    if isinstance(holder, dict) and isinstance(order, list):
        ordered_names = [name for name in order if isinstance(name, str) and name in holder]
        reordered = {name: holder[name] for name in [*ordered_names, *holder]}
        holder.clear()
        holder.update(reordered)


def _hash(value: object) -> str:
    return content_key(value)[:_HASH_DIGITS]


def _hash_or_none(value: object) -> str | None:
    return None if value is ABSENT else _hash(value)
