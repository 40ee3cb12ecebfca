"""Rates: intervals, the paired test, and the smallest detectable difference.

Wilson (1927, JASA 22) for a rate; McNemar (1947, Psychometrika 12) for two paired rates. That two
Wilson intervals don't overlap is sufficient for a difference, but not necessary: those of 25 and 40
in 100 overlap, though a test of the two rates gives p = 0.02.
"""

from math import nan, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import BadValue, Estimate, missing
from personae.stats.arrays import paired, sample

__all__ = ["detectable", "mcnemar", "rate"]

SMALL = 25
"""Cells of the fourfold table below which McNemar's test is the exact binomial one."""


def rate(hits: ArrayLike, *, name: str = "rate", of: str = "item") -> Estimate:
    """Estimate a rate (0..1) with Wilson's interval.

    Args:
        hits: 0, 1 or a fraction between, shape (n,), NaN for missing; fractions make the interval
            conservative.
        name: what the estimate is called.
        of: what a hit is.

    Undefined without hits. Source: Wilson (1927, JASA 22).

    Raises:
        BadValue: not a row of numbers in 0..1.

    >>> print(rate([1, 1, 0, 0.5]))
    rate: 0.625 rate [0.219, 0.908], n = 4 items
    """
    x, note = sample(hits, "hits")
    if not x.size:
        return missing(name, "no values", n=0, of=of, unit="rate")
    if x.min() < 0 or x.max() > 1:
        raise BadValue(f"hits range from 0 to 1, not {x.min():g} to {x.max():g}")
    share, z2 = float(x.mean()), float(scipy.special.ndtri(0.975)) ** 2
    middle = (share + z2 / (2 * x.size)) / (1 + z2 / x.size)
    half = sqrt(z2 * (share * (1 - share) + z2 / (4 * x.size)) / x.size) / (1 + z2 / x.size)
    return Estimate(
        name=name,
        value=share,
        low=max(0.0, middle - half),
        high=min(1.0, middle + half),
        n=x.size,
        of=of,
        unit="rate",
        method=f"Wilson interval{note}",
    )


def mcnemar(
    first: ArrayLike, second: ArrayLike, *, name: str = "McNemar", of: str = "item"
) -> Estimate:
    """Test two paired rows of 0 and 1; the value is the second's rate minus the first's.

    The exact binomial test of the discordant pairs where a cell of the fourfold table is below 25,
    else χ² with continuity correction. The interval is Newcombe's for paired rates (1998, Stat.
    Med. 17, method 10).

    Args:
        first: 0 or 1, shape (n,), NaN for missing.
        second: the partner of each, shape (n,).
        name: what the estimate is called.
        of: what a pair is.

    Undefined without complete pairs. Source: McNemar (1947, Psychometrika 12); Edwards (1948,
    Psychometrika 13) for the correction.

    Raises:
        BadValue: a value other than 0, 1 and missing.

    >>> mcnemar([1] * 15 + [0] * 5, [0] * 15 + [1] * 5).p
    0.04138946533203125
    """
    a, b, note = paired(first, second)
    if not np.isin(np.concatenate([a, b]), (0.0, 1.0)).all():
        raise BadValue("McNemar's test takes right (1) and wrong (0) answers")
    n = a.size
    if n == 0:
        return missing(name, "no complete pairs", n=0, of=of, unit="rate")
    both, gained = int((a * b).sum()), int(((1 - a) * b).sum())
    lost = int((a * (1 - b)).sum())
    low, high = _newcombe(both, gained, lost, n)
    if min(both, gained, lost, n - both - gained - lost) < SMALL:
        discordant = gained + lost
        p = scipy.stats.binomtest(gained, discordant).pvalue if discordant else 1.0
        test = "exact McNemar test"
    else:
        square = max(abs(gained - lost) - 1, 0) ** 2 / (gained + lost)
        p, test = scipy.special.chdtrc(1, square), f"McNemar chi-square {square:.3f}"
    return Estimate(
        name=name,
        value=(gained - lost) / n,
        low=low,
        high=high,
        n=n,
        of=of,
        unit="rate",
        p=min(float(p), 1.0),
        method=f"{test}; Newcombe interval{note}",
    )


def _newcombe(both: int, gained: int, lost: int, n: int) -> tuple[float, float]:
    """Bound the difference of two paired rates by the two Wilson intervals, squared and added."""
    first, second = (
        rate([1.0] * hits + [0.0] * (n - hits)) for hits in (both + lost, both + gained)
    )
    neither = n - both - gained - lost
    margins = (both + lost) * (gained + neither) * (both + gained) * (lost + neither)
    product = both * neither - gained * lost
    phi = 0.0
    if margins > 0:
        phi = (max(product - n / 2, 0.0) if product > 0 else product) / sqrt(margins)
    shift = second.value - first.value
    below, above = (
        sqrt(max(u**2 - 2 * phi * u * v + v**2, 0.0))
        for u, v in (
            (second.value - second.low, first.high - first.value),
            (second.high - second.value, first.value - first.low),
        )
    )
    return shift - below, shift + above


def detectable(n: int, spread: float, *, tests: int = 1, power: float = 0.8) -> float:
    """Return the smallest mean of n paired differences that a two-sided 5 % test would detect.

    (z of 1 − .05 / (2 tests) + z of power) · spread / √n, the normal approximation.

    Args:
        n: pairs.
        spread: SD of the differences, in their unit, which is that of the result.
        tests: number of tests that share the level (Bonferroni).
        power: probability of detection, 0..1.

    NaN without pairs, or where the differences don't vary. Source: Cohen (1988, Statistical Power
    Analysis, ch. 2).

    >>> round(detectable(100, 0.5), 3)
    0.14
    """
    if n < 1 or not np.isfinite(spread) or spread <= 0:
        return nan
    level = 1 - 0.05 / max(tests, 1) / 2
    return float((scipy.special.ndtri(level) + scipy.special.ndtri(power)) * spread / sqrt(n))
