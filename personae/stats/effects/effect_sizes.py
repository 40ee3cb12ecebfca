"""Sizes of differences with their intervals, and permutation tests.

Cliff (1993, Psychol. Bull. 114) for δ; sign-flip test after Fisher (1935), exact up to 16 unequal
pairs. Where two samples don't overlap at all, δ is ±1 in every draw and its bootstrap interval has
no width.
"""

from dataclasses import replace
from math import nan, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import merge_ties, quotient, sample, table
from personae.stats.resample import DRAWS, bootstrap, labelled, mean

__all__ = [
    "cliffs_delta",
    "exact_sign_flip_p",
    "group_permutation",
    "mean_difference",
    "paired_d",
    "paired_permutation",
    "total_variation",
]

EXACT_PAIRS = 16
FLIPS = 9999


def paired_permutation(
    differences: ArrayLike,
    *,
    name: str = "mean difference",
    of: str = "item",
    unit: str = "points",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the mean of paired differences; p by flipping signs, interval by BCa bootstrap.

    p counts all sign patterns of up to 16 differences that aren't 0, else 9,999 random ones and
    the observed one. It is 1 where all differences are 0. Undefined without differences.

    Args:
        differences: one per pair, shape (n,), NaN for an incomplete pair.
        name: what the estimate is called.
        of: what a pair is.
        unit: of the differences.
        seed: of flips and bootstrap.
        draws: bootstrap draws.

    Source: Fisher (1935, The Design of Experiments, §21).

    Raises:
        BadValue: not a row of finite or missing numbers.

    >>> paired_permutation([1.0, 2.0, 0.5, 1.5]).p  # 2 of the 16 patterns are as extreme
    0.125
    """
    x, _ = sample(differences, "differences")
    estimate = mean(differences, name=name, of=of, unit=unit, seed=seed, draws=draws)
    if not x.size:
        return estimate
    p, enumeration = _sign_flip_p(x[x != 0], seed)
    test = f"{enumeration} sign-flip test"
    return replace(labelled(estimate, name, of, unit, test=test), p=p)


def exact_sign_flip_p(x: Array) -> float:
    """Return the share of all 2ⁿ sign patterns whose sum is as far from 0 as that of `x`, (n,).

    For few differences: time and memory double with each. 1 without any. Source: Fisher (1935,
    The Design of Experiments, §21).

    >>> float(exact_sign_flip_p(np.array([1.0, 2.0, 0.5, 1.5])))
    0.125
    """
    sums = np.zeros(1)
    for value in x:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= _as_extreme(x)))


def _as_extreme(x: Array) -> float:
    """Return the size of a sum that counts as equal to that of `x`, whatever the rounding."""
    return abs(float(x.sum())) * (1 - 1e-12) - 1e-12 * float(np.abs(x).sum())


def _sign_flip_p(x: Array, seed: int) -> tuple[float, str]:
    """Return p of a mean of 0, and which sign patterns were counted."""
    if x.size <= EXACT_PAIRS:
        return exact_sign_flip_p(x), "exact"
    least = _as_extreme(x)
    random = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, FLIPS, 1000):
        size = (min(1000, FLIPS - start), x.size)
        signs = 1.0 - 2.0 * random.integers(0, 2, size, dtype=np.int8)
        extreme += int((np.abs(signs @ x) >= least).sum())
    return (extreme + 1) / (FLIPS + 1), f"{FLIPS}-draw"


def mean_difference(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "mean difference",
    of: str = "item",
    unit: str = "points",
) -> Estimate:
    """Estimate the difference of two independent samples' means, x − y, by Welch's t.

    Args:
        x: one sample, shape (n,), in `unit`, NaN for missing.
        y: the other, shape (m,).
        name: what the estimate is called.
        of: what a value is; the estimate's `n` counts both samples.
        unit: of the values.

    Undefined below 2 values in a sample; without any variance p is 1 for equal means, else 0.
    Source: Welch (1947, Biometrika 34).

    >>> print(mean_difference([1, 2, 3, 4], [2, 4, 6, 8]))
    mean difference: -2.500 points [-6.364, 1.364], n = 8 items, p = 0.152
    """
    (a, note_a), (b, note_b) = sample(x), sample(y)
    n = a.size + b.size
    if min(a.size, b.size) < 2:
        reason = f"needs 2 values in each sample, not {a.size} and {b.size}"
        return missing(name, reason, n=n, of=of, unit=unit)
    value = float(a.mean() - b.mean())
    parts = np.array([a.var(ddof=1) / a.size, b.var(ddof=1) / b.size])
    error = sqrt(parts.sum())
    low, high, p = value, value, float(value == 0)
    if error > 0:
        df = error**4 / float((parts**2 / [a.size - 1, b.size - 1]).sum())
        half = float(scipy.special.stdtrit(df, 0.975)) * error
        low, high, p = (
            value - half,
            value + half,
            2 * float(scipy.special.stdtr(df, -abs(value) / error)),
        )
    return Estimate(
        name=name,
        value=value,
        low=low,
        high=high,
        n=n,
        of=of,
        unit=unit,
        p=p,
        method=f"Welch t{note_a}{note_b}",
    )


def paired_d(
    differences: ArrayLike,
    *,
    name: str = "paired d",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the mean of paired differences in units of their standard deviation (d_z).

    Args and interval as `paired_permutation`: differences of shape (n,); the unit is SD.
    Undefined below 2 differences or where all are the same. Source: Cohen (1988, Statistical Power
    Analysis, §2.3.5).
    """
    x, note = sample(differences, "differences")
    if x.size < 2:
        return missing(name, f"needs 2 differences, not {x.size}", n=x.size, of=of, unit="SD")
    centre = float(x.mean())
    centred = x - centre
    scale = float(centred.var())
    if scale <= 1e-15 * float((x**2).mean()):
        return missing(name, "all differences are the same", n=x.size, of=of, unit="SD")

    def standardized(weights: Array) -> Array:
        n = weights.sum(axis=1)
        shift = weights @ centred / n
        variance = (weights @ centred**2 / n - shift**2) * n / (n - 1)
        positive = np.where(variance > 1e-12 * scale, variance, nan)
        return np.asarray((centre + shift) / np.sqrt(positive))

    estimate = bootstrap(standardized, x.size, draws=draws, seed=seed)
    return labelled(estimate, name, of, "SD", note=note)


def cliffs_delta(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "Cliff's delta",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate Cliff's δ, −1..1: P(x > y) − P(x < y).

    Args:
        x: one sample, shape (n,), NaN for missing.
        y: the other, shape (m,).
        name: what the estimate is called.
        of: what a value is; the estimate's `n` counts both samples.
        seed: of the BCa bootstrap, which resamples both.
        draws: bootstrap draws.

    Undefined where a sample is empty. Source: Cliff (1993, Psychol. Bull. 114).

    >>> cliffs_delta([1, 2, 3], [3, 4, 5]).value  # 8 of 9 pairs below, one tie
    -0.8888888888888888
    """
    (a, note_a), (b, note_b) = sample(x), sample(y)
    n = a.size + b.size
    if not min(a.size, b.size):
        return missing(name, f"a sample is empty: {a.size} and {b.size} values", n=n, of=of)
    levels, level_of = np.unique(merge_ties(np.concatenate([a, b])), return_inverse=True)
    indicators = np.eye(levels.size)[level_of]

    def delta(weights: Array) -> Array:
        first = weights[:, : a.size] @ indicators[: a.size]
        second = weights[:, a.size :] @ indicators[a.size :]
        total = second.sum(axis=1, keepdims=True)
        lower = np.cumsum(second, axis=1) - second
        above = (first * (2 * lower + second - total)).sum(axis=1)
        return quotient(above, first.sum(axis=1) * total[:, 0], 1.0)

    estimate = bootstrap(delta, (a.size, b.size), draws=draws, seed=seed)
    return labelled(estimate, name, of, note=note_a + note_b)


def total_variation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    name: str = "total variation",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate the mean total variation distance (0..1) of paired distributions: ½ Σ|p − q|.

    Args:
        first: probabilities, items by options, shape (n, m).
        second: the same items' probabilities under the other condition, options in the same order.
        name: what the estimate is called.
        of: what a row is.
        seed: of the BCa bootstrap over rows.
        draws: bootstrap draws.

    Rows with a NaN in either are left out. Undefined without complete rows. Source: textbook,
    for example Levin, Peres & Wilmer (2009, Markov Chains and Mixing Times, prop. 4.2).

    Raises:
        BadValue: different shapes, or rows that aren't probabilities.

    >>> total_variation([[0.5, 0.5], [1, 0]], [[0.5, 0.5], [0, 1]]).value
    0.5
    """
    p, q = table(first, complete=False)[0], table(second, complete=False)[0]
    if p.shape != q.shape:
        raise BadValue(f"paired distributions need one shape, not {p.shape} and {q.shape}")
    for rows in (p, q):
        known = rows[~np.isnan(rows).any(axis=1)]
        if (known < 0).any() or (np.abs(known.sum(axis=1) - 1) > 1e-6).any():
            raise BadValue("each row must hold probabilities that add up to 1")
    distances = np.abs(p - q).sum(axis=1) / 2
    return mean(distances, name=name, of=of, unit="", seed=seed, draws=draws)


def group_permutation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "mean difference",
    of: str = "item",
    unit: str = "points",
    seed: int = 0,
) -> Estimate:
    """Estimate mean(x) − mean(y) of independent samples; p by permuting the cases.

    p counts 9,999 random permutations and the observed one; the interval is Welch's. Args and
    undefined cases as `mean_difference`: x of shape (n,), y of shape (m,), in `unit`; `seed` is
    that of the permutations. Source: Pitman (1937, Suppl. J. R. Stat. Soc. 4).

    >>> group_permutation([5.0, 6.0, 7.0], [1.0, 2.0, 3.0]).p < 0.15
    True
    """
    (a, _), (b, _) = sample(x), sample(y)
    estimate = mean_difference(x, y, name=name, of=of, unit=unit)
    if min(a.size, b.size) < 2:
        return estimate
    pooled = np.concatenate([a, b])
    size, pooled = float(np.abs(pooled).sum()), pooled - pooled.mean()
    random = np.random.default_rng(seed)
    order = np.argsort(random.random((FLIPS, pooled.size)), axis=1)[:, : a.size]
    drawn = pooled[order].sum(axis=1)
    observed = abs(float(pooled[: a.size].sum())) - 1e-12 * size
    p = (1 + int((np.abs(drawn) >= observed).sum())) / (1 + FLIPS)
    return replace(estimate, p=p, method=f"permutation test, {FLIPS:,} draws; Welch interval")
