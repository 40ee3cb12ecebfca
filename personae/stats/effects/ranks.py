"""Rank tests whose value is an effect size: its interval and the test's p in one estimate.

Textbook statistics with correction for ties (Conover 1999, Practical Nonparametric Statistics);
p-values are two-sided, by scipy or, for χ², equal to scipy's. Samples without any difference give
0 and p = 1. Kendall's W and ε² can't be negative, so that their bootstrap interval rarely reaches 0
even where nothing differs: p is the test, the interval says how large the effect is.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import nan

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import differences, merge_ties, paired, sample, table
from personae.stats.effects.effect_sizes import cliffs_delta, exact_sign_flip_p
from personae.stats.resample import DRAWS, bootstrap, labelled

__all__ = ["friedman", "kruskal", "mann_whitney", "sign_test", "wilcoxon"]

EXACT_RANKS = 13
"""Unequal pairs up to which all patterns of signs are counted, as scipy does where ranks tie."""


def mann_whitney(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "Mann-Whitney, Cliff's delta",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Test two independent samples; the value is Cliff's δ = 2U/(nm) − 1.

    p is exact for small samples without ties, else normal with continuity correction. Args,
    interval and undefined cases as `cliffs_delta`: x of shape (n,), y of shape (m,). Source: Mann &
    Whitney (1947, Ann. Math. Stat. 18); Cliff (1993, Psychol. Bull. 114).

    >>> delta = mann_whitney([1, 2, 3, 4], [3, 4, 5, 6])
    >>> delta.value, round(delta.p, 3)
    (-0.75, 0.108)
    """
    estimate = cliffs_delta(x, y, name=name, of=of, seed=seed, draws=draws)
    a, b = sample(x)[0], sample(y)[0]
    if not min(a.size, b.size):
        return estimate
    pooled = merge_ties(np.concatenate([a, b]))
    test = scipy.stats.mannwhitneyu(pooled[: a.size], pooled[a.size :], alternative="two-sided")
    p = float(test.pvalue) if np.ptp(pooled) > 0 else 1.0
    return replace(labelled(estimate, name, of, test="Mann-Whitney U"), p=min(p, 1.0))


