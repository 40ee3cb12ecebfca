"""Gives a behavioural probe to a model: trials out in batches, answers as rows with a status.

The same parser, channels and status codes as for inventories. A trial that builds on an answer is
asked when that answer is known and keyed to it by name, so that a lost answer shifts nothing. In
a shared context all trials follow one conversation, each on a branch of its own. Options stand
before the question, so that trials share the beginning of their prompt, which is read once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from personae.core import (
    Answers,
    BehaviourTask,
    Chat,
    Choice,
    Chooser,
    Form,
    InputError,
    Message,
    Model,
    Request,
    Sampling,
    Trial,
    requests_of,
)
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.reply_columns import Columns, read_labels, read_options, read_replies

__all__ = ["BOTH_ORDERS", "give", "give_orders", "task_form"]

BOTH_ORDERS = ("forward", "reverse")
_HOW = {
    "letters": "Answer with the letter of one option.",
    "numbers": "Answer with the number of one option.",
    "none": "Answer with one of these and nothing else.",
}
_BLANK = "..."


def task_form(channel: str, order: str = "forward") -> Form:
    """Return the form in which probes are given in a channel: letters, or the options' own words.

    >>> task_form("option").name
    'task/option/first/none'
    """
    if channel == "label":
        return Form(wording="task", channel="label", order=order)
    return Form(
        wording="task",
        channel="reply" if channel == "reply" else "option",
        order=order,
        labels="letters" if channel == "reply" else "none",
    )


@dataclass(frozen=True, slots=True)
class _Posed:
    """A trial as it is put: the chat, the options slot by slot, and the user's turn alone."""

    trial: Trial
    chat: Chat
    shown: tuple[DisplayedOption, ...]


def give(
    model: Model,
    probe: BehaviourTask,
    form: Form,
    *,
    sampling: Sampling | None = None,
    before: Chat = (),
) -> Answers:
    """Ask every trial once; one row a trial, also where there is no answer.

    Of the form its channel (`label`, `option`, `reply`), order and labels count. `before` is a
    conversation that precedes every trial; in it, or with the context `shared`, a trial that
    builds on an answer follows that answer's turn instead of quoting it. Rows are as from
    `administer`, with `scale` the probe's name, `facet` the part, and the columns `base`, `group`
    and `push`; a trial whose earlier answer is missing takes that one's status and says so.

    Raises:
        InputError: a channel that doesn't fit probes, or the model.

    >>> from personae.core import load_behaviour_task
    >>> from personae.respondents.null import open_null
    >>> cards = load_behaviour_task("cards")
    >>> give(open_null("null:first"), cards, task_form("label")).rows["value"].max()
    0.0
    """
    if form.channel == "statement":
        raise InputError(
            "a probe's answers are listed options: use the channel label, option or reply"
        )
    if form.channel != "reply" and not isinstance(model, Chooser):
        raise InputError(
            f"the channel {form.channel!r} weighs likelihoods, which {model.name!r} doesn't give; "
            f"use the channel 'reply'"
        )
    asker = _Asker(model, probe, form, sampling or Sampling(max_tokens=32), tuple(before))
    rows: dict[str, dict[str, object]] = {}
    said: dict[tuple[str, str], _Said] = {}
    waiting = list(probe.trials)
    while waiting:
        ready = [t for t in waiting if not t.after or (t.base, t.after) in said]
        if not ready:
            raise InputError(f"probe {probe.name!r}: its trials wait for each other")
        for trial, found in asker.ask(ready, said):
            rows[trial.id] = found.row
            said[trial.base, trial.part] = found
        waiting = [t for t in waiting if t.id not in rows]
    return Answers.of(rows[trial.id] for trial in probe.trials)


