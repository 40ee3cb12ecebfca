"""Regressions with groups against statsmodels 0.15.0, and what they do where they can't know.

The reference values come from MixedLM.from_formula("y ~ x1 + x2", groups="g").fit(reml=True),
Logit(y > 1, constant + x1) and scipy.stats.levene(center="median") on the data of `example`.
"""

from math import isnan

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from personae.core import Array, BadValue
from personae.studies.personality_illusion.dispersion import (
    brown_forsythe,
    median_absolute_deviation,
)
from personae.studies.personality_illusion.mixed_model import random_intercept
from personae.studies.personality_illusion.regression import logit, slopes, standardize

GROUPS = np.repeat([0, 1, 2, 3, 4], [3, 7, 4, 6, 4])


def example() -> tuple[Array, Array]:
    i = np.arange(24.0)
    x = np.column_stack([np.sin(1.3 * i), np.cos(0.7 * i**1.1)])
    shift = np.array([0.9, -1.1, 0.3, 1.6, -0.7])[GROUPS]
    return 1 + x @ [0.8, -0.5] + shift + 0.6 * np.sin(7.1 * i + 0.4), x


def dense_errors(y: Array, x: Array, variances: tuple[float, float]) -> tuple[Array, Array]:
    """Compute errors and Satterthwaite's df from n x n matrices and numerical derivatives."""
    n = len(y)
    design = np.column_stack([np.ones(n), x])
    parts = [(GROUPS[:, None] == GROUPS).astype(float), np.eye(n)]

    def covariance(at: Array) -> Array:
        v = at[0] * parts[0] + at[1] * parts[1]
        return np.asarray(np.linalg.inv(design.T @ np.linalg.solve(v, design)))

    at = np.array(variances)
    inverse = np.linalg.inv(at[0] * parts[0] + at[1] * parts[1])
    c = covariance(at)
    projected = inverse - inverse @ design @ c @ design.T @ inverse
    information = [[0.5 * np.trace(projected @ a @ projected @ b) for a in parts] for b in parts]
    step = 1e-5 * at
    changes = [
        np.diag(covariance(at + h) - covariance(at - h)) / (2 * h.sum()) for h in np.diag(step)
    ]
    spread = np.einsum("ik,ij,jk->k", changes, np.linalg.inv(information), changes)
    return np.sqrt(np.diag(c))[1:], (2 * np.diag(c) ** 2 / spread)[1:]


def test_a_random_intercept_against_statsmodels() -> None:
    y, x = example()
    fit = random_intercept(y, x, GROUPS.tolist(), ["x1", "x2"])
    assert [s.value for s in fit.slopes] == pytest.approx([0.74881901, -0.73923318], abs=1e-5)
    variances = fit.between, fit.within
    errors, df = dense_errors(y, x, variances)
    assert errors == pytest.approx([0.11279804, 0.11134184], rel=1e-3)
    reach = [(s.high - s.low) / 2 for s in fit.slopes]
    assert reach == pytest.approx(scipy.stats.t.ppf(0.975, df) * errors, rel=1e-4)
    t = np.abs([s.value for s in fit.slopes]) / errors
    assert [s.p for s in fit.slopes] == pytest.approx(2 * scipy.stats.t.sf(t, df), rel=1e-3)
    assert fit.within == pytest.approx(0.13571949843, abs=1e-5)
    assert fit.between == pytest.approx(1.82886877, abs=1e-3)
    assert fit.loglik == pytest.approx(-21.057077192915393, abs=1e-6)


GIRLS = [
    [21, 20, 21.5, 23],
    [21, 21.5, 24, 25.5],
    [20.5, 24, 24.5, 26],
    [23.5, 24.5, 25, 26.5],
    [21.5, 23, 22.5, 23.5],
    [20, 21, 21, 22.5],
    [21.5, 22.5, 23, 25],
    [23, 23, 23.5, 24],
    [20, 21, 22, 21.5],
    [16.5, 19, 19, 19.5],
    [24.5, 25, 28, 28],
]
BOYS = [
    [26, 25, 29, 31],
    [21.5, 22.5, 23, 26.5],
    [23, 22.5, 24, 27.5],
    [25.5, 27.5, 26.5, 27],
    [20, 23.5, 22.5, 26],
    [24.5, 25.5, 27, 28.5],
    [22, 22, 24.5, 26.5],
    [24, 21.5, 24.5, 25.5],
    [23, 20.5, 31, 26],
    [27.5, 28, 31, 31.5],
    [23, 23, 23.5, 25],
    [21.5, 23.5, 24, 28],
    [17, 24.5, 26, 29.5],
    [22.5, 25.5, 25.5, 26],
    [23, 24.5, 26, 30],
    [22, 21.5, 23.5, 25],
]


