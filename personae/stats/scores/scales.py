"""From answers to scale scores: reversed items, missing answers, matrices for the statistics.

Source: the common rules of the inventories' manuals (keyed item score `low + high - value` for a
reversed item; scale score = mean of the keyed items; facet and domain sums prorated). One rule is
our own: a scale is scored where 80 % of its items or more were answered, and nothing is imputed.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from personae.core import Answers, Array, BadValue

__all__ = ["item_matrix", "keyed", "require_range", "respondent_blocks", "scale_scores"]

BLOCK = 500_000
"""Answers that are worked on at a time, where whole respondents follow each other."""
ADMINISTRATION = ("respondent", "arm", "form", "order", "repeat")
Use = Literal["value", "expected"]


def require_range(rows: pl.DataFrame) -> None:
    """Refuse rows of answers that lack the range of their options.

    Raises:
        BadValue: rows whose `low` or `high` is null.
    """
    unknown = rows.filter(pl.col("low").is_null() | pl.col("high").is_null())
    if unknown.height:
        raise BadValue(
            f"{unknown.height} answers, the first to item {unknown['item'][0]!r}, lack low or "
            f"high, the lowest and the highest value of the item's options: fill both columns"
        )


def respondent_blocks(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Cut rows into blocks of whole respondents, about BLOCK each, in their order.

    One block where the rows of a respondent lie apart. Source: our own; it bounds the memory.
    """
    if rows.height <= BLOCK:
        return [rows]
    who = rows["respondent"]
    starts = rows.select(
        pl.arg_where(pl.col("respondent").ne_missing(pl.col("respondent").shift()))
    )
    begins = starts.to_series().to_numpy()
    if begins.size < 2 or begins.size > who.n_unique():
        return [rows]
    wanted = np.arange(0, rows.height, BLOCK)
    cuts = np.unique(begins[np.searchsorted(begins, wanted, side="right") - 1]).tolist()
    ends = [*cuts[1:], rows.height]
    return [rows.slice(cut, end - cut) for cut, end in zip(cuts, ends, strict=True)]


def keyed(answers: Answers, use: Use = "value") -> pl.DataFrame:
    """Return the answers' rows with a column `score`: the keyed value, null where not answered.

    In points a reversed item scores `low + high - value`; in nats/token, which have no range,
    `-value`. `use` selects the option chosen or the mean over the option probabilities; either
    counts only where the status is ok. Source: the keying rule of the inventories' manuals, such as
    Johnson (2014, J. Research in Personality 51).

    Raises:
        BadValue: reversed items in points without `low` and `high`.

    >>> answer = {"item": "9", "scale": "A", "key": -1, "low": 1.0, "high": 5.0, "value": 2.0}
    >>> keyed(Answers.of([answer]))["score"].to_list()
    [4.0]
    """
    if use not in ("value", "expected"):
        raise BadValue(f"use is 'value' or 'expected', not {use!r}")
    rows = answers.rows
    answered = (pl.col("status") == "ok") & pl.col(use).is_finite()
    mirror: pl.Expr = pl.lit(0.0)
    points = (rows["unit"] == "points").any()
    if points and (rows["key"] == -1).any():
        require_range(rows.filter(answered & (pl.col("unit") == "points") & (pl.col("key") == -1)))
        span = pl.col("low") + pl.col("high")
        mirror = pl.when(pl.col("unit") == "points").then(span).otherwise(0.0)
    score = pl.when(pl.col("key") == -1).then(mirror - pl.col(use)).otherwise(pl.col(use))
    return rows.with_columns(pl.when(answered).then(score).alias("score"))


