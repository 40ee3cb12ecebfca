"""Two groups compared: standardised differences and the permutation of group labels.

Cohen (1988) for d with the pooled SD, Hedges (1981, J. Educ. Stat. 6) for its small-sample
correction.
"""

from dataclasses import replace
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, Estimate, missing
from personae.stats.arrays import sample
from personae.stats.resample import bootstrap

__all__ = ["cohens_d", "hedges_g", "label_permutation"]

SHUFFLES = 9999


def cohens_d(
    x: ArrayLike, y: ArrayLike, *, name: str = "Cohen's d", of: str = "respondent", seed: int = 0
) -> Estimate:
    """Estimate (mean x - mean y) / pooled SD, with a BCa interval (Cohen 1988, section 2.2).

    Undefined below two values a side, or where neither side varies.

    Args:
        x: values of one group, (n,), NaN for missing.
        y: values of the other, (m,).
        name: what the estimate is called.
        of: what a value is.
        seed: seed of the bootstrap within both groups.

    >>> round(cohens_d([0.5, 0.6, 0.7], [0.1, 0.2]).value, 4)
    4.9295
    """
    (a, note_a), (b, note_b) = sample(x), sample(y)
    n = a.size + b.size
    if min(a.size, b.size) < 2:
        return missing(name, "needs two values on each side", n=n, of=of, unit="SD")
    if max(np.ptp(a), np.ptp(b)) <= 1e-12 * max(1.0, float(np.abs([*a, *b]).max())):
        return missing(name, "neither side varies", n=n, of=of, unit="SD")

    def standardised(weights: Array) -> Array:
        sides = [(weights[:, : a.size], a), (weights[:, a.size :], b)]
        means, squares, sizes = [], [], []
        for w, values in sides:
            total = w.sum(axis=1)
            centre = w @ values / total
            means.append(centre)
            squares.append((w * (values - centre[:, None]) ** 2).sum(axis=1))
            sizes.append(total)
        pooled = np.sqrt((squares[0] + squares[1]) / (sizes[0] + sizes[1] - 2))
        return np.asarray((means[0] - means[1]) / np.where(pooled > 1e-12, pooled, nan))

    difference = bootstrap(standardised, (a.size, b.size), seed=seed)
    method = difference.method + note_a + note_b
    return replace(difference, name=name, of=of, unit="SD", method=method)


def hedges_g(d: Estimate) -> Estimate:
    """Shrink Cohen's d by 1 - 3 / (4n - 9), n being both groups together (Hedges 1981).

    NaN where n is 2 or less.

    >>> round(hedges_g(cohens_d([0.5, 0.6, 0.7], [0.1, 0.2])).value, 4)
    3.5851
    """
    factor = 1 - 3 / (4 * d.n - 9) if d.n > 2 else nan
    return replace(
        d, name="Hedges' g", value=d.value * factor, low=d.low * factor, high=d.high * factor
    )


def label_permutation(x: ArrayLike, y: ArrayLike, *, seed: int = 0) -> float:
    """Return the two-sided p of the difference of means under shuffled group labels.

    (b + 1) / (m + 1) with m = 9,999 shuffles, b of them as extreme, so never 0 (Phipson & Smyth
    2010, Stat. Appl. Genet. Mol. Biol. 9); NaN where a group is empty.

    Args:
        x: values of one group, (n,), NaN for missing.
        y: values of the other, (m,).
        seed: seed of the shuffles.

    >>> label_permutation([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0]) < 0.05
    True
    """
    (a, _), (b, _) = sample(x), sample(y)
    if not min(a.size, b.size):
        return nan
    random = np.random.default_rng(seed)
    both = np.concatenate([a, b])
    observed = abs(a.mean() - b.mean()) - 1e-12 * float(np.abs(both).max())
    extreme = 0
    for _ in range(SHUFFLES):
        random.shuffle(both)
        extreme += abs(both[: a.size].mean() - both[a.size :].mean()) >= observed
    return float((extreme + 1) / (SHUFFLES + 1))
