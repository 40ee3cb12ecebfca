"""Columns become personas: a whole batch at once, in the schema of the persona store."""

from collections.abc import Mapping
from string import Formatter

import numpy as np
import polars as pl

from personae.core import BadValue
from personae.personas import PERSONA_COLUMNS, PERSONA_SCHEMA

__all__ = ["fill_template", "key_value_lists", "persona_table", "render_facts"]


def key_value_lists(columns: pl.DataFrame) -> pl.Series:
    """Turn columns into one mapping a row, keyed by column name, in their order; nulls are absent.

    >>> key_value_lists(pl.DataFrame({"a": ["x"], "b": ["y"]})).to_list()
    [[{'key': 'a', 'value': 'x'}, {'key': 'b', 'value': 'y'}]]
    """
    width, height = columns.width, columns.height
    if not width or not height:
        return pl.Series([[]] * height, dtype=PERSONA_COLUMNS["facts"])
    keys = pl.Series(columns.columns).gather(np.tile(np.arange(width), height))
    values = columns.select(pl.concat_list(pl.all()).alias("v")).explode("v")["v"]
    both = pl.DataFrame({"key": keys, "value": values}).to_struct()
    listed = both.reshape((height, width)).arr.to_list()
    if values.null_count():
        listed = listed.list.filter(pl.element().struct.field("value").is_not_null())
    return listed


def fill_template(template: str, facts: pl.DataFrame) -> pl.Series:
    """Fill a template such as "You are {age}." with each row's facts.

    Raises:
        BadValue: the template names a column that isn't there, or is no template.

    >>> fill_template("Aged {age}.", pl.DataFrame({"age": ["7", "8"]})).to_list()
    ['Aged 7.', 'Aged 8.']
    """
    try:
        pieces = [(said, name) for said, name, _, _ in Formatter().parse(template)]
    except ValueError as error:
        raise BadValue(f"the text {template[:80]!r} is no template: {error}") from error
    unknown = sorted({n for _, n in pieces if n is not None} - set(facts.columns))
    if unknown:
        raise BadValue(f"the text names {unknown}, which aren't among {facts.columns}")
    parts = [
        part
        for said, name in pieces
        for part in (pl.lit(said), *([pl.col(name)] if name is not None else ()))
    ]
    return facts.select(pl.concat_str(parts)).to_series()


def render_facts(template: str, facts: pl.DataFrame) -> pl.Series:
    """Fill a template with each row's facts; without one, list the facts by their last names.

    >>> render_facts("", pl.DataFrame({"home/pet": ["cat"]})).to_list()
    ['Facts about you: pet: cat.']
    """
    if template:
        return fill_template(template, facts)
    said = [pl.lit(f"{name.rpartition('/')[2]}: ") + pl.col(name) for name in facts.columns]
    listed = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return facts.select(pl.lit("Facts about you: ") + listed + ".").to_series()


def persona_table(
    ids: pl.Series,
    facts: pl.DataFrame,
    *,
    traits: pl.DataFrame | None = None,
    provenance: Mapping[str, str] | None = None,
    texts: Mapping[str, pl.Series | str] | None = None,
) -> pl.DataFrame:
    """Build a frame of the store: facts and traits (z) by column name, texts by field.

    `provenance` and texts that are no series are the same for all; absent fields are empty.
    """
    given: dict[str, pl.Series | str] = {"schema": PERSONA_SCHEMA, "id": ids, **(texts or {})}
    given["facts"] = key_value_lists(facts)
    if traits is not None:
        given["traits"] = key_value_lists(traits)
    if provenance:
        given["provenance"] = key_value_lists(pl.DataFrame(dict(provenance)))
    zeros = np.zeros(len(ids), dtype=np.int64)
    columns = []
    for name, kind in PERSONA_COLUMNS.items():
        column = given.get(name, "" if kind == pl.String() else pl.Series([[]], dtype=kind))
        one = pl.Series([column]) if isinstance(column, str) else column
        whole = one if len(one) == len(ids) else one.gather(zeros)
        columns.append(whole.cast(kind).alias(name))
    return pl.DataFrame(columns)
