"""Exact quotas: the number of personas in each cell of a plan, and the cell of each slot.

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
    """Split n units by shares (any non-negative weights); the counts (values,) sum to n.

    Hamilton's method: each value gets the whole part of its expected count, and the units left
    over go to the largest remainders, ties to the earlier value.

    Raises:
        BadValue: a share that is negative or not finite, or none that is positive.

    >>> largest_remainder(10, [1, 1, 1, 1]).tolist()
    [3, 3, 2, 2]
    """
    weights = np.asarray(shares, dtype=np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise BadValue(f"shares are finite, >= 0 and not all 0: {weights.ravel()[:20].tolist()}")
    return _round_to_total(n, n * weights / weights.sum())


def _round_to_total(n: int, expected: Array) -> IndexArray:
    """Round up or down to a sum of n, never below 0 and never up from 0."""
    counts = np.maximum(np.floor(expected + 1e-9), 0).astype(np.int64)
    remainder = expected - counts
    while (shortfall := n - int(counts.sum())) != 0:
        candidates = expected > 1e-12 if shortfall > 0 else counts > 0
        order = np.argsort(-remainder if shortfall > 0 else remainder, kind="stable")
        adjusted = order[candidates[order]][: abs(shortfall)]
        counts[adjusted] += np.sign(shortfall)
        remainder[adjusted] -= np.sign(shortfall)
    return counts


def apportion(n: int, joint: Array) -> IndexArray:
    """Split n units over the cells of a joint distribution, one axis per variable.

    Returns counts of the same shape. Every margin has the counts of `largest_remainder`; cells of
    probability 0 stay empty. Our own method: the variables are added one by one, and each one's
    rounding errors are carried from cell to cell.

    Raises:
        BadValue: probabilities that are negative, not finite, or all 0.

    >>> apportion(10, np.full((2, 5), 0.1)).sum(axis=0).tolist()
    [2, 2, 2, 2, 2]
    """
    shares = np.asarray(joint, dtype=np.float64)
    counts = largest_remainder(n, shares.sum(axis=tuple(range(1, shares.ndim))))
    for axis in range(1, shares.ndim):
        cells = prod(shares.shape[:axis])
        partial_joint = shares.sum(axis=tuple(range(axis + 1, shares.ndim)))
        counts = _split_cells(counts.reshape(cells), partial_joint.reshape(cells, -1))
    return counts.reshape(shares.shape)


def _split_cells(units: IndexArray, joint: Array) -> IndexArray:
    """Split the units of each cell over a further variable; joint is (cells, values)."""
    totals = joint.sum(axis=1, keepdims=True)
    conditional = np.divide(joint, totals, out=np.zeros_like(joint), where=totals > 0)
    counts = np.zeros(joint.shape, dtype=np.int64)
    carried_error = np.zeros(joint.shape[1])
    for cell, size in enumerate(units):
        if not size:
            continue
        expected_here = np.where(
            conditional[cell] > 0, size * conditional[cell] + carried_error, 0.0
        )
        counts[cell] = _round_to_total(int(size), expected_here)
        carried_error += size * conditional[cell] - counts[cell]
    expected = units @ conditional
    _adjust_margin(counts, conditional, _round_to_total(int(units.sum()), expected))
    return counts


def _adjust_margin(counts: IndexArray, conditional: Array, target: IndexArray) -> None:
    """Move units inside cells until the new variable's margin is on target."""
    blocked: set[tuple[int, int]] = set()
    while True:
        surplus = counts.sum(axis=0) - target
        pairs = [
            (int(a), int(b))
            for a in np.flatnonzero(surplus > 0)
            for b in np.flatnonzero(surplus < 0)
            if (int(a), int(b)) not in blocked
        ]
        if not pairs:
            return
        source, sink = pairs[0]
        candidates = np.flatnonzero((counts[:, source] > 0) & (conditional[:, sink] > 0))
        if not len(candidates):
            blocked.add((source, sink))
            continue
        excess = (
            counts[candidates]
            - counts[candidates].sum(axis=1, keepdims=True) * conditional[candidates]
        )
        cell = candidates[np.argmax(excess[:, source] - excess[:, sink])]
        counts[cell, source] -= 1
        counts[cell, sink] += 1


def assign_cells(counts: IndexArray, seed: int) -> NDArray[np.int32]:
    """Assign each slot a cell, an index into the flattened counts, in shuffled order: (n,).

    >>> assign_cells(np.array([2, 1]), seed=0).tolist()
    [1, 0, 0]
    """
    cells = np.repeat(np.arange(counts.size, dtype=np.int32), counts.ravel())
    np.random.default_rng(seed).shuffle(cells)
    return cells
