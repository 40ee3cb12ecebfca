"""Families of paired shifts: tested one by one, adjusted together, with the detectable shift.

A comparison is a `PairedShift` or a subclass of it; `adjust_family` fills in what depends on the
other comparisons: p after Holm and after Benjamini-Hochberg, and the detectable shift.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any, TypeVar

import numpy as np

from personae.core import Array, Estimate
from personae.stats.effects.proportions import detectable
from personae.stats.multiplicity import benjamini_hochberg, holm

__all__ = ["LEAST_PAIRS", "PairedShift", "adjust_family", "difference_spread"]

LEAST_PAIRS = 6
"""Pairs below which a scale isn't tested by itself: with five, the smallest p of a sign-flip test
is 2 / 2^5 = 0.06, so that the test could find nothing and would only use up the family's level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedShift:
    """A mean paired difference and its place in a family of comparisons.

    `shift` carries the p of its own test; `spread` is the SD of the differences, in their unit;
    `holm` and `bh` are p adjusted over the family, NaN where nothing was tested; `detectable` is
    the smallest shift, in the same unit, that such a test would find with a power of 80 %.
    """

    shift: Estimate
    spread: float
    holm: float = nan
    bh: float = nan
    detectable: float = nan


Shift = TypeVar("Shift", bound=PairedShift)


def difference_spread(differences: Array) -> float:
    """Return the SD (n − 1) of differences, shape (n,), NaN below two. Source: textbook.

    >>> difference_spread(np.array([1.0, 3.0]))
    1.4142135623730951
    """
    return float(np.std(differences, ddof=1)) if differences.size > 1 else nan


def adjust_family(shifts: Sequence[Shift], *, least: int = 1) -> list[Shift]:
    """Return the comparisons in the order given, adjusted over all that are tested.

    Args:
        shifts: the comparisons of one family.
        least: pairs below which a comparison is reported but not tested.

    A comparison without a p of its own doesn't count in the family. Source: Holm (1979, Scand. J.
    Stat. 6); Benjamini & Hochberg (1995, J. R. Stat. Soc. B 57).

    >>> first = Estimate(name="a", value=0.5, low=0.2, high=0.8, n=9, of="item", p=0.02)
    >>> second = replace(first, name="b", p=0.03)
    >>> [c.holm for c in adjust_family([PairedShift(shift=e, spread=1.0) for e in (first, second)])]
    [0.04, 0.04]
    """
    tests = [c.shift.p if c.shift.n >= least else nan for c in shifts]
    size = int(np.isfinite(tests).sum())
    adjusted = zip(shifts, holm(tests).tolist(), benjamini_hochberg(tests).tolist(), strict=True)
    members = []
    for comparison, strict, lenient in adjusted:
        smallest = detectable(comparison.shift.n, comparison.spread, tests=size)
        changes: dict[str, Any] = {"holm": strict, "bh": lenient, "detectable": smallest}
        members.append(replace(comparison, **changes))
    return members
