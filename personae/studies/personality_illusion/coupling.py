"""Covariation of behaviour and self-report over respondents: correlation and regressions."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np

from personae.core import Array, Estimate, missing
from personae.designs.report_behaviour import FLAT, BehaviourMeasure, Profile
from personae.stats.resample import bootstrap
from personae.studies.personality_illusion.mixed_model import Mixed, random_intercept
from personae.studies.personality_illusion.regression import Slopes, slopes, standardize

__all__ = ["coupling", "regress", "trait_slopes"]

ROWS_A_SLOPE = 3


def regress(people: Sequence[Profile], row: BehaviourMeasure, traits: Sequence[str]) -> Mixed | str:
    """Regress a measure on all reports, z scores, with an intercept for each model; or say why not.

    Slopes are SDs of behaviour for one SD of a report. Respondents with a missing variable are left
    out. Source: Han et al. 2025 (arXiv 2509.03730), second research question.
    """
    variables = (*traits, row.measure.name)
    complete = _complete(people, variables)
    models = [person.model for person, _ in complete]
    if len(complete) < ROWS_A_SLOPE * len(traits):
        return f"{len(complete)} complete respondents for {len(traits)} slopes"
    values = np.array([means for _, means in complete])
    spans = zip(variables, np.ptp(values, axis=0), strict=True)
    if flat := [name for name, span in spans if span < FLAT]:
        return f"respondents do not differ on {', '.join(flat)}"
    z = np.column_stack([standardize(column) for column in values.T])
    return random_intercept(z[:, -1], z[:, :-1], models, traits, of="respondent")


def coupling(
    people: Sequence[Profile],
    measures: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    *,
    seed: int = 0,
) -> Estimate:
    """Estimate Pearson's r of behaviour with its prediction from reports, a mean over measures.

    The prediction is the sum of a respondent's z-scored reports, each with the sign known from
    people. Respondents are resampled. Undefined where reports, or all measures, don't differ
    between respondents, or where fewer than three respondents are complete. Our own summary, which
    weighs all reports alike; the expected signs are those of Han et al. 2025 (arXiv 2509.03730).
    """
    name, of = "behaviour with what reports predict", "respondent"
    variables = (*traits, *(row.measure.name for row in measures))
    complete = _complete(people, variables)
    n = len(complete)
    if n < ROWS_A_SLOPE:
        return missing(name, f"{n} complete respondents", n=n, of=of, unit="r")
    columns = np.array([means for _, means in complete]).T
    z = np.column_stack([standardize(column) for column in columns])
    pairs = []
    for index, row in enumerate(measures, start=len(traits)):
        signs = np.array([row.measure.signs.get(t, 0) for t in traits], dtype=np.float64)
        predicted = z[:, : len(traits)] @ signs
        if np.ptp(predicted) > FLAT and np.ptp(z[:, index]) > FLAT:
            pairs.append((predicted, z[:, index]))
    if not pairs:
        return missing(name, "respondents do not differ", n=n, of=of, unit="r")

    def mean_r(weights: Array) -> Array:
        return np.asarray(np.mean([_weighted_r(weights, x, y) for x, y in pairs], axis=0))

    return replace(bootstrap(mean_r, n, seed=seed), name=name, of=of, unit="r")


def _weighted_r(weights: Array, x: Array, y: Array) -> Array:
    """Correlate two variables (n,) under each row of weights (draws, n); NaN where one is flat."""
    total = weights.sum(axis=1)
    mx, my = weights @ x / total, weights @ y / total
    cov = weights @ (x * y) / total - mx * my
    spread = (weights @ x**2 / total - mx**2) * (weights @ y**2 / total - my**2)
    r: Array = cov / np.sqrt(np.where(spread > FLAT, spread, np.nan))
    return r


def trait_slopes(people: Sequence[Profile], row: BehaviourMeasure, trait: str) -> Slopes | str:
    """Estimate a measure's slope on one report, z scores: pooled, within and between models.

    Instead the reason, if there are too few complete respondents or they don't differ.
    """
    complete = _complete(people, (trait, row.measure.name))
    values = np.array([means for _, means in complete]).reshape(-1, 2)
    if len(values) < ROWS_A_SLOPE or min(np.ptp(values, axis=0)) < FLAT:
        return f"{len(values)} complete respondents, or no differences among them"
    x, y = (standardize(column) for column in values.T)
    models = [person.model for person, _ in complete]
    return slopes(y, x, models, name=trait, of="respondent")


def _complete(
    people: Sequence[Profile], variables: Sequence[str]
) -> list[tuple[Profile, list[float]]]:
    """Keep the respondents without a missing variable, each with the means of its variables."""
    rows = [(person, [person.mean(v) for v in variables]) for person in people]
    return [(person, means) for person, means in rows if not any(map(isnan, means))]
