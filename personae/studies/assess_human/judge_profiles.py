"""How similar profiles are: consistency, robustness and fairness of a judge.

The formula is that of Rao, Leung & Miao 2023 (arXiv 2303.01248): alpha / (alpha + Euclidean
distance), from 0 to 1, where 1 means equal profiles. Their constant is not known; 100 is ours. A
distance can't be negative and grows with noise, so that the permutation test, not the score, says
whether two groups differ.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import table
from personae.stats.resample import bootstrap

__all__ = ["ALPHA", "consistency", "similarity", "slot_uniformity"]

ALPHA = 100.0
SHUFFLES = 999


def consistency(runs: ArrayLike, *, alpha: float = ALPHA, seed: int = 0) -> Estimate:
    """Estimate how similar single runs are to their mean, 0..1.

    The mean over runs of alpha / (alpha + distance) (Rao, Leung & Miao 2023); BCa bootstrap over
    runs (Efron 1987).

    Args:
        runs: percentages, shape (runs, scales); incomplete runs are left out.
        alpha: the distance, in percentage points, at which similarity is 0.5.
        seed: seed of the bootstrap.

    Undefined with fewer than two complete runs: one run agrees with itself.

    >>> runs = [(59, 62, 48, 63, 40), (57, 60, 50, 61, 42), (61, 64, 46, 65, 38)]
    >>> round(consistency(runs).value, 4)
    0.9715
    """
    x, note = table(runs)
    if len(x) < 2:
        why = f"needs two complete runs, not {len(x)}"
        return missing("consistency", why, n=len(x), of="run")

    def weighted_similarity(weights: Array) -> Array:
        total = weights.sum(axis=1, keepdims=True)
        means = weights @ x / total
        distance = np.sqrt(((x[None] - means[:, None]) ** 2).sum(axis=2))
        return np.asarray((weights * alpha / (alpha + distance)).sum(axis=1) / total[:, 0])

    estimate = bootstrap(weighted_similarity, len(x), seed=seed)
    return replace(estimate, name="consistency", of="run", method=estimate.method + note)


def similarity(
    first: ArrayLike, second: ArrayLike, *, name: str, alpha: float = ALPHA, seed: int = 0
) -> Estimate:
    """Estimate how similar the mean profiles of two groups of runs are, 0..1.

    alpha / (alpha + distance of the means) (Rao, Leung & Miao 2023), with a percentile bootstrap
    over the runs of both. p is that of a permutation test of equal groups, with 999 random
    reassignments of runs (Phipson & Smyth 2010). For robustness the groups are runs with permuted
    and with fixed options, for fairness the runs of two subjects.

    Args:
        first: percentages, shape (runs, scales); incomplete runs are left out.
        second: the other group's, shape (runs, scales); the number of runs may differ.
        name: the estimate's name.
        alpha: the distance, in percentage points, at which similarity is 0.5.
        seed: seed of the bootstrap and of the test.

    Undefined where a group has no complete run.

    >>> fairness = similarity([(59, 62, 48, 63, 40)], [(55, 60, 40, 66, 35)], name="fairness")
    >>> round(fairness.value, 4)
    0.902
    """
    (a, note_a), (b, note_b) = table(first), table(second)
    if not min(len(a), len(b)):
        why = f"a group has no complete run: {len(a)} and {len(b)}"
        return missing(name, why, n=len(a) + len(b), of="run")

    def weighted_similarity(weights: Array) -> Array:
        left, right = weights[:, : len(a)], weights[:, len(a) :]
        difference = left @ a / left.sum(axis=1, keepdims=True)
        difference = difference - right @ b / right.sum(axis=1, keepdims=True)
        return np.asarray(alpha / (alpha + np.sqrt((difference**2).sum(axis=1))))

    estimate = bootstrap(weighted_similarity, (len(a), len(b)), seed=seed, kind="percentile")
    method = "; ".join(filter(None, (estimate.method, f"shuffled runs{note_a}{note_b}")))
    return replace(estimate, name=name, of="run", p=_permutation_p(a, b, seed), method=method)


def _permutation_p(a: Array, b: Array, seed: int) -> float:
    """Test equal means of two groups, each (runs, scales), by their distance."""
    both = np.vstack([a, b])
    observed = float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)))
    random = np.random.default_rng(seed)
    extreme = 0
    for _ in range(SHUFFLES):
        order = random.permutation(len(both))
        left, right = both[order[: len(a)]], both[order[len(a) :]]
        distance = float(np.linalg.norm(left.mean(axis=0) - right.mean(axis=0)))
        extreme += distance >= observed - 1e-9
    return (extreme + 1) / (SHUFFLES + 1)


def slot_uniformity(slots: Sequence[int], count: int, *, name: str = "slot") -> Estimate:
    """Test whether chosen options stood in all `count` slots equally often.

    The value is Cramér's V of the counts against equal ones (Cramér 1946), 0..1; p is that of χ²
    with count − 1 degrees of freedom (Pearson 1900), which the method reports. Only for options
    shown in random orders. Undefined without answers.

    The interval is our own, V ± √(χ²_.95 / (n (count − 1))): V of all distributions that the χ²
    test doesn't reject, by the triangle inequality. It excludes 0 where p < .05 and is conservative
    elsewhere. A bootstrap would exclude 0 always and at times V itself, as V of a resample can't be
    negative and is larger than that of the sample on average.

    Args:
        slots: the position, 0..count-1, of each option chosen.
        count: the number of positions.
        name: the estimate's name.

    Raises:
        BadValue: a slot outside 0..count-1.

    >>> print(slot_uniformity([0, 0, 0, 1, 1, 2], 3).method.split(";")[0])
    chi2(2) = 1
    """
    if any(slot not in range(count) for slot in slots):
        raise BadValue(f"slots are 0 to {count - 1}, not {sorted(set(slots))}")
    n = len(slots)
    if not n:
        return missing(name, "nothing was chosen", n=0, of="answer")
    df = count - 1
    test = scipy.stats.chisquare(np.bincount(np.asarray(slots, dtype=int), minlength=count))
    value = float(np.sqrt(test.statistic / (n * df)))
    half = float(np.sqrt(scipy.stats.chi2.ppf(0.95, df) / (n * df)))
    return Estimate(
        name=name,
        value=value,
        low=max(0.0, value - half),
        high=min(1.0, value + half),
        n=n,
        of="answer",
        p=float(test.pvalue),
        method=f"chi2({df}) = {float(test.statistic):.4g}; interval of distributions not rejected",
    )
