"""Adjusted p-values: Holm (family-wise error) and Benjamini-Hochberg (false discovery rate).

NaN stands for a test that wasn't possible: it stays NaN and doesn't count in the family, unless the
family is that of all planned tests.
"""

from collections.abc import Iterable
from math import isnan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personae.core import Array, BadValue

__all__ = ["benjamini_hochberg", "holm", "planned_holm"]


def holm(p_values: ArrayLike) -> Array:
    """Return Holm's adjusted p-values, shape (m,), in the order given.

    The i-th smallest of m becomes the largest of (m − j + 1) p_j over j ≤ i, at most 1.

    Args:
        p_values: shape (m,), each in 0..1, NaN where no test was possible; these stay NaN and don't
            count in m.

    Source: Holm (1979, Scand. J. Stat. 6).

    Raises:
        BadValue: a p-value outside 0..1.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p, order = _ordered(p_values)
    m = order.size
    stepped = np.maximum.accumulate(p[order] * np.arange(m, 0, -1))
    return _placed(p, order, stepped)


def planned_holm(p_values: Iterable[float]) -> list[float]:
    """Return Holm's adjusted p-values over all planned tests: one that wasn't possible has p = 1.

    So the family, and with it the correction, doesn't shrink with missing answers.

    Args:
        p_values: p-values in 0..1, NaN where no test was possible.

    Source: Holm (1979, Scand. J. Stat. 6).

    Raises:
        BadValue: a p-value outside 0..1.

    >>> planned_holm([0.01, float("nan")]), holm([0.01, float("nan")]).tolist()
    ([0.02, 1.0], [0.01, nan])
    """
    adjusted: list[float] = holm([1.0 if isnan(p) else p for p in p_values]).tolist()
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Array:
    """Return p-values adjusted for the false discovery rate, shape (m,), in the order given.

    The i-th smallest of m becomes the smallest of m p_j / j over j ≥ i, at most 1. Args as `holm`.

    Source: Benjamini & Hochberg (1995, J. R. Stat. Soc. B 57).

    Raises:
        BadValue: a p-value outside 0..1.

    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    p, order = _ordered(p_values)
    m = order.size
    raised = p[order] * m / np.arange(1, m + 1)
    return _placed(p, order, np.minimum.accumulate(raised[::-1])[::-1])


def _ordered(p_values: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
    p = np.asarray(p_values, dtype=np.float64)
    known = p[~np.isnan(p)]
    if p.ndim != 1 or (known < 0).any() or (known > 1).any():
        raise BadValue("p-values are a row of numbers in 0..1, NaN where no test was possible")
    order = np.argsort(p, kind="stable")[: known.size]
    return p, order


def _placed(p: Array, order: NDArray[np.intp], adjusted: Array) -> Array:
    placed = np.full(p.shape, np.nan)
    placed[order] = np.minimum(adjusted, 1.0)
    return placed