def give_orders(
    model: Model, tasks: Sequence[BehaviourTask], channel: str, *, before: Chat = ()
) -> Answers:
    """Give several probes with the options forward and reversed, so that a place can't win."""
    return Answers.concat(
        [
            give(model, probe, task_form(channel, order), before=before)
            for probe in tasks
            for order in BOTH_ORDERS
        ]
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """A trial's row, and the turns that a later trial builds on: none without an answer."""

    row: dict[str, object]
    words: str
    turns: Chat


@dataclass(frozen=True, slots=True)
class _Asker:
    model: Model
    probe: BehaviourTask
    form: Form
    sampling: Sampling
    before: Chat

    def ask(
        self, ready: Sequence[Trial], said: Mapping[tuple[str, str], _Said]
    ) -> Iterable[tuple[Trial, _Said]]:
        """Ask trials in one batch; those whose earlier answer is missing are not asked."""
        posed = []
        for trial in ready:
            earlier = said.get((trial.base, trial.after)) if trial.after else None
            if earlier is not None and not earlier.words:
                yield trial, _Said(self._lost(trial, earlier.row), "", ())
            else:
                posed.append(self._pose(trial, earlier))
        for one, columns in zip(posed, self._read(posed), strict=True):
            row = self._row(one.trial, columns)
            slot = row.get("slot")
            if row["status"] != "ok" or not isinstance(slot, int):
                yield one.trial, _Said(row, "", ())
                continue
            option = one.shown[slot]
            spoken = option.label if self.form.channel == "label" else option.text
            turns = (*one.chat[len(self.before) :], Message("assistant", spoken))
            yield one.trial, _Said(row, option.text, turns)

    def _pose(self, trial: Trial, earlier: _Said | None) -> _Posed:
        shared = bool(self.before) or self.form.context == "shared"
        shown = _shown(trial, self.form)
        quoted = "" if earlier is None or shared else f"The answer given: {earlier.words}"
        turns = earlier.turns if earlier is not None and shared else ()
        text = self._text(trial.text, shown, quoted)
        return _Posed(trial, (*self.before, *turns, Message("user", text)), shown)

    def _text(self, text: str, shown: Sequence[DisplayedOption], quoted: str = "") -> str:
        listed = "\n".join(option.line for option in shown)
        parts = (self.probe.instruction, listed, _HOW[self.form.labels], quoted, text)
        return "\n\n".join(part for part in parts if part)

    def _read(self, posed: Sequence[_Posed]) -> list[Columns]:
        if self.form.channel == "reply":
            replies = self.model.reply(requests_of(one.chat for one in posed), self.sampling)
            return [read_replies([r], one.shown) for r, one in zip(replies, posed, strict=True)]
        return self._weigh(posed)

    def _weigh(self, posed: Sequence[_Posed]) -> list[Columns]:
        """Weigh all options; in their own words each beyond what it gets without a question."""
        label = self.form.channel == "label"
        lists = [] if label else list(dict.fromkeys(one.shown for one in posed))
        blanks = [(*self.before, Message("user", self._text(_BLANK, shown))) for shown in lists]
        questions = [
            Request(chat, _surfaces(shown, label))
            for chat, shown in [
                *((one.chat, one.shown) for one in posed),
                *zip(blanks, lists, strict=True),
            ]
        ]
        assert isinstance(self.model, Chooser)
        choices: list[Choice] = self.model.choose(questions)
        if label:
            return [read_labels([c], one.shown) for c, one in zip(choices, posed, strict=True)]
        blank = dict(zip(lists, choices[len(posed) :], strict=True))
        return [
            read_options([choice], blank[one.shown], one.shown)
            for choice, one in zip(choices, posed, strict=False)
        ]

    def _row(self, trial: Trial, columns: Columns) -> dict[str, object]:
        return {**self._about(trial), **{k: v[0] for k, v in columns.items() if v[0] is not None}}

    def _lost(self, trial: Trial, earlier: Mapping[str, object]) -> dict[str, object]:
        why = f"not asked: the question before it got no answer ({earlier['status']})"
        return {**self._about(trial), "status": earlier["status"], "why": why}

    def _about(self, trial: Trial) -> dict[str, object]:
        return {
            "inventory": self.probe.tag,
            "item": trial.id,
            "scale": self.probe.name,
            "facet": trial.part,
            "low": float(min(option.value for option in trial.options)),
            "high": float(max(option.value for option in trial.options)),
            "form": self.form.name,
            "channel": self.form.channel,
            "order": self.form.order,
            "repeat": self.sampling.repeat,
            "base": trial.base,
            "group": trial.group,
            "push": trial.push,
        }


def _shown(trial: Trial, form: Form) -> tuple[DisplayedOption, ...]:
    placed = [trial.options[place] for place in form.arrange(len(trial.options))]
    found = []
    for slot, option in enumerate(placed):
        label = {"letters": chr(ord("A") + slot), "numbers": str(slot + 1)}.get(form.labels, "")
        line = f"{label}. {option.text}" if label else f"- {option.text}"
        found.append(DisplayedOption(label, option.text, option.value, line))
    return tuple(found)


def _surfaces(shown: Sequence[DisplayedOption], label: bool) -> tuple[tuple[str, ...], ...]:
    """Surface forms of each slot: its label bare and in a bracket, or its own words."""
    if label:
        return tuple((o.label, f"({o.label}", f" {o.label}", f" ({o.label}") for o in shown)
    return tuple((o.text,) for o in shown)
