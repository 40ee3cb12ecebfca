"""The answers of an earlier run, checked against the inventory before they are scored."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from personae.core import SCHEMA, Answers, BadFile, BadValue, Inventory, KeyingAlarm, UnknownName

__all__ = ["check_keys", "is_own", "own_answers"]

_OLDEST = set(SCHEMA) - {"low", "high"}  # the columns that every release has written
_STATUSES = ("ok", "refused", "unparsed", "cut", "error")
_UNITS = ("points", "nats/token")


def is_own(names: Iterable[str]) -> bool:
    """Tell whether a table has the columns that every release has written."""
    return set(names) >= _OLDEST


def own_answers(frame: pl.DataFrame, inventory: Inventory, source: Path) -> Answers:
    """Return the answers of a run to one inventory, those to pairs of its statements among them.

    Raises:
        BadFile: no such answers, or what no run writes: another type, an unknown scale or status,
            a value outside the options.
        UnknownName: an item that the inventory doesn't have.
        KeyingAlarm: a key that contradicts the inventory.
    """
    try:
        answers = Answers(_with_range(frame, inventory))
    except BadValue as error:
        raise BadFile(f"{source}: not answers of a run: {error}") from error
    names = pl.col("inventory").str.split("@").list.first()
    rows = answers.rows.filter(names == inventory.name)
    if not rows.height:
        known = answers.rows.select(names).to_series().drop_nulls().unique().sort().to_list()
        others = ", ".join(map(str, known[:20])) or "no inventory"
        raise BadFile(f"{source}: no answers to {inventory.name}; it has answers to {others}")
    positions = _positions(rows["item"].unique().to_list(), inventory)
    _check_keys(
        rows.select("item", "key"), {n: p.key for n, p in positions.items()}, inventory, source
    )
    _check_scales(rows, positions, inventory, source)
    _check_values(rows, inventory, source)
    return Answers(rows)


def check_keys(keys: pl.DataFrame, inventory: Inventory, source: Path) -> None:
    """Compare a file's keys, columns item and key, with the inventory's.

    Raises:
        UnknownName: an item that the inventory doesn't have.
        KeyingAlarm: a key that contradicts it.
    """
    _check_keys(keys, {item.id: item.key for item in inventory.items}, inventory, source)


class _Position(NamedTuple):
    """The key, scale and facet of what was asked: an item, or a pair of opposite statements."""

    key: int
    scale: str
    facet: str


def _positions(names: Iterable[object], inventory: Inventory) -> Mapping[str, _Position]:
    """Map each item, and each pair of a plus and a minus item of one scale, to its position.

    Pairs are what the channel statement asks; their names are PLUS|MINUS.
    """
    positions = {item.id: _Position(item.key, item.scale, item.facet) for item in inventory.items}
    for name in names:
        if not isinstance(name, str) or name in positions:
            continue
        plus, minus = (positions.get(part) for part in name.partition("|")[::2])
        if plus and minus and (plus.key, minus.key) == (1, -1) and plus.scale == minus.scale:
            positions[name] = plus if plus.facet == minus.facet else plus._replace(facet="")
    return positions


def _check_keys(
    keys: pl.DataFrame, right: Mapping[str, int], inventory: Inventory, source: Path
) -> None:
    for item, key in keys.unique(maintain_order=True).rows():
        if item not in right:
            raise UnknownName(f"item of {inventory.name}", str(item), right)
        if key is None or key != right[item]:
            raise KeyingAlarm(
                f"{source}: item {item} has the key {key or 0:g}, in {inventory.name} it is "
                f"{right[item]}: correct the column, or leave it out"
            )


def _with_range(frame: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
    """Fill in the range of the options where an older release left it out."""
    if set(SCHEMA) <= set(frame.columns) or frame.schema["unit"] != pl.String():
        return frame
    points = pl.when(pl.col("unit") == "points")
    ends = {"low": inventory.low, "high": inventory.high}
    filled = frame.with_columns(
        points.then(pl.lit(float(end))).alias(name) for name, end in ends.items()
    )
    return filled.select(*SCHEMA, *(name for name in frame.columns if name not in SCHEMA))


def _check_scales(
    rows: pl.DataFrame, positions: Mapping[str, _Position], inventory: Inventory, source: Path
) -> None:
    for item, scale, facet in rows.select("item", "scale", "facet").unique().rows():
        if (scale, facet or "") != positions[item][1:]:
            raise BadFile(
                f"{source}: item {item} belongs to the scale {scale!r}, facet {facet!r}; in "
                f"{inventory.name} to {positions[item].scale!r}, {positions[item].facet!r}"
            )


def _check_values(rows: pl.DataFrame, inventory: Inventory, source: Path) -> None:
    for name in ("respondent", "arm", "form", "order", "repeat"):
        if rows[name].null_count():
            raise BadFile(f"{source}: the column {name} has empty cells; no run writes them")
    for name, known in (("status", _STATUSES), ("unit", _UNITS)):
        if strays := [v for v in rows[name].unique().to_list() if v not in known]:
            raise BadFile(f"{source}: the column {name} holds {strays[:3]}, not one of {known}")
    value, points = pl.col("value"), pl.col("unit") == "points"
    inside = value.is_between(inventory.low, inventory.high)
    ends = (pl.col("low") == inventory.low) & (pl.col("high") == inventory.high)
    wrong = rows.filter(
        (pl.col("status") == "ok") & (~value.is_finite() | (points & ~(inside & ends)))
    )
    if wrong.height:
        raise BadFile(
            f"{source}: {wrong.height} answers lie outside {inventory.low}..{inventory.high}, the "
            f"options of {inventory.name}, or name other options; first {wrong['value'][0]} to "
            f"item {wrong['item'][0]}"
        )
