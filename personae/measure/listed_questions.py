"""Questions with options of their own, asked in one batch.

`administer` asks many items under one list of options. Here every question brings its own list,
or its own arrangement of one; how answers are read is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

    `value` is that of the option chosen; `logp` runs from the option of the lowest value to that
    of the highest. The channels `label` and `option` need a Chooser.

    Raises:
        InputError: a model that doesn't give the likelihoods a channel needs, or another channel.
    """
    if channel == "reply":
        replies = model.reply(requests_of(p.chat for p in questions), sampling or Sampling())
        parts = [read_replies([r], p.options) for r, p in zip(replies, questions, strict=True)]
        return _joined(parts)
    if channel == "statement":
        raise InputError("the options are listed: use the channel label, option or reply")
    if not isinstance(model, Chooser):
        raise InputError(
            f"the channel {channel!r} weighs likelihoods, which {model.name!r} doesn't give; "
            f"use the channel 'reply'"
        )
    if channel == "label":
        requests = [Request(p.chat, label_forms(p.options)) for p in questions]
        choices = model.choose(requests)
        parts = [read_labels([c], p.options) for c, p in zip(choices, questions, strict=True)]
        return _joined(parts)
    texts = [tuple((option.text,) for option in p.options) for p in questions]
    requests = [Request(p.chat, t) for p, t in zip(questions, texts, strict=True)]
    blank = [Request(p.blank, t) for p, t in zip(questions, texts, strict=True)]
    pairs = choose_with_blank(model, requests, blank)
    return _joined(
        [
            read_options([c], without, p.options)
            for (c, without), p in zip(pairs, questions, strict=True)
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

    `orders` holds one order per item for each run. Rows as of `administer`, `order` being the
    item's own and `repeat` the run; replies of a run are drawn with that repeat.

    Raises:
        InputError: a form, model or inventory that don't go together.
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
    columns: Columns = {}
    for part in parts:
        for name, column in part.items():
            columns.setdefault(name, []).extend(column)
    return columns
