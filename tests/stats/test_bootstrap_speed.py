"""What makes a bootstrap fast leaves its values as they are."""

import numpy as np
import pytest

from personae.core import Array
from personae.stats import moments, resample, resampled_counts
from personae.stats.moments import Moments
from personae.stats.resample import bootstrap
from personae.stats.scores.factor_models import (
    LEAST,
    _chord_steps,
    _one_factor,
    _refit,
    omega_total,
)


def one_factor_scores(cases: int, items: int, *, noise: float = 1.0) -> Array:
    random = np.random.default_rng(cases + items)
    scores = random.normal(size=(cases, 1)) + noise * random.normal(size=(cases, items))
    return np.asarray(scores - scores.mean(axis=0))


def drawn(scores: Array, draws: int = 200) -> tuple[Array, Array]:
    """Return the covariance matrix of scores and those of bootstrap draws."""
    cases = len(scores)
    weights = np.random.default_rng(0).multinomial(cases, np.ones(cases) / cases, size=draws)
    sample = Moments(scores, 0)
    return sample.covariances(), sample.covariances(weights.astype(float))


@pytest.mark.parametrize(("cases", "items"), [(1000, 24), (400, 6), (60, 5), (12, 4)])
def test_fits_from_a_near_fit_are_those_of_fits_from_scratch(cases: int, items: int) -> None:
    scores = one_factor_scores(cases, items)
    known, covariances = drawn(scores)
    fit = _one_factor(known)
    share = fit[1][0] / scores.var(axis=0)
    loadings, unique = _refit(covariances, known, fit, share)
    wanted_loadings, wanted = _one_factor(covariances, share)
    sign = np.sign((loadings * wanted_loadings).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(loadings * sign, wanted_loadings, rtol=0, atol=1e-5)
    np.testing.assert_allclose(unique, wanted, rtol=0, atol=1e-5)


def test_near_fits_need_no_second_derivatives_of_their_own() -> None:
    known, covariances = drawn(one_factor_scores(1000, 24))
    loadings, unique = _one_factor(known)
    start = np.hstack([loadings, np.log(unique)])
    assert _chord_steps(covariances, known, start)[1].all()


def test_a_unique_variance_of_zero_is_fitted_as_before() -> None:
    scores = one_factor_scores(200, 4)
    scores[:, 0] = scores[:, 1:].sum(axis=1)  # an item that is the factor itself
    known, covariances = drawn(scores, 50)
    fit = _one_factor(known)
    share = fit[1][0] / scores.var(axis=0)
    assert share.min() <= 2 * LEAST
    for part, wanted in zip(
        _refit(covariances, known, fit, share), _one_factor(covariances, share), strict=True
    ):
        np.testing.assert_array_equal(part, wanted)


def test_a_draw_alone_in_its_block_has_its_own_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = one_factor_scores(30, 4)
    together = omega_total(scores, draws=60)
    for module in (resample, resampled_counts):
        monkeypatch.setattr(module, "CHUNK_DRAWS", 1)
    alone = omega_total(scores, draws=60)
    assert (alone.low, alone.high) == pytest.approx((together.low, together.high), rel=1e-6)


def test_counts_that_are_kept_are_those_that_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=300)

    def mean_and_spoil(weights: Array) -> Array:
        value = weights @ x / weights.sum(axis=1)
        weights[:] = 0  # a statistic that writes into its weights spoils no other's
        return np.asarray(value)

    kept = [bootstrap(mean_and_spoil, (100, 200), draws=600, seed=3) for _ in range(2)]
    monkeypatch.setattr(resampled_counts, "KEPT_CELLS", 0)
    assert kept == [bootstrap(mean_and_spoil, (100, 200), draws=600, seed=3)] * 2
    assert kept[0] != bootstrap(mean_and_spoil, (100, 200), draws=600, seed=4)


@pytest.mark.parametrize("cells", [1, 4000, 1 << 22])
@pytest.mark.parametrize("cases", [300, 1200])
def test_covariances_are_the_same_in_blocks_of_any_size(
    cases: int, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moments, "PRODUCT_CELLS", cells)
    scores = one_factor_scores(cases, 7)
    np.testing.assert_allclose(
        Moments(scores, 0).covariances()[0], np.cov(scores.T), rtol=0, atol=1e-12
    )
