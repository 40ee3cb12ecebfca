"""Regressions over respondents that belong to groups, such as the runs of several models.

Rows of one model are not independent: a slope over all rows mixes differences between models with
covariation within one. `slopes` sets the pooled, within-group and between-group slopes side by
side; the mixed model is in `mixed_model`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from personae.core import Array, BadValue, Estimate, missing

__all__ = ["Slopes", "check_rows", "logit", "slopes", "standardize", "t_estimate"]


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


def check_rows(y: Array, x: Array, groups: Sequence[object], names: Sequence[str]) -> None:
    """Refuse shapes that don't go together, and missing values.

    Raises:
        BadValue: either of them.
    """
    if x.ndim != 2 or y.shape != (len(x),) or len(groups) != len(x) or len(names) != x.shape[1]:
        raise BadValue(
            f"a regression takes outcome (n,), predictors (n, k), n groups and k names, not "
            f"{y.shape}, {x.shape}, {len(groups)} and {len(names)}"
        )
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise BadValue("a regression takes complete rows: leave out, and count, the others first")


def t_estimate(
    name: str, fitted: tuple[float, float, float], n: int, of: str, method: str
) -> Estimate:
    """Make an estimate from (value, standard error, degrees of freedom; inf for normal).

    Without a standard error above 0 the value has no interval and no p: nothing is left to judge it
    by.
    """
    value, error, df = fitted
    if not error > 1e-12 * abs(value):
        why = "the fit leaves no residual to judge the slope by"
        return Estimate(
            name=name, value=value, low=nan, high=nan, n=n, of=of, method=method, why_missing=why
        )
    reach = float(scipy.stats.t.ppf(0.975, df)) * error
    return Estimate(
        name=name,
        value=value,
        low=value - reach,
        high=value + reach,
        n=n,
        of=of,
        method=method if df == inf else f"{method} with {df:.3g} df",
        p=2 * float(scipy.stats.t.sf(abs(value) / error, df)),
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

    Pooled: its standard error is the jackknife over groups, with one degree of freedom less than
    there are groups, since rows of a group aren't independent; with a single group, plain least
    squares. Within: both variables centred on their group's mean, with one degree of freedom less
    for each group. Between: over the groups' means, so that n counts groups. In outcome units a
    predictor unit. Undefined where either variable doesn't vary at that level or too few rows
    remain; without interval where all rows lie on one line.
    Sources: Snijders & Bosker 2012, Multilevel Analysis, section 3.6; Mundlak 1978, Econometrica
    46; the jackknife is CR3 of Bell & McCaffrey 2002, Survey Methodology 28.

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
    check_rows(y, x[:, None], groups, [name])
    ids = np.unique(np.array([str(g) for g in groups]), return_inverse=True)[1]
    sizes = np.bincount(ids)
    y_mean, x_mean = np.bincount(ids, y) / sizes, np.bincount(ids, x) / sizes
    pooled = _deviations(y), _deviations(x)
    within = _deviations(y, y_mean[ids]), _deviations(x, x_mean[ids])
    between = _deviations(y_mean), _deviations(x_mean)
    return Slopes(
        pooled=_pooled(f"{name} pooled", *pooled, ids, of),
        within=_line(f"{name} within", *within, sizes.size + 1, of),
        between=_line(f"{name} between", *between, 2, "group"),
    )


def _deviations(values: Array, means: Array | None = None) -> Array:
    """Subtract means, or the mean, from values (n,); all 0 where only rounding is left."""
    apart = values - (np.full_like(values, values.mean()) if means is None else means)
    return apart if np.abs(apart).max() > 1e-12 * np.abs(values).max() else np.zeros_like(apart)


def _pooled(name: str, y: Array, x: Array, ids: NDArray[np.intp], of: str) -> Estimate:
    """Estimate the slope of centred variables over all rows, its error by leaving out groups."""
    plain = _line(name, y, x, 2, of)
    sizes = np.bincount(ids)
    groups = sizes.size
    if groups == 1 or isnan(plain.low):
        return plain
    rest = [
        values.sum() - np.bincount(ids, values) for values in (np.ones_like(x), x, y, x * x, x * y)
    ]
    n, sum_x, sum_y, sum_xx, sum_xy = rest
    power = sum_xx - sum_x**2 / n
    if (power <= 1e-12 * float(x @ x)).any():
        why = "without one of the groups the predictor doesn't vary"
        return replace(plain, low=nan, high=nan, p=nan, why_missing=why)
    partial = (sum_xy - sum_x * sum_y / n) / power
    error = sqrt((groups - 1) / groups * float(((partial - plain.value) ** 2).sum()))
    method = f"least squares, jackknife over {groups} groups, t"
    return t_estimate(name, (plain.value, error, groups - 1), y.size, of, method)


def _line(name: str, y: Array, x: Array, used: int, of: str) -> Estimate:
    """Estimate the slope of centred variables; `used` counts the degrees of freedom spent."""
    n, power, df = y.size, float(x @ x), y.size - used
    if df < 1:
        return missing(name, "too few rows at this level", n=n, of=of)
    for what, values in (("predictor", x), ("outcome", y)):
        if not values.any():
            return missing(name, f"the {what} doesn't vary at this level", n=n, of=of)
    value = float(x @ y) / power
    rest = float(((y - value * x) ** 2).sum()) / df
    return t_estimate(name, (value, sqrt(rest / power), df), n, of, "least squares, t")


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
    check_rows(y, x[:, None], [""] * len(x), [name])
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
        share = scipy.special.expit(design @ beta)
        information = (design.T * (share * (1 - share))) @ design
        step = np.linalg.solve(information, design.T @ (y - share))
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    sd = float(x.std(ddof=1))
    se = sqrt(float(np.linalg.inv(information)[1, 1]))
    fitted = float(beta[1]) / sd, se / sd, inf
    return t_estimate(name, fitted, y.size, of, "logistic regression, Wald")