def wilcoxon(
    x: ArrayLike,
    y: ArrayLike,
    *,
    name: str = "Wilcoxon, rank-biserial",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Test paired samples by signed ranks; the value is the matched-pairs rank-biserial r, −1..1.

    Pairs without a difference have no rank but count in n and in the bootstrap. p is exact for up
    to 50 unequal pairs, with ties for up to 13, else normal.

    Args:
        x: numbers, shape (n,), NaN for missing.
        y: the partner of each, shape (n,).
        name: what the estimate is called.
        of: what a pair is.
        seed: of the BCa bootstrap over pairs.
        draws: bootstrap draws.

    Undefined without complete pairs. Source: Wilcoxon (1945, Biometrics Bull. 1); Kerby (2014,
    Compr. Psychol. 3) for the size.

    >>> wilcoxon([1, 2, 3, 4], [1, 2, 3, 4]).p
    1.0
    """
    a, b, note = paired(x, y)
    difference = differences(a, b)
    if not a.size:
        return missing(name, "no complete pairs", n=0, of=of)
    sizes, level_of = np.unique(merge_ties(np.abs(difference)), return_inverse=True)
    indicators = np.eye(sizes.size)[level_of]
    signed = indicators * np.sign(difference)[:, None]

    def biserial(weights: Array) -> Array:
        count = weights @ indicators
        count[:, sizes == 0] = 0.0
        rank = np.cumsum(count, axis=1) - count / 2 + 0.5
        total = (count * rank).sum(axis=1)
        return _share((weights @ signed * rank).sum(axis=1), total)

    estimate = bootstrap(biserial, a.size, draws=draws, seed=seed)
    unequal = (sizes[level_of] * np.sign(difference))[difference != 0]
    p = _signed_rank_p(unequal)
    test = f"Wilcoxon signed ranks, {unequal.size} unequal pairs"
    return replace(labelled(estimate, name, of, test=test, note=note), p=p)


def _signed_rank_p(unequal: Array) -> float:
    """Two-sided p of differences other than 0, by all patterns of signs where they are few."""
    if unequal.size > EXACT_RANKS:
        return float(scipy.stats.wilcoxon(unequal).pvalue)
    return exact_sign_flip_p(np.sign(unequal) * scipy.stats.rankdata(np.abs(unequal)))


def sign_test(x: ArrayLike, y: ArrayLike, *, name: str = "sign test", of: str = "item") -> Estimate:
    """Test how often x exceeds y in pairs; the value is (more − fewer) / unequal pairs, −1..1.

    Exact binomial p and Clopper-Pearson interval. Without an unequal pair the value is 0 and p is
    1, without interval.

    Args:
        x: numbers, shape (n,), NaN for missing.
        y: the partner of each, shape (n,).
        name: what the estimate is called.
        of: what a pair is.

    Undefined without complete pairs. Source: Arbuthnott (1710, Phil. Trans. 27); Conover (1999,
    Practical Nonparametric Statistics, §3.4); Clopper & Pearson (1934, Biometrika 26).

    >>> print(sign_test([5, 4, 5, 5, 3], [1, 2, 3, 4, 3]))
    sign test: 1.000 [-0.205, 1.000], n = 5 items, p = 0.125
    """
    a, b, note = paired(x, y)
    if not a.size:
        return missing(name, "no complete pairs", n=0, of=of)
    difference = differences(a, b)
    more, fewer = int((difference > 0).sum()), int((difference < 0).sum())
    if not more + fewer:
        return Estimate(
            name=name,
            value=0.0,
            low=nan,
            high=nan,
            n=a.size,
            of=of,
            p=1.0,
            method=f"exact binomial{note}",
            why_missing="all pairs are equal: no interval",
        )
    test = scipy.stats.binomtest(more, more + fewer)
    interval = test.proportion_ci(0.95)
    return Estimate(
        name=name,
        value=(more - fewer) / (more + fewer),
        low=2 * float(interval.low) - 1,
        high=2 * float(interval.high) - 1,
        n=a.size,
        of=of,
        p=float(test.pvalue),
        method=f"exact binomial, {more + fewer} unequal pairs{note}",
    )


def friedman(
    matrix: ArrayLike,
    *,
    name: str = "Friedman, Kendall's W",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Test k paired samples, the columns of a matrix (n, k); the value is Kendall's W, 0..1.

    p is that of χ² = n (k − 1) W with k − 1 degrees of freedom; the method reports χ².

    Args:
        matrix: rows by samples, shape (n, k), NaN for missing; complete rows count.
        name: what the estimate is called.
        of: what a row is.
        seed: of the BCa bootstrap over rows.
        draws: bootstrap draws.

    Undefined with fewer than 2 columns or without complete rows. Source: Friedman (1937, JASA 32);
    Kendall & Babington Smith (1939, Ann. Math. Stat. 10).

    >>> print(friedman([[1, 1, 1], [2, 2, 2], [3, 3, 3]]))
    Friedman, Kendall's W: 0.000 [0.000, 0.000], n = 3 items, p = 1
    """
    x, note = table(matrix)
    n, k = x.shape
    if n < 1 or k < 2:
        return missing(name, f"needs 2 columns and a complete row, not {k} and {n}", n=n, of=of)
    ranks = scipy.stats.rankdata(merge_ties(x), axis=1) - (k + 1) / 2
    ties = 12 * (ranks**2).sum(axis=1)

    def kendall(weights: Array) -> Array:
        rows, spread = weights.sum(axis=1), weights @ ties
        between = 12 * ((weights @ ranks) ** 2).sum(axis=1)
        return _share(between, spread * rows)

    estimate = bootstrap(kendall, n, draws=draws, seed=seed)
    statistic = n * (k - 1) * estimate.value
    test, p = (
        f"Friedman chi2({k - 1}) = {statistic:.4g}",
        float(scipy.special.chdtrc(k - 1, statistic)),
    )
    return replace(labelled(estimate, name, of, test=test, note=note), p=p)


def kruskal(
    groups: Sequence[ArrayLike],
    *,
    name: str = "Kruskal-Wallis, epsilon squared",
    of: str = "item",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Test two or more independent samples; the value is ε² = H / (N − 1), 0..1.

    p is that of χ² with (groups − 1) degrees of freedom; the method reports χ², here called H.

    Args:
        groups: two samples or more, each of shape (n_i,), NaN for missing.
        name: what the estimate is called.
        of: what a value is; the estimate's `n` counts all groups.
        seed: of the BCa bootstrap, which resamples each group separately.
        draws: bootstrap draws.

    Undefined where a group is empty. Source: Kruskal & Wallis (1952, JASA 47); Kelley (1935, PNAS
    21) for ε².

    Raises:
        BadValue: fewer than two groups.

    >>> kruskal([[2, 2], [2, 2, 2]]).p
    1.0
    """
    if len(groups) < 2:
        raise BadValue(f"a comparison needs 2 groups or more, not {len(groups)}")
    samples = [sample(group)[0] for group in groups]
    sizes = [values.size for values in samples]
    n = sum(sizes)
    if not min(sizes):
        return missing(name, f"a group is empty: {sizes} values", n=n, of=of)
    levels, level_of = np.unique(merge_ties(np.concatenate(samples)), return_inverse=True)
    indicators = np.eye(levels.size)[level_of]
    ends = np.cumsum(sizes)

    def epsilon(weights: Array) -> Array:
        cells = [
            weights[:, end - size : end] @ indicators[end - size : end]
            for size, end in zip(sizes, ends, strict=True)
        ]
        count = np.sum(cells, axis=0)
        total = count.sum(axis=1, keepdims=True)
        rank = np.cumsum(count, axis=1) - count / 2 - total / 2  # centred mid-ranks
        between = sum((cell * rank).sum(axis=1) ** 2 / cell.sum(axis=1) for cell in cells)
        return _share(between, (count * rank**2).sum(axis=1))

    estimate = bootstrap(epsilon, sizes, draws=draws, seed=seed)
    df, statistic = len(sizes) - 1, (n - 1) * estimate.value
    test, p = (
        f"Kruskal-Wallis H({df}) = {statistic:.4g}",
        float(scipy.special.chdtrc(df, statistic)),
    )
    missing_count = sum(np.size(group) for group in groups) - n
    note = f"; {missing_count} values missing" if missing_count else ""
    return replace(labelled(estimate, name, of, test=test, note=note), p=p)


def _share(part: Array, total: Array) -> Array:
    """Divide a part (draws,) by its total; 0 where the total is 0, as nothing differs then."""
    return np.where(total > 0, part / np.where(total > 0, total, 1.0), 0.0)
