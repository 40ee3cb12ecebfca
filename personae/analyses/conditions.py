"""The conditions of answers that are scored apart: arm, form, and version of the inventory."""

import polars as pl

from personae.core import Answers
from personae.stats.scores.scales import BLOCK

__all__ = ["conditions_of", "counted"]


def conditions_of(answers: Answers) -> dict[str, dict[str, str]]:
    """Map a heading to each arm, form and version of the inventory, in order of appearance.

    A run may ask some items alone, or in other words: that is another version. The heading tells
    the numbers of answers where an arm and form has several.
    """
    rows = counted(answers, "arm", "form", "inventory").rows()
    kinds = [(arm, form) for arm, form, _, _ in rows]
    conditions: dict[str, dict[str, str]] = {}
    for arm, form, version, count in rows:
        several = f", {count} answers to {version}" if kinds.count((arm, form)) > 1 else ""
        condition = {"arm": arm, "form": form, "inventory": version}
        conditions[f"{arm}, {form}{several}"] = condition
    return conditions


def counted(answers: Answers, *columns: str) -> pl.DataFrame:
    """Count answers by their values in columns, in order of first appearance.

    Block by block: polars keeps a constant column once, but writes it out where it is grouped by.
    """
    blocks = answers.rows.select(columns).iter_slices(BLOCK)
    counts = pl.concat([block.group_by(columns, maintain_order=True).len() for block in blocks])
    return counts.group_by(columns, maintain_order=True).agg(pl.col("len").sum())
