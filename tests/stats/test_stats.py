"""Undefined cases, missing answers, small exact cases, and what every Estimate owes its reader."""

from collections.abc import Callable
from itertools import product
from math import isnan, nan

import numpy as np
import pytest

from personae.core import BadValue, Estimate
from personae.stats.agreement import (
    exact_agreement,
    icc_agreement,
    mean_absolute_difference,
    pearson,
    weighted_kappa,
)
from personae.stats.effects.effect_sizes import (
    cliffs_delta,
    mean_difference,
    paired_d,
    paired_permutation,
    total_variation,
)
from personae.stats.effects.equivalence import tost_paired, verdict
from personae.stats.effects.proportions import rate
from personae.stats.effects.ranks import friedman, kruskal, mann_whitney, sign_test, wilcoxon
from personae.stats.multiplicity import holm
from personae.stats.prediction.classification import macro_f1
from personae.stats.resample import bootstrap, cluster_mean, mean
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.measurement_error import reliable_change, sem
from personae.stats.scores.reliability import (
    alpha,
    item_total,
    lambda6,
    split_half,
    standardized_alpha,
)
from personae.stats.scores.variance_shares import variance_shares
from personae.stats.two_level import two_level_mean

FEW = 100
RNG = np.random.default_rng(7)
SCALE = np.clip(np.rint(3 + RNG.normal(size=(40, 1)) + RNG.normal(size=(40, 6))), 1, 5)


@pytest.mark.parametrize(
    "estimate",
    [
        alpha([(3, 3, 3)] * 5),
        alpha([(1, 2), (2, 3)]),
        alpha([(1,), (2,), (3,)]),
        alpha(np.zeros((0, 4))),
        alpha(np.full((6, 3), nan)),
        standardized_alpha([(1, 3, 2), (2, 3, 1), (4, 3, 5)]),
        lambda6([(1, 3, 2), (2, 3, 1), (4, 3, 5)], form="correlation"),
        omega_total(SCALE[:, :2]),
        split_half([(1, 3), (2, 3), (4, 3)]),
        pearson([1, 2, 3], [4, 4, 4]),
        pearson([1, nan], [2, 3]),
        weighted_kappa([3, 3, 3], [3, 3, 3]),
        exact_agreement([nan], [1]),
        icc_agreement([(2, 2), (2, 2)]),
        mean([]),
        mean([nan, nan]),
        cliffs_delta([], [1, 2]),
        paired_d([0.5, 0.5, 0.5]),
        paired_permutation([]),
        mean_difference([1], [1, 2]),
        tost_paired([1], [1], 0.25),
        wilcoxon([], []),
        friedman(np.zeros((0, 3))),
        kruskal([[], [1, 2]]),
        variance_shares([2, 2, 2, 2], {"wording": "abab"})[0],
        variance_shares([1, 2, 3], {"wording": "abc"})[0],
        two_level_mean(np.full((3, 3), nan)),
    ],
    ids=lambda e: e.name,
)
def test_what_cannot_be_known_has_no_value_and_a_reason(estimate: Estimate) -> None:
    assert isnan(estimate.value)
    assert estimate.why_missing


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: alpha([1, 2, 3]),
        lambda: alpha([(1, 2), (3, float("inf"))]),
        lambda: mean(["a", "b"]),
        lambda: mean([1, 2, 3], draws=10),
        lambda: bootstrap(lambda w: w.sum(axis=1), 5, kind="basic"),
        lambda: pearson([1, 2], [1, 2, 3]),
        lambda: lambda6(SCALE, form="both"),  # type: ignore[arg-type]
        lambda: split_half(SCALE, splits="first"),  # type: ignore[arg-type]
        lambda: item_total(SCALE, ["a"]),
        lambda: tost_paired([1, 2], [1, 2], -1.0),
        lambda: holm([0.1, 1.2]),
        lambda: rate([2, 3]),
        lambda: kruskal([[1, 2]]),
        lambda: cluster_mean([1, 2], ["a"]),
        lambda: variance_shares([1, 2, 3], {}),
        lambda: variance_shares([1, 2, 3], {"order": "ab"}),
        lambda: total_variation([[0.5, 0.6]], [[0.5, 0.5]]),
        lambda: total_variation([[0.5, 0.5]], [[1.0]]),
    ],
)
def test_wrong_input_is_a_typed_error(wrong: Callable[[], object]) -> None:
    with pytest.raises(BadValue):
        wrong()


def test_incomplete_rows_are_left_out_and_counted() -> None:
    holed = np.vstack([SCALE, [[nan, 5, 5, 5, 5, 5]], [[1, 1, nan, 1, 1, 1]]])
    for statistic in (alpha, standardized_alpha, lambda6, omega_total, split_half):
        whole, estimate = statistic(SCALE, draws=FEW), statistic(holed, draws=FEW)
        assert (estimate.value, estimate.low, estimate.high) == (whole.value, whole.low, whole.high)
        assert estimate.n == 40
        assert "40 of 42 rows complete" in estimate.method
    assert wilcoxon([1, 2, nan, 4], [2, 2, 1, nan], draws=FEW).n == 2
    assert "4 of 5 values complete" in mean([1, 2, 3, 4, nan], draws=FEW).method


