"""Quotas are exact, raking meets its margins, draws belong to their slot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import BIG_FIVE, BadValue, data_json
from personae.generate.population.correlated_traits import correlation_matrix, draw_correlated
from personae.generate.population.quotas import apportion, assign_cells, largest_remainder
from personae.generate.population.raking import rake
from personae.generate.slots import Slots


def test_quota_counts_are_exact_hachimi() -> None:
    assert largest_remainder(1000, [0.4, 0.3, 0.2, 0.1]).tolist() == [400, 300, 200, 100]
    ten = largest_remainder(10, [0.25] * 4)
    assert ten.sum() == 10 and set(ten.tolist()) <= {2, 3}
    counts = apportion(1000, np.full((12, 2, 4, 4), 1 / 384))
    assert (assign_cells(counts, 7) == assign_cells(counts, 7)).all()
    assert (assign_cells(counts, 7) != assign_cells(counts, 8)).any()


@given(
    st.integers(0, 5000),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(0, 10_000),
)
def test_joint_quotas_meet_every_margin(n: int, shape: list[int], seed: int) -> None:
    """Each variable's counts are within one of its expectation, cells near theirs."""
    joint = np.random.default_rng(seed).dirichlet(np.ones(int(np.prod(shape)))).reshape(shape)
    counts = apportion(n, joint)
    assert counts.sum() == n and counts.min() >= 0
    for axis in range(len(shape)):
        others = tuple(i for i in range(len(shape)) if i != axis)
        gap = np.abs(counts.sum(axis=others) - n * joint.sum(axis=others))
        assert gap.max() < 2
    assert np.abs(counts - n * joint).max() < 3


def test_cells_that_cannot_be_stay_empty() -> None:
    joint = np.array([[0.5, 0.0], [0.2, 0.3]])
    counts = apportion(101, joint)
    assert counts[0, 1] == 0 and counts.sum() == 101


def test_bad_shares_are_refused() -> None:
    for shares in ([], [0, 0], [1, -1], [float("nan")]):
        with pytest.raises(BadValue):
            largest_remainder(3, shares)


def test_raking_keeps_odds_ratios_and_meets_margins() -> None:
    start = np.array([[40.0, 10.0], [20.0, 30.0]])
    fit = rake(start, {(0,): np.array([0.3, 0.7]), (1,): np.array([0.6, 0.4])})
    table = fit.joint
    assert np.allclose(table.sum(axis=1), [0.3, 0.7]) and np.allclose(table.sum(axis=0), [0.6, 0.4])
    odds = table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0])
    assert odds == pytest.approx(40 * 30 / (10 * 20))


def test_raking_says_when_margins_cannot_be_met() -> None:
    with pytest.raises(BadValue, match="no unit has"):
        rake(np.array([[1.0, 1.0], [0.0, 0.0]]), {(0,): np.array([0.5, 0.5])})
    with pytest.raises(BadValue, match="can't all be met"):
        rake(np.eye(2), {(0,): np.array([0.5, 0.5]), (1,): np.array([0.9, 0.1])})


def test_draws_belong_to_their_slot() -> None:
    slots = Slots.span(3, 0, 1000)
    part = slots.take(np.arange(17, 900, 7))
    assert (slots.uniform("x")[17:900:7] == part.uniform("x")).all()
    assert (slots.normal("x")[17:900:7] == part.normal("x")).all()
    assert (slots.pick("x", [1, 2])[17:900:7] == part.pick("x", [1, 2])).all()
    assert (slots.uniform("x") != slots.take(np.arange(1000), extra_attempts=1).uniform("x")).all()
    assert (slots.uniform("x") != slots.uniform("y")).all()


def test_draws_are_uniform_and_unrelated() -> None:
    slots = Slots.span(0, 0, 200_000)
    x, y = slots.uniform("x"), slots.uniform("y")
    later = slots.take(np.arange(200_000), extra_attempts=1).uniform("x")
    assert np.histogram(x, 20, (0, 1))[0].std() < 3 * np.sqrt(10_000 * 0.95)
    for other in (y, later, np.roll(x, 1)):
        assert abs(np.corrcoef(x, other)[0, 1]) < 0.01


def test_trait_correlations_are_those_asked_for() -> None:
    z = draw_correlated(Slots.span(1, 0, 100_000), correlation_matrix())
    assert np.abs(np.corrcoef(z.T) - correlation_matrix()).max() < 0.02
    assert np.abs(z.mean(axis=0)).max() < 0.02
    with pytest.raises(BadValue, match="positive definite"):
        bad = np.where(np.eye(5) == 1, 1.0, -0.9)
        draw_correlated(Slots.span(1, 0, 2), bad)


def test_shipped_trait_correlations_are_those_of_the_data(
    test_data: Callable[[str], Path],
) -> None:
    rows = pl.read_csv(test_data("instruments/psych_bfi_2800x28.csv"), null_values="NA")
    turned = {"A1", "C4", "C5", "E1", "E2", "O2", "O5"}
    means = []
    for code in BIG_FIVE:
        items = [f"{code}{i}" for i in range(1, 6)]
        keyed = [7 - pl.col(i) if i in turned else pl.col(i) for i in items]
        mean = pl.when(pl.sum_horizontal(pl.col(i).is_not_null() for i in items) >= 4).then(
            pl.mean_horizontal(keyed)
        )
        means.append(mean.alias(code))
    complete_rows = rows.select(means).drop_nulls()
    held = data_json("trait_correlations.json")
    assert complete_rows.height == held["n"]
    assert np.abs(np.corrcoef(complete_rows.to_numpy().T) - correlation_matrix()).max() < 0.0006
