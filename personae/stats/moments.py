"""Covariances of a scale's items under the weights of a bootstrap, computed once for many uses."""

from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, Estimate
from personae.stats.arrays import scale_table
from personae.stats.grouping import group_count, group_sums, of_groups
from personae.stats.resample import bootstrap

__all__ = ["Moments", "correlations", "scale_moments"]

MOMENT_CELLS = 1 << 25
"""Most numbers that products of groups, or covariances of draws, may take: 256 MB each."""
PRODUCT_CELLS = 1 << 22
"""Products of two columns that are formed at a time."""
FEWEST_GROUPS = 50


class Moments:
    """First and second moments of a complete matrix, centred against rounding, shape (n, k).

    Args:
        matrix: the matrix.
        seed: of the random groups, where there are more cases than are resampled one by one.
        note: what `scale_table` says of the rows that were left out.
    """

    def __init__(self, matrix: Array, seed: int, note: str = "") -> None:
        cases, k = matrix.shape
        self.matrix, self.note = matrix, note
        groups = group_count(cases)
        if groups < cases:
            groups = max(min(groups, MOMENT_CELLS // k**2), FEWEST_GROUPS)
        sizes = group_sums(np.ones((cases, 1)), seed, groups)
        self._sizes, self._sums = sizes[:, 0], group_sums(matrix, seed, groups)
        self._upper = np.triu_indices(k)
        self._grouped = self._grouped_products(seed, groups) if groups < cases else None
        self._drawn: dict[tuple[int, int], list[Array]] = {}

    def _grouped_products(self, seed: int, groups: int) -> Array:
        """Return each group's sums of products of two columns, shape (groups, k (k + 1) / 2)."""
        summed = np.empty((groups, self._upper[0].size))
        for i in range(self.matrix.shape[1]):
            products = self.matrix[:, i:] * self.matrix[:, i : i + 1]
            summed[:, self._upper[0] == i] = group_sums(products, seed, groups)
        return summed

    def estimate(self, statistic: Callable[[Array], Array], *, draws: int, seed: int) -> Estimate:
        """Bootstrap a statistic of covariance matrices, shape (draws, k, k), which it leaves as is.

        The matrices of one seed are kept for the next statistic. Intervals as of `bootstrap`.
        """
        kept = self._drawn.setdefault((draws, seed), [])
        calls = count()

        def weighted(weights: Array) -> Array:
            call = next(calls)  # a bootstrap asks for the same weights in the same order
            if call < len(kept):
                return statistic(kept[call])
            matrices = self.covariances(weights)
            if sum(part.size for part in kept) + matrices.size <= MOMENT_CELLS and call == len(
                kept
            ):
                kept.append(matrices)
            return statistic(matrices)

        groups = self._sizes.size
        estimate = bootstrap(weighted, groups, draws=draws, seed=seed)
        return of_groups(estimate, groups, len(self.matrix))

    def covariances(self, weights: Array | None = None) -> Array:
        """Return one covariance matrix per draw, (draws, k, k): Σw(x−x̄)(x−x̄)ᵀ / (Σw − 1).

        `weights`, shape (draws, groups), says how often each draw takes each case or group; by
        default each once. Source: the textbook estimator with frequency weights.
        """
        weights = np.ones((1, self._sizes.size)) if weights is None else weights
        total = (weights @ self._sizes)[:, None, None]
        mean = (weights @ self._sums)[:, :, None] / total
        k = self._sums.shape[1]
        second = np.empty((len(weights), k, k))
        rows, columns = self._upper
        width = max(1, PRODUCT_CELLS // self._sizes.size)
        for start in range(0, rows.size, width):
            part = slice(start, start + width)
            i, j = rows[part], columns[part]
            grouped = self._grouped
            products = self._sums[:, i] * self._sums[:, j] if grouped is None else grouped[:, part]
            second[:, i, j] = second[:, j, i] = weights @ products
        return np.asarray((second / total - mean * mean.transpose(0, 2, 1)) * total / (total - 1))


def correlations(covariances: Array, variances: Array) -> Array:
    """Return correlation matrices, all NaN where a column doesn't vary in that draw.

    Args:
        covariances: shape (draws, k, k).
        variances: of the columns in the sample, shape (k,); up to 1e-12 of them counts as zero.

    Shape (draws, k, k). Source: the textbook formula, covariance over the product of standard
    deviations.
    """
    variance = np.diagonal(covariances, axis1=1, axis2=2)
    flat = (variance <= 1e-12 * variances).any(axis=1, keepdims=True)
    deviation = np.sqrt(np.where(flat, np.nan, variance))
    return np.asarray(covariances / (deviation[:, :, None] * deviation[:, None, :]))


def scale_moments(
    named: tuple[str, str],
    matrix: ArrayLike | Moments,
    *,
    items: int = 2,
    vary: bool = False,
    seed: int = 0,
) -> Moments | Estimate:
    """Return the moments of a scale's complete rows, or an estimate that says why there are none.

    Args as `scale_table`: scores of shape (n, k), or moments of them; `seed` is that of the random
    groups. Source: our own conditions.
    """
    scores = matrix.matrix if isinstance(matrix, Moments) else matrix
    x, note, undefined = scale_table(named, scores, items=items, vary=vary)
    if undefined is not None:
        return undefined
    return matrix if isinstance(matrix, Moments) else Moments(x, seed, note)
