"""McDonald's ω from one factor fitted to the covariance matrix by maximum likelihood."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.core import Array, Estimate, missing
from personae.stats.arrays import quotient
from personae.stats.moments import Moments, scale_moments
from personae.stats.resample import DRAWS, labelled

__all__ = ["omega_total"]

LEAST = 1e-6
"""Least unique variance, as a share of the item's variance: a Heywood case lies there."""
ITERATIONS, TOLERANCE = 200, 1e-3
"""Steps below the tolerance are the last: the error that is left is about their square."""
LONGEST_STEP = 3.0
"""Most that the logarithm of a unique variance changes in one step."""
CHORD_STEPS, LAST_STEP, SHRINKAGE = 16, 1e-7, 0.5
"""A step of `_refit` below the first is its last; none is more than this share of the one before.

In SDs of the items and logarithms of their unique variances."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """The fit of one factor at given unique variances, with the derivatives by their logarithms.

    For the eigenvalues θ and eigenvectors ω of Ψ^-½ S Ψ^-½ the best loadings are those of the
    first, and −2 log L / n = Σ log ψ + log θ₁ + Σ θₘ over m ≥ 2, up to a constant.
    """

    loss: Array  # (draws,)
    loadings: Array  # (draws, k), in SDs of the items
    gradient: Array  # (draws, k)
    hessian: Array  # (draws, k, k)


def _fit(correlation: Array, log_unique: Array) -> _Fit:
    scale = np.exp(-log_unique / 2)
    theta, vectors = np.linalg.eigh(correlation * scale[:, :, None] * scale[:, None, :])
    first, theta = theta[:, -1:], theta[:, :-1]
    main, rest = vectors[:, :, -1], vectors[:, :, :-1]
    strength = np.maximum(first, 1.0)
    outer = main[:, :, None] * main[:, None, :]
    gap = np.maximum(first - theta, 1e-12 * first)
    mixed = (1 - theta) * (first + theta) / gap
    weighted = (rest * theta[:, None, :]) @ rest.transpose(0, 2, 1)
    crossed = (rest * mixed[:, None, :]) @ rest.transpose(0, 2, 1)
    return _Fit(
        loss=log_unique.sum(axis=1) + (np.log(strength) + first / strength)[:, 0] + theta.sum(1),
        loadings=main / scale * np.sqrt(strength - 1),
        gradient=((1 - theta)[:, None, :] * rest**2).sum(axis=2),
        hessian=weighted * (np.eye(main.shape[1]) - outer) + crossed * outer,
    )


def _one_factor(covariance: Array, start: Array | None = None) -> tuple[Array, Array]:
    """Fit one factor by maximum likelihood to covariance matrices, all at once.

    Newton's method on the logarithms of the unique variances, damped as by Marquardt, which unlike
    EM also converges where a unique variance goes to 0 (Heywood case); it never goes below.

    Args:
        covariance: shape (draws, k, k), each with positive variances.
        start: shares of unique variance to start from, shape (k,).

    Returns:
        Loadings and unique variances, each of shape (draws, k), in the units of the matrix.
    """
    deviation = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    correlation = covariance / (deviation[:, :, None] * deviation[:, None, :])
    share = _communality_start(correlation) if start is None else start
    point = np.broadcast_to(np.log(np.clip(share, LEAST, 1.0)), deviation.shape).copy()
    loadings = np.empty_like(point)
    active, damping = np.arange(len(point)), np.full(len(point), 1e-6)
    matrix, here, fit = correlation, point.copy(), _fit(correlation, point)
    for _ in range(ITERATIONS):
        step = np.clip(here + _step(fit, here, damping), np.log(LEAST), 0.5) - here
        trial = _fit(matrix, here + step)
        better = trial.loss <= fit.loss + 1e-12 * np.abs(fit.loss)
        here = np.where(better[:, None], here + step, here)
        fit = _merged(better, trial, fit)
        damping = np.where(better, damping / 10, np.minimum(damping * 10, 1e8))
        point[active], loadings[active] = here, fit.loadings
        moving = (np.abs(step) > TOLERANCE).any(axis=1) | ~better
        if not moving.any():
            break
        matrix, here, damping, active = (
            matrix[moving],
            here[moving],
            damping[moving],
            active[moving],
        )
        fit = _Fit(*(part[moving] for part in _parts(fit)))
    return loadings * deviation, np.exp(point) * deviation**2


def _communality_start(correlation: Array) -> Array:
    """Begin with most of the first principal component, no item explained above 81 %."""
    values, vectors = np.linalg.eigh(correlation)
    return np.asarray(1 - np.minimum(0.7 * values[:, -1:] * vectors[:, :, -1] ** 2, 0.81))


def _step(fit: _Fit, point: Array, damping: Array) -> Array:
    """Return the damped Newton step; a unique variance that is pressed against 0 stays there."""
    pinned = (point <= np.log(LEAST)) & (fit.gradient > 0)
    gradient = np.where(pinned, 0.0, fit.gradient)
    free = ~(pinned[:, :, None] | pinned[:, None, :])
    hessian = np.where(free, fit.hessian, 0.0)
    diagonal = np.abs(np.diagonal(hessian, axis1=1, axis2=2))
    ridge = np.where(pinned, 1.0, damping[:, None] * diagonal + 1e-14)
    hessian = hessian + ridge[:, :, None] * np.eye(point.shape[1])
    step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
    descends = (step * gradient).sum(axis=1, keepdims=True) <= 0
    step = np.where(descends, step, -gradient / np.maximum(diagonal + ridge, 1e-3))
    return np.asarray(np.clip(step, -LONGEST_STEP, LONGEST_STEP))


def _parts(fit: _Fit) -> tuple[Array, Array, Array, Array]:
    return fit.loss, fit.loadings, fit.gradient, fit.hessian


def _merged(better: NDArray[np.bool], trial: _Fit, fit: _Fit) -> _Fit:
    merged = []
    for new, old in zip(_parts(trial), _parts(fit), strict=True):
        merged.append(np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old))
    return _Fit(*merged)


def _slope(covariance: Array, point: Array) -> Array:
    """Return the derivatives of −2 log L / n by the loadings and by the log unique variances.

    Σ = λλᵀ + Ψ has its inverse in closed form, which leaves one product of matrix and vector.

    Args:
        covariance: shape (draws, k, k), or (1, k, k) for all points.
        point: loadings and logarithms of unique variances, shape (draws, 2k).

    Source: Jöreskog (1967, Psychometrika 32); Sherman & Morrison (1950, Ann. Math. Stat. 21).
    """
    k = covariance.shape[1]
    loadings, precision = point[:, :k], np.exp(-point[:, k:])
    scaled = loadings * precision
    share = 1 / (1 + (loadings * scaled).sum(axis=1, keepdims=True))
    product = (covariance @ scaled[:, :, None])[:, :, 0]
    excess = 1 + share * (scaled * product).sum(axis=1, keepdims=True)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    by_loading = 2 * share * (scaled * excess - product * precision)
    by_unique = 1 - variance * precision + share * scaled * (2 * product - loadings * excess)
    return np.concatenate([by_loading, by_unique], axis=1)


def _refit(
    covariance: Array, known: Array, fit: tuple[Array, Array], share: Array
) -> tuple[Array, Array]:
    """Fit one factor to covariance matrices that lie near one whose fit is known.

    Newton's method with the second derivatives at the known fit for all. Where steps shrink by a
    steady share, the second derivatives are positive too, and the end is a minimum. Where they
    don't, or a unique variance is 0, `_one_factor` fits.

    Args:
        covariance: shape (draws, k, k).
        known: the matrix of the known fit, shape (1, k, k).
        fit: its loadings and unique variances, each of shape (1, k).
        share: shares of unique variance that `_one_factor` starts from, shape (k,).

    Returns:
        Loadings and unique variances, each of shape (draws, k).

    Source: the chord method (Ortega & Rheinboldt 1970, Iterative Solution, ch. 7.1).
    """
    loadings, unique = (np.repeat(part, len(covariance), axis=0) for part in fit)
    distant = np.arange(len(covariance))
    if (share > 2 * LEAST).all():
        point, is_near = _chord_steps(covariance, known, np.hstack([fit[0], np.log(fit[1])]))
        loadings, unique = point[:, : share.size], np.exp(point[:, share.size :])
        least = LEAST * np.diagonal(covariance, axis1=1, axis2=2)
        distant = np.flatnonzero(~is_near | (unique <= least).any(axis=1))
    if distant.size:
        loadings[distant], unique[distant] = _one_factor(covariance[distant], share)
    return loadings, unique


def _chord_steps(covariance: Array, known: Array, start: Array) -> tuple[Array, NDArray[np.bool]]:
    """Return the points, (draws, 2k), that steps from a start, (1, 2k), lead to, and which end."""
    k = known.shape[1]
    unit = np.append(np.sqrt(np.diagonal(known[0])), np.ones(k))
    apart = 1e-4 * np.diag(unit)
    curvature = (_slope(known, start + apart) - _slope(known, start - apart)) / 2e-4 * unit
    inverse = unit[:, None] * np.linalg.pinv(curvature + curvature.T) * 2
    point, ended = np.repeat(start, len(covariance), axis=0), np.zeros(len(covariance), np.bool)
    active, longest = np.arange(len(covariance)), np.full(len(covariance), np.inf)
    for _ in range(CHORD_STEPS):
        if not active.size:
            break
        matrices = covariance if active.size == len(covariance) else covariance[active]
        with np.errstate(over="ignore", invalid="ignore"):  # of draws that diverge
            step = -_slope(matrices, point[active]) @ inverse
        size = np.abs(step).max(axis=1)
        shrinks = size <= SHRINKAGE * longest
        point[active] += np.where(shrinks[:, None], step * unit, 0.0)
        ended[active] = shrinks & (size < LAST_STEP)
        moving = shrinks & (size >= LAST_STEP)
        active, longest = active[moving], size[moving]
    return point, ended


def omega_total(
    matrix: ArrayLike | Moments,
    *,
    name: str = "omega total",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate McDonald's ω of one factor: (Σλ)² / ((Σλ)² + Σψ), on covariances, by ML.

    Args, interval and errors as `alpha` of `reliability`: scores of shape (n, k). Undefined with
    fewer than 3 items, no more complete rows than items (the likelihood then has no greatest
    value), or where an item never varies. Source: McDonald (1999, Test Theory, ch. 6); fitted on
    the unique variances (Jöreskog 1967, Psychometrika 32) with the second derivatives of Clarke
    (1970, Br. J. Math. Stat. Psychol. 23).

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> round(omega_total(x).value, 2)
    0.81
    """
    moments = scale_moments((name, of), matrix, items=3, vary=True, seed=seed)
    if isinstance(moments, Estimate):
        return moments
    (n, items), note = moments.matrix.shape, moments.note
    if n <= items:
        why = f"{n} complete rows for {items} items: a factor model needs more rows than items"
        return missing(name, why, n=n, of=of)
    variances = moments.matrix.var(axis=0)
    scale = float(variances.max())
    known = moments.covariances()
    fit = _one_factor(known)
    share = fit[1][0] / variances

    def omega(covariances: Array) -> Array:
        flat = (np.diagonal(covariances, axis1=1, axis2=2) <= 1e-12 * scale).any(axis=1)
        matrices = np.where(np.reshape(flat, (-1, 1, 1)), np.eye(variances.size), covariances)
        loadings, unique = _refit(matrices, known, fit, share)
        general = loadings.sum(axis=1) ** 2
        return np.where(flat, np.nan, quotient(general, general + unique.sum(axis=1), scale))

    if (share <= 2 * LEAST).any():
        note += "; a unique variance is 0 (Heywood case)"
    estimate = moments.estimate(omega, draws=draws, seed=seed)
    return labelled(estimate, name, of, test="one factor by maximum likelihood", note=note)
