"""Effects of a persona on accuracy, question by question, against a reference.

Questions are the sampling unit: draws, orders and instructions are averaged within a question
first, since 25 draws of one question (Basil et al. 2025, arXiv 2512.05858) are not 25 questions.
A lost answer counts as wrong, as in the published audits, and is also counted by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from personae.core import Answers, Array, BadValue, Estimate, Table
from personae.report.build import Row, frame_table, table
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.families import (
    LEAST_PAIRS,
    PairedShift,
    adjust_family,
    difference_spread,
)
from personae.stats.effects.proportions import mcnemar, rate
from personae.stats.resample import mean

__all__ = ["Effect", "counts_table", "effects", "effects_table", "question_scores"]

_OUTCOMES = ("correct", "wrong", "abstained", "unparsed", "cut", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(PairedShift):
    """One condition against the reference on one scale ("" for all scales together).

    `accuracy` (0..1) is over questions, where a lost answer is wrong; `shift` the mean paired
    difference of rates with its sign-flip p; `exact` McNemar's p where every question has one
    answer, else NaN.
    """

    condition: str
    scale: str
    accuracy: Estimate
    exact: float

    @property
    def verdict(self) -> str:
        """Worse, better, not shown or not known, by the Holm-adjusted p."""
        if np.isnan(self.shift.value):
            return "not known"
        if self.holm < 0.05 and self.shift.value != 0:
            return "worse" if self.shift.value < 0 else "better"
        return "not shown"


def question_scores(
    answers: Answers, by: str, conditions: Sequence[str], *, use: str = "value"
) -> tuple[Array, list[str]]:
    """Return mean scores (0..1), shape (conditions, questions), and the questions' ids.

    A lost answer counts 0, as published (Gupta et al. 2024, arXiv 2311.04892; Basil et al. 2025); a
    question that wasn't asked under a condition is NaN.

    Args:
        answers: draws, orders and instructions of a question are averaged.
        by: the column that holds the condition.
        conditions: the rows, in this order; answers under others are left out.
        use: `value` (right or wrong) or `expected` (probability of the right option).
    """
    scored = answers.rows.with_columns(pl.col(use).fill_null(0.0).alias("score"))
    means = scored.group_by("item", by, maintain_order=True).agg(pl.col("score").mean())
    items = list(dict.fromkeys(means["item"].to_list()))
    column = {item: i for i, item in enumerate(items)}
    row = {condition: i for i, condition in enumerate(conditions)}
    scores = np.full((len(conditions), len(items)), np.nan)
    for item, condition, score in means.select("item", by, "score").rows():
        if condition in row:
            scores[row[condition], column[item]] = score
    return scores, items


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

    A scale of fewer than six items is not compared by itself. Comparisons over all questions are
    one family of the adjustment, those of single scales another. The tests are the paired
    sign-flip permutation (Fisher 1935) and McNemar's (1947, Psychometrika 12).

    Args:
        answers: every condition's answers.
        reference: the condition that the others are compared with.
        by: the column that holds the condition.
        use: `value` (right or wrong) or `expected` (probability of the right option).
        of: what an item is.
        seed: of sign flips and bootstrap.

    Raises:
        BadValue: no answer belongs to the reference.
    """
    conditions = [c for c in dict.fromkeys(answers.rows[by].to_list()) if c != reference]
    if reference not in answers.rows[by].to_list():
        raise BadValue(f"no answers under the reference {reference!r}; there are {conditions}")
    sizes = answers.rows.group_by("scale", maintain_order=True).agg(pl.col("item").n_unique())
    scales = [scale for scale, size in sizes.rows() if size >= LEAST_PAIRS]
    family_scales: list[list[str]] = [[""], scales if sizes.height > 1 else []]
    compared: list[Effect] = []
    for family in family_scales:
        unadjusted = []
        for scale in family:
            part = answers.where(scale=scale) if scale else answers
            scores, _ = question_scores(part, by, (reference, *conditions), use=use)
            unadjusted += [
                _effect(scores[[0, row]], (condition, scale), of, seed)
                for row, condition in enumerate(conditions, start=1)
            ]
        compared += adjust_family(unadjusted)
    return compared


def _effect(pair: Array, cell: tuple[str, str], of: str, seed: int) -> Effect:
    """Compare the second row of question scores, shape (2, questions), with the first."""
    both = ~np.isnan(pair).any(axis=0)
    first, second = pair[:, both]
    condition, scale = cell
    exact = float("nan")
    accuracy = mean(second, name=condition, of=of, unit="rate", seed=seed)
    if both.any() and np.isin(pair[:, both], (0.0, 1.0)).all():
        exact = mcnemar(first, second).p
        accuracy = rate(second, name=condition, of=of)
    return Effect(
        condition=condition,
        scale=scale,
        accuracy=accuracy,
        shift=paired_permutation(second - first, name=condition, of=of, unit="rate", seed=seed),
        spread=difference_spread(second - first),
        exact=exact,
    )


def effects_table(effects: Sequence[Effect], name: str, title: str, reference: str) -> Table:
    """Tabulate effects: accuracy, shift, p raw and adjusted, detectable shift, verdict."""
    rows: list[Row] = [
        {
            "condition": effect.condition,
            "questions": effect.scale or "all",
            "accuracy": effect.accuracy,
            "shift": effect.shift,
            "p": effect.shift.p,
            "p (McNemar)": effect.exact,
            "p (Holm)": effect.holm,
            "p (BH)": effect.bh,
            "detectable shift": effect.detectable,
            "verdict": effect.verdict,
        }
        for effect in effects
    ]
    of = effects[0].shift.of if effects else "question"
    note = (
        f"Shift: rate of right answers minus that under {reference!r}, paired by {of}; a lost "
        f"answer is wrong. p: sign-flip permutation over {of}s. Detectable: found in 4 of 5 "
        "runs at the level divided over the family."
    )
    return table(name, title, rows, note)


def counts_table(answers: Answers, by: Sequence[str] = ("respondent",)) -> Table:
    """Count outcomes by condition: right, wrong, abstained, unparsed, lost, and protests."""
    grouped = answers.rows.group_by(list(by), maintain_order=True).agg(
        pl.len().alias("asked"),
        *((pl.col("outcome") == o).sum().cast(pl.Int64).alias(o) for o in _OUTCOMES),
        pl.col("protested").sum().cast(pl.Int64).alias("protested"),
        (pl.col("status") == "refused").sum().cast(pl.Int64).alias("refused"),
    )
    note = (
        "Abstained: declines and names no answer. Protested: declines and answers all the same; "
        "counted among right and wrong."
    )
    return frame_table("outcomes", "Outcomes", grouped, note)
