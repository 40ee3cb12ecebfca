"""Verdicts by rules fixed in advance: did a score shift as requested, and is the shift stable?

A difference that isn't significant doesn't show equivalence (Schuirmann 1987; Lakens 2017):
"not shown" and "inconclusive" are verdicts of their own. Stable means that every pair of
administrations is equivalent within the margin (an intersection-union test, which needs no
correction); unstable, that some pair differs after Holm's correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan
from typing import Literal

import numpy as np

from personae.core import Array, Estimate
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.equivalence import tost_paired
from personae.stats.multiplicity import holm

__all__ = ["SHIFTED", "ShiftVerdict", "Stability", "direction_verdict", "stability"]

ShiftVerdict = Literal[
    "as requested",
    "against the request",
    "shifted unrequested",
    "no effect",
    "no shift",
    "not shown",
    "not known",
]
SHIFTED: tuple[ShiftVerdict, ...] = ("as requested", "against the request", "shifted unrequested")
"""The verdicts on a shift that was shown."""


def direction_verdict(
    shift: Estimate, requested: int, adjusted_p: float, margin: float
) -> ShiftVerdict:
    """Classify a shift by its direction and the one requested.

    A shift is shown by an interval that excludes 0 and an adjusted p below .05; that there is none
    ("no effect" of a request, "no shift" without one), by an interval within the margin.

    Args:
        shift: the estimated shift.
        requested: the direction requested, 1 or -1; 0 where none was.
        adjusted_p: p after correction for the family of tests.
        margin: the largest shift that counts as none, in the unit of `shift`.

    Source: Lakens (2017, Soc. Psychol. Personal. Sci. 8).

    >>> up = Estimate(name="E", value=0.5, low=0.3, high=0.7, n=24, of="item", p=0.001)
    >>> direction_verdict(up, 1, 0.004, 0.25), direction_verdict(up, -1, 0.004, 0.25)
    ('as requested', 'against the request')
    """
    if isnan(shift.value) or isnan(shift.low):
        return "not known"
    is_shown = adjusted_p < 0.05 and (shift.low > 0 or shift.high < 0)
    if is_shown and requested == 0:
        return "shifted unrequested"
    if is_shown:
        return "as requested" if (shift.value > 0) == (requested > 0) else "against the request"
    if -margin < shift.low and shift.high < margin:
        return "no effect" if requested else "no shift"
    return "not shown"


@dataclass(frozen=True, slots=True)
class Stability:
    """Stability of a mean over administrations.

    `widest` is the largest difference between two administrations, which `between` names.
    """

    verdict: Literal["stable", "unstable", "inconclusive"]
    widest: Estimate | None
    between: tuple[str, str]


def stability(cells: Array, names: Sequence[str], margin: float, *, seed: int = 0) -> Stability:
    """Compare all administrations pairwise, item by item.

    Args:
        cells: scores, shape (items, administrations), NaN for missing.
        names: one per administration.
        margin: the largest difference that counts as none, in the unit of the cells.
        seed: of the sign flips.

    Pairs of administrations with fewer than three items answered in both are left out; without any
    pair the verdict is inconclusive. Source: Berger & Hsu (1996, Stat. Sci. 11) for the
    intersection-union test; Holm (1979, Scand. J. Stat. 6).
    """
    tests: list[tuple[Estimate, Estimate, tuple[str, str]]] = []
    for a, b in combinations(range(len(names)), 2):
        known = ~np.isnan(cells[:, a]) & ~np.isnan(cells[:, b])
        if known.sum() >= 3:
            x, y = cells[known, a], cells[known, b]
            difference = paired_permutation(x - y, seed=seed)
            tests.append((difference, tost_paired(x, y, margin), (names[a], names[b])))
    if not tests:
        return Stability("inconclusive", None, ("", ""))
    adjusted = holm([difference.p for difference, _, _ in tests])
    widest, _, between = max(tests, key=lambda test: abs(test[0].value))
    if (adjusted < 0.05).any():
        return Stability("unstable", widest, between)
    is_equivalent = all(equivalence.p < 0.05 for _, equivalence, _ in tests)
    return Stability("stable" if is_equivalent else "inconclusive", widest, between)
