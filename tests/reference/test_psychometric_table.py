"""Reliability of the Big Five scales of R psych's bfi data, complete cases, published alphas.

The covariance columns, and the hand example, were computed apart from this code with numpy and a
general optimiser; alpha equals the values in psych's manual (.70 .73 .76 .81 .60).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personae.core import Array, Estimate
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.measurement_error import sem
from personae.stats.scores.reliability import alpha, item_total, lambda6, standardized_alpha

KEYS = {"A": "-++++", "C": "+++--", "E": "--+++", "N": "+++++", "O": "+-++-"}
TABLE = {  # n, mean, sd, alpha, standardised, lambda6 of R and of C, omega; item-total r, unkeyed
    "A": (
        2709,
        4.643,
        0.901,
        0.7038,
        0.7135,
        0.6832,
        0.6723,
        0.7121,
        ".311 .563 .589 .395 .487",
        0.431,
    ),
    "C": (
        2707,
        4.262,
        0.954,
        0.7293,
        0.7327,
        0.6967,
        0.6955,
        0.7330,
        ".455 .507 .468 .557 .478",
        -0.289,
    ),
    "E": (
        2713,
        4.145,
        1.060,
        0.7609,
        0.7610,
        0.7260,
        0.7282,
        0.7673,
        ".513 .606 .501 .578 .455",
        -0.624,
    ),
    "N": (
        2694,
        3.164,
        1.195,
        0.8133,
        0.8141,
        0.7982,
        0.7967,
        0.8128,
        ".666 .651 .673 .542 .487",
        0.813,
    ),
    "O": (
        2726,
        4.594,
        0.807,
        0.6025,
        0.6090,
        0.5688,
        0.5637,
        0.6104,
        ".389 .340 .452 .220 .416",
        -0.157,
    ),
}
HAND = [(1, 2, 1), (2, 2, 3), (3, 4, 3), (4, 4, 5), (5, 5, 5), (2, 3, 2)]
FEW = 50  # draws: these tests look at values, coverage is tested elsewhere


@pytest.fixture(scope="module")
def answers(test_data: Callable[[str], Path]) -> pl.DataFrame:
    return pl.read_csv(test_data("instruments/psych_bfi_2800x28.csv"), null_values="NA")


def scale(answers: pl.DataFrame, name: str, keyed: bool = True) -> Array:
    raw = answers.select(f"{name}{j}" for j in range(1, 6)).to_numpy().astype(np.float64)
    return np.where([k == "-" for k in KEYS[name]], 7 - raw, raw) if keyed else raw


@pytest.mark.parametrize("name", TABLE)
def test_table_to_four_decimals(answers: pl.DataFrame, name: str) -> None:
    n, mean, sd, *wanted, r_drop, unkeyed = TABLE[name]
    x = scale(answers, name)
    found: list[Estimate] = [
        alpha(x, draws=FEW),
        standardized_alpha(x, draws=FEW),
        lambda6(x, form="correlation", draws=FEW),
        lambda6(x, draws=FEW),
        omega_total(x, draws=FEW),
    ]
    assert [round(e.value, 4) for e in found] == wanted
    assert {e.n for e in found} == {n}
    assert f"{n} of 2800 rows complete" in found[0].method
    assert all(e.low < e.value < e.high for e in found)
    assert [f"{e.value:.3f}"[1:] for e in item_total(x)] == str(r_drop).split()
    assert round(alpha(scale(answers, name, keyed=False), draws=FEW).value, 3) == unkeyed
    whole = x[~np.isnan(x).any(axis=1)].mean(axis=1)
    assert [round(whole.mean(), 3), round(whole.std(ddof=1), 3)] == [mean, sd]
    error = sem(x).value
    assert error == pytest.approx(whole.std(ddof=1) * (1 - found[0].value) ** 0.5)


def test_hand_example() -> None:
    assert round(alpha(HAND).value, 6) == 0.955078
    assert round(lambda6(HAND, form="correlation").value, 6) == 0.990452
    assert round(lambda6(HAND).value, 6) == 0.990716
