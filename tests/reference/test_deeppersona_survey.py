"""The published survey comparison of DeepPersona (arXiv 2511.07338), scored again.

The published table compares 40 simulated Canadians with the first 40 of 4,018 people. PEOPLE holds
how many of these 40 gave each answer: `value_counts()`, column by column, of the first 40 rows of
output/all_Canda_survey_responses.csv (github.com/thzva/Deeppersona at 748cad5, in
social_simulation_ca); SHARES are those of all 4,018.
"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from personae.studies.citizens.distances import distribution_distances
from personae.studies.citizens.survey import load_survey
from tests.support.one_hot_shares import one_hot

PEOPLE = {
    "Q45": {1: 14, 2: 20, 3: 6},
    "Q46": {1: 5, 2: 28, 3: 5, 4: 2},
    "Q57": {1: 17, 2: 23},
    "Q184": {1: 3, 3: 2, 4: 1, 5: 10, 6: 2, 7: 4, 8: 1, 9: 4, 10: 13},
    "Q218": {1: 24, 2: 12, 3: 4},
    "Q254": {1: 21, 2: 13, 3: 2, 4: 2, 5: 2},
}
KS = {"Q45": 0.200, "Q46": 0.175, "Q57": 0.425, "Q184": 0.450, "Q218": 0.600, "Q254": 0.350}
MEAN = {"Q45": 0.175, "Q46": 0.192, "Q57": 0.859, "Q184": 1.075, "Q218": 0.675, "Q254": 0.016}
WASSERSTEIN = {"Q45": 0.191, "Q46": 0.242, "Q57": 0.858, "Q184": 1.741, "Q218": 0.675, "Q254": 0.55}
SHARES = {
    "Q45": [0.429, 0.433, 0.138],
    "Q46": [0.206, 0.658, 0.120, 0.016],
    "Q57": [0.495, 0.505],
    "Q218": [0.582, 0.291, 0.127],
    "Q254": [0.498, 0.378, 0.079, 0.023, 0.023],
}
ALL_ROWS = {"Q45": 0.279, "Q46": 0.136, "Q57": 0.495, "Q218": 0.582, "Q254": 0.323}


def simulated(test_data: Callable[[str], Path], question: str) -> list[float]:
    path = test_data("deeppersona/our_responses.csv")
    with path.open(encoding="utf-8") as stream:
        return [float(row[question]) for row in csv.DictReader(stream)]


@pytest.mark.parametrize("question", KS)
def test_published_distances_are_those_of_forty_people(
    question: str, test_data: Callable[[str], Path]
) -> None:
    """All six KS values, and Wasserstein and mean differences, to the published digits."""
    agents = simulated(test_data, question)
    people = [float(v) for v, count in PEOPLE[question].items() for _ in range(count)]
    assert len(agents) == len(people) == 40
    levels = sorted({*agents, *people})
    found = distribution_distances(one_hot(agents, levels), one_hot(people, levels), levels)
    assert found["KS"].value == pytest.approx(KS[question], abs=1e-9)
    assert found["Wasserstein"].value == pytest.approx(WASSERSTEIN[question], abs=2e-3)
    assert abs(found["mean difference"].value) == pytest.approx(MEAN[question], abs=2e-3)


@pytest.mark.parametrize("question", ALL_ROWS)
def test_against_all_people_they_differ(question: str, test_data: Callable[[str], Path]) -> None:
    agents = simulated(test_data, question)
    held = dict(enumerate(SHARES[question], start=1))
    levels = sorted({*agents, *map(float, held)})
    shares = np.array([held.get(int(v), 0.0) if v == int(v) else 0.0 for v in levels])
    found = distribution_distances(one_hot(agents, levels), shares / shares.sum(), levels)["KS"]
    assert found.value == pytest.approx(ALL_ROWS[question], abs=2e-3)
    assert found.low <= found.value <= found.high


def test_averages_are_what_is_compared(test_data: Callable[[str], Path]) -> None:
    """Simulated answers are means of three repeats: most aren't answers anybody could give."""
    given = [v for q in KS for v in simulated(test_data, q)]
    assert sum(v != int(v) for v in given) / len(given) > 0.2


def test_a_question_of_four_options_was_compared_with_two(
    test_data: Callable[[str], Path],
) -> None:
    """Trust was asked on four levels, the people's answers have two; ours has two."""
    assert max(simulated(test_data, "Q57")) > 2
    trust = next(q for q in load_survey("canada").questions if q.id == "Q57")
    assert len(trust.options) == len(PEOPLE["Q57"]) == 2
