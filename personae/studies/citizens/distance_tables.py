"""The distance of each arm's answers from a people's: verdicts, a figure, tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from personae.core import Answers, Array, Estimate, ForestFigure, Note, Part, Table
from personae.report.build import Row, ValueAxis, forest, table, verdict, warning
from personae.studies.citizens.distances import (
    DISTANCES,
    distribution_distances,
    expected_distance,
    mean_distance,
)
from personae.studies.citizens.survey import Survey, SurveyQuestion, respondent_shares

__all__ = ["SurveyComparison", "distance_parts"]

ROUNDING = 1e-9
ALIKE = 0.01
"""Mean difference of a share (0..1) between citizens below which they answer alike."""

Distances = Mapping[str, Mapping[str, Estimate]]
"""Arm -> name of the distance -> its mean over questions."""


@dataclass(frozen=True, slots=True, eq=False)
class SurveyComparison:
    """Answers to a survey, and the arms compared: no persona, the nationality, the citizens."""

    answers: Answers
    survey: Survey
    arms: tuple[str, str, str]
    seed: int

    @property
    def known(self) -> list[SurveyQuestion]:
        """The questions for which the people's shares are known."""
        return [question for question in self.survey.questions if question.shares]

    def of_arm(self, arm: str) -> tuple[Answers, list[str]]:
        """Return an arm's answers and its respondents."""
        answers = self.answers.where(arm=arm)
        return answers, answers.rows["respondent"].unique(maintain_order=True).to_list()

    def shares(self, question: SurveyQuestion, arm: str) -> Array:
        """Return shares of a question's options, (respondents, options), NaN without an answer."""
        answers, respondents = self.of_arm(arm)
        return respondent_shares(answers, question, respondents)

    def answered_shares(self, question: SurveyQuestion, arm: str) -> Array:
        """Return the shares of the respondents who answered, (answering respondents, options)."""
        shares = self.shares(question, arm)
        return shares[~np.isnan(shares).any(axis=1)]


def distance_parts(comparison: SurveyComparison, n: int) -> tuple[list[Note], list[Part]]:
    """Make the verdicts, and the figure and tables of distances; `n` is the number of citizens."""
    if not comparison.known:
        text = "This survey holds only the people's means: no distance of distributions is known."
        return [verdict(text)], [_question_table(comparison)]
    distances = {arm: _mean_distances(comparison, arm) for arm in comparison.arms}
    floors = {name: _floor(comparison, name, n) for name in DISTANCES}
    return _verdicts(comparison, distances, floors["KS"], n), [
        _distance_figure(distances, floors["KS"]),
        _distance_table(comparison, distances, floors, n),
        _question_table(comparison),
    ]


def _mean_distances(comparison: SurveyComparison, arm: str) -> dict[str, Estimate]:
    questions = comparison.known
    shares = [comparison.shares(question, arm) for question in questions]
    references = [question.shares for question in questions]
    levels = [question.levels for question in questions]
    return {
        name: replace(
            mean_distance(name, shares, references, levels, of="persona", seed=comparison.seed),
            name=arm,
        )
        for name in DISTANCES
    }


def _floor(comparison: SurveyComparison, name: str, n: int) -> float:
    """Average over questions the distance that n people drawn at random would have."""
    return float(
        np.mean([expected_distance(name, q.shares, q.levels, n) for q in comparison.known])
    )


def _verdicts(
    comparison: SurveyComparison, distances: Distances, floor: float, n: int
) -> list[Note]:
    control, nationality, citizens = (distances[arm]["KS"] for arm in comparison.arms)
    if isnan(citizens.value) or isnan(nationality.value):
        why = citizens.why_missing or nationality.why_missing
        return [verdict(f"Nothing can be said about {comparison.survey.country}: {why}.")]
    notes = [verdict(_closeness(citizens, nationality, "the nationality alone, one prompt"))]
    if not isnan(control.value):
        notes.append(verdict(_closeness(citizens, control, "no persona, one prompt")))
    difference = _difference_between_citizens(comparison)
    if difference < ALIKE:
        notes.append(
            warning(
                f"The citizens answer alike (a share differs by {difference:.4f} between two of "
                "them on average): their descriptions hardly affect the answers."
            )
        )
    notes.append(Note(f"{n} people drawn at random from the country would have KS {floor:.3f}."))
    return notes


def _closeness(citizens: Estimate, other: Estimate, name: str) -> str:
    values = f"KS {citizens.words()} against {other.value:.3f}"
    if isnan(citizens.low):
        return f"Citizens and {name}: {values}; no interval, {citizens.why_missing}."
    if citizens.high < other.value - ROUNDING:
        return f"Citizens are closer to the people than {name}: {values}."
    if citizens.low > other.value + ROUNDING:
        return f"Citizens are farther from the people than {name}: {values}."
    return f"Not shown that citizens are closer to the people than {name}: {values}."


def _difference_between_citizens(comparison: SurveyComparison) -> float:
    """Average the absolute difference (0..1) of a share between two citizens over questions."""
    differences = []
    for question in comparison.survey.questions:
        shares = comparison.answered_shares(question, comparison.arms[2])
        if len(shares) > 1:
            pairs = np.abs(shares[:, None] - shares[None]).mean(axis=2)
            differences.append(pairs.sum() / (len(shares) * (len(shares) - 1)))
    return float(np.mean(differences)) if differences else 0.0


def _distance_figure(distances: Distances, floor: float) -> ForestFigure:
    values = ", ".join(f"{arm} {by_name['KS'].value:.3f}" for arm, by_name in distances.items())
    return forest(
        "distances",
        "Distance from the people's answers",
        [
            (arm, name, by_name[name])
            for name in ("KS", "Jensen-Shannon")
            for arm, by_name in distances.items()
        ],
        ValueAxis("0 alike, 1 apart", floor),
        alt=f"Mean KS distance over questions: {values}.",
    )


def _distance_table(
    comparison: SurveyComparison, distances: Distances, floors: Mapping[str, float], n: int
) -> Table:
    rows: list[Row] = [{"arm": arm, **by_name} for arm, by_name in distances.items()]
    rows.append({"arm": f"{n} people at random", **floors})
    questions = ", ".join(question.id for question in comparison.known)
    note = (
        f"Over {questions}. Without a persona, and with the nationality, there is one respondent."
    )
    return table("distances", "Mean distances", rows, note)


def _question_table(comparison: SurveyComparison) -> Table:
    rows = [
        _question_row(comparison, question, arm)
        for question in comparison.survey.questions
        for arm in comparison.arms
    ]
    return table("questions", "Question by question", rows)


def _question_row(comparison: SurveyComparison, question: SurveyQuestion, arm: str) -> Row:
    answered = comparison.answered_shares(question, arm)
    mean = float(answered.mean(axis=0) @ np.array(question.levels)) if len(answered) else None
    row: Row = {
        "question": question.id,
        "title": question.title,
        "arm": arm,
        "mean": mean,
        "people's mean": question.mean,
    }
    if question.shares:
        shares = comparison.shares(question, arm)
        return row | _distances_of(shares, question.shares, question.levels, comparison.seed)
    unknown: Row = dict.fromkeys(DISTANCES)
    return row | unknown | {"mean difference": None if mean is None else mean - question.mean}


def _distances_of(
    shares: Array, reference: Sequence[float], levels: Sequence[float], seed: int
) -> Row:
    distances = distribution_distances(shares, reference, levels, of="persona", seed=seed)
    return {name: distances[name] for name in DISTANCES}