def test_every_estimate_names_its_unit_and_method() -> None:
    x, y = SCALE[:, 0], SCALE[:, 1]
    results = [
        alpha(SCALE, draws=FEW),
        *item_total(SCALE),
        icc_agreement(SCALE),
        pearson(x, y),
        weighted_kappa(x, y, draws=FEW),
        mean_absolute_difference(x, y, draws=FEW),
        mann_whitney(x, y, draws=FEW),
        friedman(SCALE, draws=FEW),
        two_level_mean(SCALE, draws=FEW),
        paired_permutation(x - y, draws=FEW),
    ]
    for result in results:
        assert result.of and result.method and result.n
        assert result.low <= result.value <= result.high
    assert alpha(SCALE, of="persona", name="E", draws=FEW).of == "persona"


def test_dependent_items_are_said_and_survived() -> None:
    copies = np.hstack([SCALE[:, :2], SCALE[:, :1]])
    estimate = lambda6(copies, draws=FEW)
    assert "linearly dependent" in estimate.method
    x = copies - copies.mean(axis=0)
    left = [
        ((x[:, j] - x[:, o] @ np.linalg.lstsq(x[:, o], x[:, j])[0]) ** 2).sum()
        for j, o in ((0, [1, 2]), (1, [0, 2]), (2, [0, 1]))
    ]
    assert estimate.value == pytest.approx(1 - sum(left) / (x.sum(axis=1) ** 2).sum(), abs=1e-6)
    assert lambda6(SCALE[:5], draws=FEW).value == pytest.approx(1.0, abs=1e-6)
    assert "linearly" not in lambda6(SCALE, draws=FEW).method


def test_omega_recovers_known_loadings() -> None:
    loadings, unique = np.array([0.9, 0.7, 0.5, 0.8]), np.array([0.3, 0.5, 0.8, 0.4])
    covariance = np.outer(loadings, loadings) + np.diag(unique)
    factors = np.linalg.qr(RNG.normal(size=(200, 4)) - 0.0)[0]
    factors = np.linalg.qr(np.hstack([np.ones((200, 1)), factors]))[0][:, 1:]
    scores = factors @ np.linalg.cholesky(covariance).T  # their covariances are exactly these
    wanted = loadings.sum() ** 2 / covariance.sum()
    assert omega_total(scores, draws=FEW).value == pytest.approx(wanted, abs=1e-6)


def test_split_half_by_hand() -> None:
    first, second = SCALE[:, [0, 2, 4]].sum(axis=1), SCALE[:, [1, 3, 5]].sum(axis=1)
    r = float(np.corrcoef(first, second)[0, 1])
    assert split_half(SCALE, draws=FEW).value == pytest.approx(2 * r / (1 + r))
    every = split_half(SCALE, splits="all", draws=FEW)
    assert "10 split(s)" in every.method
    many = split_half(np.tile(SCALE, 4) + RNG.normal(size=(40, 24)), splits="all", draws=FEW)
    assert "200 split(s)" in many.method


def test_reliable_change_is_a_multiple_of_the_standard_error() -> None:
    error, change = sem(SCALE), reliable_change(SCALE)
    assert change.value == pytest.approx(2.771859 * error.value)
    assert change.unit == error.unit == "points"


def test_sign_flips_count_every_pattern() -> None:
    x = np.array([0.3, -0.1, 0.9, 0.4, 0.0, 0.2, 0.9])
    sums = [
        abs(sum(s * v for s, v in zip(signs, x, strict=True)))
        for signs in product((1, -1), repeat=7)
    ]
    brute = np.mean(np.array(sums) >= abs(x.sum()) - 1e-12)
    estimate = paired_permutation(x, draws=FEW)
    assert estimate.p == brute
    assert "exact sign-flip" in estimate.method
    many = paired_permutation(RNG.normal(0.2, 1, 40), seed=3, draws=FEW)
    assert 0 < many.p < 1
    assert "9999-draw" in many.method


def test_total_variation_by_hand() -> None:
    first = np.array([[0.7, 0.2, 0.1], [1, 0, 0], [nan, 0.5, 0.5]])
    second = np.array([[0.1, 0.2, 0.7], [0, 0.5, 0.5], [1, 0, 0]])
    estimate = total_variation(first, second)
    assert estimate.value == pytest.approx((0.6 + 1.0) / 2)
    assert estimate.n == 2


def test_verdicts() -> None:
    def p(value: float) -> Estimate:
        return Estimate(name="", value=0, low=0, high=0, n=9, of="item", p=value)

    assert verdict(p(0.6), p(0.01)) == "equivalent"
    assert verdict(p(0.01), p(0.6)) == "different"
    assert verdict(p(0.01), p(0.01)) == "different but within margin"
    assert verdict(p(0.2), p(0.2)) == "inconclusive"
    assert verdict(p(nan), p(nan)) == "inconclusive"


