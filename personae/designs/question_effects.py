"""What a persona changes, question by question, against a reference: effects with their limits.

Questions are the sampling unit: draws, orders and instructions are averaged within a question
first, since 25 draws of one question are not 25 questions (Basil et al. 2025, arXiv 2512.05858).
A lost answer counts as wrong, as in the published audits, and is also counted by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from personae.core import Answers, Array, BadValue, Cell, Estimate, Table
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.proportions import detectable, mcnemar, rate
from personae.stats.multiplicity import benjamini_hochberg, holm
from personae.stats.resample import mean

__all__ = [
    "LEAST",
    "OUTCOMES",
    "Effect",
    "counts_table",
    "effects",
    "effects_table",
    "question_scores",
]

LEAST = 6
"""Questions of a scale below which it isn't compared by itself: of 2^5 sign patterns none is rarer
than p = 0.06, so that the test could find nothing, and would only use up the family's level."""
OUTCOMES = ("correct", "wrong", "abstained", "unparsed", "cut", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One condition against the reference on one scale ("" for all scales together).

    `accuracy` is over questions, a lost answer being wrong; `shift` the mean paired difference with
    its sign-flip p, `holm` and `bh` that p adjusted over the family; `exact` is McNemar's p where
    every question has one answer, else NaN; `detectable` the smallest shift that a test like this
    would find in four of five runs.
    """

    condition: str
    scale: str
    accuracy: Estimate
    shift: Estimate
    holm: float
    bh: float
    exact: float
    detectable: float

    @property
    def verdict(self) -> str:
        """Worse, better, not shown, or not known; by the Holm-adjusted p."""
        if np.isnan(self.shift.value):
            return "not known"
        if self.holm < 0.05 and self.shift.value != 0:
            return "worse" if self.shift.value < 0 else "better"
        return "not shown"


def question_scores(
    answers: Answers, by: str, conditions: Sequence[str], *, use: str = "value"
) -> tuple[Array, list[str]]:
    """Lay out mean scores, (conditions, questions); a lost answer counts 0, an unasked one is NaN.

    `use` is `value` (right or wrong) or `expected` (probability of the right option).
    """
    rows = answers.rows.with_columns(pl.col(use).fill_null(0.0).alias("score"))
    means = rows.group_by("item", by, maintain_order=True).agg(pl.col("score").mean())
    items = list(dict.fromkeys(means["item"].to_list()))
    place = {item: i for i, item in enumerate(items)}
    row = {condition: i for i, condition in enumerate(conditions)}
    found = np.full((len(conditions), len(items)), np.nan)
    for item, condition, score in means.select("item", by, "score").rows():
        if condition in row:
            found[row[condition], place[item]] = score
    return found, items


def effects(
    answers: Answers,
    reference: str,
    *,
    by: str = "respondent",
    use: str = "value",
    of: str = "question",
    seed: int = 0,
) -> list[Effect]:
    """Compare every condition with the reference, over all questions and scale by scale.

    `of` names what an item is. A scale of fewer than six is not compared by itself.
    The family of the adjustment is all comparisons of single scales, or those over all questions
    where there is one scale only; comparisons over all questions are a family of their own.

    Raises:
        BadValue: no answer belongs to the reference.
    """
    conditions = [c for c in dict.fromkeys(answers.rows[by].to_list()) if c != reference]
    if reference not in answers.rows[by].to_list():
        raise BadValue(f"no answers under the reference {reference!r}; there are {conditions}")
    sizes = answers.rows.group_by("scale", maintain_order=True).agg(pl.col("item").n_unique())
    scales = [scale for scale, size in sizes.rows() if size >= LEAST] if sizes.height > 1 else []
    found: list[Effect] = []
    for family in ([""], scales):
        if family and conditions:
            found += _family(answers, (reference, *conditions), family, (by, use, of, seed))
    return found


class _Raw(NamedTuple):
    """A comparison before adjustment; `spread` is the SD of the differences."""

    condition: str
    scale: str
    accuracy: Estimate
    shift: Estimate
    exact: float
    spread: float


def _family(
    answers: Answers,
    conditions: Sequence[str],
    scales: Sequence[str],
    how: tuple[str, str, str, int],
) -> list[Effect]:
    by, use, of, seed = how
    raw: list[_Raw] = []
    for scale in scales:
        part = answers.where(scale=scale) if scale else answers
        table, _ = question_scores(part, by, conditions, use=use)
        for place, condition in enumerate(conditions[1:], start=1):
            raw.append(_compared(table[[0, place]], (condition, scale), of, seed))
    tests = [1.0 if np.isnan(one.shift.p) else one.shift.p for one in raw]
    family = zip(raw, holm(tests).tolist(), benjamini_hochberg(tests).tolist(), strict=True)
    return [
        Effect(
            condition=one.condition,
            scale=one.scale,
            accuracy=one.accuracy,
            shift=one.shift,
            exact=one.exact,
            holm=strict,
            bh=lenient,
            detectable=detectable(one.shift.n, one.spread, tests=len(raw)),
        )
        for one, strict, lenient in family
    ]


def _compared(pair: Array, cell: tuple[str, str], of: str, seed: int) -> _Raw:
    """Compare the second row of question scores with the first."""
    both = ~np.isnan(pair).any(axis=0)
    first, second = pair[:, both]
    name = cell[0]
    shift = paired_permutation(second - first, name=name, of=of, unit="rate", seed=seed)
    exact = float("nan")
    accuracy = mean(second, name=name, of=of, unit="rate", seed=seed)
    if both.any() and np.isin(pair[:, both], (0.0, 1.0)).all():
        exact = mcnemar(first, second).p
        accuracy = rate(second, name=name, of=of)
    spread = float(np.std(second - first, ddof=1)) if both.sum() > 1 else float("nan")
    return _Raw(*cell, accuracy, shift, exact, spread)


def effects_table(found: Sequence[Effect], name: str, title: str, reference: str) -> Table:
    """Tabulate effects: accuracy, shift, p raw and adjusted, detectable shift, verdict."""
    rows: list[tuple[Cell, ...]] = [
        (
            e.condition,
            e.scale or "all",
            e.accuracy,
            e.shift,
            e.shift.p,
            e.exact,
            e.holm,
            e.bh,
            e.detectable,
            e.verdict,
        )
        for e in found
    ]
    columns = (
        "condition",
        "questions",
        "accuracy",
        "shift",
        "p",
        "p (McNemar)",
        "p (Holm)",
        "p (BH)",
        "detectable shift",
        "verdict",
    )
    of = found[0].shift.of if found else "question"
    note = (
        f"Shift: rate of right answers minus that under {reference!r}, paired by {of}; a lost "
        f"answer is wrong. p: sign-flip permutation over {of}s. Detectable: found in 4 of 5 "
        "runs at the level shared out over the family."
    )
    return Table(name=name, title=title, columns=columns, rows=tuple(rows), note=note)


def counts_table(answers: Answers, by: Sequence[str] = ("respondent",)) -> Table:
    """Count outcomes by condition: right, wrong, abstained, unparsed, lost, and protests."""
    grouped = answers.rows.group_by(list(by), maintain_order=True).agg(
        pl.len().alias("asked"),
        *((pl.col("outcome") == o).sum().cast(pl.Int64).alias(o) for o in OUTCOMES),
        pl.col("protested").sum().cast(pl.Int64).alias("protested"),
        (pl.col("status") == "refused").sum().cast(pl.Int64).alias("refused"),
    )
    note = (
        "Abstained: declines and names no answer. Protested: declines and answers all the same; "
        "counted among right and wrong."
    )
    return Table(
        name="outcomes",
        title="Outcomes",
        columns=tuple(grouped.columns),
        rows=tuple(grouped.rows()),
        note=note,
    )
