"""Dispersion of scores, and its equality between groups."""

from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, Estimate, missing
from personae.stats.arrays import sample
from personae.stats.resample import DRAWS, bootstrap

__all__ = ["brown_forsythe", "median_absolute_deviation"]


def median_absolute_deviation(values: ArrayLike) -> float:
    """Return the median distance from the median, in the values' unit; NaN without values.

    Values have the shape (n,). Source: Hampel 1974, JASA 69, without the factor that makes it an
    SD under a normal distribution.

    >>> median_absolute_deviation([1, 2, 3, 4, 100])
    1.0
    """
    x, _ = sample(values)
    return float(np.median(np.abs(x - np.median(x)))) if x.size else float("nan")


def brown_forsythe(
    groups: Sequence[ArrayLike],
    *,
    name: str = "Brown-Forsythe, spread ratio",
    of: str = "row",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Test the equality of spread; the value is the first group's spread over the last's.

    p comes from an analysis of variance of distances from the group's median (Brown & Forsythe
    1974, JASA 69). A group's spread is its mean distance from the median; the interval resamples
    within groups, with the medians fixed.

    Args:
        groups: values (n,) of each group, all in one unit; missing values are left out.
        name: what the estimate is called.
        of: what a value belongs to.
        seed: seed of the bootstrap.
        draws: bootstrap draws.

    Undefined where a group has fewer than two values or the last one doesn't spread.

    >>> print(brown_forsythe([[1, 5, 9, 13], [4, 5, 6, 7]], draws=500))
    Brown-Forsythe, spread ratio: 4.000 ratio [1.333, 10.818], n = 8 rows, p = 0.0453
    """
    parts = [sample(group)[0] for group in groups]
    n = sum(part.size for part in parts)
    if len(parts) < 2 or min(part.size for part in parts) < 2:
        return missing(name, "needs two groups with two values or more", n=n, of=of)
    distances = [np.abs(part - np.median(part)) for part in parts]
    if distances[-1].sum() == 0:
        return missing(name, "the last group doesn't spread", n=n, of=of)
    joined = np.concatenate(distances)
    first, last = np.zeros(n), np.zeros(n)
    first[: parts[0].size], last[n - parts[-1].size :] = 1.0, 1.0

    def ratio(weights: Array) -> Array:
        over: Array = (weights * first) @ joined / (weights * first).sum(axis=1)
        under: Array = (weights * last) @ joined / (weights * last).sum(axis=1)
        return over / under

    spread = bootstrap(ratio, [part.size for part in parts], draws=draws, seed=seed)
    p = float(scipy.stats.f_oneway(*distances).pvalue)
    return Estimate(
        name=name,
        value=spread.value,
        low=spread.low,
        high=spread.high,
        n=n,
        of=of,
        unit="ratio",
        method=f"Brown-Forsythe; {spread.method}",
        p=p,
        why_missing=spread.why_missing,
    )
