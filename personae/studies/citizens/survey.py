"""Survey questions with the shares of a country's answers, put to personas.

Each question has its own options and is asked in both option orders, so that a preference for a
position cancels. Of each respondent the distribution over the options is used, not a mean of
repeats. Surveys are data (`personae/data/surveys/`, or a JSON file of the user's).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Array,
    BadFile,
    Chooser,
    UnknownName,
    content_key,
    data_json,
    data_names,
    read_json,
    say,
    typed,
)
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.listed_questions import ListedQuestion, list_question

__all__ = [
    "Survey",
    "SurveyQuestion",
    "ask_survey",
    "load_survey",
    "order_shares",
    "respondent_shares",
]

ORDERS = ("forward", "reverse")


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyQuestion:
    """A question; `shares` (0..1) of people's answers by option, or () where only `mean` is known.

    Options have the values 1, 2, ... in their order; `mean` is in that unit.
    """

    id: str
    title: str
    text: str
    options: tuple[str, ...]
    shares: tuple[float, ...]
    mean: float

    @property
    def levels(self) -> tuple[float, ...]:
        """The options' values, rising."""
        return tuple(float(i) for i in range(1, len(self.options) + 1))

    def listed(self, order: str) -> ListedQuestion:
        """List the question with lettered options, forward or reverse."""
        indices = list(range(len(self.options)))
        indices = indices[::-1] if order == "reverse" else indices
        options = tuple(
            DisplayedOption(
                chr(65 + slot),
                self.options[index],
                index + 1,
                f"({chr(65 + slot)}) {self.options[index]}",
            )
            for slot, index in enumerate(indices)
        )
        lines = "\n".join(option.line for option in options)
        ask = f"{lines}\n\nAnswer with one of the letters."
        lead = "My answer: ("
        return ListedQuestion(
            say(f"{self.text}\n{ask}", lead=lead), say(f"...\n{ask}", lead=lead), options
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Questions with the answers of `n` people of a country; `tag` is name, version and hash."""

    name: str
    title: str
    source: str
    people: str
    country: str
    n: int
    questions: tuple[SurveyQuestion, ...]
    tag: str


def load_survey(name: str) -> Survey:
    """Open a survey by name (canada), or from a JSON file of the same form.

    Raises:
        UnknownName: neither a shipped survey nor a JSON file.
        BadFile: the file can't be read or is not a survey.

    >>> load_survey("canada").questions[2].shares
    (0.495, 0.505)
    """
    if name in data_names("surveys"):
        return _survey(data_json(f"surveys/{name}.json"), name)
    if not name.endswith(".json"):
        raise UnknownName("survey", name, data_names("surveys"))
    return _survey(read_json(Path(name)), name)


class _Question(TypedDict):
    id: str
    title: str
    text: str
    options: tuple[str, ...]
    shares: NotRequired[tuple[float, ...]]
    mean: NotRequired[float]


class _Form(TypedDict):
    name: str
    title: str
    version: str
    source: str
    people: str
    country: str
    n: int
    questions: list[_Question]


def _survey(raw: object, where: str) -> Survey:
    where = f"{where}: not a survey"
    form = typed(raw, _Form, where)
    ids = [question["id"] for question in form["questions"]]
    if not ids or len(set(ids)) < len(ids) or form["n"] < 1:
        raise BadFile(f"{where}: it has n people, and questions each with an id of its own")
    return Survey(
        name=form["name"],
        title=form["title"],
        source=form["source"],
        people=form["people"],
        country=form["country"],
        n=form["n"],
        questions=tuple(_question(row, where) for row in form["questions"]),
        tag=f"{form['name']}@{form['version']}+{content_key(raw)[:8]}",
    )


def _question(row: _Question, where: str) -> SurveyQuestion:
    """Check a question; its shares add up to 1 here, or only its mean is known."""
    options, shares = row["options"], row.get("shares", ())
    where = f"{where}, question {row['id']!r}"
    if not 2 <= len(set(options)) == len(options) <= 26:
        raise BadFile(f"{where}: needs 2 to 26 different options")
    total = sum(shares)
    if shares and (len(shares) != len(options) or min(shares) < 0 or abs(total - 1) >= 0.005):
        raise BadFile(f"{where}: needs a share >= 0 for each option, which add up to 1")
    mean = row.get("mean")
    if shares:
        mean = sum(s * (i + 1) for i, s in enumerate(shares)) / total
    if mean is None or not 1 <= mean <= len(options):
        raise BadFile(f"{where}: needs shares, or a mean from 1 to {len(options)}")
    return SurveyQuestion(
        id=row["id"],
        title=row["title"],
        text=row["text"],
        options=options,
        shares=tuple(s / total for s in shares),
        mean=mean,
    )


def ask_survey(model: Chooser, survey: Survey, respondent: str, arm: str) -> Answers:
    """Ask one respondent all questions in both option orders; one row per answer."""
    asked = [(q, order) for q in survey.questions for order in ORDERS]
    columns = list_question(model, [q.listed(order) for q, order in asked], "label")
    return Answers.of(
        {
            "respondent": respondent,
            "arm": arm,
            "inventory": survey.tag,
            "item": q.id,
            "scale": q.id,
            "form": "survey",
            "channel": "label",
            "order": order,
            **{name: column[i] for name, column in columns.items()},
        }
        for i, (q, order) in enumerate(asked)
    )


def order_shares(answers: Answers, question: SurveyQuestion, respondents: Sequence[str]) -> Array:
    """Return each respondent's shares (0..1) by option order, shape (respondents, 2, options).

    The last axis is in the question's own order for both; NaN where there is no answer. Source: our
    own; the model's weights of the options take the place of repeated draws.
    """
    rows = answers.rows.filter((pl.col("item") == question.id) & (pl.col("status") == "ok"))
    shares = np.full((len(respondents), len(ORDERS), len(question.options)), np.nan)
    row_of = {name: i for i, name in enumerate(respondents)}
    for respondent, order, logp in rows.select("respondent", "order", "logp").rows():
        shares[row_of[respondent], ORDERS.index(order)] = np.exp(logp)
    return shares


def respondent_shares(
    answers: Answers, question: SurveyQuestion, respondents: Sequence[str]
) -> Array:
    """Return each respondent's shares (0..1) of a question's options, shape (respondents, options).

    The mean over both option orders, so that a preference for a position cancels; NaN where either
    lacks an answer. Source: our own, as `order_shares`.
    """
    return np.asarray(order_shares(answers, question, respondents).mean(axis=1))