def test_growth_of_children_as_published() -> None:
    """Potthoff & Roy 1964, fitted by R's nlme in Pinheiro & Bates 2000 (fm2Orth): 80 and 25 df."""
    y = np.array(GIRLS + BOYS).ravel()
    x = np.column_stack([np.tile([8.0, 10, 12, 14], 27), np.repeat([1.0] * 11 + [0.0] * 16, 4)])
    age, girl = random_intercept(y, x, np.repeat(np.arange(27), 4).tolist(), ["age", "girl"]).slopes
    assert (age.value, girl.value) == pytest.approx((0.660185, -2.321023), abs=1e-6)
    assert ("80 df" in age.method, "25 df" in girl.method) == (True, True)
    assert girl.p == pytest.approx(0.0054, abs=5e-5)
    reach = [scipy.stats.t.ppf(0.975, df) * se for df, se in ((80, 0.0616059), (25, 0.7614169))]
    assert [(s.high - s.low) / 2 for s in (age, girl)] == pytest.approx(reach, rel=1e-4)


def grouped(
    random: np.random.Generator, groups: int, size: int, share: float, *, within: bool
) -> tuple[Array, Array, NDArray[np.intp]]:
    """Outcome with a share of its variance between groups, an unrelated predictor, the groups."""
    ids = np.repeat(np.arange(groups), size)
    x = random.normal(size=ids.size) if within else random.normal(size=groups)[ids]
    y = np.sqrt(share) * random.normal(size=groups)[ids]
    return y + np.sqrt(1 - share) * random.normal(size=ids.size), x, ids


@pytest.mark.parametrize(
    ("groups", "share", "within"),
    [
        (8, 1 - 1e-6, False),
        (4, 0.5, False),
        (4, 0.0, False),  # the variance between groups is often 0
        (4, 1 - 1e-10, False),  # groups are nearly constant
        (4, 1 - 1e-10, True),
    ],
)
def test_unrelated_predictors_are_rarely_found(groups: int, share: float, within: bool) -> None:
    random = np.random.default_rng(5)
    p = []
    for _ in range(120):
        y, x, ids = grouped(random, groups, 10, share, within=within)
        p.append(random_intercept(y, x[:, None], ids.tolist(), ["x"]).slopes[0].p)
    assert sum(value < 0.05 for value in p) <= 14  # P = 0.001 at 5 %
    assert not any(np.isnan(p))


def test_slopes_over_groups_are_rarely_found_where_there_is_none() -> None:
    random = np.random.default_rng(6)
    p = []
    for _ in range(300):
        y, x, ids = grouped(random, 6, 8, 0.7, within=False)
        x = x + 0.5 * random.normal(size=x.size)
        fit = slopes(y, x, ids.tolist())
        p.append([fit.pooled.p, fit.within.p, fit.between.p])
    assert (np.array(p) < 0.05).sum(axis=0).max() <= 28  # P = 0.001 at 5 %


def test_one_value_a_group_is_a_regression_of_group_means() -> None:
    """With equal sizes the test is exact: the same as over the means."""
    y, x, ids = grouped(np.random.default_rng(3), 7, 6, 0.8, within=False)
    slope = random_intercept(y, x[:, None], ids.tolist(), ["x"]).slopes[0]
    means = [[v[ids == g].mean() for g in range(7)] for v in (x, y)]
    exact = scipy.stats.linregress(*means)
    assert (slope.value, slope.p) == pytest.approx((exact.slope, exact.pvalue), rel=1e-5)
    assert "5 df" in slope.method


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ([0.1] * 12, "the outcome doesn't vary"),
        (np.repeat([0.1, 0.7, 0.4], 4), "doesn't vary within groups"),
        (np.arange(12) / 7, "no residual"),
        (np.arange(12) / 7 + np.repeat([0.1, 0.7, 0.4], 4), "no residual within groups"),
    ],
)
def test_an_outcome_that_can_not_be_tested_has_a_reason_and_no_p(
    outcome: Array, reason: str
) -> None:
    x = np.arange(12.0)
    groups = np.repeat([0, 1, 2], 4).tolist()
    slope = random_intercept(outcome, x[:, None], groups, ["x"]).slopes[0]
    assert reason in slope.why_missing and isnan(slope.value) and isnan(slope.p)
    for level in ("pooled", "within", "between"):
        estimate = getattr(slopes(outcome, x, groups), level)
        assert isnan(estimate.p) or estimate.p > 1e-9, level
    one = random_intercept([0.1] * 12, x[:, None], ["a"] * 12, ["x"]).slopes[0]
    assert "doesn't vary" in one.why_missing


