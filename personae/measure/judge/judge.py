"""A model as judge: it rates texts under a rubric, and its answers are rows like all others.

A judge with likelihoods is read by the log-probabilities of the labels, which give the expected
score as well as the likeliest; any other writes its answer, under a JSON schema where it can. Two
texts are compared in both positions, so that position bias cancels (Zheng et al. 2023,
arXiv 2306.05685, section 3.4). A missing judgement is a row with a status.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan

import numpy as np

from personae.core import (
    Answers,
    BadValue,
    Chat,
    Chooser,
    Model,
    Reply,
    Sampling,
    requests_of,
)
from personae.measure.judge.rubric import Case, Rubric
from personae.measure.reply_columns import Columns, read_labels, read_replies

__all__ = ["Verdict", "judge", "settle"]

BOTH = ("forward", "reverse")
_LAST_WORD = re.compile(
    r".*\b(?:answer|score|rating|verdict)\b\W*(?:is\W*)?(?=[\w(])", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge makes of one case: `value` in the rubric's units, NaN with `why` if lost.

    For a comparison it is the probability, 0..1, that the judge prefers the first text.
    """

    judge: str
    case: str
    value: float
    why: str = ""


def judge(
    model: Model,
    rubric: Rubric,
    cases: Sequence[Case],
    *,
    orders: Sequence[str] = (),
    sampling: Sampling | None = None,
    repeats: int = 1,
) -> Answers:
    """Judge every case once per order and repeat; one row per judgement, also a missing one.

    Without `sampling`, a Chooser is read by label probabilities (channel `label`: `expected` is
    the mean score), unless the rubric wants a reason; any other judge writes (channel `reply`)
    at temperature 0. With `sampling`, replies are drawn, repeats counting on from
    `sampling.repeat`; a schema in it is replaced by the rubric's own.

    Args:
        model: the judge; rows carry its name as `respondent`.
        rubric: what is asked.
        cases: what is judged; ids become `item`.
        orders: `forward`, `reverse` or both; by default both for a comparison, else forward.
        sampling: how replies are drawn.
        repeats: judgements of the same case in the same order.

    Raises:
        BadValue: ids that repeat, a case that doesn't fill the rubric, an unknown order, or
            repeats of what doesn't vary.

    >>> from personae.measure.judge.rubric import load_rubric
    >>> from personae.models.opening import open_model
    >>> shy = Case("1", {"text": "I am extremely quiet.", "pole": "extraverted"})
    >>> found = judge(open_model("simulated:noise=0.3"), load_rubric("trait-level"), [shy])
    >>> found.rows.select("respondent", "item", "value").row(0)
    ('simulated:noise=0.3', '1', 1.0)
    """
    weighs = isinstance(model, Chooser) and sampling is None and not rubric.reason
    order_list = tuple(orders) or (BOTH if rubric.compares else BOTH[:1])
    _check(cases, order_list, repeats, weighs=weighs)
    drawn = sampling or Sampling()
    parts = []
    for repeat in range(1 if weighs else repeats):
        draw = replace(drawn, schema=rubric.schema(), repeat=drawn.repeat + repeat)
        for order in order_list:
            chats = [rubric.chat(case, order) for case in cases]
            if isinstance(model, Chooser) and weighs:
                columns = _weigh(model, rubric, order, chats)
            else:
                columns = _read(_written(model, chats, draw), rubric, order)
            constant = {
                "respondent": model.name,
                "inventory": rubric.tag,
                "scale": rubric.name,
                "form": rubric.name,
                "order": order,
                "repeat": draw.repeat,
                "channel": "label" if weighs else "reply",
            }
            parts.append(_rows(cases, columns, constant))
    return Answers.concat(parts)


def settle(answers: Answers) -> list[Verdict]:
    """Combine each judge's rows on a case into one verdict, in order of first appearance.

    The mean over answered repeats, then over orders; where an order has no answer the verdict
    is missing, since one order alone would be subject to position bias.
    """
    scores_by_case: dict[tuple[str, str], dict[str, list[float]]] = {}
    lost: dict[tuple[str, str], str] = {}
    columns = ("respondent", "item", "order", "expected", "value", "status", "why")
    for judge_name, item, order, expected, value, status, reason in answers.rows.select(
        columns
    ).rows():
        scores = scores_by_case.setdefault((judge_name, item), {}).setdefault(order, [])
        if status == "ok":
            scores.append(value if expected is None else expected)
        else:
            lost.setdefault((judge_name, item), reason or status)
    verdicts = []
    for (judge_name, item), by_order in scores_by_case.items():
        means = [float(np.mean(scores)) if scores else nan for scores in by_order.values()]
        value = float(np.mean(means))
        verdicts.append(
            Verdict(judge_name, item, value, lost[judge_name, item] if isnan(value) else "")
        )
    return verdicts


def _check(cases: Sequence[Case], orders: Sequence[str], repeats: int, *, weighs: bool) -> None:
    ids = [case.id for case in cases]
    if double := sorted({i for i in ids if ids.count(i) > 1} if len(set(ids)) < len(ids) else ()):
        raise BadValue(f"ids of cases are unique; twice or more: {double[:5]}")
    if strays := [order for order in orders if order not in BOTH]:
        raise BadValue(f"a rubric is put forward or reverse, not {strays[0]!r}")
    if repeats < 1:
        raise BadValue(f"repeats is at least 1, not {repeats}")
    if weighs and repeats > 1:
        raise BadValue(
            f"label probabilities don't vary from draw to draw: ask once, not {repeats} times, "
            f"or give a sampling with a temperature"
        )


def _weigh(model: Chooser, rubric: Rubric, order: str, chats: Sequence[Chat]) -> Columns:
    options = rubric.displayed(order)
    forms = tuple((o.label, f"({o.label}", f" {o.label}", f" ({o.label}") for o in options)
    return read_labels(model.choose(requests_of(chats, forms)), options)


def _written(model: Model, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
    """Ask under the schema; requests that fail with it are sent once more without it."""
    replies = model.reply(requests_of(chats), sampling)
    failed = [index for index, reply in enumerate(replies) if reply.status == "error"]
    if failed:
        again = model.reply(
            requests_of(chats[index] for index in failed), replace(sampling, schema=None)
        )
        for index, reply in zip(failed, again, strict=True):
            replies[index] = reply
    return replies


def _read(replies: Sequence[Reply], rubric: Rubric, order: str) -> Columns:
    """Parse replies; in free text only what follows the last "Answer:" counts."""
    read = list(replies)
    if rubric.reason:
        free = [not reply.text.lstrip().startswith("{") for reply in read]
        read = [_concluded(r) if f else r for r, f in zip(read, free, strict=True)]
    columns = read_replies(read, rubric.displayed(order))
    columns["raw"] = [reply.text for reply in replies]
    return columns


def _concluded(reply: Reply) -> Reply:
    return replace(reply, text=_LAST_WORD.sub("", reply.text, count=1))


def _rows(cases: Sequence[Case], columns: Columns, constant: Mapping[str, object]) -> Answers:
    return Answers.of(
        {"item": case.id, **constant, **{name: column[row] for name, column in columns.items()}}
        for row, case in enumerate(cases)
    )
