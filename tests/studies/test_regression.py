"""Regressions with groups against statsmodels 0.15.0, and what they do where they can't know.

The reference values come from MixedLM.from_formula("y ~ x1 + x2", groups="g").fit(reml=True),
Logit(y > 1, constant + x1) and scipy.stats.levene(center="median") on the data of `example`.
"""

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import Array, BadValue
from personae.studies.personality_illusion.dispersion import (
    brown_forsythe,
    median_absolute_deviation,
)
from personae.studies.personality_illusion.regression import (
    logit,
    random_intercept,
    slopes,
    standardize,
)

GROUPS = np.repeat([0, 1, 2, 3, 4], [3, 7, 4, 6, 4])


def example() -> tuple[Array, Array]:
    i = np.arange(24.0)
    x = np.column_stack([np.sin(1.3 * i), np.cos(0.7 * i**1.1)])
    shift = np.array([0.9, -1.1, 0.3, 1.6, -0.7])[GROUPS]
    return 1 + x @ [0.8, -0.5] + shift + 0.6 * np.sin(7.1 * i + 0.4), x


def test_a_random_intercept_against_statsmodels() -> None:
    y, x = example()
    fit = random_intercept(y, x, GROUPS.tolist(), ["x1", "x2"])
    assert [s.value for s in fit.slopes] == pytest.approx([0.74881901, -0.73923318], abs=1e-5)
    spread = [(s.high - s.low) / 2 / 1.959963985 for s in fit.slopes]
    assert spread == pytest.approx([0.11279804, 0.11134184], rel=1e-3)
    assert fit.within == pytest.approx(0.13571949843, abs=1e-5)
    assert fit.between == pytest.approx(1.82886877, abs=1e-3)
    assert fit.loglik == pytest.approx(-21.057077192915393, abs=1e-6)


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
