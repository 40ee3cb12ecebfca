"""Random groups of very many cases, which a bootstrap resamples in place of the cases.

Independent cases make independent groups, so that the interval estimates the same uncertainty, in
time and memory that grow with the number of cases and not with its square. Source: the grouped
bootstrap and jackknife (Davison & Hinkley 1997, Bootstrap Methods, ch. 3.8; Shao & Tu 1995, The
Jackknife and Bootstrap, ch. 2), with groups made at random.
"""

from dataclasses import replace

import numpy as np

from personae.core import Array, Estimate

__all__ = ["GROUPED", "group_count", "group_sums", "of_groups"]

GROUPED = 1000
"""Cases beyond which random groups of them are resampled, and the number of these groups.

The standard error of 1,000 groups has itself an error of 2 %."""


def group_count(cases: int) -> int:
    """Return how many units are resampled: every case, or GROUPED random groups of them."""
    return min(cases, GROUPED)


def group_sums(rows: Array, seed: int, groups: int | None = None) -> Array:
    """Sum rows within random groups of nearly equal size; unchanged if each is its own group.

    Args:
        rows: shape (n, p).
        seed: of the assignment; the same seed puts the same rows together.
        groups: number of groups, by default `group_count(n)`.

    Shape (groups, p).

    >>> group_sums(np.ones((5000, 1)), 0).sum(axis=0).tolist()
    [5000.0]
    """
    count = group_count(len(rows)) if groups is None else groups
    if count == len(rows):
        return rows
    order = np.random.default_rng(seed).permutation(len(rows))
    starts = np.arange(count) * len(rows) // count
    return np.asarray(np.add.reduceat(rows[order], starts, axis=0))


def of_groups(estimate: Estimate, groups: int, cases: int) -> Estimate:
    """Return a bootstrap's estimate with `n` counting the cases, and the groups in the method.

    Args:
        estimate: as `bootstrap` returns it for the groups.
        groups: number of groups.
        cases: number of cases in them.
    """
    if groups == cases:
        return estimate
    method = f"{estimate.method} over {groups:,} random groups" if estimate.method else ""
    return replace(estimate, n=cases, method=method)
