"""McDonald's ω from factor models of the covariance matrix: total and hierarchical.

ω total uses one factor by maximum likelihood (McDonald 1999, Test Theory; EM after Rubin & Thayer
1982, Psychometrika 47). ω hierarchical uses MINRES factors, quartimin rotation (Jennrich 2002,
Psychometrika 67) and a Schmid-Leiman transformation (Schmid & Leiman 1957, Psychometrika 22), as
R's psych does; unlike it, items are never flipped, since they come keyed.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from personae.core import Array, BadValue, Estimate
from personae.stats.arrays import covariances, quotient, scale_table
from personae.stats.resample import DRAWS, bootstrap

__all__ = ["omega_hierarchical", "omega_total", "one_factor", "schmid_leiman"]

FEW_DRAWS = 200


def one_factor(covariance: Array, start: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
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
        loadings = np.linalg.eigh(covariance)[1][:, :, -1]
        loadings = loadings * np.sign(loadings.sum(axis=1, keepdims=True) + 1e-300)
        strength = np.einsum("bi,bij,bj->b", loadings, covariance, loadings)
        loadings = loadings * np.sqrt(0.7 * strength)[:, None]
        loadings = np.clip(loadings, -0.9 * np.sqrt(variance), 0.9 * np.sqrt(variance))
        unique = variance - loadings**2
        steps, tolerance = 20_000, 1e-11
    else:
        loadings, unique = (np.broadcast_to(part, variance.shape) for part in start)
        steps, tolerance = 500, 1e-7
    for _ in range(steps):
        weight = loadings / np.maximum(unique, 1e-9 * variance)
        weight = weight / (1 + (loadings * weight).sum(axis=1, keepdims=True))
        shared = np.einsum("bij,bj->bi", covariance, weight)
        score = (weight * shared).sum(axis=1) + 1 - (weight * loadings).sum(axis=1)
        before, loadings = loadings, shared / score[:, None]
        unique = np.maximum(variance - loadings * shared, 0.0)
        if (np.abs(loadings - before) <= tolerance * np.sqrt(variance)).all():
            break
    return loadings, unique


def omega_total(
    matrix: ArrayLike,
    *,
    name: str = "omega total",
    of: str = "respondent",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate McDonald's ω of one factor: (Σλ)² / ((Σλ)² + Σψ), on covariances, by ML.

    Args:
        matrix: keyed item scores, respondents by items, NaN for missing; complete rows count.
        name: what the estimate is called.
        of: what a row is.
        seed: of the BCa bootstrap over rows.
        draws: bootstrap draws.

    Undefined with fewer than 3 items or rows, or where an item never varies.
    Source: McDonald (1999), chapter 6.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> round(omega_total(x).value, 2)
    0.81
    """
    x, note, undefined = scale_table((name, of), matrix, items=3, vary=True)
    if undefined is not None:
        return undefined
    fit = one_factor(covariances(np.ones((1, len(x))), x))
    start = (fit[0][0], fit[1][0])
    scale = float((x**2).sum(axis=0).max()) / len(x)

    def omega(weights: Array) -> Array:
        matrices = covariances(weights, x)
        flat = (np.diagonal(matrices, axis1=1, axis2=2) <= 1e-12 * scale).any(axis=1)
        matrices[flat] = np.eye(x.shape[1])
        loadings, unique = fit if len(weights) == 1 else one_factor(matrices, start)
        general = loadings.sum(axis=1) ** 2
        return np.where(flat, np.nan, quotient(general, general + unique.sum(axis=1), scale))

    found = bootstrap(omega, len(x), draws=draws, seed=seed)
    method = f"one factor by maximum likelihood; {found.method}{note}"
    if (fit[1] <= 1e-6 * scale).any():
        method += "; a unique variance is 0 (Heywood case)"
    return replace(found, name=name, of=of, method=method)


