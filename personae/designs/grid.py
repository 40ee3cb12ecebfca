"""The same problems under every arm: persona × problem × order × repeat, one batch per order.

Every arm gets the same problems in the same orders, so that all comparisons are paired.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp
from typing import Literal, cast

import numpy as np

from personae.core import (
    Answers,
    BadValue,
    Chat,
    Choice,
    Chooser,
    InputError,
    Model,
    Reply,
    Request,
    Sampling,
    requests_of,
    say,
)
from personae.designs.arms import Arm
from personae.measure.blank_question import choose_with_blank, gain_over_blank
from personae.measure.tasks.problems import Problem, ProblemSet
from personae.measure.tasks.reply_codes import Coded, code_reply

__all__ = ["Asking", "ask_grid"]

WORKED_CHOICE = (
    "Answer the multiple-choice question below and show your work. The answer can only be one of "
    'the options, such as (A) or (B). End with a sentence of the form "Therefore, the answer is '
    '(...)".'
)
WORKED_NUMBER = (
    'Solve the problem below and show your work. End with a sentence of the form "Therefore, the '
    'answer is ..." that gives the number alone.'
)
LETTER = "Answer with the letter of the right option."
FEW_WORDS = "Answer in as few words as you can."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How problems are asked.

    Args:
        channel: `label` weighs the options' letters; `option` their texts per token, less the
            weight of the same texts after a blank question; `reply` parses a written reply.
        orders: number of rotations of the options, so that no position is always the right one.
        repeats: number of draws of a reply.
        system: a text before every question, whatever the persona.
        sampling: how replies are drawn.

    Raises:
        BadValue: less than one order or repeat, or repeated likelihoods.
    """

    channel: Literal["label", "option", "reply"] = "label"
    orders: int = 1
    repeats: int = 1
    system: str | None = None
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if min(self.orders, self.repeats) < 1:
            raise BadValue("orders and repeats are at least 1")
        if self.repeats > 1 and self.channel != "reply":
            raise BadValue("repeats belong to the channel 'reply': likelihoods don't vary")

    def chat(self, problem: Problem) -> Chat:
        """Render one problem: task, question, and the options where they are listed."""
        if self.channel == "option":
            return say(
                f"{FEW_WORDS}\n\nQuestion: {problem.text}", system=self.system, lead="Answer:"
            )
        lines = [f"({a}) {o}" for a, o in zip(problem.letters, problem.options, strict=True)]
        options = "\n".join(["Options:", *lines]) if lines else ""
        worked = WORKED_CHOICE if problem.options else WORKED_NUMBER
        task, lead = (LETTER, "The answer is") if self.channel == "label" else (worked, "")
        body = "\n".join(filter(None, [task, "", f"Question: {problem.text}", options]))
        return say(body, system=self.system, lead=lead)


def ask_grid(
    model: Model, arms: Sequence[Arm], problems: ProblemSet, asking: Asking, *, name: str = ""
) -> Answers:
    """Ask every problem under every arm; one row per question, also where the answer is missing.

    `value` is 1 for a right answer and 0 for a wrong one; `expected` the probability (0..1) of the
    right option among the options. Each row has the tags `outcome` (correct, wrong, abstained,
    unparsed, cut, error), `protested` and `group`; abstentions have the status refused. `form` is
    `name`, or else the channel.

    Raises:
        InputError: likelihoods asked of a model that gives none, or of problems without options.
    """
    _check(model, problems, asking)
    grid = {
        "inventory": problems.tag,
        "form": name or asking.channel,
        "unit": "correct",
        "low": 0.0,
        "high": 1.0,
        "channel": asking.channel,
    }
    rows: list[dict[str, object]] = []
    for arm in arms:
        condition = {"arm": arm.name, "respondent": arm.persona.id, "group": arm.group}
        with arm.induction(model, arm.persona) as speaker:
            for order in range(asking.orders):
                rotated = [problem.rotated(order) for problem in problems.problems]
                answers = _answers(speaker, rotated, asking)
                rows += [{**grid, **condition, "order": str(order), **row} for row in answers]
    return Answers.of(rows)


