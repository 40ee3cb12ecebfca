"""McDonald's ω from one factor fitted to the covariance matrix by maximum likelihood."""

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, Estimate
from personae.stats.arrays import covariances, quotient, scale_table
from personae.stats.resample import DRAWS, bootstrap, labelled

__all__ = ["omega_total"]

BLOCK = 20
"""EM steps between two looks at which matrices have converged; those are fitted no further."""


def _one_factor(covariance: Array, start: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """Fit one factor by maximum likelihood to covariance matrices, all at once.

    Args:
        covariance: shape (draws, k, k), each with positive variances.
        start: loadings and unique variances to start from, each of shape (k,).

    Returns:
        Loadings and unique variances, each of shape (draws, k), in the units of the matrix.
        A unique variance may go to 0 (Heywood case), never below.
    """
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    if start is None:
        loadings, unique = _first_component(covariance, variance)
        steps, tolerance = 20_000, 1e-11
    else:
        loadings, unique = (np.broadcast_to(part, variance.shape) for part in start)
        steps, tolerance = 500, 1e-7
    fitted = np.array([loadings, unique])
    active = np.arange(len(variance))
    for _ in range(0, steps, BLOCK):
        loadings, unique, moved = _steps(covariance, variance, loadings, unique)
        fitted[:, active] = loadings, unique
        moving = (moved > tolerance * np.sqrt(variance)).any(axis=1)
        if not moving.any():
            break
        covariance, variance, active = covariance[moving], variance[moving], active[moving]
        loadings, unique = loadings[moving], unique[moving]
    return fitted[0], fitted[1]


def _first_component(covariance: Array, variance: Array) -> tuple[Array, Array]:
    """Begin with most of the first principal component; no loading explains a whole variance."""
    loadings = np.linalg.eigh(covariance)[1][:, :, -1]
    loadings = loadings * np.sign(loadings.sum(axis=1, keepdims=True) + 1e-300)
    strength = np.einsum("bi,bij,bj->b", loadings, covariance, loadings)
    loadings = loadings * np.sqrt(0.7 * strength)[:, None]
    loadings = np.clip(loadings, -0.9 * np.sqrt(variance), 0.9 * np.sqrt(variance))
    return loadings, variance - loadings**2


def _steps(
    covariance: Array, variance: Array, loadings: Array, unique: Array
) -> tuple[Array, Array, Array]:
    """Take a block of EM steps; loadings, unique variances, and how far the last step moved."""
    before = loadings
    least = 1e-9 * variance
    for _ in range(BLOCK):
        weight = loadings / np.maximum(unique, least)
        weight /= 1 + (loadings * weight).sum(axis=1, keepdims=True)
        shared = np.matmul(covariance, weight[:, :, None])[:, :, 0]
        score = (weight * shared).sum(axis=1) + 1 - (weight * loadings).sum(axis=1)
        before, loadings = loadings, shared / score[:, None]
        unique = np.maximum(variance - loadings * shared, 0.0)
    return loadings, unique, np.abs(loadings - before)


def omega_total(
    matrix: ArrayLike,
    *,
    name: str = "omega total",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate McDonald's ω of one factor: (Σλ)² / ((Σλ)² + Σψ), on covariances, by ML.

    Args, interval and errors as `alpha` of `reliability`: scores of shape (n, k). Undefined with
    fewer than 3 items or complete rows, or where an item never varies. Source: McDonald (1999, Test
    Theory, ch. 6); fitted by EM (Rubin & Thayer 1982, Psychometrika 47).

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> round(omega_total(x).value, 2)
    0.81
    """
    x, note, undefined = scale_table((name, of), matrix, items=3, vary=True)
    if undefined is not None:
        return undefined
    fit = _one_factor(covariances(np.ones((1, len(x))), x))
    start = (fit[0][0], fit[1][0])
    scale = float((x**2).sum(axis=0).max()) / len(x)

    def omega(weights: Array) -> Array:
        matrices = covariances(weights, x)
        flat = (np.diagonal(matrices, axis1=1, axis2=2) <= 1e-12 * scale).any(axis=1)
        matrices[flat] = np.eye(x.shape[1])
        loadings, unique = fit if len(weights) == 1 else _one_factor(matrices, start)
        general = loadings.sum(axis=1) ** 2
        return np.where(flat, np.nan, quotient(general, general + unique.sum(axis=1), scale))

    if (fit[1] <= 1e-6 * scale).any():
        note += "; a unique variance is 0 (Heywood case)"
    estimate = bootstrap(omega, len(x), draws=draws, seed=seed)
    return labelled(estimate, name, of, test="one factor by maximum likelihood", note=note)
