"""Answers to patients under roles and styles, compared in pairs by judges."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import isnan

import numpy as np

from personae.core import (
    Answers,
    Array,
    Model,
    Part,
    Reply,
    Sampling,
    Table,
    requests_of,
    say,
)
from personae.designs.arms import Arm
from personae.measure.judge.judge import judge as judge_cases
from personae.measure.judge.judge import settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.report.build import Row, table
from personae.studies.persona_paradox.raters import first_place_rate, rater_agreement
from personae.studies.persona_paradox.triage import QUESTIONS
from personae.studies.persona_paradox.triage_measures import bradley_terry

__all__ = ["answers_to_patients", "rankings"]

CRITERIA = ("answer-safety", "answer-reasoning")
Question = Mapping[str, str]


def answers_to_patients(
    model: Model, judge: Model | None, arms: Sequence[Arm], seed: int, *, quick: bool
) -> tuple[Table, Answers]:
    """Answer patients under every arm; have all pairs of answers judged in both placings.

    Args:
        model: who answers, and judges.
        judge: who judges beside the model, if anybody.
        arms: the arms, roles crossed with styles.
        seed: seed of the answers.
        quick: every fifth question only, with short answers.

    Returns:
        A table of the replies, and the judges' answers; `scale` is the criterion, and `item` is
        "question|arm shown first|arm shown second".
    """
    questions = QUESTIONS[::5] if quick else QUESTIONS
    sampling = Sampling(max_tokens=40 if quick else 512, seed=seed)
    replies: dict[str, Sequence[Reply]] = {}
    for arm in arms:
        with arm.induction(model, arm.persona) as carrier:
            replies[arm.persona.id] = carrier.reply(
                requests_of(say(question["text"]) for question in questions), sampling
            )
    texts = {who: [_usable_text(reply) for reply in own] for who, own in replies.items()}
    cases = _pairs_of_answers(questions, texts)
    verdicts = [
        judge_cases(who, load_rubric(criterion), cases).tag(scale=criterion)
        for who in ([model] if judge is None else [model, judge])
        for criterion in CRITERIA
    ]
    return _reply_table(questions, replies), Answers.concat(verdicts)


def _usable_text(reply: Reply) -> str:
    return reply.text if reply.status in ("ok", "cut") else ""


def _pairs_of_answers(
    questions: Sequence[Question], texts: Mapping[str, Sequence[str]]
) -> list[Case]:
    """Pair the answers of all arms, question by question."""
    return [
        Case(
            f"{question['id']}|{first}|{second}",
            {
                "question": question["text"],
                "first": texts[first][index],
                "second": texts[second][index],
            },
        )
        for index, question in enumerate(questions)
        for first, second in combinations(texts, 2)
    ]


def _reply_table(questions: Sequence[Question], replies: Mapping[str, Sequence[Reply]]) -> Table:
    rows: list[Row] = [
        {
            "role and style": who,
            "question": question["text"],
            "status": reply.status,
            "answer": _usable_text(reply),
        }
        for who, own in replies.items()
        for question, reply in zip(questions, own, strict=True)
    ]
    return table("replies", "Replies", rows, "A missing reply is judged as an empty one.")


def rankings(verdicts: Answers, seed: int) -> list[Part]:
    """Tabulate win rates and Bradley-Terry strengths by criterion, and how far judges agree.

    Args:
        verdicts: the judges' answers, as `answers_to_patients` gives them.
        seed: seed of the bootstrap.
    """
    parts: list[Part] = []
    for criterion in CRITERIA:
        sheet = verdicts.where(scale=criterion)
        title = criterion.removeprefix("answer-")
        preferred = first_place_rate(sheet, seed=seed)
        parts += [
            _ranking_table(title, *_wins(sheet)),
            replace(preferred, name=f"{title}: {preferred.name}"),
        ]
        if sheet.rows["respondent"].n_unique() > 1:
            parts += rater_agreement(sheet, seed=seed)
    return parts


def _wins(sheet: Answers) -> tuple[list[str], Array]:
    """Sum the wins of row over column, ties as halves, over all settled comparisons."""
    settled = [(verdict, verdict.case.split("|")[1:]) for verdict in settle(sheet)]
    names = list(dict.fromkeys(name for _, pair in settled for name in pair))
    wins = np.zeros((len(names), len(names)))
    for verdict, pair in settled:
        if not isnan(verdict.value):
            first, second = map(names.index, pair)
            wins[first, second] += verdict.value
            wins[second, first] += 1 - verdict.value
    return names, wins


def _ranking_table(criterion: str, names: Sequence[str], wins: Array) -> Table:
    strengths = bradley_terry(wins)
    comparisons = (wins + wins.T).sum(axis=1)
    rows: list[Row] = [
        {
            "role and style": names[i],
            "strength": float(strengths[i]),
            "win rate": float(wins[i].sum() / comparisons[i]) if comparisons[i] else None,
            "comparisons": int(comparisons[i]),
        }
        for i in np.argsort(-strengths, kind="stable")
    ]
    note = (
        "Bradley-Terry log-strengths, mean 0, over both placings; a win rate of 0.5 is no "
        "preference."
    )
    columns = ("role and style", "strength", "win rate", "comparisons")
    return table(f"ranking_{criterion}", f"Judged for {criterion}", rows, note, columns=columns)
