"""Values that R 4.2 printed for the commands in statistics.R, and the textbook cases they name."""

import numpy as np
import pytest

from personae.stats.agreement import icc_agreement, pearson, weighted_kappa
from personae.stats.effects.effect_sizes import mean_difference
from personae.stats.effects.equivalence import tost_paired
from personae.stats.effects.ranks import friedman, kruskal, mann_whitney, sign_test, wilcoxon
from personae.stats.multiplicity import benjamini_hochberg, holm
from personae.stats.scores.variance_shares import variance_shares

X = [3, 4, 2, 5, 3, 4, 1, 5, 2, 4]
Y = [2, 4, 1, 3, 3, 5, 1, 2, 2, 3]
Z = [1, 2, 2, 5, 4, 3, 3, 1, 2, 2]
U, V = [1.1, 2.3, 0.7, 3.8, 2.9, 4.4], [0.2, 1.9, 0.1, 2.2, 3.1, 1.3]
P = [0.01, 0.02, 0.03, 0.04, 0.05, 0.001, 0.2]
SHROUT_FLEISS = [
    (9, 2, 5, 8),
    (6, 1, 3, 2),
    (8, 4, 6, 8),
    (7, 1, 2, 6),
    (10, 5, 6, 9),
    (6, 2, 4, 7),
]
COMPONENT_SCORES = [
    2.1,
    3.4,
    1.2,
    4.8,
    3.3,
    2.7,
    2.9,
    3.9,
    1.9,
    5.1,
    4.4,
    3.0,
    1.8,
    2.9,
    0.8,
    4.1,
    3.6,
    2.2,
    2.4,
    3.8,
    1.1,
    4.4,
    3.1,
    3.2,
]
FACTORS = {"item": [*range(6)] * 4, "wording": np.repeat(np.arange(4), 6).tolist()}


@pytest.mark.parametrize(
    ("p", "wanted"),
    [
        (mann_whitney(X, Z).p, 0.18795895),
        (mann_whitney(U, V).p, 0.24025974),
        (wilcoxon(X * 3, Y * 3).p, 0.0028819566),
        (wilcoxon(U, V).p, 0.0625),
        (friedman(np.column_stack([X, Y, Z])).p, 0.30314368),
        (kruskal([X, Y, Z]).p, 0.32258107),
        (pearson(X, Y).p, 0.064297852),
        (mean_difference(X, Z).p, 0.18697096),
        (tost_paired(X, Y, 1.5).p, 0.028502675),
    ],
)
def test_p_values(p: float, wanted: float) -> None:
    assert p == pytest.approx(wanted, rel=1e-7)


def test_statistics_behind_the_effect_sizes() -> None:
    n, groups = 10, 3
    w = friedman(np.column_stack([X, Y, Z]))
    assert w.value * n * (groups - 1) == pytest.approx(2.3870968, rel=1e-7)
    h = kruskal([X, Y, Z])
    assert h.value * (3 * n - 1) == pytest.approx(2.2628016, rel=1e-7)
    assert "H(2) = 2.263" in h.method


def test_intervals() -> None:
    r = pearson(X, Y)
    assert (r.value, r.low, r.high) == pytest.approx((0.60421798, -0.041009708, 0.89381056))
    welch = mean_difference(X, Z)
    assert (welch.low, welch.high) == pytest.approx((-0.42527765, 2.0252777))
    equal = tost_paired(X, Y, 1.5)
    assert (equal.low, equal.high) == pytest.approx((0.027858591, 1.3721414))
    assert equal.level == 0.90
    sign = sign_test([1] * 5 + [0, 2], [0] * 5 + [1, 2])
    assert (sign.p, sign.low, sign.high) == pytest.approx((0.21875, -0.28246916, 0.99157851))


def test_quadratic_kappa() -> None:
    assert weighted_kappa(X, Y).value == pytest.approx(0.51977401, rel=1e-7)


def test_adjusted_p_values() -> None:
    assert holm(P) == pytest.approx([0.06, 0.1, 0.12, 0.12, 0.12, 0.007, 0.2])
    assert benjamini_hochberg(P) == pytest.approx(
        [0.035, 0.046666667, 0.0525, 0.056, 0.058333333, 0.007, 0.2], rel=1e-7
    )


def test_icc_of_shrout_and_fleiss() -> None:
    """Shrout & Fleiss (1979, Psychol. Bull. 86), table 4, ICC(2,1) = .29."""
    found = icc_agreement(SHROUT_FLEISS)
    assert found.value == pytest.approx(0.28976378, rel=1e-7)
    # of 4 million draws of the variance components, computed apart from ours
    assert (found.low, found.high) == pytest.approx((0.02676, 0.74537), abs=0.008)
    assert found.p == pytest.approx(0.00013456652, rel=1e-7)


@pytest.mark.parametrize(
    ("left_out", "wanted"),
    [
        ((), (1.3348889, 0.14655556, 0.078861111)),
        ((0, 7, 14), (1.2914475, 0.13981676, 0.094905462)),
    ],
)
def test_variance_components(left_out: tuple[int, ...], wanted: tuple[float, ...]) -> None:
    scores = np.array(COMPONENT_SCORES)
    scores[list(left_out)] = np.nan
    found = variance_shares(scores, FACTORS)
    assert [e.value for e in found] == pytest.approx(np.array(wanted) / sum(wanted), rel=1e-6)
    assert [e.n for e in found] == [6, 4, 24 - len(left_out)]
