"""Outputs against training shares, and the share of a class in new texts."""

import numpy as np
import pytest

from personae.core import BadValue
from personae.stats.effects.effect_sizes import group_permutation
from personae.stats.prediction.class_priors import log_odds, shifted_share
from personae.stats.resample import cluster_mean, mean

SHARES = {"E": 0.425, "C": 0.459, "A": 0.531, "ES": 0.625, "O": 0.743}


def test_who_says_the_prior_says_nothing() -> None:
    """The published shares of high labels come out as 0 once they are taken away."""
    for share in SHARES.values():
        assert np.abs(log_odds(np.full(50, share), share)).max() == 0.0


def test_log_odds_are_finite_and_checked() -> None:
    assert np.isfinite(log_odds([0.0, 1.0], 0.5)).all()
    for bad in (0.0, 1.0, 1.5):
        with pytest.raises(BadValue, match="between 0 and 1"):
            log_odds([0.5], bad)
    with pytest.raises(BadValue, match="probabilities"):
        log_odds([1.2], 0.5)


def test_em_finds_the_share_that_was_drawn() -> None:
    """Trained where 74 % are high, applied where 30 % are; outputs calibrated in training."""
    random = np.random.default_rng(3)
    truth = random.random(1500) < 0.3
    seen = random.normal(truth * 2.0, 1.0)
    ratio = np.exp(2.0 * seen - 2.0)
    p = 0.74 * ratio / (0.74 * ratio + 0.26)
    groups = [str(k % 60) for k in range(1500)]
    share = shifted_share(p, 0.74, groups)
    assert share.low < truth.mean() < share.high
    assert abs(p.mean() - 0.3) > 0.1  # the answer without the correction
    assert shifted_share([np.nan], 0.5, ["a"]).why_missing == "no text was read"


def test_stems_that_differ_widen_the_interval() -> None:
    """Equal within noise where stems do not differ, much wider where they do."""
    random = np.random.default_rng(7)
    stems = np.repeat(np.arange(20), 10)
    noise = random.normal(size=200)
    ratios = []
    for effect in (0.0, 2.0):
        values = noise + effect * random.normal(size=20)[stems]
        two = cluster_mean(values, stems.tolist())
        plain = mean(values)
        ratios.append((two.high - two.low) / (plain.high - plain.low))
    assert 0.6 < ratios[0] < 1.4
    assert ratios[1] > 2


def test_five_in_a_hundred_under_exchangeability() -> None:
    random = np.random.default_rng(11)
    p = [group_permutation(*np.split(random.normal(size=25), [5])).p for _ in range(200)]
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10
    shifted = group_permutation(random.normal(3, 1, 5), random.normal(0, 1, 20))
    assert shifted.p < 0.01 and shifted.low > 0


def test_the_permutation_is_exact_by_hand() -> None:
    """One of 20 deals, and its mirror, is as extreme as three above three."""
    difference = group_permutation([5.0, 6.0, 7.0], [1.0, 2.0, 3.0])
    assert difference.p == pytest.approx(0.1, abs=0.02)
    assert difference.value == 4.0
    assert group_permutation([], [1.0]).why_missing
