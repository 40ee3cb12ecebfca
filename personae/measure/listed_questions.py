"""Questions that each come with options of their own, asked in one batch.

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
    """A question as it is put: its chat, the same chat without content, and its options by slot."""

    chat: Chat
    blank: Chat
    shown: tuple[DisplayedOption, ...]


def list_question(
    model: Model,
    posed: Sequence[ListedQuestion],
    channel: Channel,
    sampling: Sampling | None = None,
) -> Columns:
    """Ask all questions in one batch; columns as in `administer`, one entry a question.

    `value` is that of the option chosen; `logp` runs from the option of the lowest value to that
    of the highest. The channels `label` and `option` need a Chooser.

    Raises:
        InputError: a model that doesn't give the likelihoods a channel needs, or another channel.
    """
    if channel == "reply":
        replies = model.reply(requests_of(p.chat for p in posed), sampling or Sampling())
        parts = [read_replies([r], p.shown) for r, p in zip(replies, posed, strict=True)]
        return _joined(parts)
    if channel == "statement":
        raise InputError("the options are listed: use the channel label, option or reply")
    if not isinstance(model, Chooser):
        raise InputError(
            f"the channel {channel!r} weighs likelihoods, which {model.name!r} doesn't give; "
            f"use the channel 'reply'"
        )
    if channel == "label":
        asked = [Request(p.chat, label_forms(p.shown)) for p in posed]
        choices = model.choose(asked)
        parts = [read_labels([c], p.shown) for c, p in zip(choices, posed, strict=True)]
        return _joined(parts)
    texts = [tuple((option.text,) for option in p.shown) for p in posed]
    asked = [Request(p.chat, t) for p, t in zip(posed, texts, strict=True)]
    blank = [Request(p.blank, t) for p, t in zip(posed, texts, strict=True)]
    pairs = choose_with_blank(model, asked, blank)
    return _joined(
        [read_options([c], without, p.shown) for (c, without), p in zip(pairs, posed, strict=True)]
    )


def administer_shuffled(
    model: Model,
    inventory: Inventory,
    form: Form,
    orders: Sequence[Sequence[str]],
    sampling: Sampling | None = None,
) -> Answers:
    """Give an inventory several times, every item each time under an option order of its own.

    `orders` holds for each run one order an item. Rows as of `administer`, `order` being the
    item's own and `repeat` the run; replies of a run are drawn with that repeat.

    Raises:
        InputError: a form, model or inventory that don't go together.
    """
    sheets = []
    for run, own in enumerate(orders):
        posed = []
        for item, order in zip(inventory.items, own, strict=True):
            frame = Frame(inventory, replace(form, order=order))
            posed.append(
                ListedQuestion(frame.chat(frame.text(item)), frame.chat(frame.blank), frame.shown)
            )
        columns = list_question(
            model, posed, form.channel, replace(sampling or Sampling(), repeat=run)
        )
        rows = [
            {
                "item": item.id,
                "scale": item.scale,
                "key": item.key,
                "order": order,
                **{name: column[place] for name, column in columns.items()},
            }
            for place, (item, order) in enumerate(zip(inventory.items, own, strict=True))
        ]
        sheet = Answers.of(rows).tag(repeat=run, form=form.name, channel=form.channel)
        sheets.append(sheet.tag(inventory=inventory.tag))
    return Answers.concat(sheets)


def _joined(parts: Sequence[Columns]) -> Columns:
    whole: Columns = {}
    for part in parts:
        for name, column in part.items():
            whole.setdefault(name, []).extend(column)
    return whole
