"""Agreement of ratings of the same things: two orders, administrations, raters or methods.

Intraclass correlation after McGraw & Wong (1996, Psychol. Methods 1), kappa after Cohen (1968,
Psychol. Bull. 70). Incomplete pairs are left out, and the method says how many are complete.
"""

from dataclasses import replace
from functools import lru_cache
from math import atanh, inf, nan, sqrt, tanh

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, Estimate, missing
from personae.stats.arrays import paired, quotient, table
from personae.stats.effects.proportions import rate
from personae.stats.resample import DRAWS, bootstrap, labelled

__all__ = [
    "exact_agreement",
    "icc_agreement",
    "mean_absolute_difference",
    "pearson",
    "weighted_kappa",
]

SQUARES = 20_000
"""Draws of mean squares for an interval, whose bounds are then exact to about .003."""


def pearson(x: ArrayLike, y: ArrayLike, *, name: str = "Pearson r", of: str = "item") -> Estimate:
    """Estimate Pearson's r, −1..1: Σ(x−x̄)(y−ȳ) / √(Σ(x−x̄)² Σ(y−ȳ)²).

    The interval is Fisher's, tanh(atanh r ± 1.96/√(n−3)); p is that of t = r √((n−2)/(1−r²)).

    Args:
        x: numbers, shape (n,), NaN for missing.
        y: the partner of each, shape (n,).
        name: what the estimate is called.
        of: what a pair is.

    Undefined below 3 complete pairs or where one side never varies; no interval below 4 pairs.
    Source: Fisher (1915, Biometrika 10; 1921, Metron 1).

    Raises:
        BadValue: rows of different length, or not numbers.

    >>> print(pearson([1, 2, 3, 4, 5], [1, 2, 2, 4, 5]))
    Pearson r: 0.962 [0.530, 0.998], n = 5 items, p = 0.00875
    """
    a, b, note = paired(x, y)
    n = a.size
    if n < 3:
        return missing(name, f"needs 3 complete pairs, not {n}", n=n, of=of)
    size = np.array([(a**2).mean(), (b**2).mean()])
    a, b = a - a.mean(), b - b.mean()
    spread = np.array([(a**2).mean(), (b**2).mean()])
    if (spread <= 1e-15 * size).any():
        return missing(name, "one of the two never varies", n=n, of=of)
    r = float(np.clip((a * b).mean() / sqrt(spread[0] * spread[1]), -1.0, 1.0))
    p = 0.0
    if 1 - abs(r) >= 1e-15:
        p = 2 * float(scipy.special.stdtr(n - 2, -abs(r) * sqrt((n - 2) / (1 - r**2))))
    reason = "Fisher's interval needs 4 pairs"
    without_interval = Estimate(
        name=name, value=r, low=nan, high=nan, n=n, of=of, p=p, why_missing=reason
    )
    if n < 4:
        return without_interval
    centre = atanh(r) if abs(r) < 1 else r * inf
    half = scipy.special.ndtri(0.975) / sqrt(n - 3)
    return replace(
        without_interval,
        low=tanh(centre - half),
        high=tanh(centre + half),
        why_missing="",
        method=f"Fisher z interval, t test{note}",
    )


def exact_agreement(
    x: ArrayLike, y: ArrayLike, *, name: str = "exact agreement", of: str = "item"
) -> Estimate:
    """Estimate the rate (0..1) at which two ratings are equal, with Wilson's interval.

    Args and errors as `pearson`: x and y of shape (n,). Undefined without complete pairs. Source:
    Wilson (1927, JASA 22).

    >>> print(exact_agreement([1, 2, 3, 4], [1, 2, 3, 5]))
    exact agreement: 0.750 rate [0.301, 0.954], n = 4 items
    """
    a, b, note = paired(x, y)
    if not a.size:
        return missing(name, "no complete pairs", n=0, of=of, unit="rate")
    estimate = rate((a == b).astype(np.float64), name=name, of=of)
    return replace(estimate, method=estimate.method + note)


