"""Builders of tables: rows as mappings, estimates, matrices, frames, and answers by status."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from personae.core import Answers, BadValue, Cell, Estimate, Table

__all__ = ["Row", "coverage", "estimates_table", "frame_table", "matrix_table", "table", "with_p"]

Row = dict[str, Cell]
"""A row under construction: head -> cell."""


def table(
    name: str,
    title: str,
    rows: Iterable[Mapping[str, object]],
    note: str = "",
    *,
    columns: Sequence[str] = (),
) -> Table:
    """Make a table from rows that map columns to cells.

    Args:
        name: the table's key in JSON.
        title: what is shown.
        rows: mappings with the same keys in the same order, which head the columns; each cell is
            a text, a number, a truth value, an Estimate or None. A list that grows needs the
            annotation `rows: list[Row]`.
        note: one line of method.
        columns: the heads, where there may be no row.

    Raises:
        BadValue: a row has other columns than the first, or a cell is of another type.

    >>> table("sizes", "Sizes", [{"arm": "none", "items": 24}, {"arm": "P2", "items": 20}]).rows
    (('none', 24), ('P2', 20))
    """
    listed = list(rows)
    heads = tuple(listed[0]) if listed else tuple(columns)
    for row in listed:
        if tuple(row) != heads:
            raise BadValue(f"table {name!r}: a row has the columns {tuple(row)}, not {heads}")
    cells = tuple(tuple(_cell(name, row[head]) for head in heads) for row in listed)
    return Table(name=name, title=title, columns=heads, rows=cells, note=note)


def _cell(name: str, value: object) -> Cell:
    """Return a value as a cell, numpy's numbers as Python's."""
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, str | int | float | Estimate):
        return plain
    raise BadValue(
        f"table {name!r}: a cell is a text, a number, a truth value, an Estimate or None, "
        f"not {value!r}"
    )


def with_p(head: str, estimate: Estimate, adjusted: float | None = None) -> Row:
    """Return the cells of a tested estimate: itself, p, and p after Holm where one is given.

    >>> shift = Estimate(name="d", value=0.5, low=0.2, high=0.8, n=9, of="item", p=0.01)
    >>> with_p("shift", shift, 0.03)["p (Holm)"]
    0.03
    """
    cells: Row = {head: estimate, "p": _known(estimate.p)}
    return cells if adjusted is None else {**cells, "p (Holm)": _known(adjusted)}


def _known(p: float) -> float | None:
    return None if isnan(p) else float(p)


def estimates_table(
    name: str,
    title: str,
    estimates: Mapping[str, Estimate] | Iterable[tuple[str, Estimate]],
    heads: tuple[str, str],
    note: str = "",
    *,
    adjusted: ArrayLike | None = None,
) -> Table:
    """Make a table of one estimate per row, with p where tested and p after Holm where given.

    Args:
        name: the table's key in JSON.
        title: what is shown.
        estimates: label -> estimate.
        heads: the heads of labels and estimates.
        note: one line of method.
        adjusted: p-values after correction, one per estimate, shape (n,).

    Raises:
        BadValue: the number of p-values differs from that of the estimates.

    >>> rate = Estimate(name="E", value=0.7, low=0.6, high=0.8, n=40, of="essay")
    >>> estimates_table("rates", "Rates", {"E": rate}, ("trait", "rate")).columns
    ('trait', 'rate')
    """
    pairs = list(estimates.items() if isinstance(estimates, Mapping) else estimates)
    adjusted_values = (
        [None] * len(pairs) if adjusted is None else np.asarray(adjusted, float).tolist()
    )
    if len(adjusted_values) != len(pairs):
        raise BadValue(
            f"table {name!r}: {len(adjusted_values)} adjusted p-values for {len(pairs)} estimates"
        )
    is_untested = adjusted is None and all(isnan(estimate.p) for _, estimate in pairs)
    rows = [
        {
            heads[0]: label,
            **({heads[1]: estimate} if is_untested else with_p(heads[1], estimate, p)),
        }
        for (label, estimate), p in zip(pairs, adjusted_values, strict=True)
    ]
    return table(name, title, rows, note, columns=heads)


def matrix_table(
    name: str,
    title: str,
    matrix: Mapping[str, Mapping[str, object]],
    corner: str = "",
    note: str = "",
) -> Table:
    """Make a table of a matrix given as row -> column -> cell; an absent cell is a gap.

    >>> matrix_table("moved", "Moved", {"E": {"E": 0.9, "N": -0.2}, "N": {"N": 0.5}}, "asked").rows
    (('E', 0.9, -0.2), ('N', None, 0.5))
    """
    columns = tuple(dict.fromkeys(column for row in matrix.values() for column in row))
    rows = tuple(
        (row, *(_cell(name, cells.get(column)) for column in columns))
        for row, cells in matrix.items()
    )
    return Table(name=name, title=title, columns=(corner, *columns), rows=rows, note=note)


def frame_table(
    name: str,
    title: str,
    frame: pl.DataFrame,
    note: str = "",
    *,
    heads: Mapping[str, str] | None = None,
) -> Table:
    """Make a table of a frame; `heads` renames its columns.

    >>> frame_table("t", "T", pl.DataFrame({"raw": ["A"]}), heads={"raw": "option"}).columns
    ('option',)
    """
    renamed = frame.rename(dict(heads or {}))
    return Table(
        name=name,
        title=title,
        columns=tuple(renamed.columns),
        rows=tuple(renamed.rows()),
        note=note,
    )


def coverage(
    answers: Answers,
    by: Sequence[str] | Mapping[str, str],
    note: str = "",
    *,
    title: str = "Coverage",
    name: str = "",
    extra: Mapping[str, pl.Expr] | None = None,
) -> Table:
    """Count answers by status, one row per group, as every report must.

    Args:
        answers: all answers, also those without a value.
        by: columns that define the groups, or columns and their heads.
        note: one line of method.
        title: what is shown.
        name: the table's key in JSON; by default the title's words.
        extra: further columns, as aggregates over a group's answers.

    >>> asked = Answers.of([{"arm": "P2", "value": 1.0}, {"arm": "P2", "status": "refused"}])
    >>> coverage(asked, ["arm"]).rows
    (('P2', 2, 1, 1, 0, 0, 0),)
    >>> coverage(asked, {"arm": "induction"}, extra={"mean": pl.col("value").mean()}).rows
    (('P2', 2, 1, 1, 0, 0, 0, 1.0),)
    """
    heads = dict(by) if isinstance(by, Mapping) else {column: column for column in by}
    counts = answers.missing(by=tuple(heads))
    if extra:
        aggregates = answers.rows.group_by(*heads).agg(**extra)
        counts = counts.join(
            aggregates, on=list(heads), how="left", nulls_equal=True, maintain_order="left"
        )
    key = name or title.lower().replace(" ", "_")
    return frame_table(key, title, counts, note, heads=heads)
