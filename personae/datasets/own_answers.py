"""The answers of an earlier run, checked against the inventory before they are scored."""

from collections.abc import Iterable
from pathlib import Path

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
    """Return the answers of a run to one inventory.

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
        raise BadFile(f"{source}: no answers to {inventory.name}; it has those to {known[:20]}")
    check_keys(rows.select("item", "key"), inventory, source)
    _check_scales(rows, inventory, source)
    _check_values(rows, inventory, source)
    return Answers(rows)


def check_keys(keys: pl.DataFrame, inventory: Inventory, source: Path) -> None:
    """Compare a file's keys, columns item and key, with the inventory's.

    Raises:
        UnknownName: an item that the inventory doesn't have.
        KeyingAlarm: a key that contradicts it.
    """
    right = {item.id: item.key for item in inventory.items}
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


def _check_scales(rows: pl.DataFrame, inventory: Inventory, source: Path) -> None:
    right = {item.id: (item.scale, item.facet) for item in inventory.items}
    for item, scale, facet in rows.select("item", "scale", "facet").unique().rows():
        if (scale, facet or "") != right[item]:
            raise BadFile(
                f"{source}: item {item} belongs to the scale {scale!r}, facet {facet!r}; in "
                f"{inventory.name} to {right[item][0]!r}, {right[item][1]!r}"
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
