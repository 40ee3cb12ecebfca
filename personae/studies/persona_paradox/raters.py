"""Agreement of raters (judges, repeats or people), and position bias; judgements may be missing."""

from itertools import combinations

import numpy as np
import polars as pl

from personae.core import Answers, BadValue, Estimate
from personae.stats.agreement import weighted_kappa
from personae.stats.resample import mean
from personae.studies.persona_paradox.krippendorff import Level, krippendorff_alpha

__all__ = ["first_place_rate", "rater_agreement"]


def rater_agreement(
    answers: Answers, level: Level = "interval", *, by: str = "respondent", seed: int = 0
) -> list[Estimate]:
    """Estimate how far judges agree: alpha over all of them, then quadratic κ of each pair.

    Sources: Hayes & Krippendorff 2007 (alpha), Cohen 1968, Psychol. Bull. 70 (weighted κ).

    A judgement is the mean over a judge's answers to an item (`expected` where there is one); an
    item that a judge didn't answer is missing there, never filled in. Nominal judgements have no κ.

    Args:
        answers: the judges' answers.
        level: the level of measurement of the judgements.
        by: the column that distinguishes raters: `respondent`, or `repeat` or `order` for one
            judge against itself.
        seed: seed of the resampling.

    Raises:
        BadValue: no such column.
    """
    if by not in answers.rows.columns:
        raise BadValue(f"raters are distinguished by a column of the answers, not {by!r}")
    score = pl.coalesce("expected", "value")
    ratings = (
        answers.rows.with_columns(pl.when(pl.col("status") == "ok").then(score).alias("score"))
        .group_by("item", by, maintain_order=True)
        .agg(pl.col("score").mean())
        .pivot(by, index="item", values="score", maintain_order=True)
        .drop("item")
    )
    matrix = ratings.fill_null(float("nan")).to_numpy().astype(np.float64)
    agreements = [krippendorff_alpha(matrix, level, seed=seed)]
    if level == "nominal":
        return agreements
    for (i, first), (j, second) in combinations(enumerate(ratings.columns), 2):
        name = f"quadratic kappa, {first} and {second}"
        agreements.append(weighted_kappa(matrix[:, i], matrix[:, j], name=name, seed=seed))
    return agreements


def first_place_rate(answers: Answers, *, seed: int = 0) -> Estimate:
    """Estimate how often a judge prefers the text shown first, over pairs judged in both placings.

    A rate in 0..1, 0.5 without position bias, as Zheng et al. 2023 (arXiv 2306.05685, §3.3)
    describe it; label probabilities count where there are any. Undefined where no pair was judged
    in both placings.
    """
    score = pl.coalesce("expected", "value")
    placed = pl.when(pl.col("order") == "reverse").then(1 - score).otherwise(score)
    rates = (
        answers.rows.filter(pl.col("status") == "ok")
        .group_by("respondent", "item", "order", maintain_order=True)
        .agg(placed.mean().alias("rate"))
        .group_by("respondent", "item", maintain_order=True)
        .agg(pl.col("rate").mean(), pl.len().alias("placings"))
        .filter(pl.col("placings") == 2)
    )
    return mean(
        rates["rate"].to_numpy(), name="first place preferred", of="pair", unit="rate", seed=seed
    )
