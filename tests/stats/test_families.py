"""Families of paired shifts: what counts in the family, and what the adjustment leaves alone."""

from math import isnan

import numpy as np
import pytest

from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.families import PairedShift, adjust_family, difference_spread
from personae.stats.effects.proportions import detectable
from personae.stats.multiplicity import benjamini_hochberg, holm, planned_holm


def shifts(*sizes: int) -> list[PairedShift]:
    """Compare pairs whose differences lie about 0.4, one comparison a size."""
    random = np.random.default_rng(3)
    differences = [random.normal(0.4, 1.0, size) for size in sizes]
    return [
        PairedShift(shift=paired_permutation(d), spread=difference_spread(d)) for d in differences
    ]


def test_a_family_is_adjusted_as_its_p_values_are() -> None:
    family = adjust_family(shifts(12, 9, 20))
    raw = [c.shift.p for c in family]
    assert [c.holm for c in family] == holm(raw).tolist()
    assert [c.bh for c in family] == benjamini_hochberg(raw).tolist()
    assert [c.detectable for c in family] == [
        detectable(c.shift.n, c.spread, tests=3) for c in family
    ]


def test_small_and_empty_comparisons_are_shown_and_do_not_count() -> None:
    small, empty, large = adjust_family(shifts(5, 0, 12), least=6)
    assert isnan(small.holm) and isnan(small.bh) and isnan(empty.holm) and isnan(empty.detectable)
    assert large.holm == large.bh == large.shift.p
    assert large.detectable == pytest.approx(detectable(12, large.spread, tests=1))
    assert adjust_family([]) == []


def test_a_planned_test_that_was_not_possible_counts_in_the_family() -> None:
    ps = [0.01, float("nan"), 0.02, float("nan")]
    assert planned_holm(ps) == pytest.approx([0.04, 1.0, 0.06, 1.0])
    assert holm(ps)[[0, 2]] == pytest.approx([0.02, 0.02])