def omega_hierarchical(
    matrix: ArrayLike,
    *,
    factors: int = 3,
    name: str = "omega hierarchical",
    of: str = "respondent",
    seed: int = 0,
    draws: int = FEW_DRAWS,
) -> Estimate:
    """Estimate the share of the total's variance due to one general factor: (Σλ_g)² / ΣΣR.

    Args:
        matrix: keyed item scores, respondents by items, NaN for missing; complete rows count.
        factors: group factors: 3 or more, as 2 don't identify the general factor.
        name: what the estimate is called.
        of: what a row is.
        seed: of the bootstrap over rows.
        draws: draws of the percentile bootstrap; each fits the model anew, so 200 by default.

    Undefined with fewer than 3 rows or too few items for the number of factors (6 for 3), or
    where an item never varies.

    Raises:
        BadValue: fewer than 3 factors.

    Source: Zinbarg et al. (2005, Psychometrika 70); equal to psych::omega with its defaults.
    """
    if factors < 3:
        raise BadValue(f"a general factor needs 3 or more group factors, not {factors}")
    least = next(k for k in range(2, 1000) if (k - factors) ** 2 >= k + factors and k > factors)
    x, note, undefined = scale_table((name, of), matrix, items=least, vary=True)
    if undefined is not None:
        return undefined
    pattern, second = schmid_leiman(np.asarray(np.corrcoef(x, rowvar=False)), factors)

    def omega(weights: Array) -> Array:
        near = None if len(weights) == 1 else pattern
        return np.array([_hierarchical(one, factors, near) for one in covariances(weights, x)])

    found = bootstrap(omega, len(x), draws=draws, seed=seed, kind="percentile")
    method = f"Schmid-Leiman, {factors} MINRES factors, quartimin; {found.method}{note}"
    if second.max() >= 1:
        method += "; a second-order loading is 1 (Heywood case)"
    return replace(found, name=name, of=of, method=method)


def _hierarchical(covariance: Array, factors: int, near: Array | None) -> float:
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if spread.min() <= 1e-6 * spread.max():
        return float("nan")
    correlation = covariance / np.outer(spread, spread)
    pattern, second = schmid_leiman(correlation, factors, near)
    return float((pattern @ second).sum() ** 2 / correlation.sum())


def schmid_leiman(
    correlation: Array, factors: int, near: Array | None = None
) -> tuple[Array, Array]:
    """Return the items' pattern on group factors and these factors' loadings on the general one.

    Items load `pattern @ second` on the general factor. A second-order loading above 1 is an
    inadmissible (Heywood) solution and is set to 1.

    Args:
        correlation: shape (k, k).
        factors: group factors, 3 or more.
        near: a pattern, shape (k, factors), from which the rotation starts.
    """
    pattern, between = _quartimin(_minres(correlation, factors), near)
    second = _minres(between, 1)[:, 0]
    second = np.clip(second * np.sign((pattern @ second).sum() or 1.0), -1.0, 1.0)
    return pattern, second


def _minres(correlation: Array, factors: int) -> Array:
    """Fit factors by least squares on the off-diagonal cells (Harman & Jones 1966)."""
    k = len(correlation)

    def loadings(unique: Array) -> Array:
        roots, vectors = np.linalg.eigh(correlation - np.diag(unique))
        top = np.maximum(roots[-factors:], 0.0)
        return np.asarray(vectors[:, -factors:] * np.sqrt(top))

    def loss(unique: Array) -> tuple[float, Array]:
        found = loadings(unique)
        residual = correlation - np.diag(unique) - found @ found.T
        return float((residual**2).sum()) / 2, -np.diag(residual)

    inverse = np.linalg.pinv(correlation, hermitian=True)
    start = np.clip(1 / np.maximum(np.diag(inverse), 1e-9), 0.01, 0.99)
    fit = optimize.minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.005, 1.0)] * k,
        options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 500},
    )
    return loadings(np.asarray(fit.x))


def _quartimin(loadings: Array, near: Array | None = None) -> tuple[Array, Array]:
    """Rotate to oblique simple structure by gradient projection; returns pattern and phi."""
    k = loadings.shape[1]
    others = 1.0 - np.eye(k)
    turn = np.eye(k)
    if near is not None:
        toward = np.linalg.pinv(np.linalg.pinv(loadings) @ near).T
        turn = toward / np.sqrt((toward**2).sum(axis=0))

    def criterion(turn: Array) -> tuple[Array, float, Array]:
        inverse = np.linalg.inv(turn)
        pattern = loadings @ inverse.T
        squares = pattern**2
        gradient = pattern * (squares @ others)
        return (
            pattern,
            float((squares * (squares @ others)).sum()) / 4,
            -(pattern.T @ gradient @ inverse).T,
        )

    pattern, value, gradient = criterion(turn)
    step = 1.0
    for _ in range(1000 if near is None else 100):
        projected = gradient - turn * (turn * gradient).sum(axis=0)
        size = float((projected**2).sum())
        if size < 1e-10:
            break
        step *= 2
        for _ in range(12):
            tried = turn - step * projected
            tried = tried / np.sqrt((tried**2).sum(axis=0))
            found = criterion(tried)
            if found[1] < value - 0.5 * size * step:
                break
            step /= 2
        turn, (pattern, value, gradient) = tried, found
    return pattern, turn.T @ turn
