"""Questionnaires as data: items, keys, options, norms."""

import csv
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from personae.core.display import brief
from personae.core.errors import BadFile, BadValue, UnknownName
from personae.core.estimate import counted
from personae.core.files.resources import data_names
from personae.core.files.strict_json import read_json
from personae.core.files.usable_path import usable_path
from personae.core.hashing import content_key

__all__ = ["Inventory", "Item", "Norm", "Option", "inventories", "load_inventory"]

ItemKind = Literal["statement", "adjective", "pair", "sentence"]


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item. `key` is +1 or -1 and never a text.

    `text` is a statement without its subject ("Worry about things"), an adjective, the low pole of
    a pair whose high pole is `other`, or a whole sentence about somebody else. It is empty
    where the text may not be shipped.
    """

    id: str
    text: str
    scale: str
    facet: str = ""
    key: int = 1
    other: str = ""

    def __post_init__(self) -> None:
        if not _are_texts(self.id, self.text, self.scale, self.facet, self.other) or not self.id:
            raise BadValue(
                f"item {self.id!r}: id, text, scale, facet and other are texts, id not empty"
            )
        if type(self.key) is not int or self.key not in (1, -1):
            raise BadValue(f"item {self.id!r}: key is the number 1 or -1, not {self.key!r}")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its text, and the value that belongs to the text in whatever order."""

    text: str
    value: int

    def __post_init__(self) -> None:
        if not _are_texts(self.text) or type(self.value) is not int:
            raise BadValue(
                f"an option is a text and a whole number, not {self.text!r}, {self.value!r}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """Human mean and SD of a scale *sum* in a named group. `facet` is empty for a domain."""

    group: str
    scale: str
    mean: float
    sd: float
    facet: str = ""

    def __post_init__(self) -> None:
        if not _are_texts(self.group, self.scale, self.facet):
            raise BadValue(f"a norm's group, scale and facet are texts, not {self.group!r}")
        is_sound = _is_number(self.mean) and _is_number(self.sd)
        if not is_sound or not self.sd > 0:
            raise BadValue(
                f"the norm of {self.scale!r} for {self.group!r}: the mean is a number and the SD a "
                f"number above 0, not {self.mean!r} and {self.sd!r}"
            )


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """A questionnaire. `scales` maps a scale's code to its title; options run from low to high."""

    name: str
    title: str
    version: str
    source: str
    licence: str
    kind: ItemKind
    scales: Mapping[str, str]
    options: tuple[Option, ...]
    items: tuple[Item, ...]
    norms: tuple[Norm, ...] = ()

    def __post_init__(self) -> None:
        where = f"inventory {self.name!r}"
        if self.kind not in get_args(ItemKind):
            raise BadValue(f"{where}: kind is one of {get_args(ItemKind)}, not {self.kind!r}")
        _check_texts(self, where)
        values = [option.value for option in self.options]
        if len(values) < 2 or values != list(range(values[0], values[0] + len(values))):
            raise BadValue(
                f"{where}: two options or more, whose values rise by one from low to high, "
                f"not {values}"
            )
        _check_unique(where, "item ids", [item.id for item in self.items])
        _check_unique(where, "norms", [(n.group, n.scale, n.facet) for n in self.norms])
        if strays := {i.scale for i in self.items} - set(self.scales):
            raise BadValue(f"{where}: items name scales it doesn't have: {sorted(strays)}")

    def __repr__(self) -> str:
        sizes = (("item", self.items), ("scale", self.scales), ("option", self.options))
        counts = (counted(len(members), noun) for noun, members in sizes)
        return brief(self, self.name, *counts, "" if self.has_text else "keys only")

    @property
    def low(self) -> int:
        """The lowest option's value."""
        return self.options[0].value

    @property
    def high(self) -> int:
        """The highest option's value."""
        return self.options[-1].value

    @property
    def has_text(self) -> bool:
        """Whether every item has its text; if not, the user's own item file is needed."""
        return all(item.text for item in self.items)

    @cached_property
    def tag(self) -> str:
        """Name, version and the first digits of the content hash: `mpi-120@1+ab12cd34`."""
        return f"{self.name}@{self.version}+{content_key(self)[:8]}"

    def where(self, *, scale: str = "", facet: str = "") -> "Inventory":
        """Return the same inventory with only the items of a scale or facet."""
        items = tuple(
            i
            for i in self.items
            if (not scale or i.scale == scale) and (not facet or i.facet == facet)
        )
        return replace(self, items=items)

    def few(self, count: int) -> "Inventory":
        """Return the same inventory with the first `count` items per scale, their keys alternating.

        >>> [item.key for item in load_inventory("mpi-120").few(4).where(scale="E").items]
        [1, 1, -1, -1]
        """
        ids: set[str] = set()
        for scale in self.scales:
            ids.update(item.id for item in self.where(scale=scale).keys_in_turn().items[:count])
        return replace(self, items=tuple(item for item in self.items if item.id in ids))

    def keys_in_turn(self) -> "Inventory":
        """Return the same inventory, scale by scale, with positive and negative items alternating.

        >>> mpi = load_inventory("mpi-120").few(4).keys_in_turn()
        >>> [item.key for item in mpi.where(scale="E").items]
        [1, -1, 1, -1]
        """
        items: list[Item] = []
        for scale in self.scales:
            scale_items = [item for item in self.items if item.scale == scale]
            sides = [[item for item in scale_items if item.key == key] for key in (1, -1)]
            items += [item for pair in zip_longest(*sides) for item in pair if item is not None]
        return replace(self, items=tuple(items))


def _check_texts(inventory: Inventory, where: str) -> None:
    heads = ("name", "title", "version", "source", "licence")
    if wrong := [name for name in heads if not _are_texts(getattr(inventory, name))]:
        raise BadValue(f"{where}: {', '.join(wrong)} must be text")
    texts = [text for pair in dict(inventory.scales).items() for text in pair]
    if not texts or not _are_texts(*texts) or "" in texts:
        raise BadValue(f"{where}: scales are an object of codes and titles, texts and not empty")
    if not inventory.name.strip() or "@" in inventory.name:
        raise BadValue(f"{where}: the name is a text without '@', not empty")


def _check_unique(where: str, kind: str, keys: Sequence[Hashable]) -> None:
    if len(set(keys)) < len(keys):
        repeated = list(dict.fromkeys(key for key in keys if keys.count(key) > 1))
        raise BadValue(f"{where}: {kind} are unique; repeated: {repeated[:5]}")


def _check_norms(inventory: Inventory) -> None:
    """Refuse norms that no score can meet, in a file; a part of an inventory keeps all norms."""
    parts = {(item.scale, facet) for item in inventory.items for facet in ("", item.facet)}
    if strays := [(n.scale, n.facet) for n in inventory.norms if (n.scale, n.facet) not in parts]:
        raise BadValue(f"norms of a scale and facet that no item has: {strays[:5]}")


def _folder() -> Path:
    return Path(str(files("personae") / "data" / "inventories"))


def inventories() -> tuple[str, ...]:
    """Name the inventories that ship with Personae, in alphabetical order."""
    return data_names("inventories")


def load_inventory(name: str, items: str | Path | None = None) -> Inventory:
    """Open an inventory by name, or from a JSON file of the same form.

    `items` is the user's own CSV with the columns `item` (the item's id) and `text`, and `other`
    for pairs, for inventories whose text may not be shipped.

    Raises:
        UnknownName: no inventory and no file is called so.
        BadFile: a file that is not an inventory, or an item file that doesn't fit.

    >>> load_inventory("ipip-neo-120").items[0].text
    'Worry about things'
    """
    inventory = _shipped(name) if name in inventories() else _from_path(name)
    return inventory if items is None else _with_text(inventory, Path(items))


@cache
def _shipped(name: str) -> Inventory:
    return _read(_folder() / f"{name}.json")


def _from_path(name: str) -> Inventory:
    if not name.endswith(".json"):
        raise UnknownName("inventory", name, inventories())
    if not usable_path(name).is_file():
        raise BadFile(f"{name}: no such inventory file. Shipped: {', '.join(inventories())}")
    return _read(Path(name))


def _read(path: Path) -> Inventory:
    try:
        raw: Any = read_json(path)
        if not isinstance(raw, dict) or not raw.get("items"):
            raise BadValue("an inventory is an object, and has items")
        inventory = Inventory(
            name=raw["name"],
            title=raw["title"],
            version=raw["version"],
            source=raw["source"],
            licence=raw["licence"],
            kind=raw["kind"],
            scales=raw["scales"],
            options=tuple(Option(text, value) for text, value in raw["options"]),
            items=tuple(Item(**row) for row in raw["items"]),
            norms=tuple(Norm(**row) for row in raw.get("norms", [])),
        )
        _check_norms(inventory)
        return inventory
    except BadValue as error:
        raise BadFile(f"{path}: not an inventory: {error}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise BadFile(f"{path}: not an inventory ({type(error).__name__}: {error})") from error


def _with_text(inventory: Inventory, path: Path) -> Inventory:
    columns = ("item", "text", "other")[: 3 if inventory.kind == "pair" else 2]
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise KeyError("columns")
            rows: Sequence[Mapping[str, str]] = list(reader)
        texts = {row["item"].strip(): tuple(row[c].strip() for c in columns[1:]) for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise BadFile(
            f"{path}: an item file is a CSV with the columns {','.join(columns)}"
        ) from error
    ids = {item.id for item in inventory.items}
    lacking, unknown = sorted(ids - set(texts)), sorted(set(texts) - ids)
    empty = sorted(i for i in ids & set(texts) if not all(texts[i]))
    if lacking or unknown or empty or len(texts) != len(rows):
        raise BadFile(
            f"{path}: the items of {inventory.name} are needed once each, with text; "
            f"missing {lacking[:5]}, unknown {unknown[:5]}, empty {empty[:5]}, rows {len(rows)}"
        )
    return replace(inventory, items=tuple(_worded(i, *texts[i.id]) for i in inventory.items))


def _worded(item: Item, text: str, other: str = "") -> Item:
    return replace(item, text=text, other=other or item.other)
