"""Exact quotas: how many personas each cell of a plan gets, and which slot is whose.

Counts sum to n, and every margin is exact: it has the counts that largest-remainder rounding gives
its expected shares (Hamilton's method; ties go to the earlier value). A cell of a joint plan stays
within about one of its expectation, since each variable's rounding errors are carried from cell to
cell and never pile up.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from personae.core import Array, BadValue
from personae.generate.slots import IndexArray

__all__ = ["apportion", "assign_cells", "largest_remainder"]


def largest_remainder(n: int, shares: Sequence[float] | Array) -> IndexArray:
    """Split n units by shares (any non-negative weights); counts sum to n.

    Raises:
        BadValue: a share that is negative or not finite, or none that is positive.

    >>> largest_remainder(10, [1, 1, 1, 1]).tolist()
    [3, 3, 2, 2]
    """
    weights = np.asarray(shares, dtype=np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise BadValue(f"shares are finite, >= 0 and not all 0: {weights.ravel()[:20].tolist()}")
    return _rounded(n, n * weights / weights.sum())


def _rounded(n: int, wanted: Array) -> IndexArray:
    """Round up or down to a sum of n, never below 0 and never up from 0."""
    counts = np.maximum(np.floor(wanted + 1e-9), 0).astype(np.int64)
    rest = wanted - counts
    while (short := n - int(counts.sum())) != 0:
        able = wanted > 1e-12 if short > 0 else counts > 0
        order = np.argsort(-rest if short > 0 else rest, kind="stable")
        chosen = order[able[order]][: abs(short)]
        counts[chosen] += np.sign(short)
        rest[chosen] -= np.sign(short)
    return counts


def apportion(n: int, joint: Array) -> IndexArray:
    """Split n units over the cells of a joint distribution, one axis a variable.

    Returns counts of the same shape. Cells of probability 0 stay empty.

    Raises:
        BadValue: probabilities that are negative, not finite, or all 0.

    >>> apportion(10, np.full((2, 5), 0.1)).sum(axis=0).tolist()
    [2, 2, 2, 2, 2]
    """
    shares = np.asarray(joint, dtype=np.float64)
    counts = largest_remainder(n, shares.sum(axis=tuple(range(1, shares.ndim))))
    for axis in range(1, shares.ndim):
        cells = prod(shares.shape[:axis])
        upto = shares.sum(axis=tuple(range(axis + 1, shares.ndim)))
        counts = _spread(counts.reshape(cells), upto.reshape(cells, -1))
    return counts.reshape(shares.shape)


def _spread(units: IndexArray, joint: Array) -> IndexArray:
    """Split the units of each cell over a further variable; joint is (cells, values)."""
    whole = joint.sum(axis=1, keepdims=True)
    given = np.divide(joint, whole, out=np.zeros_like(joint), where=whole > 0)
    counts = np.zeros(joint.shape, dtype=np.int64)
    debt = np.zeros(joint.shape[1])
    for cell, size in enumerate(units):
        if not size:
            continue
        wanted = np.where(given[cell] > 0, size * given[cell] + debt, 0.0)
        counts[cell] = _rounded(int(size), wanted)
        debt += size * given[cell] - counts[cell]
    expected = units @ given
    _settle(counts, given, _rounded(int(units.sum()), expected))
    return counts


def _settle(counts: IndexArray, given: Array, target: IndexArray) -> None:
    """Move units inside cells until the new variable's margin is on target."""
    blocked: set[tuple[int, int]] = set()
    while True:
        over = counts.sum(axis=0) - target
        pairs = [
            (int(a), int(b))
            for a in np.flatnonzero(over > 0)
            for b in np.flatnonzero(over < 0)
            if (int(a), int(b)) not in blocked
        ]
        if not pairs:
            return
        source, sink = pairs[0]
        able = np.flatnonzero((counts[:, source] > 0) & (given[:, sink] > 0))
        if not len(able):
            blocked.add((source, sink))
            continue
        excess = counts[able] - counts[able].sum(axis=1, keepdims=True) * given[able]
        best = able[np.argmax(excess[:, source] - excess[:, sink])]
        counts[best, source] -= 1
        counts[best, sink] += 1


def assign_cells(counts: IndexArray, seed: int) -> NDArray[np.int32]:
    """Give each slot its cell, as an index into the flattened counts, in shuffled order.

    >>> assign_cells(np.array([2, 1]), seed=0).tolist()
    [1, 0, 0]
    """
    cells = np.repeat(np.arange(counts.size, dtype=np.int32), counts.ravel())
    np.random.default_rng(seed).shuffle(cells)
    return cells
