"""How far scores spread, and whether two groups spread alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from personae.core import Array, Estimate, missing
from personae.stats.arrays import sample
from personae.stats.resample import DRAWS, bootstrap

__all__ = ["brown_forsythe", "median_absolute_deviation"]


def median_absolute_deviation(values: ArrayLike) -> float:
    """Return the median distance from the median, in the values' unit; NaN without values.

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
    """Test whether groups spread alike; the value is the first group's spread over the last's.

    p: analysis of variance of distances from the group's median (Brown & Forsythe 1974, JASA 69).
    Spread in the value: mean distance from the median, interval by bootstrap within groups with
    the medians held. Undefined where a group has under 2 values or the last doesn't spread.

    >>> print(brown_forsythe([[1, 5, 9, 13], [4, 5, 6, 7]], draws=500))
    Brown-Forsythe, spread ratio: 4.000 ratio [1.333, 10.818], n = 8 rows, p = 0.0453
    """
    parts = [sample(group)[0] for group in groups]
    n = sum(part.size for part in parts)
    if len(parts) < 2 or min(part.size for part in parts) < 2:
        return missing(name, "needs two groups with two values or more", n=n, of=of)
    away = [np.abs(part - np.median(part)) for part in parts]
    if away[-1].sum() == 0:
        return missing(name, "the last group doesn't spread", n=n, of=of)
    whole = np.concatenate(away)
    first, last = np.zeros(n), np.zeros(n)
    first[: parts[0].size], last[n - parts[-1].size :] = 1.0, 1.0

    def ratio(weights: Array) -> Array:
        over: Array = (weights * first) @ whole / (weights * first).sum(axis=1)
        under: Array = (weights * last) @ whole / (weights * last).sum(axis=1)
        return over / under

    found = bootstrap(ratio, [part.size for part in parts], draws=draws, seed=seed)
    p = float(stats.f_oneway(*away).pvalue)
    return Estimate(
        name=name,
        value=found.value,
        low=found.low,
        high=found.high,
        n=n,
        of=of,
        unit="ratio",
        method=f"Brown-Forsythe; {found.method}",
        p=p,
        why_missing=found.why_missing,
    )
