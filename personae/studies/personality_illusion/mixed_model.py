"""The linear mixed model with one random intercept a group, by restricted maximum likelihood.

Deviations from group means have the residual variance w, and the mean of a group of n rows has
w / n + b, so that the sums of squares within groups and the groups' means hold all that the
likelihood needs (Laird & Ware 1982, Biometrics 38). Tests are t tests with Satterthwaite's
degrees of freedom from the expected information of w and b (Giesbrecht & Burns 1985, Biometrics
41): with few groups a normal distribution rejects a true null too often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, Estimate, missing
from personae.studies.personality_illusion.regression import check_rows, t_estimate

__all__ = ["Mixed", "random_intercept"]

_LOG_RATIOS = np.arange(-12.0, 49.0)
"""Where the log of b / w is looked for; beyond, the residual is rounding error."""
_FLAT = 1e-10
"""SD, as a share of the largest absolute value, below which values don't differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """A fitted random-intercept model: one estimate a predictor, variances, and the REML value.

    `between` and `within` are the variances of the groups' intercepts and of the residuals, in
    squared units of the outcome; `groups` is how many intercepts there are.
    """

    slopes: tuple[Estimate, ...]
    between: float
    within: float
    groups: int
    loglik: float


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums of squares within groups (k + 2, k + 2), group means (groups, k + 2), group sizes.

    Columns are the constant, k predictors and the outcome.
    """

    within: Array
    means: Array
    sizes: Array

    def gram(self, within: float, means: Array) -> Array:
        """Return the predictors' sum of squares with a weight for rows and one for each mean."""
        x = self.means[:, :-1]
        return np.asarray(within * self.within[:-1, :-1] + (x.T * means) @ x)


def random_intercept(
    outcome: ArrayLike,
    predictors: ArrayLike,
    groups: Sequence[object],
    names: Sequence[str],
    *,
    of: str = "row",
) -> Mixed:
    """Fit outcome ~ predictors + a random intercept for each group, by REML.

    Source: Laird & Ware 1982, Biometrics 38; degrees of freedom: Giesbrecht & Burns 1985,
    Biometrics 41.

    Args:
        outcome: shape (n,), without missing values.
        predictors: shape (n, k), without the constant.
        groups: the group of each row.
        names: a name for each predictor.
        of: what a row is.

    Returns:
        Slopes with t intervals and p-values, in outcome units a predictor unit. Undefined, with
        the reason, where rows are too few, predictors are not independent, the outcome doesn't
        vary, doesn't vary within groups, or is fitted without a residual. With a single group the
        model is plain least squares. Where groups differ less than chance would have it, `between`
        is 0 and the tests are conservative.

    Raises:
        BadValue: shapes that don't go together, or missing values.

    >>> y, x = [1.0, 3.0, 2.5, 4.0, 4.0, 6.5], [[0], [1], [2], [0], [1], [2]]
    >>> print(random_intercept(y, x, list("aaabbb"), ["x"]).slopes[0])
    x: 1.000 [-0.403, 2.403], n = 6 rows, p = 0.108
    """
    y, x = np.asarray(outcome, dtype=np.float64), np.asarray(predictors, dtype=np.float64)
    check_rows(y, x, groups, names)
    n, k = x.shape
    ids = np.unique(np.array([str(g) for g in groups]), return_inverse=True)[1]
    sizes = np.bincount(ids).astype(np.float64)
    table = np.column_stack([np.ones(n), x, y - y.mean()])
    means = np.column_stack([np.bincount(ids, column) for column in table.T]) / sizes[:, None]
    apart = table - means[ids]
    sums = _Sums(apart.T @ apart, means, sizes)
    why = _undetermined(table, apart, y)
    if why:
        lost = tuple(missing(name, why, n=n, of=of) for name in names)
        return Mixed(slopes=lost, between=nan, within=nan, groups=sizes.size, loglik=nan)
    ratio = _variance_ratio(sums) if sizes.size > 1 else 0.0
    loglik, beta, within = _fit(sums, ratio)
    errors, df = _standard_errors(sums, within, ratio)
    method = f"random intercept of {sizes.size} groups, REML, t"
    if sizes.size == 1:
        method, df = "least squares, t", np.full(k + 1, n - k - 1.0)
    slopes = tuple(
        t_estimate(name, (float(beta[i]), float(errors[i]), float(df[i])), n, of, method)
        for i, name in enumerate(names, start=1)
    )
    return Mixed(
        slopes=slopes, between=ratio * within, within=within, groups=sizes.size, loglik=loglik
    )