def test_a_line_without_residual_has_a_slope_and_no_p() -> None:
    fit = slopes(np.arange(12) / 7, np.arange(12.0), np.repeat([0, 1, 2], 4).tolist())
    for estimate in (fit.pooled, fit.within, fit.between):
        assert estimate.value == pytest.approx(1 / 7)
        assert isnan(estimate.p) and "no residual" in estimate.why_missing
    flat = slopes([0.3] * 12, np.arange(12.0), np.repeat([0, 1, 2], 4).tolist())
    assert all("outcome" in e.why_missing for e in (flat.pooled, flat.within, flat.between))
    tiny, x, ids = grouped(np.random.default_rng(3), 4, 6, 0.5, within=True)
    small = slopes(tiny * 1e-9, x, ids.tolist())
    assert small.within.p == pytest.approx(slopes(tiny, x, ids.tolist()).within.p)


def test_without_differences_between_groups_it_is_least_squares() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=60)
    y = x + random.normal(size=60)
    groups = np.tile(np.arange(6), 10)
    y -= np.array([y[groups == g].mean() for g in range(6)])[groups]
    x -= np.array([x[groups == g].mean() for g in range(6)])[groups]
    fit = random_intercept(y, x[:, None], groups.tolist(), ["x"])
    assert fit.between < 1e-4
    assert fit.slopes[0].value == pytest.approx(float(x @ y / (x @ x)), abs=1e-6)
    assert random_intercept(y, x[:, None], ["one"] * 60, ["x"]).slopes[0].value == pytest.approx(
        fit.slopes[0].value
    )


@given(st.floats(0.1, 20), st.floats(-50, 50))
def test_it_is_equivariant(scale: float, shift: float) -> None:
    y, x = example()
    unscaled = random_intercept(y, x, GROUPS.tolist(), ["a", "b"]).slopes
    two = random_intercept(scale * y + shift, x, GROUPS.tolist(), ["a", "b"]).slopes
    assert [s.value for s in two] == pytest.approx([scale * s.value for s in unscaled], rel=1e-4)


def test_predictors_that_go_together_determine_nothing() -> None:
    y, x = example()
    fit = random_intercept(y, np.column_stack([x[:, 0], 2 * x[:, 0]]), GROUPS.tolist(), ["a", "b"])
    assert all(isnan(s.value) and "collinear" in s.why_missing for s in fit.slopes)
    few = random_intercept(y[:4], x[:4], GROUPS[:4].tolist(), ["a", "b"])
    assert all("4 rows" in s.why_missing for s in few.slopes)


def test_bad_shapes_and_missing_values_are_refused() -> None:
    y, x = example()
    with pytest.raises(BadValue, match="k names"):
        random_intercept(y, x, GROUPS.tolist(), ["a"])
    y[3] = np.nan
    with pytest.raises(BadValue, match="complete rows"):
        random_intercept(y, x, GROUPS.tolist(), ["a", "b"])
    with pytest.raises(BadValue, match="outcomes 0 and 1"):
        logit([0, 2], [1, 2])


def test_between_models_is_not_within() -> None:
    """Within each group the slope is -1; group means rise with slope 2."""
    x, y, groups = [], [], []
    for group in range(4):
        for step in (-1.0, 0.0, 1.0):
            x.append(3.0 * group + step)
            y.append(6.0 * group - step + 0.01 * step**2)
            groups.append(group)
    fit = slopes(y, x, groups)
    assert fit.within.value == pytest.approx(-1, abs=0.02)
    assert fit.between.value == pytest.approx(2, abs=0.02)
    assert 0 < fit.pooled.value < 2
    assert "too few" in slopes(y[:3], x[:3], groups[:3]).between.why_missing
    assert "doesn't vary" in slopes([1, 2, 3, 4], [1, 1, 2, 2], list("aabb")).within.why_missing


def test_a_logistic_slope_against_statsmodels() -> None:
    y, x = example()
    fit = logit((y > 1).astype(float), x[:, 0])
    assert fit.value == pytest.approx(0.8143729, abs=1e-6)
    assert fit.p == pytest.approx(0.18442394, abs=1e-6)


def test_a_logistic_slope_that_is_infinite_is_not_known() -> None:
    assert "completely" in logit([0, 0, 1, 1], [1, 2, 3, 4]).why_missing
    assert "one value" in logit([0, 1, 1], [2, 2, 2]).why_missing


def test_spread_against_scipy() -> None:
    y, _ = example()
    assert brown_forsythe([y[:10], y[10:]]).p == pytest.approx(0.39256828686678275)
    assert isnan(brown_forsythe([[1.0], [1, 2]]).value)
    assert isnan(brown_forsythe([[1, 2], [3, 3]]).value)
    assert isnan(median_absolute_deviation([]))


def test_equal_values_have_no_z_scores() -> None:
    assert standardize([2.0, 2.0]).tolist() == [0.0, 0.0]
    assert standardize([5.0]).tolist() == [0.0]
