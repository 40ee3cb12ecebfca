"""Questions with options of their own, asked in one batch.

`administer` asks many items under one list of options. Here every question has its own list, or its
own arrangement of one; answers are read in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from personae.core import (
    Answers,
    Channel,
    Chat,
    Chooser,
    Form,
    InputError,
    Inventory,
    Model,
    Request,
    Sampling,
    requests_of,
)
from personae.measure.blank_question import choose_with_blank
from personae.measure.inventories.forms import DisplayedOption, Frame, label_forms
from personae.measure.reply_columns import Columns, read_labels, read_options, read_replies

__all__ = ["ListedQuestion", "administer_shuffled", "list_question"]


@dataclass(frozen=True, slots=True)
class ListedQuestion:
    """A rendered question: its chat, the same chat without content, and its options by slot."""

    chat: Chat
    blank: Chat
    options: tuple[DisplayedOption, ...]


def list_question(
    model: Model,
    questions: Sequence[ListedQuestion],
    channel: Channel,
    sampling: Sampling | None = None,
) -> Columns:
    """Ask all questions in one batch; columns as in `administer`, one entry per question.

    `value` is that of the chosen option; `logp` (nats) runs from the option of the lowest value to
    that of the highest. The channels `label` and `option` need a Chooser.

    Raises:
        InputError: the model doesn't give the likelihoods that the channel needs, or the channel is
            `statement`.
    """
    if channel == "reply":
        replies = model.reply(requests_of(q.chat for q in questions), sampling or Sampling())
        parts = [read_replies([r], q.options) for r, q in zip(replies, questions, strict=True)]
        return _joined(parts)
    if channel == "statement":
        raise InputError("the options are listed: use the channel label, option or reply")
    if not isinstance(model, Chooser):
        raise InputError(
            f"the channel {channel!r} weighs likelihoods, which {model.name!r} doesn't give; "
            f"use the channel 'reply'"
        )
    if channel == "label":
        requests = [Request(q.chat, label_forms(q.options)) for q in questions]
        answered = zip(model.choose(requests), questions, strict=True)
        return _joined(
            [
                read_labels([choice for choice, _ in group], options)
                for options, group in groupby(answered, lambda pair: pair[1].options)
            ]
        )
    texts = [tuple((option.text,) for option in q.options) for q in questions]
    requests = [Request(q.chat, t) for q, t in zip(questions, texts, strict=True)]
    blanks = [Request(q.blank, t) for q, t in zip(questions, texts, strict=True)]
    pairs = choose_with_blank(model, requests, blanks)
    weighed = [(c, blank, q.options) for (c, blank), q in zip(pairs, questions, strict=True)]
    return _joined(
        [
            read_options([choice for choice, _, _ in group], blank, options)
            for (blank, options), group in groupby(weighed, lambda entry: entry[1:])
        ]
    )


def administer_shuffled(
    model: Model,
    inventory: Inventory,
    form: Form,
    orders: Sequence[Sequence[str]],
    sampling: Sampling | None = None,
) -> Answers:
    """Administer an inventory several times, each item under an option order of its own.

    `orders` holds, for each run, one order per item. Rows are as from `administer`, with the item's
    own `order` and the run as `repeat`; the replies of a run are drawn with that repeat.

    Raises:
        InputError: a form, model and inventory that are incompatible.
    """
    parts = []
    for run, arrangement in enumerate(orders):
        questions = []
        for item, order in zip(inventory.items, arrangement, strict=True):
            frame = Frame(inventory, replace(form, order=order))
            questions.append(
                ListedQuestion(frame.chat(frame.text(item)), frame.chat(frame.blank), frame.options)
            )
        columns = list_question(
            model, questions, form.channel, replace(sampling or Sampling(), repeat=run)
        )
        rows = [
            {
                "item": item.id,
                "scale": item.scale,
                "facet": item.facet,
                "key": item.key,
                "order": order,
                **{name: column[index] for name, column in columns.items()},
            }
            for index, (item, order) in enumerate(zip(inventory.items, arrangement, strict=True))
        ]
        answers = Answers.of(rows).tag(repeat=run, form=form.name, channel=form.channel)
        parts.append(answers.tag(inventory=inventory.tag))
    return Answers.concat(parts)


def _joined(parts: Sequence[Columns]) -> Columns:
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: [cell for part in parts for cell in part.get(name, [None] * len(part["status"]))]
        for name in names
    }
