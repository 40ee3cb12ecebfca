"""Reads answers collected anywhere: a table with one row per respondent, or one per answer.

A file that isn't such a table is an error; a cell without a valid answer is a row with a status, a
reason and its raw text. Numbers are option values; texts are matched with the options' texts.
Letters are not read: their meaning depends on the order that was shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from personae.core import SCHEMA, Answers, BadFile, Inventory, UnknownName, usable_path
from personae.datasets.answer_cells import OWN_COLUMNS, CellRules, read_cells
from personae.datasets.answer_files import AnswerTable, read_answer_table, untextual
from personae.datasets.answer_headers import (
    ItemColumns,
    item_columns,
    item_ids,
    respondent_column,
    survey_headers,
    unread_columns,
)
from personae.datasets.own_answers import check_keys, is_own, own_answers

__all__ = ["AnswerFile", "read_answer_file", "read_answers"]

DESIGN = ("respondent", "arm", "form", "order", "repeat")
ANSWER = ("answer", "value", "response")
_DERIVED = ("key", "scale", "facet", "inventory")


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """Answers, and a sentence on how their file was read."""

    answers: Answers
    reading: str


def read_answers(path: str | Path, inventory: Inventory) -> Answers:
    """Read a table of answers to an inventory, as `read_answer_file` does.

    Raises:
        BadFile, UnknownName, KeyingAlarm: as `read_answer_file`.
    """
    return read_answer_file(path, inventory).answers


def read_answer_file(
    path: str | Path, inventory: Inventory, rules: CellRules | None = None
) -> AnswerFile:
    """Read a table of answers to an inventory from CSV, TSV, Parquet, JSON or JSONL.

    Wide: one row per respondent, one column per item, headed by the item's id (`12`,
    `item_12`, `Q12`) or its text, as survey tools export them, and optionally one of who
    answered (respondent, participant, subject, person, id, model, name).
    Long: the columns respondent, item, answer. Both may have the columns arm, form, order and
    repeat; other columns are kept as tags. Every item of the inventory gets a row; those without
    a readable answer have the status `unparsed` and say why. The answers of an earlier run
    (`answers.parquet`, or its folder) are taken as they are.

    Raises:
        BadFile: not readable, no table of answers, an answer given twice, no respondent, or
            numbers of another response scale.
        UnknownName: an item that the inventory doesn't have; carries near matches.
        KeyingAlarm: a column `key` that contradicts the inventory.
    """
    source = usable_path(path)
    if source.is_dir() or source.name == "report.json":
        source = (source if source.is_dir() else source.parent) / "answers.parquet"
        if not source.is_file():
            raise BadFile(f"{path}: no answers.parquet of a finished run beside it")
    table = read_answer_table(source)
    if is_own(table.names):
        if table.typed is None:
            raise BadFile(f"{source}: the answers of a run are read from its answers.parquet")
        answers = own_answers(table.typed, inventory, source)
        others = table.typed.height - len(answers)
        left_out = f"; {others:,} to other instruments are left out" if others else ""
        return AnswerFile(answers, f"the answers of a run, as they were recorded{left_out}")
    rules = rules or CellRules()
    table = _without_survey_rows(table)
    heads = {name.casefold(): j for j, name in reversed(list(enumerate(table.names)))}
    answer = next((heads[name] for name in ANSWER if name in heads), None)
    if "item" in heads and answer is not None:
        layout, long = "one row per answer", _long(table, heads, answer, inventory)
    else:
        layout, long = _wide(table, inventory, rules)
    reading = (*table.reading, layout)
    del table  # as large as the answers
    rows, notes = read_cells(long, inventory, source, rules)
    read = rows.height - rows["value"].null_count()
    counted = f"{read:,} of {rows.height:,} answers read"
    return AnswerFile(Answers(rows), "; ".join((*reading, counted, *notes)))


def _without_survey_rows(table: AnswerTable) -> AnswerTable:
    """Take the further header rows of a survey tool out of the rows of answers."""
    first = [list(row) for row in table.texts.head(2).rows()]
    tool = survey_headers(first, table.names)
    if not tool:
        return table
    count = 2 if tool == "Qualtrics" else 1
    if table.texts.height <= count:
        raise BadFile(f"{table.source}: no answers in it, only the header rows of {tool}")
    return replace(
        table,
        texts=table.texts.slice(count),
        questions=tuple(cell or "" for cell in first[0]),
        reading=(*table.reading, f"an export of {tool} with {count + 1} header rows"),
    )


def _named(table: AnswerTable, columns: dict[int, str]) -> pl.DataFrame:
    """Return the rows under their names; `columns` renames some, and gives those of a step.

    Raises:
        BadFile: two columns have one name, or a name that is needed otherwise.
    """
    names = [columns.get(j, name) or f"column {j + 1}" for j, name in enumerate(table.names)]
    if taken := [n for n in table.names if n in OWN_COLUMNS]:
        raise BadFile(f"{table.source}: rename the columns {taken}: Personae uses these names")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadFile(f"{table.source}: two columns have one name: {repeated[:5]}")
    strays = [n for n in names if n in SCHEMA and n not in (*DESIGN, *_DERIVED, "item")]
    if strays:
        raise BadFile(f"{table.source}: rename the columns {strays}: Personae fills these itself")
    frame = table.texts.rename(dict(zip(table.texts.columns, names, strict=True)))
    if table.typed is not None and (odd := untextual(table.typed)):
        raise BadFile(f"{table.source}: columns hold neither numbers nor text: {list(odd)[:5]}")
    return frame


def _long(
    table: AnswerTable, heads: dict[str, int], answer: int, inventory: Inventory
) -> pl.DataFrame:
    source = table.source
    lower = [name.casefold() for name in table.names]
    if twice := [n for j in (heads["item"], answer) if lower.count(n := lower[j]) > 1]:
        raise BadFile(f"{source}: two columns have one name: {twice}")
    who = respondent_column(table.names, {answer, heads["item"]})
    if who is None:
        raise BadFile(f"{source}: a long table needs a column for who answered, such as respondent")
    columns = {heads["item"]: "item", answer: "_answer", who: "respondent"}
    rows = _named(table, columns)
    given = rows["item"].unique(maintain_order=True).to_list()
    ids = dict(zip(given, item_ids(given, inventory), strict=True))
    if strays := [name for name, known in ids.items() if known is None]:
        raise UnknownName(
            f"item of {inventory.name}", str(strays[0]), (i.id for i in inventory.items)
        )
    rows = rows.with_columns(pl.col("item").replace_strict(ids, return_dtype=pl.String))
    if "key" in rows.columns:
        keys = rows.select("item", pl.col("key").cast(pl.Float64, strict=False))
        check_keys(keys, inventory, source)
    rows = rows.drop(name for name in _DERIVED if name in rows.columns)
    return _completed(rows, inventory, source)


def _wide(table: AnswerTable, inventory: Inventory, rules: CellRules) -> tuple[str, pl.DataFrame]:
    matched = item_columns(table.names, table.questions, inventory, by_scale=rules.by_scale)
    _check_columns(matched, table, inventory)
    who = respondent_column(table.names, set(matched.ids))
    columns = {j: f"_item {item}" for j, item in matched.ids.items()}
    if who is not None:
        columns[who] = "respondent"
    rows = _named(table, columns)
    if who is None:
        numbered = pl.format("row {}", pl.int_range(1, rows.height + 1)).alias("respondent")
        rows = rows.select(numbered, pl.all())
    layout = f"one row per respondent, columns matched by {matched.matched_by}"
    if who is None and (copies := int(rows.drop("respondent").is_duplicated().sum())):
        layout += f"; {copies:,} rows are equal to another"
    known = {*columns, *(j for j, n in enumerate(table.names) if n in (*DESIGN, *_DERIVED))}
    unread = [name for j, name in enumerate(table.names) if j not in known and name]
    layout = "; ".join(filter(None, (layout, unread_columns(unread, inventory))))
    _check_respondents(rows, table.source)
    design = [name for name in DESIGN if name in rows.columns]
    _check_once(rows.select(design), design, table.source)
    return layout, _lengthened(rows, inventory, design)


def _check_columns(matched: ItemColumns, table: AnswerTable, inventory: Inventory) -> None:
    source, first = table.source, inventory.items[0]
    if matched.numbered_in_scales:
        raise BadFile(
            f"{source}: its columns are numbered within scales ({matched.numbered_in_scales}), the "
            f"items of {inventory.name} throughout. If they are its items in the same order, give "
            "--by-scale"
        )
    if not matched.ids:
        raise BadFile(
            f"{source}: no column is an item of {inventory.name}, such as 'item_{first.id}'"
            + (f" or {first.text!r}" if first.text else "")
            + f", and it lacks the columns respondent, item, answer of a long table; its columns "
            f"are {[name[:80] for name in table.names[:8]]}"
        )
    if matched.strays:
        known = (item.id for item in inventory.items)
        raise UnknownName(f"item of {inventory.name}", matched.strays[0], known)
    if "item" in {name for j, name in enumerate(table.names) if j not in matched.ids}:
        raise BadFile(f"{source}: a table with a column 'item' also needs a column 'answer'")
    if len(set(matched.ids.values())) < len(matched.ids):
        items = list(matched.ids.values())
        twice = [table.names[j] for j, item in matched.ids.items() if items.count(item) > 1]
        if len(set(twice)) < len(twice):
            raise BadFile(f"{source}: two columns have one name: {sorted(set(twice))[:5]}")
        raise BadFile(f"{source}: two columns are the same item; keep one of {twice[:5]}")


def _lengthened(rows: pl.DataFrame, inventory: Inventory, design: Sequence[str]) -> pl.DataFrame:
    """Give every respondent a row for every item, in the inventory's order."""
    items, held = inventory.items, set(rows.columns)
    cells = [
        pl.col(f"_item {i.id}") if f"_item {i.id}" in held else pl.lit(None, dtype=pl.String)
        for i in items
    ]
    tags = [n for n in rows.columns if not n.startswith("_item ") and n not in (*design, *_DERIVED)]
    long = rows.select(*design, *tags, pl.concat_list(cells).alias("_answer")).explode("_answer")
    index = np.tile(np.arange(len(items), dtype=np.uint32), rows.height)
    present = pl.Series([True if f"_item {i.id}" in held else None for i in items])
    columns = {
        "item": pl.Series([i.id for i in items]),
        "scale": pl.Series([i.scale for i in items]),
        "facet": pl.Series([i.facet for i in items]),
        "key": pl.Series([i.key for i in items]),
        "_in_file": present.cast(pl.Boolean),
    }
    return long.with_columns(**{name: series.gather(index) for name, series in columns.items()})


