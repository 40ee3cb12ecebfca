"""Reliability of many and of few respondents: what is planted is covered, and the fit is the best.

The simulations are small versions of benchmarks/coverage.py.
"""

import numpy as np
import pytest
from scipy.optimize import minimize

from benchmarks import coverage
from personae.core import Array
from personae.stats import grouping
from personae.stats.moments import Moments
from personae.stats.resample import mean
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.measurement_error import sem
from personae.stats.scores.reliability import alpha, alpha_value, lambda6, split_half

FEW = 50


def scale(random: np.random.Generator, n: int, items: int = 6) -> Array:
    return np.asarray(0.8 * random.normal(size=(n, 1)) + random.normal(size=(n, items)))


@pytest.mark.parametrize("case", list(coverage.of_measurement_error()), ids=lambda c: c[0])
def test_the_error_of_measurement_is_covered(case: coverage.Interval) -> None:
    """The bootstrap over 12 respondents covered 79 %; chi-squared 68 % where they are unequal."""
    assert 0.90 <= coverage.covered(*case, 400) <= 0.99


def test_no_interval_where_one_respondent_alone_has_residuals() -> None:
    rows = np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 5]])
    residuals = rows - rows.mean(axis=0) - rows.mean(axis=1, keepdims=True) + rows.mean()
    estimate = sem(rows)
    assert estimate.value == pytest.approx(np.sqrt((residuals**2).sum() / 6 / 3))
    flat = sem(np.outer([1.0, 2, 3], [1, 1, 1]))
    assert flat.value == pytest.approx(0, abs=1e-9) and "no two respondents" in flat.why_missing


def test_random_groups_of_many_cases_cover_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "GROUPED", 60)
    truth = 6 / 5 * (1 - 6 * 1.64 / (6 * 1.64 + 30 * 0.64))
    random, held = np.random.default_rng(7), np.zeros(2)
    for seed in range(200):
        x = scale(random, 307)
        alphas = alpha(x, seed=seed, draws=400)
        means = mean(x[:, 0], of="respondent", seed=seed, draws=400)
        held += [alphas.low <= truth <= alphas.high, means.low <= 0 <= means.high]
    assert (held / 200 >= 0.9).all() and (held / 200 <= 0.99).all()
    assert (alphas.n, means.n) == (307, 307)
    assert alphas.method == "BCa bootstrap, 400 draws over 60 random groups"


def test_groups_change_no_value_and_lose_no_case(monkeypatch: pytest.MonkeyPatch) -> None:
    x = scale(np.random.default_rng(1), 101)
    statistics = (alpha, lambda6, split_half, omega_total)
    whole = [statistic(x, draws=FEW).value for statistic in statistics]
    middle = mean(x[:, 0], draws=FEW).value
    monkeypatch.setattr(grouping, "GROUPED", 55)
    assert [statistic(x, draws=FEW).value for statistic in statistics] == pytest.approx(whole)
    assert mean(x[:, 0], draws=FEW).value == pytest.approx(middle)
    assert alpha_value(x) == pytest.approx(whole[0])


def test_shared_moments_change_nothing() -> None:
    x = scale(np.random.default_rng(2), 40)
    shared = Moments(x - x.mean(axis=0), seed=3)
    for statistic in (alpha, lambda6, split_half, omega_total, alpha):
        apart, together = statistic(x, draws=FEW, seed=3), statistic(shared, draws=FEW, seed=3)
        assert (apart.value, apart.low, apart.high) == (together.value, together.low, together.high)


def best_omega(covariance: Array) -> float:
    """Return ω of the best of many fits by another optimiser from random starts."""
    k, deviation = len(covariance), np.sqrt(np.diag(covariance))
    r = covariance / np.outer(deviation, deviation)

    def loss(point: Array) -> tuple[float, Array]:
        loadings, unique = point[:k], point[k:]
        implied = np.outer(loadings, loadings) + np.diag(unique)
        inverse = np.linalg.inv(implied)
        slope = inverse - inverse @ r @ inverse
        value = np.linalg.slogdet(implied)[1] + np.trace(inverse @ r)
        return float(value), np.concatenate([2 * slope @ loadings, np.diag(slope)])

    random, bounds = np.random.default_rng(0), [(None, None)] * k + [(1e-6, 2.0)] * k
    fits = (
        minimize(
            loss,
            np.concatenate([random.normal(0.5, 0.3, k), random.uniform(0.05, 0.9, k)]),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-10},
        )
        for _ in range(8)
    )
    best = min(fits, key=lambda fit: float(fit.fun)).x
    general = float((best[:k] * deviation).sum()) ** 2
    return general / (general + float((best[k:] * deviation**2).sum()))


def test_omega_is_that_of_the_best_fit_also_where_a_unique_variance_is_zero() -> None:
    random, heywood = np.random.default_rng(5), 0
    for _ in range(12):
        k = int(random.integers(3, 7))
        loadings, noise = random.uniform(0, 1.5, k), random.uniform(0.3, 1.5, k)
        x = random.normal(size=(15, 1)) * loadings + random.normal(size=(15, k)) * noise
        estimate = omega_total(x, draws=FEW)
        assert estimate.value == pytest.approx(best_omega(np.cov(x.T)), abs=1e-3)
        heywood += "Heywood" in estimate.method
    assert heywood >= 3


def test_omega_is_not_fitted_to_fewer_rows_than_items() -> None:
    x = scale(np.random.default_rng(3), 30)
    items = x.shape[1]
    assert "needs more rows than items" in omega_total(x[:items], draws=FEW).why_missing
    assert np.isfinite(omega_total(x[: items + 8], draws=FEW).value)
