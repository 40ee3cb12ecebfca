"""Macro-F1, accuracy, AUC and the floors, against hand values and known truths."""

import numpy as np
import pytest

from personae.core import BadValue
from personae.stats.prediction.classification import accuracy, auc, floor_predictions, macro_f1

NAN = float("nan")


def test_macro_f1_by_hand() -> None:
    """3 hits of class 1 among 4 said and 4 there, 1 of class 0 among 2 and 2."""
    score = macro_f1([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 1, 0])
    assert score.value == pytest.approx((2 * 3 / 8 + 2 * 1 / 4) / 2)
    assert score.low < score.value < score.high


def test_what_is_not_predicted_is_missed() -> None:
    assert accuracy([1, 1, 0, 0], [1, NAN, 0, NAN]).value == 0.5
    assert macro_f1([1, 1, 0, 0], [1, NAN, 0, NAN]).value == pytest.approx(2 / 3)
    assert macro_f1([1, 0], [NAN, NAN]).value == 0.0


def test_columns_are_averaged() -> None:
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    predicted = np.column_stack([truth[:, 0], 1 - truth[:, 1]])
    assert macro_f1(truth, predicted).value == 0.5


def test_a_way_against_itself_differs_by_nothing() -> None:
    truth = [1, 0, 1, 0, 1]
    guess = [1, 1, 1, 0, 0]
    gap = macro_f1(truth, guess, against=guess)
    assert (gap.value, gap.low, gap.high) == (0.0, 0.0, 0.0)
    assert macro_f1(truth, truth, against=guess).value > 0


def test_auc_is_half_for_constant_scores_and_undefined_without_a_class() -> None:
    assert auc([0, 1, 0, 1], [0.3] * 4).value == 0.5
    assert "one class has no case" in auc([1, 1], [0.2, 0.4]).why_missing
    assert auc([0, 1, 1], [0.1, NAN, 0.4]).n == 2


def test_each_case_needs_its_length() -> None:
    with pytest.raises(BadValue, match="2 cases need as many lengths, not 3"):
        floor_predictions([1, 0], [5, 5, 5])


def test_floors_do_not_read() -> None:
    truth = [1, 1, 1, 0] * 5
    floors = floor_predictions(truth, [100, 90, 110, 10] * 5)
    assert floors["majority"].tolist() == [1.0] * 20
    assert accuracy(truth, floors["length"]).value == 1.0
    chance = [
        accuracy(truth, floor_predictions(truth, [1] * 20, seed=s)["chance"]).value
        for s in range(200)
    ]
    assert np.mean(chance) == pytest.approx(0.75**2 + 0.25**2, abs=0.03)


def test_the_interval_of_a_rate_covers() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for _ in range(100):
        truth = random.integers(0, 2, 60)
        guess = np.where(random.random(60) < 0.7, truth, 1 - truth)
        score = accuracy(truth, guess)
        hits += score.low <= 0.7 <= score.high
    assert hits >= 89


@pytest.mark.parametrize("bad", [[2, 0], [1], [NAN, 1]])
def test_bad_classes_are_refused(bad: list[float]) -> None:
    with pytest.raises(BadValue):
        accuracy(bad, [1, 0])