def test_a_content_only_respondent_agrees_and_a_label_only_one_does_not() -> None:
    forward = SCALE[:, 0]
    assert exact_agreement(forward, forward).value == 1.0
    assert weighted_kappa(forward, forward, draws=FEW).value == pytest.approx(1.0)
    assert verdict(wilcoxon(forward, forward), tost_paired(forward, forward, 0.25)) == "equivalent"
    label, turned = np.full(60, 2.0), np.full(60, 4.0)
    assert exact_agreement(label, turned).value == 0.0
    assert weighted_kappa(label, turned, draws=FEW).value == pytest.approx(0.0)
    assert verdict(wilcoxon(label, turned), tost_paired(label, turned, 0.25)) == "different"


def test_two_noisy_orders_are_inconclusive() -> None:
    """Neither test significant: the report must not call that symmetric."""
    x, y = RNG.normal(size=(2, 12))
    assert verdict(wilcoxon(x, y), tost_paired(x, y, 0.25)) == "inconclusive"


def test_missing_p_values_stay_out_of_the_family() -> None:
    assert holm([0.01, nan, 0.03]) == pytest.approx([0.02, nan, 0.03], nan_ok=True)


def test_sign_test_without_unequal_pairs() -> None:
    estimate = sign_test([1, 2], [1, 2])
    assert (estimate.value, estimate.p) == (0.0, 1.0)
    assert isnan(estimate.low) and estimate.why_missing


def test_ratings_that_differ_by_a_constant() -> None:
    estimate = icc_agreement([(1, 2), (2, 3), (3, 4)])
    assert 0 < estimate.value < 1
    assert isnan(estimate.low) and "constant" in estimate.why_missing
    perfect = icc_agreement([(1, 1), (2, 2), (3, 3)])
    assert (perfect.value, perfect.low, perfect.high) == (1.0, 1.0, 1.0)


def test_a_method_without_an_interval_has_no_loose_ends() -> None:
    assert friedman([(1, 2), (2, 1)]).method == "Friedman chi2(1) = 0"
    assert mann_whitney([1, 2], [2, 3]).method == "Mann-Whitney U"
    assert weighted_kappa([1, 2, nan], [2, 2, 1]).method == "2 of 3 pairs complete"
    assert macro_f1([1, 0], [1, 0], groups=["a", "b"]).method == "2 texts"


def test_too_few_cases_have_a_value_without_interval() -> None:
    estimate = mean([2.0, 4.0])
    assert estimate.value == 3.0
    assert isnan(estimate.low) and "three" in estimate.why_missing


def test_two_level_mean_with_holes_and_single_columns() -> None:
    holed = SCALE.copy()
    holed[RNG.random(holed.shape) < 0.2] = nan
    estimate = two_level_mean(holed, draws=FEW)
    assert estimate.value == pytest.approx(float(np.nanmean(holed)))
    assert "two-level" in estimate.method
    one_level = two_level_mean(SCALE[:, :1], draws=500)
    assert "one-level" in one_level.method
    plain = mean(SCALE[:, 0], draws=500)
    assert one_level.high - one_level.low == pytest.approx(plain.high - plain.low, rel=0.15)


def test_whole_clusters_are_the_sampling_unit() -> None:
    clusters = np.repeat(np.arange(12), 10)
    values = RNG.normal(size=12)[clusters] + 0.1 * RNG.normal(size=120)
    wide = cluster_mean(values, clusters.tolist(), draws=500)
    naive = mean(values, draws=500)
    assert wide.n == 12
    assert wide.value == pytest.approx(naive.value)
    assert wide.high - wide.low > 2 * (naive.high - naive.low)


def test_variance_shares_name_what_they_cannot_tell() -> None:
    labels = ["a", "b"] * 6
    parts = variance_shares(
        RNG.normal(size=12),
        {"wording": labels, "copy": labels, "lone": ["x"] * 12, "half": [0] * 6 + [1] * 6},
    )
    why = {part.name.removeprefix("variance share "): part.why_missing for part in parts}
    assert "confounded" in why["wording"] and "confounded" in why["copy"]
    assert why["lone"] == "it has one level"
    assert not why["half"] and not why["residual"]
    assert "leaves out wording and copy" in parts[-1].method


def test_an_interaction_is_a_factor_of_combined_labels() -> None:
    item, wording, _ = (part.ravel() for part in np.indices((30, 5, 2)))
    both = [f"{i}/{w}" for i, w in zip(item, wording, strict=True)]
    rng = np.random.default_rng(1)
    y = 1.0 * rng.normal(size=30)[item] + 1.0 * rng.normal(size=150)[item * 5 + wording]
    y = y + 0.5 * rng.normal(size=300)
    parts = variance_shares(
        y, {"item": item.tolist(), "wording": wording.tolist(), "item x wording": both}
    )
    shares = [part.value for part in parts]
    assert shares == pytest.approx([1 / 2.25, 0.0, 1 / 2.25, 0.25 / 2.25], abs=0.12)
