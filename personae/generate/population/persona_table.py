"""Conversion between columns and rows of the persona store, a whole batch at once."""

from collections.abc import Mapping
from string import Formatter

import numpy as np
import polars as pl

from personae.core import BadValue
from personae.personas import PERSONA_COLUMNS, PERSONA_SCHEMA

__all__ = [
    "fill_template",
    "persona_table",
    "render_facts",
    "wide_table",
]


def _key_value_lists(columns: pl.DataFrame) -> pl.Series:
    """Convert columns to one mapping per row, keyed by column name, in their order, without nulls.

    >>> _key_value_lists(pl.DataFrame({"a": ["x"], "b": ["y"]})).to_list()
    [[{'key': 'a', 'value': 'x'}, {'key': 'b', 'value': 'y'}]]
    """
    width, height = columns.width, columns.height
    if not width or not height:
        return pl.Series([[]] * height, dtype=PERSONA_COLUMNS["facts"])
    keys = pl.Series(columns.columns).gather(np.tile(np.arange(width), height))
    values = columns.select(pl.concat_list(pl.all()).alias("v")).explode("v")["v"]
    pairs = pl.DataFrame({"key": keys, "value": values}).to_struct()
    lists = pairs.reshape((height, width)).arr.to_list()
    if values.null_count():
        lists = lists.list.filter(pl.element().struct.field("value").is_not_null())
    return lists


def wide_table(rows: pl.DataFrame, layer: str) -> pl.DataFrame:
    """Spread a layer of mappings (facts, traits) over columns; absent entries are null.

    Columns are in order of first appearance.

    >>> listed = _key_value_lists(pl.DataFrame({"a": ["x", None], "b": ["y", "z"]}))
    >>> wide_table(pl.DataFrame({"id": ["1", "2"], "facts": listed}), "facts").rows()
    [('x', 'y'), (None, 'z')]
    """
    pairs = rows.select("id", layer).explode(layer).unnest(layer)
    pairs = pairs.filter(pl.col("key").is_not_null())
    if not pairs.height:
        return pl.DataFrame()
    return pairs.pivot("key", index="id", values="value").drop("id")


def fill_template(template: str, facts: pl.DataFrame) -> pl.Series:
    """Fill a template such as "You are {age}." with each row's facts.

    Raises:
        BadValue: the template names a column that isn't there, or is no template.

    >>> fill_template("Aged {age}.", pl.DataFrame({"age": ["7", "8"]})).to_list()
    ['Aged 7.', 'Aged 8.']
    """
    try:
        pieces = [(text, name) for text, name, _, _ in Formatter().parse(template)]
    except ValueError as error:
        raise BadValue(f"the text {template[:80]!r} is not a template: {error}") from error
    unknown = sorted({n for _, n in pieces if n is not None} - set(facts.columns))
    if unknown:
        raise BadValue(f"the text names {unknown}, which aren't among {facts.columns}")
    parts = [
        part
        for text, name in pieces
        for part in (pl.lit(text), *([pl.col(name)] if name is not None else ()))
    ]
    return facts.select(pl.concat_str(parts)).to_series()


def render_facts(template: str, facts: pl.DataFrame) -> pl.Series:
    """Fill a template with each row's facts; without one, list the facts by their last names.

    >>> render_facts("", pl.DataFrame({"home/pet": ["cat"]})).to_list()
    ['Facts about you: pet: cat.']
    """
    if template:
        return fill_template(template, facts)
    parts = [pl.lit(f"{name.rpartition('/')[2]}: ") + pl.col(name) for name in facts.columns]
    joined = pl.concat_str(parts, separator="; ", ignore_nulls=True)
    return facts.select(pl.lit("Facts about you: ") + joined + ".").to_series()


def persona_table(
    ids: pl.Series,
    facts: pl.DataFrame,
    *,
    traits: pl.DataFrame | None = None,
    provenance: Mapping[str, str] | None = None,
    texts: Mapping[str, pl.Series | str] | None = None,
) -> pl.DataFrame:
    """Build a frame of the store: facts and traits (z) by column name, texts by field.

    `provenance` and texts given as a string are the same for all; absent fields are empty.
    """
    fields: dict[str, pl.Series | str] = {"schema": PERSONA_SCHEMA, "id": ids, **(texts or {})}
    fields["facts"] = _key_value_lists(facts)
    if traits is not None:
        fields["traits"] = _key_value_lists(traits)
    if provenance:
        fields["provenance"] = _key_value_lists(pl.DataFrame(dict(provenance)))
    zeros = np.zeros(len(ids), dtype=np.int64)
    columns = []
    for name, kind in PERSONA_COLUMNS.items():
        column = fields.get(name, "" if kind == pl.String() else pl.Series([[]], dtype=kind))
        series = pl.Series([column]) if isinstance(column, str) else column
        filled_series = series if len(series) == len(ids) else series.gather(zeros)
        columns.append(filled_series.cast(kind).alias(name))
    return pl.DataFrame(columns)
