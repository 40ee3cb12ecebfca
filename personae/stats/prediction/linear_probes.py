"""Linear probes on many groups of features at once, such as all attention heads of a model.

Ridge has a closed form; logistic regression takes a few Newton steps, all groups side by side.
Where features outnumber cases they are first replaced by coordinates in the cases' span, in which
every solution lies.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue

__all__ = ["Probes", "auc_values", "logistic_probes", "ridge_probes"]

STEPS = 30
SMALL = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Probes:
    """One linear probe per group: `weights` (groups, width), `bias` (groups,)."""

    weights: Array
    bias: Array

    def scores(self, features: Array) -> Array:
        """Score cases: features of shape (n, groups, width) to (n, groups), above 0 for class 1."""
        return np.asarray(np.einsum("ngd,gd->ng", features, self.weights) + self.bias)

    def accuracy(self, features: Array, labels: ArrayLike) -> Array:
        """Return each group's share (0..1) of cases on the right side of 0, shape (groups,).

        Args:
            features: shape (n, groups, width).
            labels: 0 or 1, shape (n,).
        """
        right = np.asarray(labels, dtype=bool)[:, None] == (self.scores(features) > 0)
        return np.asarray(right.mean(axis=0))


def ridge_probes(features: ArrayLike, targets: ArrayLike, penalty: float = 1.0) -> Probes:
    """Fit ridge regressions: least sum of squares plus `penalty` |w|^2; the bias is free.

    Args:
        features: cases, (n, groups, width).
        targets: numbers (n,); labels are given as -1 and 1.
        penalty: above 0.

    Source: Hoerl & Kennard (1970, Technometrics 12).

    Raises:
        BadValue: shapes that don't fit, numbers that aren't finite, or a penalty of 0 or less.

    >>> x = np.array([[[0.0, 1.0]], [[1.0, 1.0]], [[2.0, 1.0]]])
    >>> ridge_probes(x, [1, 3, 5], 1e-9).weights.round(3).tolist()
    [[2.0, 0.0]]
    """
    x, y = _checked(features, targets, penalty)

    def solve(z: Array) -> Array:
        square = np.einsum("gnr,gns->grs", z, z) + penalty * np.eye(z.shape[2])
        right = np.einsum("gnr,n->gr", z, y - y.mean())
        return np.asarray(np.linalg.solve(square, right[..., None])[..., 0])

    weights, centre = _in_span(x, solve)
    return Probes(weights, y.mean() - np.einsum("gd,gd->g", weights, centre))


def logistic_probes(features: ArrayLike, labels: ArrayLike, penalty: float = 1.0) -> Probes:
    """Fit logistic regressions: least log loss plus `penalty` |w|^2 / 2; the bias is free.

    That is scikit-learn's `LogisticRegression(C=1 / penalty)`.

    Args:
        features: cases, (n, groups, width).
        labels: 0 or 1, (n,); both occur.
        penalty: above 0.

    Source: le Cessie & van Houwelingen (1992, Appl. Stat. 41), by Newton's method.

    Raises:
        BadValue: as `ridge_probes`, or labels that aren't 0 and 1.

    >>> x = np.array([[[-2.0]], [[-1.0]], [[1.0]], [[2.0]]])
    >>> probes = logistic_probes(x, [0, 0, 1, 1])
    >>> float(probes.weights[0, 0].round(3)), probes.accuracy(x, [0, 0, 1, 1]).tolist()
    (1.007, [1.0])
    """
    x, y = _checked(features, labels, penalty)
    if set(np.unique(y)) != {0.0, 1.0}:
        raise BadValue(f"labels are 0 and 1, and both occur; given: {np.unique(y)[:5].tolist()}")
    bias = np.zeros(x.shape[1])

    def solve(z: Array) -> Array:
        extended = np.concatenate([z, np.ones((*z.shape[:2], 1))], axis=2)
        fitted = _newton(extended, y, penalty)
        bias[:] = fitted[:, -1]
        return fitted[:, :-1]

    weights, centre = _in_span(x, solve)
    return Probes(weights, bias - np.einsum("gd,gd->g", weights, centre))


def _newton(z: Array, y: Array, penalty: float) -> Array:
    groups, _, width = z.shape
    ridge = penalty * np.eye(width)
    ridge[-1, -1] = SMALL
    weights = np.zeros((groups, width))
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(np.einsum("gnr,gr->gn", z, weights), -30, 30)))
        slope = np.einsum("gnr,gn->gr", z, chance - y) + weights @ ridge
        curve = np.einsum("gnr,gn,gns->grs", z, chance * (1 - chance), z) + ridge
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        size = np.linalg.norm(step, axis=1, keepdims=True)
        weights = weights - step * np.minimum(1.0, 10 / np.maximum(size, SMALL))
        if size.max() < 1e-8:
            break
    return weights


def _in_span(x: Array, solve: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Solve in coordinates (groups, n, rank) of centred cases; return weights and centres."""
    centre = x.mean(axis=0)
    centred = (x - centre).transpose(1, 0, 2)
    if x.shape[2] <= x.shape[0]:
        return solve(centred), centre
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    return np.einsum("gr,grd->gd", solve(left * sizes[:, None, :]), right), centre


def _checked(features: ArrayLike, targets: ArrayLike, penalty: float) -> tuple[Array, Array]:
    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if x.ndim != 3 or y.shape != x.shape[:1] or not len(y):
        raise BadValue(f"probes take (n, groups, width) and (n,), not {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadValue("probes take finite numbers; leave cases out that have none")
    if penalty <= 0:
        raise BadValue(f"the penalty is above 0, not {penalty}")
    return x, y


def auc_values(high: Array, low: Array) -> Array:
    """Return how often (0..1) a case of `high` lies above one of `low`, ties counting half.

    Args:
        high: projections of one class, (n, columns).
        low: those of the other, (m, columns).

    Returns:
        One value per column, shape (columns,). Source: Hanley & McNeil (1982, Radiology 143).

    >>> auc_values(np.array([[1.0], [3.0]]), np.array([[0.0], [3.0]])).tolist()
    [0.625]
    """
    above = (high[:, None] > low[None]).mean(axis=(0, 1))
    return np.asarray(above + 0.5 * (high[:, None] == low[None]).mean(axis=(0, 1)))
