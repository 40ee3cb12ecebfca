"""Reads answers collected anywhere: a table with one row per respondent, or one per answer.

A file that isn't such a table is an error; a cell without a valid answer is a row with a status, a
reason and its raw text. Numbers are option values; texts are matched with the options' texts.
Letters are not read: their meaning depends on the order that was shown.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from personae.core import SCHEMA, Answers, BadFile, BadValue, Inventory, KeyingAlarm, UnknownName
from personae.datasets.answer_cells import OWN_COLUMNS, read_cells

__all__ = ["read_answers"]

_MAX_TABLE_BYTES = 512 << 20
WHO = ("respondent", "participant", "subject", "person", "id", "model", "name")
_OLDEST = set(SCHEMA) - {"low", "high"}  # the columns that every release has written
DESIGN = ("respondent", "arm", "form", "order", "repeat")
ANSWER = ("answer", "value", "response")


def read_answers(path: str | Path, inventory: Inventory) -> Answers:
    """Read a table of answers to an inventory from CSV, TSV, Parquet or JSONL.

    Wide: one row per respondent, one column per item, headed by the item's id (`12`,
    `item_12`, `Q12`), and optionally one of names (respondent, participant, subject, person, id,
    model, name).
    Long: the columns respondent, item, answer. Both may have the columns arm, form, order and
    repeat; other columns are kept as tags. Every item of the inventory gets a row; those without
    a readable answer have the status `unparsed` and say why. The answers of an earlier run
    (`answers.parquet`) are taken as they are.

    Raises:
        BadFile: not readable, no table of answers, an answer given twice, no respondent, or more
            than 5 % of the numbers outside the options, as from another response scale.
        UnknownName: an item that the inventory doesn't have; carries near matches.
        KeyingAlarm: a column `key` that contradicts the inventory.
    """
    source = Path(path)
    frame = _read_frame(source)
    if _OLDEST <= set(frame.columns):
        return _tidy(frame, inventory, source)
    columns = {name.strip().casefold(): name for name in frame.columns}
    answer = next((columns[name] for name in ANSWER if name in columns), None)
    if taken := [name for name in frame.columns if name in OWN_COLUMNS]:
        raise BadFile(f"{source}: rename the columns {taken}: Personae uses these names itself")
    texts = frame.select(pl.all().cast(pl.String, strict=False))
    if "item" in columns and answer is not None:
        table = _long(texts, columns, answer, inventory, source)
    else:
        table = _wide(texts, inventory, source)
    return Answers(read_cells(_completed(table, inventory, source), inventory, source))


def _read_frame(source: Path) -> pl.DataFrame:
    try:
        size = source.stat().st_size
        if size > _MAX_TABLE_BYTES:
            raise BadFile(f"{source}: larger than {_MAX_TABLE_BYTES >> 20} MB; split it")
        if source.suffix == ".parquet":
            frame = pl.read_parquet(source)
        elif source.suffix in (".jsonl", ".ndjson"):
            frame = pl.read_ndjson(source, infer_schema_length=None)
        else:
            frame = pl.read_csv(source, separator=_separator(source), infer_schema=False)
    except (OSError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFile(f"{source}: not a table that can be read ({reason})") from error
    if not frame.height:
        raise BadFile(f"{source}: no answers in it, only a header")
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    if nested and not _OLDEST <= set(frame.columns):
        raise BadFile(f"{source}: columns hold lists or objects: {nested[:5]}")
    return frame


def _separator(source: Path) -> str:
    """Infer the separator from the header, and refuse a header that repeats a column."""
    with source.open(encoding="utf-8-sig", newline="") as stream:
        header = stream.readline(1 << 20)
    separator = max(",;\t", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    if repeated := sorted({name for name in names if name and names.count(name) > 1}):
        raise BadFile(f"{source}: two columns have one name: {repeated[:5]}")
    return separator


def _tidy(frame: pl.DataFrame, inventory: Inventory, source: Path) -> Answers:
    try:
        answers = Answers(_with_range(frame, inventory))
    except BadValue as error:
        raise BadFile(f"{source}: not answers of a run: {error}") from error
    rows = answers.rows.filter(pl.col("inventory").str.split("@").list.first() == inventory.name)
    if not rows.height:
        names = answers.rows["inventory"].str.split("@").list.first().unique().sort().to_list()
        raise BadFile(f"{source}: no answers to {inventory.name}; it has those to {names}")
    _check_keys(rows.select("item", "key"), inventory, source)
    return Answers(rows)


def _with_range(frame: pl.DataFrame, inventory: Inventory) -> pl.DataFrame:
    """Fill in the range of the options where an older release left it out."""
    if set(SCHEMA) <= set(frame.columns):
        return frame
    points = pl.when(pl.col("unit") == "points")
    ends = {"low": inventory.low, "high": inventory.high}
    filled = frame.with_columns(
        points.then(pl.lit(float(end))).alias(name) for name, end in ends.items()
    )
    return filled.select(*SCHEMA, *(name for name in frame.columns if name not in SCHEMA))


def _long(
    texts: pl.DataFrame,
    columns: dict[str, str],
    answer: str,
    inventory: Inventory,
    source: Path,
) -> pl.DataFrame:
    respondent = next((columns[name] for name in WHO if name in columns), None)
    if respondent is None:
        raise BadFile(f"{source}: a long table needs a column for who answered, such as respondent")
    table = texts.rename({columns["item"]: "item", answer: "_answer", respondent: "respondent"})
    ids = _item_ids(table["item"].unique(maintain_order=True).to_list(), inventory)
    if strays := [header for header, known in ids.items() if known is None]:
        raise UnknownName(
            f"item of {inventory.name}", str(strays[0]), (i.id for i in inventory.items)
        )
    table = table.with_columns(pl.col("item").replace_strict(ids, return_dtype=pl.String))
    if "key" in table.columns:
        _check_keys(
            table.select("item", pl.col("key").cast(pl.Float64, strict=False)), inventory, source
        )
    derived = [name for name in ("key", "scale", "facet", "inventory") if name in table.columns]
    return table.drop(derived)


def _wide(texts: pl.DataFrame, inventory: Inventory, source: Path) -> pl.DataFrame:
    ids = _item_ids(texts.columns, inventory)
    item_ids = {header: known for header, known in ids.items() if known is not None}
    if not item_ids:
        raise BadFile(
            f"{source}: no column is an item of {inventory.name}, such as "
            f"'item_{inventory.items[0].id}', and it lacks the columns respondent, item, answer "
            f"of a long table; its columns are {texts.columns[:8]}"
        )
    rest_columns = [name for name in texts.columns if name not in item_ids]
    if strays := [name for name in rest_columns if re.fullmatch(_NUMBERED, name.strip())]:
        raise UnknownName(f"item of {inventory.name}", strays[0], (i.id for i in inventory.items))
    if "item" in rest_columns:
        raise BadFile(f"{source}: a table with a column 'item' also needs a column 'answer'")
    if len(set(item_ids.values())) != len(item_ids):
        raise BadFile(f"{source}: two columns are the same item; keep one of them")
    respondent = next(
        (name for want in WHO for name in rest_columns if name.strip().casefold() == want), None
    )
    if respondent is None:
        texts = texts.with_row_index("respondent", offset=1).with_columns(
            pl.format("row {}", "respondent").alias("respondent")
        )
        rest_columns.insert(0, "respondent")
    elif respondent != "respondent":
        texts = texts.rename({respondent: "respondent"})
        rest_columns = ["respondent" if name == respondent else name for name in rest_columns]
    long = texts.unpivot(
        [*map(str, item_ids)], index=rest_columns, variable_name="item", value_name="_answer"
    )
    return long.with_columns(pl.col("item").replace_strict(item_ids, return_dtype=pl.String))


_NUMBERED = re.compile(r"(?:item|question|q|i)?[ _.-]*0*(\d+)", re.IGNORECASE)


def _item_ids(headers: Sequence[str | None], inventory: Inventory) -> dict[str | None, str | None]:
    """Match headers with item ids: exactly, whatever the case, or by their number."""
    exact = {item.id: item.id for item in inventory.items}
    folded = {item.id.casefold(): item.id for item in inventory.items}
    matched: dict[str | None, str | None] = {}
    for name in headers:
        text = (name or "").strip()
        number = _NUMBERED.fullmatch(text)
        matched[name] = (
            exact.get(text)
            or folded.get(text.casefold())
            or (exact.get(number[1]) if number else None)
        )
    return matched


def _check_keys(keys: pl.DataFrame, inventory: Inventory, source: Path) -> None:
    """Compare the file's keys, numbers or texts, with the inventory's."""
    right = {item.id: item.key for item in inventory.items}
    for item, key in keys.unique(maintain_order=True).rows():
        if item not in right:
            raise UnknownName(f"item of {inventory.name}", str(item), right)
        if key is None or key != right[item]:
            raise KeyingAlarm(
                f"{source}: item {item} has the key {key or 0:g}, in {inventory.name} it is "
                f"{right[item]}: correct the column, or leave it out"
            )


def _completed(table: pl.DataFrame, inventory: Inventory, source: Path) -> pl.DataFrame:
    """Add rows so that every administration has one for every item, in the inventory's order."""
    if table["respondent"].is_null().any() or (table["respondent"].str.strip_chars() == "").any():
        raise BadFile(f"{source}: a row doesn't say who answered")
    if strays := [n for n in table.columns if n in SCHEMA and n not in (*DESIGN, "item")]:
        raise BadFile(f"{source}: rename the columns {strays}: Personae fills these itself")
    design = [name for name in DESIGN if name in table.columns]
    repeated = (
        table.group_by([*design, "item"], maintain_order=True).len().filter(pl.col("len") > 1)
    )
    if repeated.height:
        first = ", ".join(str(v) for v in repeated.row(0)[:-1])
        raise BadFile(
            f"{source}: {repeated.height} answers are given more than once, first: {first}; "
            f"tell repeated administrations apart by a column 'repeat'"
        )
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
