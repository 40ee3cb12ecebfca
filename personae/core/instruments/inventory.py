"""Questionnaires as data: items, keys, options, norms."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from math import isfinite
from typing import Literal, get_args

from personae.core.argument_types import checks_types
from personae.core.display import brief
from personae.core.errors import BadValue, UnknownName
from personae.core.estimate import counted
from personae.core.hashing import content_key

__all__ = ["Inventory", "Item", "Norm", "Option"]

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

    @checks_types
    def where(self, *, scale: str = "", facet: str = "") -> "Inventory":
        """Return the same inventory with only the items of a scale, by code or title, or facet.

        Raises:
            UnknownName: it has no such scale, or no item in such a facet; carries near matches.

        >>> from personae import load_inventory
        >>> load_inventory("mpi-120").where(scale="Extraversion", facet="Friendliness")
        <Inventory 'mpi-120': 4 items, 5 scales, 5 options>
        """
        items = self.items
        if scale:
            code = next((c for c, title in self.scales.items() if scale in (c, title)), None)
            if code is None:
                known = [name for pair in self.scales.items() for name in pair]
                raise UnknownName(f"scale of {self.name}", scale, known)
            items = tuple(item for item in items if item.scale == code)
        if facet:
            facets = {item.facet for item in items if item.facet}
            if facet not in facets:
                raise UnknownName(f"facet of {self.name}", facet, facets)
            items = tuple(item for item in items if item.facet == facet)
        return replace(self, items=items)

    @checks_types
    def few(self, count: int) -> "Inventory":
        """Return the same inventory with the first `count` items per scale, their keys alternating.

        Raises:
            BadValue: fewer than 1.

        >>> from personae import load_inventory
        >>> [item.key for item in load_inventory("mpi-120").few(4).where(scale="E").items]
        [1, 1, -1, -1]
        """
        if count < 1:
            raise BadValue(f"one item per scale or more, not {count}")
        ids: set[str] = set()
        for scale in self.scales:
            ids.update(item.id for item in self.where(scale=scale).keys_in_turn().items[:count])
        return replace(self, items=tuple(item for item in self.items if item.id in ids))

    def keys_in_turn(self) -> "Inventory":
        """Return the same inventory, scale by scale, with positive and negative items alternating.

        >>> from personae import load_inventory
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
