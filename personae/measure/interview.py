"""A model describes itself in interviews, and an observer rates its answers.

After Hilliard et al. 2024 (arXiv 2402.08341): the model continues beginnings of answers, some to
plain interview questions and some that cue a trait. Only the continuation is rated, so that the cue
is not scored itself; refusals and degenerate texts are rows with a status.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core import (
    Answers,
    Model,
    Observer,
    Reply,
    Sampling,
    Status,
    UnknownName,
    data_json,
    requests_of,
    say,
)
from personae.encoders.passages import passage
from personae.encoders.prose import complexity
from personae.measure.parse import is_refusal

__all__ = ["InterviewAnswer", "Stem", "interview", "read_interview", "stems"]

LEAST_WORDS = 5
REPEATING = 0.25
"""A text of 30 words or more that compresses to less than a quarter is taken for repetitive."""


@dataclass(frozen=True, slots=True)
class Stem:
    """The beginning of an answer; `domain` is the trait it cues, "" for a plain question."""

    id: str
    domain: str
    text: str


@dataclass(frozen=True, slots=True)
class InterviewAnswer:
    """One answer: its stem, the number of the draw, the continuation alone, and its status.

    `request` is the reply's.
    """

    stem: Stem
    draw: int
    text: str
    status: Status
    why: str
    request: str = ""


def stems(domains: Sequence[str] = (), *, most: int | None = None) -> tuple[Stem, ...]:
    """List the plain stems, or those that cue the given traits (letters), at most `most` of each.

    Raises:
        UnknownName: no stems cue such a trait.

    >>> len(stems()), len(stems("OCEAN")), stems("E", most=1)[0].id
    (20, 25, 'E1')
    """
    data = data_json("interview.json")
    if not domains:
        plain = data["interview"][:most]
        return tuple(Stem(f"plain{k}", "", text) for k, text in enumerate(plain, 1))
    for domain in domains:
        if domain not in data["activating"]:
            raise UnknownName("trait with stems", domain, data["activating"])
    return tuple(
        Stem(f"{domain}{k}", domain, text)
        for domain in domains
        for k, text in enumerate(data["activating"][domain][:most], 1)
    )


def interview(
    model: Model, openings: Sequence[Stem], samples: int, sampling: Sampling
) -> list[InterviewAnswer]:
    """Draw a number of continuations (`samples`) of each stem; stems in order, draws within them.

    Draws are numbered from `sampling.repeat` on, so that a longer series begins with the shorter.
    """
    request = data_json("interview.json")["ask"]
    chats = [say(request, lead=stem.text) for stem in openings]
    replies = [
        model.reply(requests_of(chats), replace(sampling, repeat=sampling.repeat + draw))
        for draw in range(samples)
    ]
    return [
        _interview_answer(stem, draw, replies[draw][index])
        for index, stem in enumerate(openings)
        for draw in range(samples)
    ]


def read_interview(observer: Observer, answers: Sequence[InterviewAnswer]) -> Answers:
    """Rate the answers: one row per text and scale; `item` is the stem, `repeat` the draw.

    A text that cannot be rated keeps its row, with status and reason but no value.
    """
    rated = observer.rate([answer.text if answer.status == "ok" else "" for answer in answers]).rows
    indices = [int(item) for item in rated["item"]]
    rows = []
    for row, index in zip(rated.iter_rows(named=True), indices, strict=True):
        answer = answers[index]
        is_missing = answer.status != "ok"
        value = None if is_missing else row["value"]
        rows.append(
            {
                **row,
                "value": value,
                "expected": value,
                "item": answer.stem.id,
                "repeat": answer.draw,
                "raw": answer.text,
                "facet": answer.stem.domain or "plain",
                "status": answer.status if is_missing else row["status"],
                "why": answer.why if is_missing else row["why"],
                **({"request": answer.request} if answer.request else {}),
            }
        )
    return Answers.of(rows)


def _interview_answer(stem: Stem, draw: int, reply: Reply) -> InterviewAnswer:
    text = reply.text.strip()
    if text.lower().startswith(stem.text.lower()):
        text = text[len(stem.text) :].strip()
    if reply.status not in ("ok", "cut"):
        return InterviewAnswer(stem, draw, text, reply.status, reply.why, reply.request)
    status, reason = _usability(text)
    return InterviewAnswer(stem, draw, text, status, reason, reply.request)


def _usability(text: str) -> tuple[Status, str]:
    """Tell texts that can be rated from refusals and degenerate texts: status and reason."""
    prose = passage(text)
    if is_refusal(text):
        return "refused", "declines, or speaks of itself as a machine"
    if len(prose.words) < LEAST_WORDS:
        return "unparsed", f"fewer than {LEAST_WORDS} words"
    if len(prose.words) >= 30 and complexity(prose)["deflated"] < REPEATING:
        return "unparsed", "says the same again and again"
    letters = float(np.mean([c.isalpha() or c.isspace() for c in text]))
    return ("ok", "") if letters >= 0.7 else ("unparsed", "marks and digits for the most part")
