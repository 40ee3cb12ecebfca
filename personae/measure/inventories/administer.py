"""Administers an inventory to a model in one form, in one batch; answers are rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from personae.core import (
    CONTROL,
    SCHEMA,
    Answers,
    BadValue,
    Chat,
    Chooser,
    Form,
    InputError,
    Inventory,
    Item,
    Message,
    Model,
    Sampling,
    requests_of,
)
from personae.measure.inventories.forms import Frame, wording_tag
from personae.measure.inventories.statements import pair_texts, read_pairs, statement_pairs
from personae.measure.reply_columns import Columns, read_labels, read_options, read_replies

__all__ = ["administer", "conversation"]

Turns = Sequence[tuple[str, str]]


def administer(
    model: Model,
    inventory: Inventory,
    form: Form,
    *,
    sampling: Sampling | None = None,
    repeats: int = 1,
) -> Answers:
    """Ask every item once per repeat; one row per question, also where the answer is missing.

    The channels `label`, `option` and `statement` need a Chooser. Beside the likeliest option's
    `value` they give the mean value under the option probabilities (`expected`), the probabilities'
    logarithms in nats from the low to the high option (`logp`), and the chosen `slot`. Of equally
    likely options the first shown is taken, and `why` says so. The channel `reply` needs only a
    Model; `sampling` and `repeats` belong to it, and repeats are numbered from `sampling.repeat`
    on. In the context `shared` the items are asked in one conversation, in order; an item without
    an answer is left out of it.

    Rows have `respondent` "" and `arm` "unchanged", for the caller to tag, and a column `wording`
    with the wording's version.

    Raises:
        InputError: a form, model and inventory that are incompatible.
        BadValue: repeats below 1.
    """
    _check(form, repeats)
    if form.channel == "statement":
        return _statements(_chooser(model, form), inventory, form)
    frame = Frame(inventory, form)
    first = sampling or Sampling()
    ask_items = _ask_separately if form.context == "separate" else _ask_in_conversation
    runs = []
    for repeat in range(first.repeat, first.repeat + repeats):
        columns = ask_items(model, frame, replace(first, repeat=repeat))
        runs.append(_answers(inventory, inventory.items, form, columns, repeat))
    return Answers.concat(runs)


def conversation(inventory: Inventory, form: Form, answers: Answers) -> Chat:
    """Rebuild the conversation of an administration in the context `shared`, to be continued.

    Items without an answer are left out; without any answer the chat is empty.
    """
    frame = Frame(inventory, form)
    rows = {str(row["item"]): row for row in answers.rows.iter_rows(named=True)}
    turns = []
    for item in inventory.items:
        row = rows.get(item.id)
        if row is not None and row["status"] == "ok":
            turns.append((frame.text(item), _answer_text(frame, row["slot"], row["raw"])))
    if not turns:
        return ()
    return (*frame.chat(turns[-1][0], turns[:-1]), Message("assistant", turns[-1][1]))


def _answer_text(frame: Frame, slot: object, raw: object) -> str:
    """Return an answer as its turn in the conversation."""
    if frame.form.channel == "reply" or not isinstance(slot, int):
        return str(raw)
    option = frame.options[slot]
    return option.text if frame.form.channel == "option" else option.label


def _check(form: Form, repeats: int) -> None:
    if repeats < 1:
        raise BadValue(f"repeats is at least 1, not {repeats}")
    if repeats > 1 and form.channel != "reply":
        raise InputError(
            f"likelihoods don't vary from draw to draw: the channel {form.channel!r} is asked "
            f"once, not {repeats} times; repeats belong to the channel 'reply'"
        )


def _chooser(model: Model, form: Form) -> Chooser:
    if isinstance(model, Chooser):
        return model
    raise InputError(
        f"the channel {form.channel!r} weighs likelihoods, which {model.name!r} doesn't give; "
        f"use the channel 'reply'"
    )


def _ask_separately(model: Model, frame: Frame, sampling: Sampling) -> Columns:
    return _ask(model, frame, [frame.text(item) for item in frame.inventory.items], (), sampling)


def _ask_in_conversation(model: Model, frame: Frame, sampling: Sampling) -> Columns:
    """Ask in one conversation: every question follows the earlier ones and their answers."""
    turns: list[tuple[str, str]] = []
    columns: Columns = {}
    for item in frame.inventory.items:
        text = frame.text(item)
        answer = _ask(model, frame, [text], turns, sampling)
        for name, column in answer.items():
            columns.setdefault(name, []).extend(column)
        if answer["status"][0] == "ok":
            turns.append((text, _answer_text(frame, answer["slot"][0], answer["raw"][0])))
    return columns


def _ask(
    model: Model, frame: Frame, texts: Sequence[str], turns: Turns, sampling: Sampling
) -> Columns:
    """Ask item texts in one batch, each after the same earlier turns."""
    chats = [frame.chat(text, turns) for text in texts]
    if frame.form.channel == "reply":
        return read_replies(model.reply(requests_of(chats), sampling), frame.options)
    chooser = _chooser(model, frame.form)
    if frame.form.channel == "label":
        forms = frame.label_forms()
        choices = chooser.choose(requests_of(chats, forms))
        return read_labels(choices, frame.options)
    chats.append(frame.chat(frame.blank, turns))
    forms = frame.text_forms()
    *choices, blank = chooser.choose(requests_of(chats, forms))
    return read_options(choices, blank, frame.options)


def _statements(model: Chooser, inventory: Inventory, form: Form) -> Answers:
    if form.order not in ("forward", "reverse"):
        raise InputError("two statements are listed forward (positive first) or reverse")
    if form.person != "first" or form.context != "separate":
        raise InputError(
            "statements are weighed in the first person, each pair alone: give the form "
            "person 'first' and context 'separate'"
        )
    pairs = statement_pairs(inventory)
    texts = [pair_texts(inventory, pair) for pair in pairs]
    columns = read_pairs(model, texts, form.wording, swapped=form.order == "reverse")
    items = [Item(id=p.id, text="", scale=p.scale, facet=p.facet, key=1) for p in pairs]
    return _answers(inventory, items, form, columns, 0, unit="nats/token")


def _answers(
    inventory: Inventory,
    items: Sequence[Item],
    form: Form,
    columns: Columns,
    repeat: int,
    *,
    unit: str = "points",
) -> Answers:
    constant = {
        "respondent": "",
        "arm": CONTROL,
        "inventory": inventory.tag,
        "form": form.name,
        "channel": form.channel,
        "order": form.order,
        "repeat": repeat,
        "unit": unit,
    }
    varying: Columns = {
        "item": [item.id for item in items],
        "scale": [item.scale for item in items],
        "facet": [item.facet for item in items],
        "key": [item.key for item in items],
        **columns,
    }
    data = {name: varying.get(name) or [constant.get(name)] * len(items) for name in SCHEMA}
    tags = pl.Series("wording", [wording_tag(form.wording)] * len(items), dtype=pl.String())
    frame = pl.DataFrame([*(_series(n, c) for n, c in data.items()), tags])
    if requests := columns.get("request"):
        frame = frame.with_columns(pl.Series("request", requests, dtype=pl.String()))
    return Answers(frame)


def _series(name: str, column: list[object]) -> pl.Series:
    """Make a column; lists of equal length go through an array, which is several times as fast."""
    lengths = {len(v) if isinstance(v, list) else -1 for v in column}
    if SCHEMA[name] == pl.List(pl.Float64) and len(lengths) == 1 and min(lengths) > 0:
        return pl.Series(name, np.array(column, dtype=np.float64)).cast(SCHEMA[name])
    return pl.Series(name, column, dtype=SCHEMA[name])