def _check(model: Model, problems: ProblemSet, asking: Asking) -> None:
    if asking.channel == "reply":
        return
    if not isinstance(model, Chooser):
        raise InputError(
            f"the channel {asking.channel!r} weighs likelihoods, which {model.name!r} doesn't "
            "give; use the channel 'reply'"
        )
    without_options = [p.id for p in problems.problems if not p.options]
    if without_options:
        raise InputError(
            f"{problems.name}: {len(without_options)} problems have no options to weigh (such as "
            f"{without_options[0]}); use the channel 'reply'"
        )


def _answers(
    speaker: Model, problems: Sequence[Problem], asking: Asking
) -> list[dict[str, object]]:
    if asking.channel == "reply":
        return [row for k in range(asking.repeats) for row in _draw(speaker, problems, asking, k)]
    chooser = cast(Chooser, speaker)
    questions = [_question(problem, asking) for problem in problems]
    if asking.channel == "label":
        choices = chooser.choose(questions)
        return [_weighed(p, c, c.logp) for p, c in zip(problems, choices, strict=True)]
    blanks = [_question(replace(problem, text="..."), asking) for problem in problems]
    pairs = choose_with_blank(chooser, questions, blanks)
    return [_corrected(p, *pair) for p, pair in zip(problems, pairs, strict=True)]


def _draw(
    speaker: Model, problems: Sequence[Problem], asking: Asking, repeat: int
) -> list[dict[str, object]]:
    sampling = replace(asking.sampling, repeat=asking.sampling.repeat + repeat)
    replies = speaker.reply(requests_of(asking.chat(p) for p in problems), sampling)
    return [_written(p, r, sampling.repeat) for p, r in zip(problems, replies, strict=True)]


def _question(problem: Problem, asking: Asking) -> Request:
    options: tuple[tuple[str, ...], ...] = tuple((f" {option}",) for option in problem.options)
    if asking.channel == "label":
        options = tuple((f" ({letter}", f" {letter}") for letter in problem.letters)
    return Request(asking.chat(problem), options)


def _corrected(problem: Problem, choice: Choice, blank: Choice) -> dict[str, object]:
    """Weigh option texts by their log-likelihood per token beyond the blank question's."""
    if choice.status != "ok" or blank.status != "ok":
        return _weighed(problem, choice if choice.status != "ok" else blank, ())
    if not np.isfinite([choice.loglik, blank.loglik]).all():
        reason = "the back end gives no likelihood of some options; use the channel label or reply"
        return _weighed(problem, replace(choice, status="error", why=reason), ())
    gain = gain_over_blank(choice, blank)
    logp = gain - np.logaddexp.reduce(gain)
    return _weighed(problem, choice, tuple(logp.tolist()))


def _weighed(problem: Problem, choice: Choice, logp: Sequence[float]) -> dict[str, object]:
    row = _row(problem, choice) | {
        "tokens_in": choice.tokens_in,
        "tokens_out": choice.tokens_out,
    }
    if choice.status != "ok":
        outcome = "abstained" if choice.status == "refused" else choice.status
        return row | {"status": choice.status, "why": choice.why, "outcome": outcome}
    best = int(np.argmax(logp))
    right = problem.options.index(problem.answer)
    return row | {
        "raw": problem.options[best],
        "value": float(best == right),
        "slot": best,
        "expected": exp(logp[right]),
        "logp": list(logp),
        "mass": choice.mass,
        "outcome": "correct" if best == right else "wrong",
    }


def _written(problem: Problem, reply: Reply, repeat: int) -> dict[str, object]:
    coded: Coded = code_reply(reply, problem)
    parsed = coded.status == "ok"
    slot = problem.options.index(coded.answer) if coded.answer in problem.options else None
    return _row(problem, reply) | {
        "raw": reply.text,
        "value": float(coded.outcome == "correct") if parsed else None,
        "status": coded.status,
        "why": coded.why,
        "outcome": coded.outcome,
        "slot": slot,
        "protested": coded.protested,
        "repeat": repeat,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
    }


def _row(problem: Problem, answer: Choice | Reply) -> dict[str, object]:
    request = {"request": answer.request} if answer.request else {}
    return {"item": problem.id, "scale": problem.field, "protested": False, **request}
