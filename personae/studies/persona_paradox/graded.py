"""Ordered labels against the truth: which way errors go, how answers keep, who wins in pairs.

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
"""Wins added on both sides of every pair, so that who always wins has a finite strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskProfile:
    """Which way errors go: `under`- and `over`-triage rates, `propensity` = under minus over.

    `sensitivity` is the rate of the high-risk cases that are called so; `slope` how the answer
    rises with the truth, 1 being perfectly graded and 0 blind. "Always urgent" has the sensitivity
    1: read it beside `over`.
    """

    under: Estimate
    over: Estimate
    propensity: Estimate
    sensitivity: Estimate
    slope: float


def risk_profile(truth: ArrayLike, called: ArrayLike, *, high: float, seed: int = 0) -> RiskProfile:
    """Profile called urgencies against true ones; cases of at least `high` are high-risk.

    Missing calls are left out. Undefined without cases; the slope where the truth never varies.

    >>> risk_profile([5, 5, 1, 1], [1, 1, 1, 1], high=4).propensity.value
    0.5
    """
    y, said, _ = paired(truth, called)
    below, above = (said < y).astype(np.float64), (said > y).astype(np.float64)
    risky = y >= high

    def part(values: Array, name: str) -> Estimate:
        return mean(values, name=name, of="case", unit="rate", seed=seed)

    centred = y - y.mean() if y.size else y
    spread = float((centred**2).sum())
    return RiskProfile(
        under=part(below, "under-triage"),
        over=part(above, "over-triage"),
        propensity=part(below - above, "risk propensity"),
        sensitivity=part((said[risky] >= high).astype(np.float64), "sensitivity"),
        slope=float((centred * said).sum() / spread) if spread > 0 else float("nan"),
    )


def balanced_accuracy(truth: ArrayLike, called: ArrayLike) -> float:
    """Return the mean over true labels of the rate called rightly, 0..1; NaN without cases.

    A missing call is wrong.

    >>> balanced_accuracy([1, 1, 1, 2], [1, 1, 1, 1])
    0.5
    """
    y, said = np.asarray(truth, np.float64), np.asarray(called, np.float64)
    if not y.size:
        return float("nan")
    return float(np.mean([(said[y == label] == label).mean() for label in np.unique(y)]))


def consistency(repeats: ArrayLike, *, seed: int = 0) -> tuple[Estimate, Estimate]:
    """Estimate how answers keep over repeats: mean share of the modal answer, and of all-equal.

    Args:
        repeats: labels as numbers, shape (cases, repeats); NaN is a lost answer and left out.
        seed: of the bootstrap over cases.

    A case with fewer than two answers is left out.

    >>> consistency([[1, 1, 1, 2, 1]])[0].value
    0.8
    """
    shares, whole = [], []
    for row in np.atleast_2d(np.asarray(repeats, np.float64)):
        known = row[~np.isnan(row)]
        if known.size > 1:
            _, counts = np.unique(known, return_counts=True)
            shares.append(counts.max() / known.size)
            whole.append(float(counts.size == 1))
    return (
        mean(shares, name="modal share", of="case", unit="rate", seed=seed),
        mean(whole, name="all equal", of="case", unit="rate", seed=seed),
    )


def bradley_terry(wins: ArrayLike) -> Array:
    """Return log-strengths, mean 0, from a matrix of wins (row over column), shape (k, k).

    Wins may be parts of one; a tenth of a win is added on both sides of every pair that met.
    Source: Bradley & Terry 1952 (Biometrika 39), by the iteration of Hunter 2004.

    Raises:
        BadValue: no square matrix of counts.

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
