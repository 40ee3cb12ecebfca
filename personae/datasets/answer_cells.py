"""Reads the cells of a table of answers: a value for each, or the reason why it has none."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import polars as pl

from personae.core import SCHEMA, Answers, BadFile, Inventory

__all__ = ["OWN_COLUMNS", "read_cells"]

OUTSIDE_ALLOWED = 0.05
"""Most of the numbers that may lie outside the options, as a share."""
NO_ANSWER = ("", "na", "n/a", "null", "none", "-")
OWN_COLUMNS = ("_answer", "_in_file", "_outside")
"""Columns in use between the steps: the cell's text, whether the file has it, and whether it is a
number outside the options."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """A cell as read: a value, or why it has none; `outside` marks a number outside the options."""

    value: float | None
    why: str = ""
    outside: bool = False


def read_cells(table: pl.DataFrame, inventory: Inventory, source: Path) -> pl.DataFrame:
    """Read every cell of a table with one row per answer, and add the columns of answers.

    Raises:
        BadFile: no cell can be read, more than 5 % of the numbers lie outside the options, or a
            repeat is no whole number.
    """
    readings = {cell: _read_cell(cell, inventory) for cell in table["_answer"].unique()}
    cell = pl.col("_answer")
    outside = cell.replace_strict(
        {c: r.outside for c, r in readings.items()}, return_dtype=pl.Boolean
    )
    value = cell.replace_strict({c: r.value for c, r in readings.items()}, return_dtype=pl.Float64)
    why = cell.replace_strict({c: r.why for c, r in readings.items()}, return_dtype=pl.String)
    table = table.with_columns(value.alias("value"), why.alias("why"), outside.alias("_outside"))
    outside_count, valid_count = int(table["_outside"].sum()), int(table["value"].count())
    if outside_count > OUTSIDE_ALLOWED * (outside_count + valid_count):
        raise BadFile(
            f"{source}: {outside_count} of {outside_count + valid_count} answers lie outside "
            f"{inventory.low}..{inventory.high}; {inventory.name} has the options "
            f"{_options(inventory)}. Recode the answers first."
        )
    if not valid_count:
        raise BadFile(f"{source}: no answer can be read; the options are {_options(inventory)}")
    is_missing = pl.col("_in_file").is_null()
    table = table.with_columns(
        pl.when(is_missing).then(pl.lit("not in the file")).otherwise("why").alias("why"),
        pl.when(pl.col("value").is_null())
        .then(pl.lit("unparsed"))
        .otherwise(pl.lit("ok"))
        .alias("status"),
        pl.col("_answer").fill_null("").alias("raw"),
        pl.lit(inventory.tag).alias("inventory"),
        pl.lit(inventory.low).alias("low"),
        pl.lit(inventory.high).alias("high"),
    ).drop(*OWN_COLUMNS)
    return _filled(table, source)


def _read_cell(cell: str | None, inventory: Inventory) -> _Reading:
    text = " ".join((cell or "").split()).rstrip(".").casefold()
    values = {option.text.casefold(): float(option.value) for option in inventory.options}
    if text in NO_ANSWER or text in values:
        return _Reading(values.get(text), "" if text in values else "empty")
    try:
        number = float(text)
    except ValueError:
        return _Reading(None, "matches no option")
    if number in values.values():
        return _Reading(number)
    if inventory.low <= number <= inventory.high:
        return _Reading(None, "between two options")
    if not isfinite(number):
        return _Reading(None, "not a finite number")
    return _Reading(None, f"outside {inventory.low}..{inventory.high}", outside=True)


def _options(inventory: Inventory) -> str:
    return ", ".join(f"{option.value} {option.text}" for option in inventory.options)


def _filled(table: pl.DataFrame, source: Path) -> pl.DataFrame:
    """Put the columns into the order and types of answers, tags last."""
    blank = Answers.of([{"item": "", "channel": "table", "form": "table", "value": 0.0}]).rows
    try:
        columns = [
            pl.col(name).cast(kind)
            if name in table.columns
            else pl.lit(blank[name][0], dtype=kind).alias(name)
            for name, kind in SCHEMA.items()
        ]
        tags = [name for name in table.columns if name not in SCHEMA]
        return table.select(*columns, *tags)
    except pl.exceptions.InvalidOperationError as error:
        raise BadFile(f"{source}: the column 'repeat' holds whole numbers only") from error
