"""Questions that each come with options of their own, asked in one batch.

`administer` asks many items under one list of options. Here every question brings its own list,
or its own arrangement of one; how answers are read is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from personae.core import Channel, Chat, Chooser, InputError, Model, Question, Sampling
from personae.measure.forms import Shown, label_forms
from personae.measure.reading import Columns, read_labels, read_options, read_replies

__all__ = ["Posed", "pose"]


@dataclass(frozen=True, slots=True)
class Posed:
    """A question as it is put: its chat, the same chat without content, and its options by slot."""

    chat: Chat
    blank: Chat
    shown: tuple[Shown, ...]


def pose(
    model: Model, posed: Sequence[Posed], channel: Channel, sampling: Sampling | None = None
) -> Columns:
    """Ask all questions in one batch; columns as in `administer`, one entry a question.

    `value` is that of the option chosen; `logp` runs from the option of the lowest value to that
    of the highest. The channels `label` and `option` need a Chooser.

    Raises:
        InputError: a model that doesn't give the likelihoods a channel needs, or another channel.
    """
    if channel == "reply":
        replies = model.reply([p.chat for p in posed], sampling or Sampling())
        parts = [read_replies([r], p.shown) for r, p in zip(replies, posed, strict=True)]
        return _joined(parts)
    if channel == "statement" or not isinstance(model, Chooser):
        raise InputError(
            f"{model.name!r} can't be asked by {channel!r} here: label and option need a model "
            f"that gives likelihoods, reply any model"
        )
    if channel == "label":
        asked = [Question(chat=p.chat, options=label_forms(p.shown)) for p in posed]
        choices = model.choose(asked)
        parts = [read_labels([c], p.shown) for c, p in zip(choices, posed, strict=True)]
        return _joined(parts)
    texts = [tuple((option.text,) for option in p.shown) for p in posed]
    asked = [Question(chat=p.chat, options=t) for p, t in zip(posed, texts, strict=True)]
    blank = [Question(chat=p.blank, options=t) for p, t in zip(posed, texts, strict=True)]
    choices = model.choose([*asked, *blank])
    count = len(posed)
    return _joined([
        read_options([choices[i]], choices[count + i], posed[i].shown) for i in range(count)
    ])  # fmt: skip


def _joined(parts: Sequence[Columns]) -> Columns:
    whole: Columns = {}
    for part in parts:
        for name, column in part.items():
            whole.setdefault(name, []).extend(column)
    return whole
