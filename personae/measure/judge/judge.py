"""A model as judge: it rates texts under a rubric, and its judgements are rows of answers.

A judge with likelihoods is read by the log-probabilities of the labels, which give the expected
score as well as the likeliest; any other writes its answer, under a JSON schema if it can. Two
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
    canonical_json,
    requests_of,
)
from personae.measure.inventories.forms import label_forms
from personae.measure.judge.rubric import Case, Rubric
from personae.measure.reply_columns import Columns, read_labels, read_replies

__all__ = ["Verdict", "judge", "settle"]

BOTH = ("forward", "reverse")
_REASON = re.compile(
    r".*\b(?:answer|score|rating|verdict)\b\W*(?:is\W*)?(?=[\w(])", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judge's verdict on one case: `value` in the rubric's units, NaN with `why` if missing.

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

    Without `sampling`, a Chooser is read by label probabilities (channel `label`; `expected` is the
    mean score), unless the rubric asks for a reason; any other judge writes (channel `reply`) at
    temperature 0. With `sampling`, replies are drawn, and repeats are numbered from
    `sampling.repeat` on; the rubric's schema replaces the sampling's.

    Args:
        model: the judge; rows carry its name as `respondent`.
        rubric: what is asked.
        cases: what is judged; ids become `item`.
        orders: `forward`, `reverse` or both; by default both for a comparison, else forward.
        sampling: how replies are drawn.
        repeats: number of judgements of the same case in the same order.

    Raises:
        BadValue: ids that repeat, a case that doesn't fill the rubric, an unknown order, or
            repeats of what doesn't vary.

    >>> from personae.measure.judge.rubric import load_rubric
    >>> from personae.models.opening import open_model
    >>> shy = Case("1", {"text": "I am extremely quiet.", "pole": "extraverted"})
    >>> answers = judge(open_model("simulated:noise=0.3"), load_rubric("trait-level"), [shy])
    >>> answers.rows.select("respondent", "item", "value").row(0)
    ('simulated:noise=0.3', '1', 1.0)
    """
    weighs = isinstance(model, Chooser) and sampling is None and not rubric.reason
    order_list = tuple(orders) or (BOTH if rubric.compares else BOTH[:1])
    _check(cases, order_list, repeats, weighs=weighs)
    first = sampling or Sampling()
    parts = []
    for repeat in range(1 if weighs else repeats):
        draw = replace(first, schema=rubric.schema(), repeat=first.repeat + repeat)
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

    The value is the mean over answered repeats, then over orders. If an order has no answer the
    verdict is missing, since one order alone would be subject to position bias.
    """
    scores_by_case: dict[tuple[str, str], dict[str, list[float]]] = {}
    reasons: dict[tuple[str, str], str] = {}
    columns = ("respondent", "item", "order", "expected", "value", "status", "why")
    for judge_name, item, order, expected, value, status, reason in answers.rows.select(
        columns
    ).rows():
        scores = scores_by_case.setdefault((judge_name, item), {}).setdefault(order, [])
        if status == "ok":
            scores.append(value if expected is None else expected)
        else:
            reasons.setdefault((judge_name, item), reason or status)
    verdicts = []
    for (judge_name, item), by_order in scores_by_case.items():
        means = [float(np.mean(scores)) if scores else nan for scores in by_order.values()]
        value = float(np.mean(means))
        verdicts.append(
            Verdict(judge_name, item, value, reasons[judge_name, item] if isnan(value) else "")
        )
    return verdicts


def _check(cases: Sequence[Case], orders: Sequence[str], repeats: int, *, weighs: bool) -> None:
    ids = [case.id for case in cases]
    if len(set(ids)) < len(ids):
        duplicates = sorted({i for i in ids if ids.count(i) > 1})
        raise BadValue(f"ids of cases are unique; twice or more: {duplicates[:5]}")
    if unknown := [order for order in orders if order not in BOTH]:
        raise BadValue(f"the order of a rubric is forward or reverse, not {unknown[0]!r}")
    if repeats < 1:
        raise BadValue(f"repeats is at least 1, not {repeats}")
    if weighs and repeats > 1:
        raise BadValue(
            f"label probabilities don't vary from draw to draw: ask once, not {repeats} times, "
            f"or give a sampling with a temperature"
        )


def _weigh(model: Chooser, rubric: Rubric, order: str, chats: Sequence[Chat]) -> Columns:
    options = rubric.displayed(order)
    return read_labels(model.choose(requests_of(chats, label_forms(options))), options)


def _written(model: Model, chats: Sequence[Chat], sampling: Sampling) -> list[Reply]:
    """Ask under the schema; requests that fail with it are sent once more without it."""
    replies = model.reply(requests_of(chats), sampling)
    failed = [index for index, reply in enumerate(replies) if reply.status == "error"]
    if failed:
        retries = model.reply(
            requests_of(chats[index] for index in failed), replace(sampling, schema=None)
        )
        for index, reply in zip(failed, retries, strict=True):
            replies[index] = reply
    return replies


def _read(replies: Sequence[Reply], rubric: Rubric, order: str) -> Columns:
    """Parse replies; after a reason in free text only what follows the last "Answer:" counts."""
    conclusions = [_conclusion(reply) for reply in replies] if rubric.reason else replies
    columns = read_replies(conclusions, rubric.displayed(order))
    columns["raw"] = [reply.text for reply in replies]
    return columns


def _conclusion(reply: Reply) -> Reply:
    """Cut off the reason before the last "Answer:"; a JSON object stays unchanged."""
    if reply.text.lstrip().startswith("{"):
        return reply
    return replace(reply, text=_REASON.sub("", reply.text, count=1))


def _rows(cases: Sequence[Case], columns: Columns, constant: Mapping[str, object]) -> Answers:
    """Make a row a case; where a run keeps what was asked, it also keeps the texts compared."""
    judged: list[dict[str, str]] = [{} for _ in cases]
    if "request" in columns and cases and {"first", "second"} <= cases[0].fields.keys():
        judged = [{"compared": canonical_json(dict(case.fields))} for case in cases]
    return Answers.of(
        {
            "item": case.id,
            **constant,
            **fields,
            **{name: column[row] for name, column in columns.items()},
        }
        for row, (case, fields) in enumerate(zip(cases, judged, strict=True))
    )
