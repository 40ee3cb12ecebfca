"""Krippendorff's alpha of any number of raters, with judgements missing.

Krippendorff's alpha as in Hayes & Krippendorff (2007, Commun. Methods Meas. 1); numbers by hand in
Krippendorff (2011, "Computing Krippendorff's alpha-reliability"). The ordinal metric is the
squared distance of midranks, which is equivalent and needs no double sum.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue, Estimate, missing
from personae.stats.arrays import quotient, table
from personae.stats.resample import DRAWS, bootstrap

__all__ = ["Level", "krippendorff_alpha"]

Level = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(
    ratings: ArrayLike,
    level: Level = "interval",
    *,
    name: str = "Krippendorff alpha",
    seed: int = 0,
    draws: int = DRAWS,
) -> Estimate:
    """Estimate 1 − observed / expected disagreement, with a BCa interval over units.

    Source: Hayes & Krippendorff 2007, Commun. Methods Meas. 1; BCa after Efron 1987, JASA 82.

    Args:
        ratings: units by raters, shape (n, raters), NaN for a missing judgement; units with fewer
            than two judgements are left out.
        level: what differences mean: `nominal` equal or not, `ordinal` ranks, `interval` numbers.
        name: what the estimate is called.
        seed: seed of the resampling.
        draws: bootstrap draws.

    Undefined below 2 units with two judgements, or where all judgements are the same.

    Raises:
        BadValue: not a matrix of numbers, or an unknown level.

    >>> print(krippendorff_alpha([[1, 1], [2, 2], [3, 3], [3, 4]], "nominal"))
    Krippendorff alpha: 0.696 [-0.750, 1.000], n = 4 units
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise BadValue(f"the level is nominal, ordinal or interval, not {level!r}")
    x, _ = table(ratings, complete=False)
    known = ~np.isnan(x)
    twice = known.sum(axis=1) >= 2
    if twice.sum() < 2:
        why = f"needs 2 units with two judgements, not {int(twice.sum())}"
        return missing(name, why, n=int(twice.sum()), of="unit")
    categories, where = np.unique(x[known], return_inverse=True)
    counts = np.zeros((len(x), categories.size))
    np.add.at(counts, (np.nonzero(known)[0], where), 1.0)
    counts = counts[twice]
    if (counts.sum(axis=0) > 0).sum() == 1:
        return missing(
            name, "all judgements are the same: chance agrees too", n=len(counts), of="unit"
        )
    alpha = bootstrap(_Alpha(counts, categories, level), len(counts), draws=draws, seed=seed)
    left = f"; {len(counts)} of {len(x)} units judged twice" if len(counts) < len(x) else ""
    return replace(alpha, name=name, of="unit", method=f"{level}, {alpha.method}{left}")


class _Alpha:
    """Alpha as a function of unit weights (draws, n), from category counts (n, categories)."""

    def __init__(self, counts: Array, categories: Array, level: Level) -> None:
        self._counts, self._level = counts, level
        self._size = counts.sum(axis=1)
        self._values = categories - categories.mean()

    def __call__(self, weights: Array) -> Array:
        totals = weights @ self._counts
        count = totals.sum(axis=1)
        if self._level == "nominal":
            disagreement = (self._size**2 - (self._counts**2).sum(axis=1)) / (self._size - 1)
            observed = weights @ disagreement
            expected = count**2 - (totals**2).sum(axis=1)
        else:
            positions = self._values[None]
            if self._level == "ordinal":
                positions = np.cumsum(totals, axis=1) - totals / 2
            observed = self._squares(weights, positions)
            first, second = (totals * positions).sum(axis=1), (totals * positions**2).sum(axis=1)
            expected = 2 * (count * second - first**2)
        return np.asarray(1 - quotient(observed * (count - 1), expected, float(expected.max())))

    def _squares(self, weights: Array, positions: Array) -> Array:
        """Sum squared differences within units, each unit's pairs divided by its raters less 1."""
        first, second = self._counts @ positions.T, self._counts @ positions.T**2
        disagreement = 2 * (self._size[:, None] * second - first**2) / (self._size - 1)[:, None]
        return np.asarray((weights * disagreement.T).sum(axis=1))
