"""A small version of benchmarks/coverage.py: intervals cover, tests keep their level.

200 simulations put a true 95 % between 90 and 99 %, and a true 5 % below 9.5 %, almost surely.
"""

import pytest

from benchmarks import coverage

TIMES = 200
MAIN = ("mean", "two-level", "Cronbach", "ICC", "Pearson", "quadratic kappa", "Cliff", "variance")


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "DRAWS", 400)


@pytest.mark.parametrize(
    "case", [c for c in coverage.intervals() if c[0].startswith(MAIN)], ids=lambda c: c[0]
)
def test_intervals_cover(case: coverage.Interval) -> None:
    assert 0.90 <= coverage.covered(*case, TIMES) <= 0.99


@pytest.mark.parametrize("case", list(coverage.tests()), ids=lambda c: c[0])
def test_tests_keep_their_level(case: coverage.Test) -> None:
    assert coverage.rejected(*case, TIMES) <= 0.095


def test_a_wrong_truth_is_not_covered() -> None:
    name, draw, estimator, truth = next(coverage.intervals())
    assert coverage.covered(name, draw, estimator, truth + 0.5, TIMES) < 0.5