def scale_scores(
    answers: Answers,
    *,
    by: Sequence[str] = ADMINISTRATION,
    level: Literal["scale", "facet"] = "scale",
    use: Use = "value",
    min_share: float = 0.8,
) -> pl.DataFrame:
    """Score every scale, or every facet, of each group of answers.

    Columns: those of `by`, `scale` (and `facet`), `unit`, `n_items` asked, `n_answered`, `mean`
    of the keyed item scores, `sum` (the mean times `n_items`: prorated), `sd` (population SD over
    the keyed items, the dispersion of Jiang et al. 2022), `why`. Where an item was asked more than
    once in a group, its answers are averaged first. If fewer than `min_share` (0..1) of the items
    were answered, mean, sum and sd are null and `why` says so. Order: first appearance. Mean, sum
    and sd are in the answers' unit. Source: the scoring rules of the inventories' manuals.

    Raises:
        BadValue: a group mixes points and nats/token; put `form` into `by`.

    >>> warm = {"item": "2", "scale": "E", "low": 1.0, "high": 5.0, "value": 5.0}
    >>> cold = {**warm, "item": "62", "key": -1, "value": 2.0}
    >>> scale_scores(Answers.of([warm, cold])).select("n_answered", "mean", "sd").rows()
    [(2, 4.5, 0.5)]
    """
    if not 0 < min_share <= 1:
        raise BadValue(f"min_share is in (0, 1], not {min_share}")
    if "respondent" in by and len(blocks := respondent_blocks(answers.rows)) > 1:
        parts = (
            scale_scores(Answers(block), by=by, level=level, use=use, min_share=min_share)
            for block in blocks
        )
        return pl.concat(list(parts))
    groups = [*by, "scale"] + (["facet"] if level == "facet" else [])
    scored = _scored(answers, groups, use)
    enough = pl.col("n_answered") >= min_share * pl.col("n_items") - 1e-9
    shortfall = pl.format(
        "{} of {} items answered, {} % needed",
        "n_answered",
        "n_items",
        pl.lit(f"{min_share:.0%}"[:-1]),
    )
    return scored.with_columns(
        *(pl.when(enough).then(pl.col(name)).alias(name) for name in ("mean", "sum", "sd")),
        pl.when(enough).then(pl.lit("")).otherwise(shortfall).alias("why"),
    )


def _scored(answers: Answers, groups: list[str], use: Use) -> pl.DataFrame:
    """Return each group's numbers of items and answers, mean, prorated sum and SD."""
    rows = keyed(answers, use)
    if "facet" in groups:
        rows = rows.filter(pl.col("facet") != "")
    mixed = rows.group_by(groups).agg(pl.col("unit").n_unique()).filter(pl.col("unit") > 1)
    if mixed.height:
        raise BadValue(f"{mixed.height} groups mix points and nats/token: put 'form' into by")
    items = rows.group_by([*groups, "item"], maintain_order=True).agg(
        pl.col("unit").first(), pl.col("score").mean()
    )
    return items.group_by(groups, maintain_order=True).agg(
        pl.col("unit").first(),
        pl.len().cast(pl.Int64).alias("n_items"),
        pl.col("score").count().cast(pl.Int64).alias("n_answered"),
        pl.col("score").mean().alias("mean"),
        (pl.col("score").mean() * pl.len()).alias("sum"),
        pl.col("score").std(ddof=0).alias("sd"),
    )


def item_matrix(
    answers: Answers,
    rows: Sequence[str] = ("respondent",),
    use: Use = "value",
    *,
    raw: bool = False,
) -> tuple[Array, list[tuple[str | int, ...]], list[str]]:
    """Return a matrix of keyed item scores, its rows' labels and the item ids.

    Args:
        answers: of one scale: `item_matrix(answers.where(scale="E"))`.
        rows: the columns that identify a row; the labels are their values.
        use: the option chosen, or the mean over the option probabilities.
        raw: whether to leave the values unkeyed.

    The matrix has the shape (rows, items) and the answers' unit, NaN where missing; labels and ids
    are in order of first appearance. Several answers in a cell are averaged. Source: the keying
    rule of `keyed` (Johnson 2014, J. Research in Personality 51).
    """
    blocks = respondent_blocks(answers.rows) if "respondent" in rows else [answers.rows]
    items: list[str] = answers.rows["item"].unique(maintain_order=True).to_list()
    matrices, labels = [], []
    for block in blocks:
        cells = _cells(Answers(block), rows, use, raw=raw)
        names = cells.select(rows).unique(maintain_order=True).with_row_index("_row")
        placed = cells.join(names, on=list(rows), maintain_order="left", nulls_equal=True)
        columns = placed["item"].replace_strict({item: i for i, item in enumerate(items)})
        matrix = np.full((names.height, len(items)), np.nan)
        matrix[placed["_row"].to_numpy(), columns.to_numpy()] = (
            placed["score"].fill_null(np.nan).to_numpy()
        )
        matrices.append(matrix)
        labels += names.drop("_row").rows()
    return np.concatenate(matrices), labels, items


def _cells(answers: Answers, rows: Sequence[str], use: Use, *, raw: bool) -> pl.DataFrame:
    """Return the mean score of each row and item, in order of first appearance."""
    long = keyed(answers, use)
    if raw:
        long = long.with_columns(
            pl.when(pl.col("score").is_not_null()).then(pl.col(use)).alias("score")
        )
    return long.group_by([*rows, "item"], maintain_order=True).agg(pl.col("score").mean())
