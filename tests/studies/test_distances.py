"""Distances of distributions: identical, disjoint and averaged samples (after arXiv 2511.07338)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from personae.core import BadValue
from personae.studies.citizens.distances import (
    DISTANCES,
    distribution_distances,
    expected_distance,
    mean_distance,
)
from tests.support.one_hot_shares import one_hot

ANSWERS = st.lists(st.integers(1, 5), min_size=3, max_size=30)
LEVELS = (1.0, 2.0, 3.0, 4.0, 5.0)


def values(x: list[int], y: list[int]) -> dict[str, float]:
    measured = distribution_distances(one_hot(x, LEVELS), one_hot(y, LEVELS), LEVELS)
    return {name: distance.value for name, distance in measured.items()}


@given(ANSWERS, ANSWERS)
def test_they_are_scipys(x: list[int], y: list[int]) -> None:
    p, q = (np.bincount(v, minlength=6)[1:] / len(v) for v in (x, y))
    assert values(x, y) == pytest.approx(
        {
            "KS": stats.ks_2samp(x, y, method="asymp").statistic,
            "Wasserstein": stats.wasserstein_distance(x, y),
            "Jensen-Shannon": jensenshannon(p, q, base=2) ** 2,
            "mean difference": np.mean(x) - np.mean(y),
        },
        abs=1e-7,
    )


@given(ANSWERS)
def test_identical_samples_are_at_no_distance(x: list[int]) -> None:
    """Identical samples, all four 0."""
    assert values(x, x) == dict.fromkeys(DISTANCES, 0.0)


def test_half_and_half_against_all_twos() -> None:
    """People {1: .5, 2: .5} against all 2; disjoint supports."""
    measured = distribution_distances(one_hot([2] * 8, [1, 2]), [0.5, 0.5], [1, 2])
    assert (
        measured["Wasserstein"].value
        == measured["KS"].value
        == measured["mean difference"].value
        == 0.5
    )
    apart = distribution_distances(one_hot([1] * 4, [1, 2]), one_hot([2] * 4, [1, 2]), [1, 2])
    assert apart["Jensen-Shannon"].value == 1.0


def test_averaging_repeats_makes_a_distance_where_there_is_none() -> None:
    """1 or 3 at random on both sides; raw answers KS near 0, means of five 0.3 or more."""
    random = np.random.default_rng(1)
    people = random.choice([1, 3], 1000)
    agents = random.choice([1, 3], (1000, 5))
    levels = sorted({*people.tolist(), *agents.mean(axis=1).tolist()})
    raw = distribution_distances(one_hot(agents[:, 0], levels), one_hot(people, levels), levels)
    averaged = distribution_distances(
        one_hot(agents.mean(axis=1), levels), one_hot(people, levels), levels
    )
    assert raw["KS"].value < 0.06
    assert raw["KS"].low < 0.03
    assert averaged["KS"].low > 0.3


def test_the_interval_covers_and_the_floor_is_what_chance_gives() -> None:
    truth, levels = np.array([0.2, 0.5, 0.3]), (1.0, 2.0, 3.0)
    other = np.array([0.5, 0.3, 0.2])
    real = 0.3  # of the cumulative shares
    covered = 0
    for seed in range(60):
        drawn = np.random.default_rng(seed).choice([1, 2, 3], 80, p=truth)
        measured = distribution_distances(one_hot(drawn, levels), other, levels, seed=seed)["KS"]
        covered += measured.low <= real <= measured.high
    assert covered >= 52
    floor = expected_distance("KS", truth, levels, 80)
    chance = [
        distribution_distances(
            one_hot(np.random.default_rng(s).choice([1, 2, 3], 80, p=truth), levels), truth, levels
        )["KS"].value
        for s in range(60)
    ]
    assert floor == pytest.approx(np.mean(chance), abs=0.01)


def test_over_questions_respondents_stay_whole_and_gaps_are_named() -> None:
    rows = [one_hot([1, 1, 2, 2], [1, 2]), one_hot([1, np.nan, 2, 2], [1, 2])]
    measured = mean_distance("KS", rows, [[0.5, 0.5], [1.0, 0.0]], [[1, 2], [1, 2]])
    assert measured.value == pytest.approx((0 + 2 / 3) / 2)
    assert measured.n == 4
    assert "1 answers missing" in measured.method
    none = mean_distance("KS", [one_hot([np.nan], [1, 2])], [[0.5, 0.5]], [[1, 2]])
    assert none.why_missing == "no answers"


def test_bad_shares_and_levels() -> None:
    with pytest.raises(BadValue, match="answers are among"):
        one_hot([4], [1, 2])
    with pytest.raises(BadValue, match="add up"):
        distribution_distances([[0.5, 0.6]], [0.5, 0.5], [1, 2])
    with pytest.raises(BadValue, match="rising"):
        distribution_distances([[0.5, 0.5]], [0.5, 0.5], [2, 1])
    with pytest.raises(BadValue, match="levels"):
        distribution_distances([[0.5, 0.5]], [0.5, 0.5], [1, 2, 3])
