"""The standard error of measurement of a scale's mean score, and the change that exceeds it.

Lord & Novick (1968, Statistical Theories of Mental Test Scores, ch. 3); Jacobson & Truax (1991, J.
Consult. Clin. Psychol. 59).
"""

from dataclasses import replace
from math import exp, nan, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Estimate
from personae.stats.arrays import scale_table

__all__ = ["reliable_change", "sem"]


def sem(
    matrix: ArrayLike,
    *,
    name: str = "standard error of measurement",
    of: str = "respondent",
) -> Estimate:
    """Estimate the standard error of a scale's mean score in points: SD · √(1 − α).

    This is the root of the residual mean square of respondents by items, over k. The interval is
    Student's t on its logarithm with the jackknife over respondents, whose consistency may differ.
    Args, undefined cases and errors as `alpha`: scores of shape (n, k), in points; no interval
    where fewer than two respondents have residuals. Source: Lord & Novick (1968, Statistical
    Theories of Mental Test Scores, ch. 3); Miller (1974, Biometrika 61).

    >>> rows = [(1, 2, 1), (2, 2, 3), (3, 4, 3), (4, 4, 5), (5, 5, 5), (2, 3, 2)]
    >>> print(sem(rows))
    standard error of measurement: 0.292 points [0.207, 0.411], n = 6 respondents
    """
    x, note, undefined = scale_table((name, of), matrix)
    if undefined is not None:
        return undefined
    n, k = x.shape
    residuals = x - x.mean(axis=1, keepdims=True)
    squares = (residuals**2).sum(axis=1) / (k - 1) / k
    total = float(squares.sum())
    estimate = Estimate(
        name=name,
        value=sqrt(total / (n - 1)),
        low=nan,
        high=nan,
        n=n,
        of=of,
        unit="points",
        why_missing="no two respondents have residuals to build an interval on",
    )
    without = total - squares * n / (n - 1)  # exact: the residuals of the others shrink too
    if without.min() <= 1e-12 * total or total <= 1e-15 * float((x**2).sum()):
        return estimate
    logs = np.log(without) / 2
    spread_of_logs = sqrt((n - 1) / n * float(((logs - logs.mean()) ** 2).sum()))
    ratio = exp(float(scipy.special.stdtrit(n - 1, 0.975)) * spread_of_logs)
    return replace(
        estimate,
        low=estimate.value / ratio,
        high=estimate.value * ratio,
        method=f"Student's t on the logarithm, jackknife over {of}s{note}",
        why_missing="",
    )


def reliable_change(
    matrix: ArrayLike, *, name: str = "reliable change", of: str = "respondent"
) -> Estimate:
    """Estimate the smallest reliable change of a respondent's mean score: 1.96 · √2 · SEM.

    In points; args, interval and undefined cases as `sem`: scores of shape (n, k). Source: Jacobson
    & Truax (1991, J. Consult. Clin. Psychol. 59).
    """
    error = sem(matrix, name=name, of=of)
    factor = 1.96 * sqrt(2)
    return replace(
        error, value=error.value * factor, low=error.low * factor, high=error.high * factor
    )