def _undetermined(table: Array, apart: Array, y: Array) -> str:
    """Say why the slopes can't be estimated, or return ""."""
    n, k = len(table), table.shape[1] - 2
    design, outcome = table[:, :-1], table[:, -1]
    flat = _FLAT * float(np.abs(y).max(initial=0.0))
    if n < k + 3 or np.linalg.matrix_rank(design) < k + 1:
        return f"{n} rows don't determine {k} slopes: too few, or collinear predictors"
    if outcome.std() <= flat:
        return "the outcome doesn't vary"
    if apart[:, -1].std() <= flat:
        return "the outcome doesn't vary within groups: only the groups' means could be compared"
    left = apart[:, -1] - apart[:, :-1] @ np.linalg.lstsq(apart[:, :-1], apart[:, -1])[0]
    return "the predictors leave no residual within groups" if left.std() <= flat else ""


def _variance_ratio(sums: _Sums) -> float:
    """Return the ratio b / w of the greatest likelihood, 0 included."""

    def loss(log_ratio: float) -> float:
        return -_fit(sums, float(np.exp(log_ratio)))[0]

    losses = [loss(value) for value in _LOG_RATIOS]
    best = int(np.argmin(losses))
    around = _LOG_RATIOS[[max(best - 1, 0), min(best + 1, len(losses) - 1)]]
    least = scipy.optimize.minimize_scalar(
        loss, bounds=tuple(around), method="bounded", options={"xatol": 1e-9}
    )
    return 0.0 if -_fit(sums, 0.0)[0] <= least.fun else float(np.exp(least.x))


def _fit(sums: _Sums, ratio: float) -> tuple[float, Array, float]:
    """Fit at one ratio of variances: REML, coefficients (k + 1,), residual variance w."""
    weights = sums.sizes / (1 + sums.sizes * ratio)
    total = sums.within + (sums.means.T * weights) @ sums.means
    gram = total[:-1, :-1]
    beta = np.asarray(np.linalg.solve(gram, total[:-1, -1]))
    df = float(sums.sizes.sum()) - len(gram)
    within = max(float(total[-1, -1] - total[:-1, -1] @ beta), 1e-300) / df
    loglik = -0.5 * (
        df * (np.log(2 * np.pi * within) + 1)
        + float(np.log1p(sums.sizes * ratio).sum())
        + float(np.linalg.slogdet(gram)[1])
    )
    return float(loglik), beta, within


def _standard_errors(sums: _Sums, within: float, ratio: float) -> tuple[Array, Array]:
    """Return standard errors and Satterthwaite's degrees of freedom of all coefficients.

    A coefficient's variance v has 2 v^2 / var(v) of them, with var(v) from the expected information
    of (w, b), the delta method, and the derivatives of v.
    """
    sizes, groups = sums.sizes, len(sums.sizes)
    mean_variance = within * (1 + sizes * ratio)
    covariance = np.linalg.inv(sums.gram(1 / within, sizes / mean_variance))
    # derivatives of the variances of rows within groups and of group means by w and by b, which
    # may be many powers of ten apart and so have units of their own
    unit = within * (1 / sizes.max() + ratio)
    parts = ((within, np.full(groups, within)), (0.0, sizes * unit))
    moved = [covariance @ sums.gram(a / within**2, sizes * c / mean_variance**2) for a, c in parts]
    information = np.empty((2, 2))
    for i, (a, c) in enumerate(parts):
        for j, (d, e) in enumerate(parts):
            twice = sums.gram(a * d / within**3, sizes * c * e / mean_variance**3)
            information[i, j] = 0.5 * (
                (float(sizes.sum()) - groups) * a * d / within**2
                + float((c * e / mean_variance**2).sum())
                - 2 * float(np.trace(covariance @ twice))
                + float(np.trace(moved[i] @ moved[j]))
            )
    variance = np.diag(covariance)
    slopes = np.array([np.diag(part @ covariance) for part in moved])
    spread = np.einsum("ik,ij,jk->k", slopes, np.linalg.pinv(information), slopes)
    return np.sqrt(variance), 2 * variance**2 / spread
