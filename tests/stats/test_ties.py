"""Values that differ by rounding alone are ties: ranks don't depend on a processor's sums."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy

from personae.core import Array, Estimate
from personae.stats.arrays import differences, merge_ties
from personae.stats.effects.effect_sizes import cliffs_delta, group_permutation
from personae.stats.effects.ranks import friedman, kruskal, mann_whitney, sign_test, wilcoxon
from personae.stats.prediction.classification import auc

TIED = np.array([0.1, 0.1, 0.3, 0.3, 0.3, 0.7, 0.7, 0.9])
OTHER = np.array([0.1, 0.3, 0.3, 0.3, 0.7, 0.7, 0.7, 0.9])
STATISTICS: dict[str, Callable[[Array, Array], Estimate]] = {
    "cliffs_delta": cliffs_delta,
    "mann_whitney": mann_whitney,
    "wilcoxon": wilcoxon,
    "sign_test": sign_test,
    "friedman": lambda x, y: friedman(np.column_stack([x, y])),
    "kruskal": lambda x, y: kruskal([x, y]),
    "group_permutation": group_permutation,
    "auc": lambda x, y: auc([1] * x.size + [0] * y.size, np.concatenate([x, y])),
}


def last_bits(values: Array, seed: int) -> Array:
    """The same values, each a few units in the last place away."""
    return values * (1 + 4e-16 * np.random.default_rng(seed).integers(-2, 3, values.size))


@pytest.mark.parametrize("name", STATISTICS)
def test_last_bits_make_no_difference(name: str) -> None:
    statistic = STATISTICS[name]
    exact, rounded = statistic(TIED, OTHER), statistic(last_bits(TIED, 1), last_bits(OTHER, 2))
    for field in ("value", "low", "high", "p"):
        expected: Any = getattr(exact, field)
        assert getattr(rounded, field) == pytest.approx(expected, abs=1e-9, nan_ok=True), field


def test_two_groups_of_one_value_differ_by_nothing() -> None:
    x, y = last_bits(np.full(6, 0.3), 1), last_bits(np.full(5, 0.3), 2)
    assert cliffs_delta(x, y).value == 0
    assert mann_whitney(x, y).p == 1
    assert group_permutation(x, y).p == 1
    assert wilcoxon(x[:5], y).p == 1


def test_merging_keeps_what_differs() -> None:
    assert merge_ties(np.array([])).size == 0
    assert merge_ties(np.array([3e-30, 1e-30, 2.0])).tolist() == [3e-30, 1e-30, 2.0]
    assert merge_ties(np.array([[2.0, 1.0], [0.3, 0.1 + 0.2]])).tolist() == [[2, 1], [0.3, 0.3]]
    assert differences(np.array([0.1 + 0.2, 2.0]), np.array([0.3, 1.0])).tolist() == [0, 1]


@pytest.mark.parametrize("n", [1, 2, 5, 9, 13])
def test_few_signed_ranks_have_the_librarys_p(n: int) -> None:
    """By all patterns of signs, with ties and without; the library takes far longer."""
    random = np.random.default_rng(n)
    for x in (random.integers(1, 4, n) * random.choice([-1, 1], n), random.normal(size=n)):
        expected = scipy.stats.wilcoxon(x).pvalue
        assert wilcoxon(x, np.zeros(n), draws=50).p == pytest.approx(expected, abs=1e-12)
