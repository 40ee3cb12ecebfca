"""Regressions over respondents that belong to groups, such as the runs of several models.

Rows of one model are not independent: a slope over all rows mixes differences between models with
covariation within one. `random_intercept` is the linear mixed model with one
intercept a group, fitted by restricted maximum likelihood (Laird & Ware 1982, Biometrics 38);
`slopes` sets the pooled, within-group and between-group slopes side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, nan, pi, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from personae.core import Array, BadValue, Estimate, missing

__all__ = ["Mixed", "Slopes", "logit", "random_intercept", "slopes", "standardize"]

LEVEL_Z = 1.959963984540054
_LOG_RATIO = (-14.0, 10.0)
"""Bounds of the log of (variance between groups / variance within)."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """One predictor's slopes: over all rows, within groups, and between group means."""

    pooled: Estimate
    within: Estimate
    between: Estimate


def standardize(values: ArrayLike) -> Array:
    """Return z scores of values (n,), divisor n - 1; zeros where the values don't differ.

    As Han et al. 2025 (arXiv 2509.03730) standardize all variables of their regressions.

    >>> standardize([1, 2, 3]).tolist()
    [-1.0, 0.0, 1.0]
    """
    x = np.asarray(values, dtype=np.float64)
    sd = float(x.std(ddof=1)) if x.size > 1 else 0.0
    flat = sd <= 1e-12 * max(1.0, float(np.abs(x).max(initial=0.0)))
    return np.zeros_like(x) if flat else (x - x.mean()) / sd


def random_intercept(
    outcome: ArrayLike,
    predictors: ArrayLike,
    groups: Sequence[object],
    names: Sequence[str],
    *,
    of: str = "row",
) -> Mixed:
    """Fit outcome ~ predictors + a random intercept for each group, by REML.

    Source: Laird & Ware 1982, Biometrics 38.

    Args:
        outcome: shape (n,), without missing values.
        predictors: shape (n, k), without the constant.
        groups: the group of each row.
        names: a name for each predictor.
        of: what a row is.

    Returns:
        Slopes with Wald intervals and p-values (normal), in outcome units a predictor unit.
        Undefined, with the reason, where rows are too few or predictors are not independent;
        with a single group the model is plain least squares with t intervals.

    Raises:
        BadValue: shapes that don't go together, or missing values.

    >>> y, x = [1.0, 3.0, 2.5, 4.0, 4.0, 6.5], [[0], [1], [2], [0], [1], [2]]
    >>> print(random_intercept(y, x, list("aaabbb"), ["x"]).slopes[0])
    x: 1.000 [0.136, 1.864], n = 6 rows, p = 0.0233
    """
    y, x = np.asarray(outcome, dtype=np.float64), np.asarray(predictors, dtype=np.float64)
    _check(y, x, groups, names)
    n, k = x.shape
    ids = np.unique(np.array([str(g) for g in groups]), return_inverse=True)[1]
    sizes = np.bincount(ids).astype(np.float64)
    design = np.column_stack([np.ones(n), x])
    if n < k + 3 or np.linalg.matrix_rank(design) < k + 1:
        why = f"{n} rows don't determine {k} slopes: too few, or collinear predictors"
        lost = tuple(missing(name, why, n=n, of=of) for name in names)
        return Mixed(slopes=lost, between=nan, within=nan, groups=sizes.size, loglik=nan)
    table = np.column_stack([design, y])
    single = sizes.size == 1
    ratio = 0.0 if single else _variance_ratio(table, ids)
    loglik, beta, spread, within = _fit(table, ids, ratio)
    method = "least squares, t" if single else f"random intercept of {sizes.size} groups, REML"
    size = (n, n - k - 1 if single else 0)
    estimates = tuple(
        _wald(name, float(beta[i]), sqrt(spread[i, i]), size, of, method)
        for i, name in enumerate(names, start=1)
    )
    return Mixed(
        slopes=estimates, between=ratio * within, within=within, groups=sizes.size, loglik=loglik
    )


