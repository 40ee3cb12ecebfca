"""Reads the cells of a table of answers: a value for each, or the reason why it has none."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from personae.core import SCHEMA, Answers, BadFile, Inventory, counted
from personae.datasets.answer_labels import folded, label_values, numbered_label

__all__ = ["OWN_COLUMNS", "CellRules", "read_cells"]

OUTSIDE_ALLOWED = 0.05
"""Most of the numbers that may lie outside the options, as a share."""
NO_ANSWER = ("", "na", "n/a", "null", "none", "-")
OWN_COLUMNS = ("_answer", "_in_file", "_outside")
"""Columns in use between the steps: the cell's text, whether the file has it, and whether it is a
number outside the options."""
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d{1,2})?")
_LISTED = 5


@dataclass(frozen=True, slots=True)
class CellRules:
    """What a user says of the cells of a table.

    `shift` is added to each number, as 1 where the file's options begin at 0; `missing` lists texts
    that stand for no answer; `by_scale` reads heads such as E1 to E10 as the first to tenth item of
    a scale.
    """

    shift: int = 0
    missing: tuple[str, ...] = ()
    by_scale: bool = False


@dataclass(frozen=True, slots=True)
class _Reading:
    """A cell as read: a value, or why it has none; `outside` is a number outside the options."""

    value: float | None
    why: str = ""
    outside: float | None = None


def read_cells(
    table: pl.DataFrame, inventory: Inventory, source: Path, rules: CellRules
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Read every cell of a table with one row per answer; add the columns of answers.

    Returns the table and what is to be said of the reading: labels, texts left unread.

    Raises:
        BadFile: no cell can be read, more than 5 % of the numbers lie outside the options, the
            numbers look like those of options that begin one lower or higher, or a repeat is no
            whole number.
    """
    counted = table["_answer"].value_counts()
    counts = Counter({cell: n for cell, n in counted.iter_rows() if cell is not None})
    texts = {folded(cell) for cell in counts}
    labels, label_note = label_values(texts | {numbered_label(t)[1] for t in texts}, inventory)
    readings = {cell: _read_cell(cell, inventory, labels, rules) for cell in counts}
    _check_range(readings, counts, inventory, source)
    cell = pl.col("_answer")
    value = {cell: r.value for cell, r in readings.items()}
    table = table.with_columns(
        cell.replace_strict(value, default=None, return_dtype=pl.Float64).alias("value")
    )
    # constants take no memory by the row, nor do the cells' own texts once more
    status: pl.Expr = pl.lit("ok")
    why: pl.Expr = pl.lit("")
    if table["value"].null_count():
        status = pl.when(pl.col("value").is_not_null()).then(status).otherwise(pl.lit("unparsed"))
        reasons = {cell: r.why for cell, r in readings.items()}
        absent = pl.when(pl.col("_in_file").is_null()).then(pl.lit("not in the file"))
        why = absent.otherwise(
            cell.replace_strict(reasons, default="empty", return_dtype=pl.String)
        )
    table = table.with_columns(
        status.alias("status"),
        why.alias("why"),
        (cell.fill_null("") if table["_answer"].null_count() else cell).alias("raw"),
        pl.lit(inventory.tag).alias("inventory"),
        pl.lit(float(inventory.low)).alias("low"),
        pl.lit(float(inventory.high)).alias("high"),
    )
    table = table.drop(name for name in OWN_COLUMNS if name in table.columns)
    shift = f"{rules.shift:+d} added to each number" if rules.shift else ""
    notes = (_in_words(readings, counts, label_note, inventory), shift, _unread(readings, counts))
    return _filled(table, source), tuple(note for note in notes if note)


def _in_words(
    readings: Mapping[str, _Reading], counts: Counter[str], label_note: str, inventory: Inventory
) -> str:
    """Say how many answers were labels and not numbers, and which values those stand for."""
    cells = [c for c, r in readings.items() if r.value is not None and not _is_number(c)]
    if not cells:
        return ""
    options = sorted(inventory.options, key=lambda option: option.value)
    first, last = options[0], options[-1]
    own = f"labels from “{first.text}” to “{last.text}” read as {first.value} to {last.value}"
    return f"{sum(counts[c] for c in cells):,} of them in words: {label_note or own}"


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(folded(cell)) is not None


def _unread(readings: Mapping[str, _Reading], counts: Counter[str]) -> str:
    """Say which texts were given as answers but could not be read, and how often."""
    unread = Counter(
        {c: counts[c] for c, r in readings.items() if r.value is None and r.why != "empty"}
    )
    if not unread:
        return ""
    listed = ", ".join(
        f"{cell[:40]!r} {counted(count, 'time')}" for cell, count in unread.most_common(5)
    )
    more = f" and {len(unread) - _LISTED} more" if len(unread) > _LISTED else ""
    return f"{counted(sum(unread.values()), 'answer')} could not be read: {listed}{more}"


def _check_range(
    readings: Mapping[str, _Reading], counts: Counter[str], inventory: Inventory, source: Path
) -> None:
    """Refuse numbers of another response scale."""
    numbers = {r.outside for r in readings.values() if r.outside is not None}
    outside = sum(counts[cell] for cell, r in readings.items() if r.outside is not None)
    valid = Counter[float]()
    for cell, r in readings.items():
        if r.value is not None:
            valid[r.value] += counts[cell]
    low, high = inventory.low, inventory.high
    for end, beyond, shift in ((high, low - 1, 1), (low, high + 1, -1)):
        if numbers == {beyond} and not valid[float(end)]:
            raise BadFile(
                f"{source}: the answers hold {beyond} and no {end}, and {inventory.name} has the "
                f"options {low}..{high}: they look as if they began at {low - shift}. If so, give "
                f"--shift {shift}; if {beyond} stands for no answer, give --missing {beyond}"
            )
    if outside > OUTSIDE_ALLOWED * (outside + valid.total()):
        hint = f" If {low - 1} stands for no answer, give --missing {low - 1}."
        raise BadFile(
            f"{source}: {outside} of {outside + valid.total()} answers lie outside "
            f"{low}..{high}; {inventory.name} has the options {_options(inventory)}. Recode the "
            f"answers first.{hint if numbers == {low - 1} else ''}"
        )
    if not valid:
        raise BadFile(f"{source}: no answer can be read; the options are {_options(inventory)}")


def _read_cell(
    cell: str, inventory: Inventory, labels: Mapping[str, float], rules: CellRules
) -> _Reading:
    text = folded(cell)
    if text in NO_ANSWER or text in map(folded, rules.missing):
        return _Reading(None, "empty")
    if text in labels:
        return _Reading(labels[text])
    if _is_number(text):
        return _read_number(float(text.replace(",", ".")) + rules.shift, inventory)
    number, label = numbered_label(text)
    value = labels.get(label)
    if value is not None and value != float(number) + rules.shift:
        return _Reading(None, "its number and its label are of different options")
    if value is None and text.lstrip("+-") in ("nan", "inf", "infinity"):
        return _Reading(None, "not a finite number")
    return _Reading(value, "" if value is not None else "matches no option")


def _read_number(number: float, inventory: Inventory) -> _Reading:
    if number in {float(option.value) for option in inventory.options}:
        return _Reading(number)
    if inventory.low <= number <= inventory.high:
        return _Reading(None, "between two options")
    return _Reading(None, f"outside {inventory.low}..{inventory.high}", outside=number)


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
