"""Two one-sided tests: a difference that isn't significant doesn't show equivalence.

Source: Schuirmann (1987, J. Pharmacokinet. Biopharm. 15), by Student's t; the interval is the 90 %
one, which lies within the margin exactly where p < .05.
"""

from math import sqrt
from typing import Literal

import scipy
from numpy.typing import ArrayLike

from personae.core import BadValue, Estimate, missing
from personae.stats.arrays import paired

__all__ = ["Verdict", "tost_paired", "verdict"]

Verdict = Literal["equivalent", "different", "different but within margin", "inconclusive"]


def tost_paired(
    x: ArrayLike,
    y: ArrayLike,
    margin: float,
    *,
    name: str = "equivalence",
    of: str = "item",
    unit: str = "points",
) -> Estimate:
    """Estimate the mean difference x − y of pairs; p is that of |difference| ≥ margin.

    A small p says that the difference lies within ± margin. Where all pairs differ by the same
    amount, p is 0 within the margin and 1 outside.

    Args:
        x: numbers, shape (n,), in `unit`, NaN for missing.
        y: the partner of each, shape (n,).
        margin: the largest difference that counts as none, in `unit`, above 0.
        name: what the estimate is called.
        of: what a pair is.
        unit: of the values and the margin.

    Undefined below 2 complete pairs. Source: Schuirmann (1987, J. Pharmacokinet. Biopharm. 15).

    Raises:
        BadValue: a margin that isn't positive, or rows of different length.

    >>> print(tost_paired([3, 4, 2, 5, 3, 4], [3, 4, 3, 5, 3, 3], 1.0))
    equivalence: 0.000 points [-0.520, 0.520], n = 6 items, p = 0.00586
    """
    a, b, note = paired(x, y)
    if a.size < 2:
        _checked(margin)
        reason = f"needs 2 complete pairs, not {a.size}"
        return missing(name, reason, n=a.size, of=of, unit=unit)
    difference = a - b
    error = float(difference.std(ddof=1)) / sqrt(a.size)
    result = _two_sided(float(difference.mean()), error, a.size - 1, margin)
    return Estimate(
        name=name,
        value=result[0],
        low=result[1],
        high=result[2],
        n=a.size,
        of=of,
        unit=unit,
        method=f"paired TOST, margin {margin:g}, t interval{note}",
        level=0.90,
        p=result[3],
    )


def _checked(margin: float) -> float:
    if not 0 < margin < float("inf"):
        raise BadValue(f"an equivalence margin is a positive number of units, not {margin}")
    return margin


def _two_sided(
    value: float, error: float, df: float, margin: float
) -> tuple[float, float, float, float]:
    """Return the difference, its 90 % interval and the larger of the one-sided p-values."""
    _checked(margin)
    if error <= 1e-12 * max(1.0, abs(value)):
        return value, value, value, 0.0 if abs(value) < margin else 1.0
    half = float(scipy.special.stdtrit(df, 0.95)) * error
    p = float(scipy.special.stdtr(df, (abs(value) - margin) / error))
    return value, value - half, value + half, p


def verdict(difference: Estimate, equivalence: Estimate, *, alpha: float = 0.05) -> Verdict:
    """Summarise a test of difference and one of equivalence in a word.

    A test without p is not significant; where neither is, the verdict is "inconclusive".

    Args:
        difference: the test of difference, its p adjusted for the family.
        equivalence: the test of equivalence.
        alpha: level of both, 0..1.

    Source: Lakens (2017, Soc. Psychol. Personal. Sci. 8).

    >>> same = tost_paired([3, 4, 2, 5], [3, 4, 2, 5], 0.25)
    >>> verdict(missing("difference", "not tested", n=0, of="item"), same)
    'equivalent'
    """
    differs, within = difference.p < alpha, equivalence.p < alpha
    if differs:
        return "different but within margin" if within else "different"
    return "equivalent" if within else "inconclusive"
