"""Iterative proportional fitting: a joint distribution with given margins.

Deming & Stephan (1940). The result keeps the odds ratios of the start, so that the associations in
a sample are preserved while each margin becomes the target's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from personae.core import Array, BadValue

__all__ = ["RakingResult", "rake"]


@dataclass(frozen=True, slots=True, eq=False)
class RakingResult:
    """A joint distribution that sums to 1, the rounds taken, and the largest gap in a share."""

    joint: Array
    rounds: int
    gap: float


def rake(
    start: Array, margins: Mapping[tuple[int, ...], Array], *, tolerance: float = 1e-9
) -> RakingResult:
    """Fit a table to margins, each given for one or more of its axes, in ascending order.

    Deming & Stephan (1940). `start` is a table of weights with one axis per variable; a margin has
    the shape of its axes.

    Raises:
        BadValue: a margin of the wrong shape, or with a share above 0 for a value that no unit of
            the start has; margins that contradict each other.

    >>> start = np.array([[10.0, 20.0], [30.0, 40.0]])
    >>> result = rake(start, {(0,): np.array([0.5, 0.5]), (1,): np.array([0.3, 0.7])})
    >>> np.round(result.joint.sum(axis=0), 6).tolist()
    [0.3, 0.7]
    """
    table = np.asarray(start, dtype=np.float64)
    if not np.isfinite(table).all() or (table < 0).any() or table.sum() <= 0:
        raise BadValue("raking starts from finite weights >= 0 that are not all 0")
    table = table / table.sum()
    targets = {axes: _target(table, axes, margin) for axes, margin in margins.items()}
    gap = 0.0
    for rounds in range(1, 1001):
        gap = 0.0
        for axes, target in targets.items():
            others = tuple(i for i in range(table.ndim) if i not in axes)
            current = table.sum(axis=others, keepdims=True)
            gap = max(gap, float(np.abs(current - target).max()))
            table = table * np.divide(
                target, current, out=np.zeros_like(current), where=current > 0
            )
        if gap < tolerance:
            return RakingResult(table / table.sum(), rounds, gap)
    raise BadValue(
        f"the margins can't all be met: after 1,000 rounds a share is still off by {gap:.2g}. "
        "They contradict each other, or need combinations that no unit of the sample has"
    )


def _target(table: Array, axes: tuple[int, ...], margin: Array) -> Array:
    shape = tuple(table.shape[i] if i in axes else 1 for i in range(table.ndim))
    target = np.asarray(margin, dtype=np.float64)
    if list(axes) != sorted(set(axes)) or target.size != np.prod(shape):
        raise BadValue(f"a margin over the axes {axes} has the shape {shape}, not {target.shape}")
    if not np.isfinite(target).all() or (target < 0).any() or target.sum() <= 0:
        raise BadValue("a margin has finite shares >= 0 that are not all 0")
    others = tuple(i for i in range(table.ndim) if i not in axes)
    target = (target / target.sum()).reshape(shape)
    impossible = (table.sum(axis=others, keepdims=True) == 0) & (target > 0)
    if impossible.any():
        indices = [p[list(axes)].tolist() for p in np.argwhere(impossible)[:5]]
        raise BadValue(f"a margin needs values that no unit has, at {indices} of the axes {axes}")
    result: Array = target
    return result
