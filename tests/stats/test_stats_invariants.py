"""What must hold for any data: order, shift, scale, reversal, symmetry, monotonicity."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from personae.core import Array, Estimate
from personae.stats.agreement import exact_agreement, icc_agreement, pearson, weighted_kappa
from personae.stats.effects.effect_sizes import cliffs_delta, paired_permutation
from personae.stats.effects.ranks import friedman, kruskal, mann_whitney, wilcoxon
from personae.stats.multiplicity import benjamini_hochberg, holm
from personae.stats.resample import bootstrap, mean
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.measurement_error import sem
from personae.stats.scores.reliability import alpha, lambda6, split_half, standardized_alpha
from personae.stats.scores.variance_shares import variance_shares
from personae.stats.two_level import two_level_mean

FEW = 50
likert = hnp.arrays(
    np.float64, st.tuples(st.integers(5, 20), st.integers(3, 6)), elements=st.integers(1, 5)
)
column = hnp.arrays(np.float64, st.integers(3, 25), elements=st.integers(1, 5))
pair = hnp.arrays(np.float64, st.tuples(st.integers(3, 25), st.just(2)), elements=st.integers(1, 5))
p_values = hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 1))


def same(first: Estimate, second: Estimate, *, turned: bool = False) -> bool:
    """Compare value and interval; `turned` where the sign and so the bounds change places."""
    left = [first.value, first.low, first.high]
    right = (
        [-second.value, -second.high, -second.low]
        if turned
        else [second.value, second.low, second.high]
    )
    return bool(np.allclose(left, right, rtol=1e-6, atol=1e-9, equal_nan=True))


@given(likert, st.randoms(use_true_random=False), st.floats(0.1, 50), st.floats(-20, 20))
def test_alpha_ignores_item_order_shift_and_scale(
    x: Array, random: np.random.RandomState, scale: float, shift: float
) -> None:
    order = list(range(x.shape[1]))
    random.shuffle(order)
    plain = alpha(x, draws=FEW)
    assert same(plain, alpha(x[:, order], draws=FEW))
    moved = alpha(scale * (x + shift + np.arange(x.shape[1])), draws=FEW)
    assert np.isclose(plain.value, moved.value, rtol=1e-7, atol=1e-9, equal_nan=True)


@given(likert)
def test_reversing_every_item_changes_no_reliability(x: Array) -> None:
    for statistic in (alpha, standardized_alpha, lambda6, split_half):
        assert same(statistic(x, draws=FEW), statistic(6 - x, draws=FEW))
    assert same(sem(x), sem(6 - x))
    assert np.array_equal(6 - (6 - x), x)


@given(likert)
def test_reliability_is_at_most_one_and_standardising_is_rescaling(x: Array) -> None:
    for estimate in (alpha(x, draws=FEW), lambda6(x, draws=FEW)):
        assert np.isnan(estimate.value) or estimate.value <= 1 + 1e-9
    spread = x.std(axis=0)
    assume((spread > 0).all())
    z = x / spread
    assert np.isclose(
        alpha(z, draws=FEW).value, standardized_alpha(x, draws=FEW).value, equal_nan=True
    )


@given(pair)
def test_agreement_is_symmetric(x: Array) -> None:
    a, b = x.T
    assert same(weighted_kappa(a, b, draws=FEW), weighted_kappa(b, a, draws=FEW))
    assert same(pearson(a, b), pearson(b, a))
    assert same(icc_agreement(x), icc_agreement(x[:, ::-1]))
    assert exact_agreement(a, a).value == 1.0


@given(pair)
def test_kappa_of_reversed_ratings_is_the_same(x: Array) -> None:
    a, b = x.T
    assert same(weighted_kappa(a, b, draws=FEW), weighted_kappa(6 - a, 6 - b, draws=FEW))


@given(column, column)
def test_cliffs_delta_is_antisymmetric(x: Array, y: Array) -> None:
    first, second = cliffs_delta(x, y, draws=FEW).value, cliffs_delta(y, x, draws=FEW).value
    assert first == pytest.approx(-second, abs=1e-12)
    brute = np.sign(x[:, None] - y[None, :]).mean()
    assert first == pytest.approx(float(brute), abs=1e-12)
    assert mann_whitney(x, y, draws=FEW).p == pytest.approx(mann_whitney(y, x, draws=FEW).p)


@given(pair)
def test_signed_tests_turn_with_their_sides(x: Array) -> None:
    a, b = x.T
    first, second = wilcoxon(a, b, draws=FEW), wilcoxon(b, a, draws=FEW)
    assert same(first, second, turned=True)
    assert first.p == pytest.approx(second.p)
    assert paired_permutation(a - b, draws=FEW).p == paired_permutation(b - a, draws=FEW).p


@given(column)
def test_no_difference_gives_p_of_one(x: Array) -> None:
    tests = [
        mann_whitney(x, x, draws=FEW),
        wilcoxon(x, x, draws=FEW),
        friedman(np.column_stack([x, x, x]), draws=FEW),
        kruskal([x, x, x], draws=FEW),
        paired_permutation(x - x, draws=FEW),
    ]
    assert [t.p for t in tests] == pytest.approx([1.0] * 5)
    assert [t.value for t in tests] == pytest.approx([0.0] * 5, abs=1e-12)


@given(p_values)
def test_adjusted_p_values_keep_order_and_only_grow(p: Array) -> None:
    order = np.argsort(p, kind="stable")
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p)
        assert (adjusted >= p - 1e-15).all()
        assert (np.diff(adjusted[order]) >= 0).all()
        assert adjusted.max() <= 1
    assert (holm(p) >= benjamini_hochberg(p) - 1e-15).all()


@pytest.mark.parametrize("kind", ["bca", "percentile"])
@given(values=column, scale=st.floats(0.5, 20), shift=st.floats(-10, 10))
def test_intervals_move_with_the_data(kind: str, values: Array, scale: float, shift: float) -> None:
    def span(x: Array) -> Array:
        estimate = bootstrap(lambda w: w @ x / w.sum(axis=1), x.size, draws=FEW, kind=kind)
        return np.array([estimate.low, estimate.value, estimate.high])

    assert np.allclose(span(values * scale + shift), span(values) * scale + shift, atol=1e-7)


@given(st.integers(1, 12), st.integers(1, 6), st.floats(-5, 5))
def test_constant_data_have_no_width(rows: int, columns: int, value: float) -> None:
    assume(rows * columns > 1)
    estimate = two_level_mean(np.full((rows, columns), value), draws=FEW)
    assert (estimate.low, estimate.value, estimate.high) == (estimate.value,) * 3
    assert estimate.value == pytest.approx(value)


@given(likert)
def test_two_levels_are_interchangeable_in_value(x: Array) -> None:
    assert two_level_mean(x, draws=FEW).value == pytest.approx(float(x.mean()))
    assert two_level_mean(x.T, draws=FEW).value == pytest.approx(float(x.mean()))


@given(likert)
def test_shares_of_variance_add_up(x: Array) -> None:
    rows, columns = (part.ravel().tolist() for part in np.indices(x.shape))
    parts = variance_shares(x.ravel(), {"item": rows, "wording": columns}, draws=FEW)
    if np.ptp(x) == 0:
        assert all(part.why_missing for part in parts)
        return
    assert sum(part.value for part in parts) == pytest.approx(1.0)
    assert all(0 <= part.low <= part.high <= 1 for part in parts)


@settings(max_examples=15)  # each fits a hundred matrices, degenerate ones slowly
@given(likert)
def test_omega_is_between_zero_and_one(x: Array) -> None:
    estimate = omega_total(x, draws=FEW)
    assert np.isnan(estimate.value) or 0 <= estimate.value <= 1 + 1e-9


@given(column, st.integers(0, 2**31))
def test_same_seed_same_bytes(x: Array, seed: int) -> None:
    assert repr(mean(x, seed=seed, draws=FEW)) == repr(mean(x, seed=seed, draws=FEW))
