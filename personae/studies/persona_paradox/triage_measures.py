"""Ordered labels against the truth: the direction of errors, consistency, and wins in pairs.

Measures of Abdullahi et al. 2026 (arXiv 2601.05376) in our own definitions, since the paper gives
none. Labels are coded so that a larger number is more urgent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate
from personae.stats.arrays import paired
from personae.stats.resample import mean

__all__ = ["RiskProfile", "balanced_accuracy", "bradley_terry", "consistency", "risk_profile"]

STEPS = 500
PRIOR = 0.1
"""Wins added on both sides of every pair, so that strengths stay finite without any loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskProfile:
    """The direction of errors; rates are 0..1.

    Args:
        under: rate of cases rated below the truth.
        over: rate of cases rated above the truth.
        propensity: under minus over, -1..1.
        sensitivity: rate of the high-risk cases that are rated so; rating every case urgent gives
            1, so read it beside `over`.
        slope: of the rating on the truth, by least squares: 1 is perfectly graded, 0 blind.
    """

    under: Estimate
    over: Estimate
    propensity: Estimate
    sensitivity: Estimate
    slope: float


def risk_profile(truth: ArrayLike, rated: ArrayLike, *, high: float, seed: int = 0) -> RiskProfile:
    """Compare rated urgencies with true ones.

    Args:
        truth: true urgencies, shape (cases,), larger being more urgent.
        rated: urgencies given, shape (cases,); NaN for a missing answer, which is left out.
        high: the lowest urgency of a high-risk case.
        seed: seed of the bootstrap over cases.

    Rates are undefined without cases, the slope where the truth is constant. Definitions are our
    own, for want of published ones (Abdullahi et al. 2026, arXiv 2601.05376).

    >>> risk_profile([5, 5, 1, 1], [1, 1, 1, 1], high=4).propensity.value
    0.5
    """
    y, given, _ = paired(truth, rated)
    below, above = (given < y).astype(np.float64), (given > y).astype(np.float64)
    risky = y >= high

    def rate(values: Array, name: str) -> Estimate:
        return mean(values, name=name, of="case", unit="rate", seed=seed)

    centred = y - y.mean() if y.size else y
    power = float((centred**2).sum())
    return RiskProfile(
        under=rate(below, "under-triage"),
        over=rate(above, "over-triage"),
        propensity=rate(below - above, "risk propensity"),
        sensitivity=rate((given[risky] >= high).astype(np.float64), "sensitivity"),
        slope=float((centred * given).sum() / power) if power > 0 else float("nan"),
    )


def balanced_accuracy(truth: ArrayLike, rated: ArrayLike) -> float:
    """Return the mean over true labels of the rate of correct ratings, 0..1; NaN without cases.

    Both have the shape (cases,); a missing rating is wrong. Source: Brodersen et al. 2010 (ICPR).

    >>> balanced_accuracy([1, 1, 1, 2], [1, 1, 1, 1])
    0.5
    """
    y, given = np.asarray(truth, np.float64), np.asarray(rated, np.float64)
    if not y.size:
        return float("nan")
    return float(np.mean([(given[y == label] == label).mean() for label in np.unique(y)]))


def consistency(repeats: ArrayLike, *, seed: int = 0) -> tuple[Estimate, Estimate]:
    """Estimate consistency over repeats: mean share of the modal answer, and of all-equal cases.

    Args:
        repeats: labels as numbers, shape (cases, repeats); NaN is a missing answer and left out.
        seed: seed of the bootstrap over cases.

    Rates in 0..1. A case with fewer than two answers is left out; undefined where none remains.
    Definitions are our own, for want of published ones (Abdullahi et al. 2026, arXiv 2601.05376).

    >>> consistency([[1, 1, 1, 2, 1]])[0].value
    0.8
    """
    shares, equal = [], []
    for row in np.atleast_2d(np.asarray(repeats, np.float64)):
        known = row[~np.isnan(row)]
        if known.size > 1:
            _, counts = np.unique(known, return_counts=True)
            shares.append(counts.max() / known.size)
            equal.append(float(counts.size == 1))
    return (
        mean(shares, name="modal share", of="case", unit="rate", seed=seed),
        mean(equal, name="all equal", of="case", unit="rate", seed=seed),
    )


def bradley_terry(wins: ArrayLike) -> Array:
    """Return log-strengths, mean 0, from a matrix of wins (row over column), shape (k, k).

    Wins may be fractions; a tenth of a win is added on both sides of every pair compared.
    Source: Bradley & Terry 1952 (Biometrika 39), by the iteration of Hunter 2004.

    Raises:
        BadValue: not a square matrix, or a negative count.

    >>> [round(float(v), 1) for v in bradley_terry([[0, 3, 3], [0, 0, 3], [0, 0, 0]])]
    [2.8, 0.0, -2.8]
    """
    won = np.asarray(wins, np.float64)
    if won.ndim != 2 or won.shape[0] != won.shape[1] or not (won >= 0).all():
        raise BadValue(f"wins are counts of row over column, a square, not shape {won.shape}")
    met = (won + won.T) > 0
    won = np.where(met, won + PRIOR, 0.0)
    np.fill_diagonal(won, 0.0)
    games, strength = won + won.T, np.ones(len(won))
    for _ in range(STEPS):
        rivals = games / (strength[:, None] + strength[None, :])
        shared = rivals.sum(axis=1)
        strength = np.where(shared > 0, won.sum(axis=1) / np.where(shared > 0, shared, 1.0), 1.0)
        strength /= np.exp(np.log(strength).mean())
    return np.log(strength)
