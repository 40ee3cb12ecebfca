"""From a model's choices and replies to columns of answers; values belong to option texts.

In the channel `option` each option's likelihood is corrected by its likelihood without the item
(`blank_question`).
"""

from collections.abc import Sequence

import numpy as np

from personae.core import Choice, Reply
from personae.measure.blank_question import gain_over_blank
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.parse import parse_reply

__all__ = [
    "Columns",
    "empty_columns",
    "name_requests",
    "read_labels",
    "read_options",
    "read_replies",
]

Columns = dict[str, list[object]]
"""Column name -> one entry per item."""

_NAMES = (
    "raw",
    "low",
    "high",
    "value",
    "expected",
    "status",
    "why",
    "slot",
    "logp",
    "mass",
    "tokens_in",
    "tokens_out",
)


def empty_columns(count: int, options: Sequence[DisplayedOption] = ()) -> Columns:
    """Return columns for `count` answers, empty except for the range of the options."""
    columns: Columns = {name: [None] * count for name in _NAMES}
    if options:
        values = [option.value for option in options]
        columns["low"], columns["high"] = [float(min(values))] * count, [float(max(values))] * count
    return columns


def name_requests(columns: Columns, answers: Sequence[Choice | Reply]) -> None:
    """Add the column `request`, one id an answer, where a run keeps what was asked."""
    if any(answer.request for answer in answers):
        columns["request"] = [answer.request or None for answer in answers]


def read_labels(choices: Sequence[Choice], options: Sequence[DisplayedOption]) -> Columns:
    """Read label choices: `logp` are the options' normalised log-probabilities, in nats."""
    return _weigh(choices, options, [c.logp for c in choices])


def read_options(
    choices: Sequence[Choice], blank: Choice, options: Sequence[DisplayedOption]
) -> Columns:
    """Read choices over option texts, in nats per token beyond the same options without an item.

    `blank` is the choice without an item; if it failed nothing can be corrected, and all answers
    take its status.
    """
    if blank.status != "ok":
        reason = f"the question without an item was not answered: {blank.why or blank.status}"
        choices = [
            Choice(status=blank.status, why=reason, request=choice.request) for choice in choices
        ]
        return _weigh(choices, options, [() for _ in choices])
    scores = [tuple(gain_over_blank(c, blank)) if c.status == "ok" else () for c in choices]
    return _weigh(choices, options, scores)


def read_replies(replies: Sequence[Reply], options: Sequence[DisplayedOption]) -> Columns:
    """Parse replies; a cut or refused reply keeps its status unless it names an option."""
    columns = empty_columns(len(replies), options)
    name_requests(columns, replies)
    for row, reply in enumerate(replies):
        columns["raw"][row] = reply.text
        columns["tokens_in"][row], columns["tokens_out"][row] = reply.tokens_in, reply.tokens_out
        if reply.status == "error":
            columns["status"][row], columns["why"][row] = reply.status, reply.why
            continue
        parsed = parse_reply(reply.text, options)
        failed = parsed.value is None and reply.status != "ok"
        columns["status"][row] = reply.status if failed else parsed.status
        columns["why"][row] = (reply.why or parsed.why) if failed else parsed.why
        columns["value"][row] = None if parsed.value is None else float(parsed.value)
        columns["slot"][row] = parsed.slot
    return columns


def _weigh(
    choices: Sequence[Choice],
    options: Sequence[DisplayedOption],
    scores: Sequence[tuple[float, ...]],
) -> Columns:
    """Normalise scores (softmax); the answer is the likeliest option, of ties the first shown."""
    columns = empty_columns(len(choices), options)
    for name in ("status", "why", "mass", "tokens_in", "tokens_out"):
        columns[name] = [getattr(choice, name) for choice in choices]
    columns["raw"] = [""] * len(choices)
    name_requests(columns, choices)
    answered = [row for row, choice in enumerate(choices) if choice.status == "ok"]
    if not answered:
        return columns
    raw = np.array([scores[row] for row in answered], dtype=np.float64)
    top = raw.max(axis=1, keepdims=True)
    usable = np.isfinite(top[:, 0]) & ~np.isnan(raw).any(axis=1)
    with np.errstate(invalid="ignore"):
        shifted = np.where(usable[:, None], raw - top, 0.0)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    values = np.array([option.value for option in options], dtype=np.float64)
    expected = (np.exp(logp) @ values).tolist()
    slots = shifted.argmax(axis=1).tolist()
    ties = (shifted >= -1e-12).sum(axis=1).tolist()
    upward = logp[:, np.argsort(values)].tolist()
    texts = [option.text or option.label for option in options]
    for index, row in enumerate(answered):
        if not usable[index]:
            columns["status"][row] = "error"
            columns["why"][row] = "no option has a finite likelihood"
            continue
        slot = slots[index]
        columns["raw"][row], columns["slot"][row] = texts[slot], slot
        columns["value"][row], columns["expected"][row] = float(values[slot]), expected[index]
        columns["logp"][row] = upward[index]
        if ties[index] > 1:
            columns["why"][row] = f"{ties[index]} options are equally likely; the first shown"
    return columns