def weighted_kappa(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "quadratic kappa",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate Cohen's κ with quadratic weights: 1 − mean (x−y)² / that of unrelated pairs.

    Args:
        x: numbers, shape (n,), NaN for missing.
        y: the partner of each, shape (n,).
        name: what the estimate is called.
        of: what a pair is.
        seed: of the BCa bootstrap over pairs.
        draws: bootstrap draws.

    x and y are numbers on an interval scale, not categories. Undefined below 2 pairs, or where all
    ratings are equal. Source: Cohen (1968, Psychol. Bull. 70).

    Raises:
        BadValue: rows of different length, or not numbers.

    >>> weighted_kappa([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]).value
    -1.0
    """
    a, b, note = paired(x, y)
    if a.size < 2:
        return missing(name, f"needs 2 complete pairs, not {a.size}", n=a.size, of=of)
    centre = (a.mean() + b.mean()) / 2
    a, b = a - centre, b - centre
    columns = np.stack([a, b, a**2, b**2, a * b], axis=1)
    scale = float((a**2 + b**2).mean())
    if scale <= 1e-15 * centre**2:
        return missing(name, "all ratings are the same: chance agrees too", n=a.size, of=of)

    def kappa(weights: Array) -> Array:
        m = weights @ columns / weights.sum(axis=1, keepdims=True)
        expected = m[:, 2] + m[:, 3] - 2 * m[:, 0] * m[:, 1]
        return quotient(2 * (m[:, 4] - m[:, 0] * m[:, 1]), expected, scale)

    return labelled(bootstrap(kappa, a.size, draws=draws, seed=seed), name, of, note=note)


def mean_absolute_difference(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "mean absolute difference",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate mean |x − y| in points.

    Args, interval and errors as `weighted_kappa`: x and y of shape (n,), in points. Undefined
    without complete pairs. Source: textbook; for the interval, Efron (1987, JASA 82).
    """
    a, b, note = paired(x, y)
    if not a.size:
        return missing(name, "no complete pairs", n=0, of=of, unit="points")
    distances = np.abs(a - b)
    estimate = bootstrap(lambda w: w @ distances / w.sum(axis=1), a.size, draws=draws, seed=seed)
    return labelled(estimate, name, of, "points", note=note)


def icc_agreement(matrix: ArrayLike, *, name: str = "ICC(A,1)", of: str = "respondent") -> Estimate:
    """Estimate the absolute-agreement intraclass correlation of single ratings, two-way random.

    (MS_R − MS_E) / (MS_R + (k−1)·MS_E + k·(MS_C − MS_E)/n), case (2,1) of Shrout & Fleiss. The
    interval is the generalised one of Tian & Cappelleri (2004), which rests on the distributions of
    the three mean squares; p is that of the F test of no differences between rows.

    Args:
        matrix: rows by ratings, shape (n, k), NaN for missing; complete rows count.
        name: what the estimate is called.
        of: what a row is.

    Undefined with fewer than 2 ratings or rows, or where all cells are equal. The interval assumes
    normal effects, and few ratings make it wide. Of 10 to 60 rows with 2 to 5 ratings it covers 93
    to 97 %, whatever share of the variance is the raters'; that of McGraw & Wong covers 72 % where
    two raters differ more than the rows do. Source: McGraw & Wong (1996, Psychol. Methods 1), table
    4; Tian & Cappelleri (2004, Stat. Med. 23).

    Raises:
        BadValue: not a matrix of finite or missing numbers.
    """
    x, note = table(matrix)
    n, k = x.shape
    if n < 2 or k < 2:
        return missing(name, f"needs 2 rows and 2 ratings, not {n} and {k}", n=n, of=of)
    value, (rows, columns, error) = _icc(x)
    if np.isnan(value):
        return missing(name, "all ratings are the same", n=n, of=of)
    method = f"generalised interval (Tian & Cappelleri){note}"
    if error <= 1e-15 * (rows + columns):
        if columns <= 1e-15 * rows:
            return Estimate(
                name=name, value=value, low=1.0, high=1.0, n=n, of=of, p=0.0, method=method
            )
        reason = "the ratings differ by a constant: no error to build an interval on"
        return replace(missing(name, reason, n=n, of=of), value=value)
    low, high = _icc_interval((rows, columns, error), n, k)
    p = float(scipy.stats.f.sf(rows / error, n - 1, (n - 1) * (k - 1)))
    return Estimate(name=name, value=value, low=low, high=high, n=n, of=of, p=p, method=method)


def _icc_interval(squares: tuple[float, float, float], n: int, k: int) -> tuple[float, float]:
    """Draw the mean squares that would have been expected, and return 95 % of their ICCs."""
    rows, columns, error = (s * ratio for s, ratio in zip(squares, _ratios(n, k), strict=True))
    values = (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _ratios(n: int, k: int) -> tuple[Array, ...]:
    """Draw expected over observed mean squares of rows, columns and error, each of shape (draws,).

    The draws are the same for all, so that equal ratings have equal intervals.
    """
    random = np.random.default_rng(0)
    freedoms = (n - 1, k - 1, (n - 1) * (k - 1))
    return tuple(df / random.chisquare(df, SQUARES) for df in freedoms)


def _icc(x: Array) -> tuple[float, tuple[float, float, float]]:
    """Return ICC(A,1), NaN where all cells are equal; mean squares of rows, columns and error."""
    n, k = x.shape
    x = x - x.mean()
    by_row, by_column = x.mean(axis=1), x.mean(axis=0)
    rows = k * float((by_row**2).sum()) / (n - 1)
    columns = n * float((by_column**2).sum()) / (k - 1)
    residuals = x - by_row[:, None] - by_column
    error = float((residuals**2).sum()) / ((n - 1) * (k - 1))
    total = rows + (k - 1) * error + k * (columns - error) / n
    value = (rows - error) / total if rows + columns + error > 0 and total > 0 else nan
    return value, (rows, columns, error)
