"""Opens questionnaires: those that ship with Personae, and those of one's own."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from personae.core.argument_types import checks_types
from personae.core.errors import BadFile, BadValue, UnknownName
from personae.core.files.resources import data_names
from personae.core.files.strict_json import read_json
from personae.core.files.usable_path import usable_path
from personae.core.instruments.inventory import Inventory, Item, Norm, Option

__all__ = ["inventories", "load_inventory"]


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


@checks_types
def load_inventory(name: str, items: str | Path | None = None) -> Inventory:
    """Open an inventory by name, or from a JSON file of the same form.

    `items` is the user's own CSV with the columns `item` (the item's id) and `text`, and `other`
    for pairs, for inventories whose text may not be shipped.

    Raises:
        UnknownName: no inventory and no file is called so.
        BadFile: a file that is not an inventory, or an item file that doesn't fit.
        BadValue: no text.

    >>> load_inventory("ipip-neo-120").items[0].text
    'Worry about things'
    """
    inventory = _shipped(name) if name in inventories() else _from_path(name)
    return inventory if items is None else _with_text(inventory, usable_path(items))


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