def _variance_ratio(table: Array, ids: NDArray[np.intp]) -> float:
    """Find the ratio of variances, between groups over within, with the greatest likelihood."""
    best = optimize.minimize_scalar(
        lambda value: -_fit(table, ids, np.exp(value))[0],
        bounds=_LOG_RATIO,
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(np.exp(float(best.x)))


def _fit(table: Array, ids: NDArray[np.intp], ratio: float) -> tuple[float, Array, Array, float]:
    """Fit at one variance ratio: REML, coefficients, their covariance, residual variance.

    `table` is (n, 1 + k + 1): constant, predictors, outcome. Subtracting a part of each group's
    mean makes the errors independent, so this is least squares (Laird & Ware 1982).
    """
    sizes = np.bincount(ids).astype(np.float64)
    means = np.column_stack([np.bincount(ids, column) for column in table.T]) / sizes[:, None]
    pull = 1 - 1 / np.sqrt(1 + sizes * ratio)
    independent = table - (pull[:, None] * means)[ids]
    a, b = independent[:, :-1], independent[:, -1]
    gram = a.T @ a
    beta: Array = np.linalg.solve(gram, a.T @ b).astype(np.float64)
    df = len(table) - a.shape[1]
    rest = max(float(((b - a @ beta) ** 2).sum()), 1e-300) / df
    loglik = -0.5 * (
        df * (log(2 * pi * rest) + 1)
        + float(np.log1p(sizes * ratio).sum())
        + float(np.linalg.slogdet(gram)[1])
    )
    spread: Array = rest * np.linalg.inv(gram)
    return loglik, beta, spread, rest


def _check(y: Array, x: Array, groups: Sequence[object], names: Sequence[str]) -> None:
    if x.ndim != 2 or y.shape != (len(x),) or len(groups) != len(x) or len(names) != x.shape[1]:
        raise BadValue(
            f"a regression takes outcome (n,), predictors (n, k), n groups and k names, not "
            f"{y.shape}, {x.shape}, {len(groups)} and {len(names)}"
        )
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise BadValue("a regression takes complete rows: leave out, and count, the others first")


def _wald(
    name: str, value: float, se: float, size: tuple[int, int], of: str, method: str
) -> Estimate:
    """Make an estimate of a value and its standard error; size = (n, df of t or 0 for normal)."""
    n, df = size
    reach = float(special.stdtrit(df, 0.975)) if df else LEVEL_Z
    ratio = abs(value) / se if se > 0 else np.inf
    p = 2 * float(scipy.stats.t.sf(ratio, df) if df else scipy.stats.norm.sf(ratio))
    return Estimate(
        name=name,
        value=value,
        low=value - reach * se,
        high=value + reach * se,
        n=n,
        of=of,
        method=method,
        p=p,
    )


def slopes(
    outcome: ArrayLike,
    predictor: ArrayLike,
    groups: Sequence[object],
    *,
    name: str = "slope",
    of: str = "row",
) -> Slopes:
    """Estimate the slope over all rows, within groups, and between group means.

    Within: both variables centred on their group's mean, with one degree of freedom less for each
    group. Between: over the groups' means, so that n counts groups. In outcome units a predictor
    unit. Undefined where the predictor doesn't vary at that level or too few rows remain.
    Sources: Snijders & Bosker 2012, Multilevel Analysis, section 3.6; Mundlak 1978, Econometrica
    46.

    Args:
        outcome: shape (n,), without missing values.
        predictor: shape (n,), without missing values.
        groups: the group of each row.
        name: what the slopes are called.
        of: what a row is.

    Raises:
        BadValue: shapes that don't go together, or missing values.

    >>> three = slopes([1, 2, 3, 11, 12, 13.3], [3, 2, 1, 6, 5, 4], list("aaabbb"))
    >>> round(three.within.value, 2), round(three.pooled.value, 2)
    (-1.08, 2.35)
    """
    y, x = np.asarray(outcome, dtype=np.float64), np.asarray(predictor, dtype=np.float64)
    _check(y, x[:, None], groups, [name])
    ids = np.unique(np.array([str(g) for g in groups]), return_inverse=True)[1]
    sizes = np.bincount(ids)
    y_mean, x_mean = np.bincount(ids, y) / sizes, np.bincount(ids, x) / sizes
    count = sizes.size
    return Slopes(
        pooled=_line(f"{name} pooled", y - y.mean(), x - x.mean(), 2, of),
        within=_line(f"{name} within", y - y_mean[ids], x - x_mean[ids], count + 1, of),
        between=_line(
            f"{name} between", y_mean - y_mean.mean(), x_mean - x_mean.mean(), 2, "group"
        ),
    )


def _line(name: str, y: Array, x: Array, used: int, of: str) -> Estimate:
    """Estimate the slope of centred variables; `used` counts the degrees of freedom spent."""
    n, power, df = y.size, float(x @ x), y.size - used
    if df < 1 or power <= 1e-12 * n:
        why = "too few rows at this level" if df < 1 else "the predictor doesn't vary at this level"
        return missing(name, why, n=n, of=of)
    value = float(x @ y) / power
    rest = float(((y - value * x) ** 2).sum()) / df
    return _wald(name, value, sqrt(rest / power), (n, df), of, "least squares, t")


def logit(
    outcome: ArrayLike, predictor: ArrayLike, *, name: str = "log odds", of: str = "row"
) -> Estimate:
    """Estimate the change of the log odds of outcome 1 against 0 for one unit of a predictor.

    Outcome and predictor have the shape (n,). Maximum likelihood by Newton's method, Wald interval
    (Cox 1958, J. R. Stat. Soc. B 20; McCullagh & Nelder 1989, chapter 4). Undefined where an
    outcome is absent, the predictor doesn't vary, or it separates the outcomes completely (the
    slope is then infinite).

    Raises:
        BadValue: shapes that don't go together, or outcomes other than 0 and 1.

    >>> print(logit([0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6]))
    log odds: 1.214 [-0.575, 3.003], n = 6 rows, p = 0.183
    """
    y, x = np.asarray(outcome, dtype=np.float64), np.asarray(predictor, dtype=np.float64)
    _check(y, x[:, None], [""] * len(x), [name])
    if set(np.unique(y)) - {0.0, 1.0}:
        raise BadValue("a logistic regression takes outcomes 0 and 1")
    ones, zeros = x[y == 1], x[y == 0]
    if not ones.size or not zeros.size or np.ptp(x) == 0:
        return missing(name, "one outcome only, or a predictor of one value", n=y.size, of=of)
    if ones.min() >= zeros.max() or ones.max() <= zeros.min():
        return missing(name, "the predictor separates the outcomes completely", n=y.size, of=of)
    design = np.column_stack([np.ones(y.size), standardize(x)])
    beta = np.zeros(2)
    for _ in range(100):
        share = special.expit(design @ beta)
        information = (design.T * (share * (1 - share))) @ design
        step = np.linalg.solve(information, design.T @ (y - share))
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    sd = float(x.std(ddof=1))
    se = sqrt(float(np.linalg.inv(information)[1, 1]))
    return _wald(name, float(beta[1]) / sd, se / sd, (y.size, 0), of, "logistic regression, Wald")
