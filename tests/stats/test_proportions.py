"""Rates, McNemar's test and disparity against values worked out by hand or published."""

import numpy as np
import pytest

from personae.core import BadValue
from personae.stats.effects.proportions import detectable, mcnemar, rate
from personae.studies.universal_persona.disparity import disparity


def pairs(both: int, gained: int, lost: int, neither: int) -> tuple[list[int], list[int]]:
    first = [1] * both + [0] * gained + [1] * lost + [0] * neither
    return first, [1] * both + [1] * gained + [0] * lost + [0] * neither


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (12, 99, 0.0707, 0.2000),
        (50, 99, 0.4082, 0.6015),
        (25, 100, 0.1755, 0.3430),
        (40, 100, 0.3094, 0.4980),
    ],
)
def test_wilson_intervals_of_bias_runs_deep(hits: int, n: int, low: float, high: float) -> None:
    interval = rate([1] * hits + [0] * (n - hits))
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_mcnemar_of_bias_runs_deep() -> None:
    assert mcnemar(*pairs(30, 5, 15, 30)).p == pytest.approx(0.04139, abs=5e-6)
    assert mcnemar(*pairs(30, 1, 9, 30)).p == pytest.approx(0.02148, abs=5e-6)
    large = mcnemar(*pairs(40, 60, 30, 40))
    assert "9.344" in large.method
    assert large.value == pytest.approx(30 / 170)


def test_the_interval_is_newcombes_published_one() -> None:
    change = mcnemar(*pairs(36, 12, 2, 0))
    assert (change.value, change.low, change.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


def test_equal_rows_differ_by_nothing() -> None:
    change = mcnemar([1, 0, 1], [1, 0, 1])
    assert (change.value, change.p) == (0.0, 1.0)
    with pytest.raises(BadValue, match="right"):
        mcnemar([0.5], [1])


def test_what_could_be_found_shrinks_with_n_and_grows_with_tests() -> None:
    assert detectable(400, 0.5) == pytest.approx(detectable(100, 0.5) / 2)
    assert detectable(100, 0.5, tests=20) > detectable(100, 0.5)
    assert np.isnan(detectable(0, 0.5))


def test_the_score_by_hand_is_a_sample_variance() -> None:
    """Rates 98, 97, 99 give 1 and not the population's 2/3."""
    for rates, variance in (
        ((98, 97, 99), 1),
        ((90, 80, 100), 100),
        ((70, 70, 70), 0),
        ((60, 62, 64), 4),
        ((50, 40, 30), 100),
    ):
        table = [[1] * r + [0] * (100 - r) for r in rates]
        assert disparity(table, draws=50).observed.value == pytest.approx(variance)


def test_equal_personas_show_noise_and_no_more() -> None:
    """Chance alone gives about 3.2 squared points."""
    random = np.random.default_rng(1)
    spread = disparity(random.random((80, 500)) >= 0.2, draws=200)
    assert spread.noise == pytest.approx(3.2, abs=0.2)
    assert spread.observed.value == pytest.approx(3.2, abs=0.8)
    assert abs(spread.corrected.value) < 0.8
    assert spread.observed.p > 0.01


def test_one_persona_apart_is_found_and_names_do_not_matter() -> None:
    random = np.random.default_rng(2)
    table = (random.random((10, 100)) >= 0.1).astype(float)
    table[3] = random.random(100) >= 0.7
    spread = disparity(table, draws=200)
    assert spread.observed.p < 0.01
    assert spread.corrected.low > 0
    assert disparity(table[::-1], draws=200).observed.value == pytest.approx(spread.observed.value)


def test_a_blind_model_has_no_disparity_at_all() -> None:
    spread = disparity([[1, 0, 1, 1]] * 5, draws=50)
    assert (spread.observed.value, spread.observed.p) == (0.0, 1.0)


def test_a_persona_without_scored_prompts_is_undefined_with_a_reason() -> None:
    spread = disparity(np.array([[1, 0], [np.nan, np.nan]]), draws=50)
    assert np.isnan(spread.observed.value)
    assert "scored" in spread.observed.why_missing


@pytest.mark.parametrize("hits", [[2, 3], [0.5, 1.5], [-1, 0]])
def test_a_rate_of_what_is_no_share_is_refused(hits: list[float]) -> None:
    with pytest.raises(BadValue, match="hits range from 0 to 1"):
        rate(hits)
