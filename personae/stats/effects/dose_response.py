"""How answers follow the requested level: slope, order, steps, side effects.

Each item is asked at every level and is so its own control; items are the sampling unit. Levels may
be words of a prompt, steering strengths or scales of an adapter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import nan

import numpy as np
import scipy
from numpy.typing import ArrayLike

from personae.core import Answers, Array, BadValue, Estimate, missing
from personae.stats.arrays import merge_ties, table
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.proportions import rate
from personae.stats.multiplicity import holm
from personae.stats.resample import mean
from personae.stats.scores.scales import Use, item_matrix

__all__ = ["Dose", "dose_response", "level_cells", "level_slope"]

SLOPE_UNIT = "points a level"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """How scores follow levels.

    `slope`: points a level, with the sign-flip p over items. `rho`: mean over items of Spearman's
    correlation of score and level, 0 for an item that never changes. `rising`: rate of adjacent
    levels between which the mean rises. `linear`, `isotonic`: R² of a straight and of a monotone
    line through the means. `step`: the smallest distance, in levels, at which every pair of levels
    differs after Holm's correction; None if there is none. `means`: one per level.
    """

    slope: Estimate
    rho: Estimate
    rising: Estimate
    linear: float
    isotonic: float
    step: int | None
    means: tuple[Estimate, ...]


def _checked(levels: Sequence[float], scores: ArrayLike) -> tuple[Array, Array]:
    """Return the levels, and the scores of items that were answered at every level."""
    x = np.asarray(levels, dtype=np.float64)
    cells, _ = table(scores)
    if x.size < 2 or (np.diff(x) <= 0).any():
        raise BadValue(f"levels are two or more rising numbers, not {list(levels)}")
    if cells.size and cells.shape[1] != x.size:
        raise BadValue(f"scores have {cells.shape[1]} columns for {x.size} levels")
    return x, cells.reshape(-1, x.size)


def level_slope(
    levels: Sequence[float], scores: ArrayLike, *, name: str = "slope", seed: int = 0
) -> Estimate:
    """Estimate the mean over items of the least-squares slope, in points a level.

    Args:
        levels: rising numbers, one per column.
        scores: keyed scores, shape (items, levels); an item that lacks a level is left out.
        name: what the estimate is called.
        seed: of the resampling.

    Undefined without an item answered at every level. BCa interval (Efron 1987, JASA 82) and
    sign-flip p (Fisher 1935) over items. Source of the slope: textbook least squares,
    Σ(x−x̄)y / Σ(x−x̄)².

    Raises:
        BadValue: levels that don't rise or don't fit the columns.

    >>> level_slope([1, 3, 5], [[1, 2, 3], [2, 3, 4], [1, 1, 3]]).value
    0.5
    """
    x, cells = _checked(levels, scores)
    if not len(cells):
        reason = "no item was answered at every level"
        return missing(name, reason, n=0, of="item", unit=SLOPE_UNIT)
    slopes = cells @ (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return paired_permutation(slopes, name=name, of="item", unit=SLOPE_UNIT, seed=seed)


def dose_response(
    levels: Sequence[float], scores: ArrayLike, *, name: str = "slope", seed: int = 0
) -> Dose:
    """Describe how the scores of items follow the requested levels.

    Args:
        levels: rising numbers, one per column.
        scores: keyed scores in points, shape (items, levels); an item that lacks a level is left
            out.
        name: what the slope is called.
        seed: of the resampling.

    Without an item answered at every level all parts are undefined. Sources: Spearman (1904, Am. J.
    Psychol. 15) for rho; pool-adjacent-violators (Barlow et al. 1972, Statistical Inference under
    Order Restrictions) for the monotone line; Holm (1979, Scand. J. Stat. 6) for the step.

    Raises:
        BadValue: levels that don't rise or don't fit the columns.
    """
    x, cells = _checked(levels, scores)
    slope = level_slope(levels, scores, name=name, seed=seed)
    means = tuple(
        mean(column, name=f"level {level:g}", seed=seed)
        for level, column in zip(x, cells.T, strict=True)
    )
    if not len(cells):
        none = missing("rho", slope.why_missing, n=0, of="item")
        return Dose(
            slope=slope,
            rho=none,
            rising=replace(none, name="rising"),
            linear=nan,
            isotonic=nan,
            step=None,
            means=means,
        )
    curve = cells.mean(axis=0)
    rho = mean([_spearman(x, row) for row in cells], name="rho", of="item", unit="", seed=seed)
    steps = [float(b > a + 1e-12) for a, b in pairwise(curve)]
    line = np.polynomial.Polynomial.fit(x, curve, 1)(x)
    rising = np.asarray(scipy.optimize.isotonic_regression(curve).x)
    return Dose(
        slope=slope,
        rho=rho,
        rising=rate(steps, name="rising", of="step"),
        linear=_r_squared(curve, line),
        isotonic=_r_squared(curve, rising),
        step=_step(cells, seed),
        means=means,
    )


def level_cells(
    answers: Answers,
    levels: Sequence[float],
    *,
    use: Use = "expected",
) -> Array:
    """Arrange keyed item scores by the column `level` of the answers.

    Args:
        answers: with a column `level`, every value of which is in `levels`.
        levels: numbers, one per column of the result.
        use: the option chosen, or the mean over the option probabilities.

    Returns:
        Scores in the answers' unit, shape (items, levels), NaN where there is no answer.

    Source: the keying rule of `keyed` (Johnson 2014, J. Research in Personality 51).
    """
    matrix, labels, _ = item_matrix(answers, ("level",), use)
    cells = np.full((matrix.shape[1], len(levels)), np.nan)
    for (level,), row in zip(labels, matrix, strict=True):
        cells[:, list(levels).index(float(level))] = row
    return cells


def _spearman(x: Array, y: Array) -> float:
    if np.ptp(y) <= 1e-12:
        return 0.0
    return float(np.corrcoef(scipy.stats.rankdata(x), scipy.stats.rankdata(merge_ties(y)))[0, 1])


def _r_squared(y: Array, fitted: Array) -> float:
    total = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - fitted) ** 2).sum()) / total if total > 1e-18 else nan


def _step(cells: Array, seed: int) -> int | None:
    """Return the smallest distance of levels at which every pair rises significantly, or None."""
    count = cells.shape[1]
    for gap in range(1, count):
        rises = [cells[:, i + gap] - cells[:, i] for i in range(count - gap)]
        adjusted = holm([paired_permutation(rise, seed=seed, draws=50).p for rise in rises])
        if (adjusted < 0.05).all() and all(rise.mean() > 0 for rise in rises):
            return gap
    return None