def _check_respondents(rows: pl.DataFrame, source: Path) -> None:
    who = rows["respondent"]
    if who.is_null().any() or (who.str.strip_chars() == "").any():
        raise BadFile(f"{source}: a row doesn't say who answered")


def _check_once(rows: pl.DataFrame, keys: Sequence[str], source: Path) -> None:
    repeated = rows.group_by(keys, maintain_order=True).len().filter(pl.col("len") > 1)
    if repeated.height:
        first = ", ".join(str(v) for v in repeated.row(0)[:-1])
        raise BadFile(
            f"{source}: {repeated.height} answers are given more than once, first: {first}; "
            f"tell repeated administrations apart by a column 'repeat'"
        )


def _completed(table: pl.DataFrame, inventory: Inventory, source: Path) -> pl.DataFrame:
    """Add rows so that every administration has one for every item, in the inventory's order."""
    _check_respondents(table, source)
    design = [name for name in DESIGN if name in table.columns]
    _check_once(table, [*design, "item"], source)
    items = pl.DataFrame(
        [(i.id, i.scale, i.facet, i.key) for i in inventory.items],
        schema={n: SCHEMA[n] for n in ("item", "scale", "facet", "key")},
        orient="row",
    )
    grid = (
        table.select(design)
        .unique(maintain_order=True)
        .join(items, how="cross", maintain_order="left_right")
    )
    present = table.with_columns(pl.lit(value=True).alias("_in_file"))
    return grid.join(
        present, on=[*design, "item"], how="left", maintain_order="left", nulls_equal=True
    )
