"""Verdicts in words, by rules fixed in advance: did the score move as requested, and is it stable?

A difference that is not significant is not an equivalence: "inconclusive" is a verdict of its own
(Schuirmann 1987; Lakens 2017). Stable means that every pair of administrations is equivalent
within the margin (an intersection-union test, which needs no correction); unstable that some pair
differs after Holm's correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan

import numpy as np

from personae.core import Array, Estimate
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.equivalence import tost_paired
from personae.stats.multiplicity import holm

__all__ = ["Stability", "direction_verdict", "stability"]


def direction_verdict(shift: Estimate, requested: int, adjusted_p: float, margin: float) -> str:
    """Classify a shift: as requested, against the request, none, or not known.

    Significance takes an interval that excludes 0 and an adjusted p below .05; "no effect" an
    interval within the margin.

    Args:
        shift: the estimated shift.
        requested: the direction requested, 1 or -1; 0 where none was.
        adjusted_p: p after correction for the family of tests.
        margin: the largest shift that counts as none, in the unit of `shift`.

    Source: Lakens (2017, Soc. Psychol. Personal. Sci. 8).

    >>> up = Estimate(name="E", value=0.5, low=0.3, high=0.7, n=24, of="item", p=0.001)
    >>> direction_verdict(up, 1, 0.004, 0.25), direction_verdict(up, -1, 0.004, 0.25)
    ('as asked', 'the other way')
    """
    if isnan(shift.value) or isnan(shift.low):
        return "not known"
    moved = adjusted_p < 0.05 and (shift.low > 0 or shift.high < 0)
    if moved and requested == 0:
        return "moved unasked"
    if moved:
        return "as asked" if (shift.value > 0) == (requested > 0) else "the other way"
    if -margin < shift.low and shift.high < margin:
        return "no effect" if requested else "held still"
    return "not shown"


@dataclass(frozen=True, slots=True)
class Stability:
    """Stability of a mean over administrations.

    `verdict` is stable, unstable or inconclusive; `widest` is the largest difference between two
    administrations, named by `between`.
    """

    verdict: str
    widest: Estimate | None
    between: tuple[str, str]


def stability(cells: Array, names: Sequence[str], margin: float, *, seed: int = 0) -> Stability:
    """Compare all administrations pairwise, item by item.

    Args:
        cells: scores, shape (items, administrations), NaN for missing.
        names: one an administration.
        margin: the largest difference that counts as none, in the unit of the cells.
        seed: of the sign flips.

    With fewer than two administrations, or fewer than three items answered in both, the verdict
    is inconclusive. Source: Berger & Hsu (1996, Stat. Sci. 11) for the intersection-union test;
    Holm (1979, Scand. J. Stat. 6).
    """
    tests: list[tuple[Estimate, Estimate, tuple[str, str]]] = []
    for a, b in combinations(range(len(names)), 2):
        known = ~np.isnan(cells[:, a]) & ~np.isnan(cells[:, b])
        if known.sum() >= 3:
            x, y = cells[known, a], cells[known, b]
            differs = paired_permutation(x - y, seed=seed)
            tests.append((differs, tost_paired(x, y, margin), (names[a], names[b])))
    if not tests:
        return Stability("inconclusive", None, ("", ""))
    adjusted = holm([differs.p for differs, _, _ in tests])
    widest, _, between = max(tests, key=lambda t: abs(t[0].value))
    if (adjusted < 0.05).any():
        verdict = "unstable"
    elif all(equal.p < 0.05 for _, equal, _ in tests):
        verdict = "stable"
    else:
        verdict = "inconclusive"
    return Stability(verdict, widest, between)
