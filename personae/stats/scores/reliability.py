"""Reliability of a scale from a matrix of keyed item scores, respondents x items.

Formulas: Cronbach (1951, Psychometrika 16), Guttman (1945, Psychometrika 10). NaN is a missing
answer; complete rows count, and the method says how many of how many. Intervals are BCa bootstraps
over rows, since Feldt's F interval for α assumes normal and parallel items, which Likert answers
are not. One deterministic model is one respondent: `of` names what a row is.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import comb, nan
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate
from personae.stats.agreement import pearson
from personae.stats.arrays import quotient, scale_table, spread, table
from personae.stats.moments import Moments, correlations, scale_moments
from personae.stats.resample import DRAWS, labelled

__all__ = [
    "alpha",
    "alpha_value",
    "item_total",
    "lambda6",
    "split_half",
    "standardized_alpha",
]

RANDOM_SPLITS = 200


def _alphas(covariances: Array, scale: float) -> Array:
    k = covariances.shape[1]
    items, total = np.trace(covariances, axis1=1, axis2=2), covariances.sum(axis=(1, 2))
    return np.asarray(k / (k - 1) * (1 - quotient(items, total, scale)))


def alpha(
    matrix: ArrayLike | Moments,
    *,
    name: str = "Cronbach alpha",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate Cronbach's α: k/(k−1) · (1 − tr C / ΣΣC).

    Args:
        matrix: keyed item scores, shape (n, k), NaN for missing; or moments of them, which several
            statistics share.
        name: what the estimate is called.
        of: what a row is.
        seed: of the BCa bootstrap over rows.
        draws: bootstrap draws.

    Undefined with fewer than 2 items or 3 complete rows, or where all totals are equal.
    Source: Cronbach (1951, Psychometrika 16).

    Raises:
        BadValue: not a matrix of finite or missing numbers.

    >>> rows = [(1, 2, 1), (2, 2, 3), (3, 4, 3), (4, 4, 5), (5, 5, 5), (2, 3, 2)]
    >>> round(alpha(rows).value, 6)
    0.955078
    >>> print(alpha([(3, 3)] * 4))
    Cronbach alpha: not known (each respondent has the same total: nothing to tell apart)
    """
    moments = scale_moments((name, of), matrix, seed=seed)
    if isinstance(moments, Estimate):
        return moments
    scale = spread(moments.matrix)
    estimate = moments.estimate(lambda c: _alphas(c, scale), draws=draws, seed=seed)
    return labelled(estimate, name, of, note=moments.note)


def alpha_value(matrix: ArrayLike) -> float:
    """Return Cronbach's α without an interval, NaN where it is undefined.

    Args, undefined cases, errors and source as `alpha`: scores of shape (n, k).
    """
    x, _, undefined = scale_table(("Cronbach alpha", "respondent"), matrix)
    if undefined is not None:
        return nan
    return float(_alphas(np.cov(x.T)[None], spread(x))[0])


