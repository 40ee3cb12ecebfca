"""Whether acts go with reports over respondents: correlation and regressions, z scores."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

import numpy as np

from personae.core import Array, Estimate, missing
from personae.designs.report_behaviour import FLAT, BehaviourMeasure, Profile
from personae.stats.resample import bootstrap
from personae.studies.personality_illusion.regression import (
    Mixed,
    Slopes,
    random_intercept,
    slopes,
    standardize,
)

__all__ = ["coupling", "line", "regress"]

ROWS_A_SLOPE = 3


def regress(people: Sequence[Profile], act: BehaviourMeasure, traits: Sequence[str]) -> Mixed | str:
    """Regress an act on all reports, z scores, with an intercept for each model; or say why not.

    Respondents of which a variable is missing are left out.
    """
    table = _complete(people, (*traits, act.measure.name))
    models = [one.model for one, _ in table]
    if len(table) < ROWS_A_SLOPE * len(traits):
        return f"{len(table)} complete respondents for {len(traits)} slopes"
    values = np.array([row for _, row in table])
    flat = [
        n
        for n, column in zip((*traits, act.measure.name), values.T, strict=True)
        if np.ptp(column) < FLAT
    ]
    if flat:
        return f"respondents do not differ on {', '.join(flat)}"
    z = np.column_stack([standardize(column) for column in values.T])
    return random_intercept(z[:, -1], z[:, :-1], models, traits, of="respondent")


def coupling(
    people: Sequence[Profile],
    acts: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    *,
    seed: int = 0,
) -> Estimate:
    """Estimate the correlation of acts with what reports predict, a mean over acts.

    The prediction is the sum of a respondent's z-scored reports, each with the sign that people
    show. Respondents are resampled. Undefined where reports or all acts are the same for all.
    """
    name, of = "acts with what reports predict", "respondent"
    variables = (*traits, *(act.measure.name for act in acts))
    table = _complete(people, variables)
    if len(table) < ROWS_A_SLOPE:
        return missing(name, f"{len(table)} complete respondents", n=len(table), of=of, unit="r")
    z = np.column_stack([standardize(column) for column in np.array([r for _, r in table]).T])
    pairs = []
    for place, act in enumerate(acts, start=len(traits)):
        signs = np.array([act.measure.signs.get(t, 0) for t in traits], dtype=np.float64)
        predicted = z[:, : len(traits)] @ signs
        if np.ptp(predicted) > FLAT and np.ptp(z[:, place]) > FLAT:
            pairs.append((predicted, z[:, place]))
    if not pairs:
        return missing(name, "respondents do not differ", n=len(table), of=of, unit="r")

    def mean_r(weights: Array) -> Array:
        found: list[Array] = [_weighted_r(weights, x, y) for x, y in pairs]
        return np.asarray(np.mean(found, axis=0))

    found = bootstrap(mean_r, len(table), seed=seed)
    return replace(found, name=name, of=of, unit="r")


def _weighted_r(weights: Array, x: Array, y: Array) -> Array:
    total = weights.sum(axis=1)
    mx, my = weights @ x / total, weights @ y / total
    cov = weights @ (x * y) / total - mx * my
    spread = (weights @ x**2 / total - mx**2) * (weights @ y**2 / total - my**2)
    r: Array = cov / np.sqrt(np.where(spread > FLAT, spread, np.nan))
    return r


def line(people: Sequence[Profile], act: BehaviourMeasure, trait: str) -> Slopes | str:
    """Give one report's slope on an act, z scores: pooled, within and between models."""
    table = _complete(people, (trait, act.measure.name))
    values = np.array([row for _, row in table]).reshape(-1, 2)
    if len(values) < ROWS_A_SLOPE or min(np.ptp(values, axis=0)) < FLAT:
        return f"{len(values)} complete respondents, or no differences among them"
    x, y = (standardize(column) for column in values.T)
    return slopes(y, x, [one.model for one, _ in table], name=trait, of="respondent")


def _complete(
    people: Sequence[Profile], variables: Sequence[str]
) -> list[tuple[Profile, list[float]]]:
    rows = [(one, [one.mean(v) for v in variables]) for one in people]
    return [(one, row) for one, row in rows if not any(map(isnan, row))]
