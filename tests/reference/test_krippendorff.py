"""Krippendorff's alpha against published values, and against its definition by pairs."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from personae.studies.persona_paradox.krippendorff import Level, krippendorff_alpha

N = float("nan")
# Krippendorff 2011, example C: four observers, twelve units
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
).T
# the three coders of the Python package krippendorff's documentation (0.8.1)
CODERS = np.array(
    [
        [N, N, N, N, N, 3, 4, 1, 2, 1, 1, 3, 3, N, 3],
        [1, N, 2, 1, 3, 3, 4, 3, N, N, N, N, N, N, N],
        [N, N, 2, 1, 3, 4, 4, N, 2, 1, 1, 3, 3, N, 4],
    ]
).T


@pytest.mark.parametrize(
    ("ratings", "level", "published"),
    [
        (OBSERVERS, "nominal", 0.743),
        (OBSERVERS, "ordinal", 0.815),
        (OBSERVERS, "interval", 0.849),
        (CODERS, "nominal", 0.691),
        (CODERS, "interval", 0.811),
    ],
)
def test_published_values(ratings: NDArray[np.float64], level: Level, published: float) -> None:
    found = krippendorff_alpha(ratings, level, draws=200)
    assert found.value == pytest.approx(published, abs=0.0005)
    assert found.low <= found.value <= found.high


def by_pairs(ratings: NDArray[np.float64], level: Level) -> float:
    """Follow the definition: sum over pairs of values, within units and over all."""
    units = [row[~np.isnan(row)] for row in ratings]
    units = [row for row in units if row.size > 1]
    every = np.concatenate(units)

    def distance(a: float, b: float) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        low, high = min(a, b), max(a, b)
        between = ((every >= low) & (every <= high)).sum()
        ends = ((every == low).sum() + (every == high).sum()) / 2
        return float(between - ends) ** 2

    observed = (
        sum(sum(distance(a, b) for a, b in permutations(u, 2)) / (u.size - 1) for u in units)
        / every.size
    )
    expected = sum(distance(a, b) for a, b in permutations(every, 2)) / every.size
    return float(1 - observed / (expected / (every.size - 1)))


matrices = st.lists(
    st.lists(st.sampled_from([N, 1.0, 2.0, 3.0, 5.0]), min_size=3, max_size=3),
    min_size=4,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(matrices, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_the_short_sums_equal_the_definition(rows: list[list[float]], level: Level) -> None:
    ratings = np.array(rows)
    found = krippendorff_alpha(ratings, level, draws=50)
    if not np.isnan(found.value):
        assert found.value == pytest.approx(by_pairs(ratings, level), abs=1e-9)


def test_undefined_cases_say_why() -> None:
    alike = krippendorff_alpha(np.array([[2, 2], [2, 2], [2, N]]))
    assert np.isnan(alike.value)
    assert "the same" in alike.why_missing
    alone = krippendorff_alpha(np.array([[1, N], [N, 2], [3, 3]]))
    assert "not 1" in alone.why_missing