def standardized_alpha(
    matrix: ArrayLike | Moments,
    *,
    name: str = "standardized alpha",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate α of items brought to one variance: k/(k−1) · (1 − k / ΣΣR).

    Args, interval and errors as `alpha`: scores of shape (n, k). Also undefined where an item
    never varies. Source: Cronbach (1951, Psychometrika 16), of correlations.
    """
    moments = scale_moments((name, of), matrix, vary=True, seed=seed)
    if isinstance(moments, Estimate):
        return moments
    k, variances = moments.matrix.shape[1], moments.matrix.var(axis=0)

    def standardized(covariances: Array) -> Array:
        total = correlations(covariances, variances).sum(axis=(1, 2))
        return np.asarray(k / (k - 1) * (1 - quotient(np.full_like(total, k), total, 1.0)))

    estimate = moments.estimate(standardized, draws=draws, seed=seed)
    return labelled(estimate, name, of, note=moments.note)


def lambda6(
    matrix: ArrayLike | Moments,
    *,
    form: Literal["covariance", "correlation"] = "covariance",
    name: str = "Guttman lambda 6",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate Guttman's λ6: 1 − Σ e² / ΣΣC, e² an item's variance not explained by the others.

    With `form="correlation"` C is the correlation matrix, as in R's psych. Where items are linearly
    dependent (fewer rows than items, or copies), e² is that of the regression by pseudo-inverse,
    and the method says so; λ6 then says little, as each item is predicted even by chance. Args,
    interval and errors as `alpha`: scores of shape (n, k). The correlation form is undefined where
    an item never varies. Source: Guttman (1945, Psychometrika 10).

    Raises:
        BadValue: an unknown form.

    >>> rows = [(1, 2, 1), (2, 2, 3), (3, 4, 3), (4, 4, 5), (5, 5, 5), (2, 3, 2)]
    >>> round(lambda6(rows).value, 6), round(lambda6(rows, form="correlation").value, 6)
    (0.990716, 0.990452)
    """
    if form not in ("covariance", "correlation"):
        raise BadValue(f"the form is 'covariance' or 'correlation', not {form!r}")
    moments = scale_moments((name, of), matrix, vary=form == "correlation", seed=seed)
    if isinstance(moments, Estimate):
        return moments
    x, note = moments.matrix, moments.note
    variances, scale = x.var(axis=0), spread(x) if form == "covariance" else 1.0

    def guttman(covariances: Array) -> Array:
        matrices = covariances if form == "covariance" else correlations(covariances, variances)
        total = matrices.sum(axis=(1, 2))
        return np.asarray(1 - quotient(_left_over(matrices).sum(axis=1), total, scale))

    if np.linalg.matrix_rank(x, tol=1e-9 * np.linalg.norm(x)) < x.shape[1]:
        note += "; items are linearly dependent: pseudo-inverse"
    estimate = moments.estimate(guttman, draws=draws, seed=seed)
    return labelled(estimate, name, of, note=f"{form} form{note}")


def _left_over(matrices: Array) -> Array:
    """Return each item's variance not explained by regression on the others, (draws, k).

    1 / diag of the inverse; a ridge of 1e-11 of the mean variance makes this the regression by
    pseudo-inverse where a matrix is singular.
    """
    k = matrices.shape[1]
    ridge = 1e-11 * np.trace(matrices, axis1=1, axis2=2) / k
    varies = ridge > 0
    unique_variance = np.zeros(matrices.shape[:2])
    if varies.any():
        inverse = np.linalg.inv(matrices[varies] + ridge[varies, None, None] * np.eye(k))
        unique_variance[varies] = 1 / np.diagonal(inverse, axis1=1, axis2=2)
    unique_variance[np.isnan(ridge)] = np.nan
    return unique_variance


def item_total(
    matrix: ArrayLike, items: Sequence[str] = (), *, of: str = "respondent"
) -> tuple[Estimate, ...]:
    """Correlate each item with the total of the others (r, −1..1): an estimate per item, in order.

    Args:
        matrix: keyed item scores, shape (n, k), NaN for missing; complete rows count.
        items: k names.
        of: what a row is.

    Intervals by Fisher's z. Undefined for an item that never varies. Source: the corrected
    item-total correlation of Nunnally & Bernstein (1994, Psychometric Theory, ch. 8).

    Raises:
        BadValue: a number of names other than that of the items.
    """
    x, note = table(matrix)
    names = items or [f"item {j + 1}" for j in range(x.shape[1])]
    if len(names) != x.shape[1]:
        raise BadValue(f"{x.shape[1]} items need as many names, not {len(names)}")
    totals = x.sum(axis=1)
    estimates = (
        pearson(column, totals - column, name=f"item-total r {item}", of=of)
        for column, item in zip(x.T, names, strict=True)
    )
    return tuple(
        replace(estimate, method=estimate.method + note) if estimate.method else estimate
        for estimate in estimates
    )


def _splits(k: int, splits: str, seed: int) -> Array:
    """Return halves as rows of 0 and 1, shape (splits, k): odd/even, all, or 200 at random."""
    if splits == "odd-even":
        return np.asarray((np.arange(k) % 2 == 0)[None, :].astype(np.float64))
    if comb(k, k // 2) <= 2 * RANDOM_SPLITS:
        chosen = [c for c in combinations(range(k), k // 2) if k % 2 or 0 in c]
        halves = np.zeros((len(chosen), k))
        for row, columns in zip(halves, chosen, strict=True):
            row[list(columns)] = 1.0
        return halves
    random = np.random.default_rng(seed)
    half = np.repeat([1.0, 0.0], [k // 2, k - k // 2])
    return random.permuted(np.tile(half, (RANDOM_SPLITS, 1)), axis=1)


def split_half(
    matrix: ArrayLike | Moments,
    *,
    splits: Literal["odd-even", "all"] = "odd-even",
    name: str = "split-half",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate split-half reliability, stepped up by Spearman-Brown: 2r / (1 + r).

    `splits="all"` averages over all splits into halves, or over 200 random ones where there are
    more; halves of an odd number of items differ by one item. Args and interval as `alpha`: scores
    of shape (n, k). Also undefined where a half never varies. Source: Spearman (1910) and Brown
    (1910), both Br. J. Psychol. 3.

    Raises:
        BadValue: unknown splits.

    >>> rows = [(1, 2, 1, 2), (2, 2, 3, 3), (3, 4, 3, 3), (4, 4, 5, 4), (5, 5, 5, 4)]
    >>> round(split_half(rows).value, 3)
    0.984
    """
    if splits not in ("odd-even", "all"):
        raise BadValue(f"splits are 'odd-even' or 'all', not {splits!r}")
    moments = scale_moments((name, of), matrix, seed=seed)
    if isinstance(moments, Estimate):
        return moments
    scale = spread(moments.matrix)
    first = _splits(moments.matrix.shape[1], splits, seed)
    second = 1.0 - first

    def stepped(covariances: Array) -> Array:
        half = first @ covariances
        covariance = (half * second).sum(axis=2)
        within = (half * first).sum(axis=2) * (second @ covariances * second).sum(axis=2)
        r = covariance / np.sqrt(np.where(within > 1e-12 * scale**2, within, np.nan))
        return np.asarray((2 * r / (1 + r)).mean(axis=1))

    estimate = moments.estimate(stepped, draws=draws, seed=seed)
    note = f"{splits}, {len(first)} split(s), Spearman-Brown{moments.note}"
    return labelled(estimate, name, of, note=note)
