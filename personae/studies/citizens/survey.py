"""Survey questions with the shares of a country's answers, put to personas.

Each question has its own options and is asked in both option orders, so that a preference for a
position cancels. Of each respondent the distribution over the options is used, not a mean of
repeats. Surveys are data (`personae/data/surveys/`, or a JSON file of the user's).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    parse_json,
    say,
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
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"can't read a survey from {name}: {error}") from error
    return _survey(parse_json(text, name), name)


def _survey(raw: Any, where: str) -> Survey:  # noqa: ANN401  (JSON has no narrower type)
    try:
        survey = Survey(
            name=raw["name"],
            title=raw["title"],
            source=raw["source"],
            people=raw["people"],
            country=raw["country"],
            n=int(raw["n"]),
            questions=tuple(_question(row) for row in raw["questions"]),
            tag=f"{raw['name']}@{raw['version']}+{content_key(raw)[:8]}",
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{where}: not a survey ({type(error).__name__}: {error})") from error
    ids = [question.id for question in survey.questions]
    if not ids or len(set(ids)) < len(ids):
        raise BadFile(f"{where}: not a survey (it needs questions, each with an id of its own)")
    return survey


def _question(row: dict[str, Any]) -> SurveyQuestion:
    options, shares = tuple(row["options"]), tuple(map(float, row.get("shares", ())))
    if not 2 <= len(options) <= 26 or (shares and len(shares) != len(options)):
        raise ValueError(f"{row['id']}: needs 2 to 26 options, and as many shares or none")
    if shares and not abs(sum(shares) - 1) < 0.005:
        raise ValueError(f"{row['id']}: the shares add up to {sum(shares):.3f}, not to 1")
    total = sum(shares)
    mean = sum(s * (i + 1) for i, s in enumerate(shares)) / total if shares else float(row["mean"])
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
